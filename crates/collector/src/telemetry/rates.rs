//! How many updates came and went in each second of the last hour.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a sample is taken.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// The samples of an hour.
const MOST_SAMPLES: usize = 3600 / SAMPLE_EVERY.as_secs() as usize;

/// What was counted since the start of the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Announces and withdraws received from routers.
    pub received: u64,
    /// Updates published.
    pub emitted: u64,
    /// Announces and withdraws that were not published.
    pub suppressed: u64,
}

/// The rates of the seconds before a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The moment, in Unix nanoseconds.
    pub unix_ns: u64,
    /// Announces and withdraws received, per second.
    pub received: f64,
    /// Updates published, per second.
    pub emitted: f64,
    /// Announces and withdraws that were not published, per second.
    pub suppressed: f64,
}

/// The samples of the last hour.
#[derive(Debug, Default)]
pub struct RateRecord(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The last totals, and how long the process had run then.
    last: Option<(Duration, Totals)>,
    samples: VecDeque<Rates>,
}

impl RateRecord {
    /// Takes a sample. `running` is how long the process has run, by a clock that nobody sets.
    pub fn take(&self, running: Duration, unix_ns: u64, now: Totals) {
        let mut state = self.lock();
        let Some((then, before)) = state.last.replace((running, now)) else {
            return;
        };
        let seconds = running.saturating_sub(then).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        if state.samples.len() == MOST_SAMPLES {
            state.samples.pop_front();
        }
        state.samples.push_back(Rates {
            unix_ns,
            received: rate(now.received, before.received),
            emitted: rate(now.emitted, before.emitted),
            suppressed: rate(now.suppressed, before.suppressed),
        });
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> Vec<Rates> {
        self.lock().samples.iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(received: u64) -> Totals {
        Totals {
            received,
            emitted: received / 2,
            suppressed: received - received / 2,
        }
    }

    #[test]
    fn rates_are_those_of_the_time_between_two_samples() {
        let record = RateRecord::default();
        record.take(Duration::from_secs(1), 10, totals(1000));
        assert_eq!(record.samples(), []);
        record.take(Duration::from_secs(11), 20, totals(1200));
        // Nothing can be said of no time.
        record.take(Duration::from_secs(11), 30, totals(1300));
        let expected = Rates {
            unix_ns: 20,
            received: 20.0,
            emitted: 10.0,
            suppressed: 10.0,
        };
        assert_eq!(record.samples(), [expected]);
    }

    #[test]
    fn an_hour_is_kept() {
        let record = RateRecord::default();
        for number in 0..=1000 {
            record.take(
                SAMPLE_EVERY * number,
                u64::from(number),
                totals(u64::from(number)),
            );
        }
        let samples = record.samples();
        assert_eq!(
            (samples.len(), samples[0].unix_ns, samples[719].unix_ns),
            (720, 281, 1000)
        );
    }
}
