//! The pace of a replay: full speed, or the pauses of the recording.

use std::time::{Duration, Instant};

/// How fast messages are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As fast as the collector receives them.
    FullSpeed,
    /// With the recorded pauses, divided by `speed`. A recorded time that goes backwards causes no pause.
    Recorded {
        /// The factor of the speed: 2.0 sends twice as fast as recorded.
        speed: f64,
        /// The longest single pause. A limit is needed because a router stamps the routes of its first dump with the
        /// times at which it learned them: hours can lie between two messages that the router sent one after the other.
        longest_pause: Duration,
    },
}

/// Computes when the next message of a paced replay is due.
pub(super) struct Pauses {
    pace: Pace,
    /// The latest recorded time so far, and when its message was due.
    last: Option<(u64, Instant)>,
}

impl Pauses {
    /// Starts the pauses of one connection.
    pub(super) const fn new(pace: Pace) -> Self {
        Self { pace, last: None }
    }

    /// Returns how long to wait before sending a message with this recorded time; `None` sends it now.
    pub(super) fn before(&mut self, time_ns: Option<u64>) -> Option<Duration> {
        let Pace::Recorded { speed, longest_pause } = self.pace else {
            return None;
        };
        let time_ns = time_ns.filter(|_| speed > 0.0)?;
        let now = Instant::now();
        let (last_ns, last_due) = *self.last.get_or_insert((time_ns, now));
        let recorded = Duration::from_nanos(time_ns.saturating_sub(last_ns)).as_secs_f64() / speed;
        let pause =
            Duration::try_from_secs_f64(recorded).map_or(longest_pause, |pause| pause.min(longest_pause));
        let due = last_due.checked_add(pause)?;
        self.last = Some((time_ns.max(last_ns), due));
        due.checked_duration_since(now).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The test uses hours, so that a slow machine makes no difference.
    const HOUR_NS: u64 = 3_600_000_000_000;

    #[test]
    fn pauses_follow_the_recording_up_to_a_limit() {
        let longest_pause = Duration::from_secs(10 * 3600);
        let mut pauses = Pauses::new(Pace::Recorded {
            speed: 2.0,
            longest_pause,
        });
        let mut hours = |time: u64| {
            pauses
                .before(Some(time * HOUR_NS))
                .map(|pause| pause.as_secs_f64() / 3600.0)
        };
        let near =
            |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 0.5, "{found:?}");
        assert_eq!(hours(100), None);
        near(hours(104), 2.0);
        // The test does not sleep, so the pauses add up. A time that goes backwards adds nothing.
        near(hours(90), 2.0);
        near(hours(108), 4.0);
        near(hours(1000), 14.0);
        assert_eq!(Pauses::new(Pace::FullSpeed).before(Some(HOUR_NS)), None);
    }
}
