//! At load, batches gather on the bridge before the sink `null` takes them.
//!
//! A batch that comes to a sink that waits wakes the sink's thread: the worker makes a system call for it, and so does the
//! sink. `null` does nothing with a batch, so at full speed it waited for each one, which a sink that publishes does not: there
//! is work for it. So `null` leaves the bridge alone for a millisecond after it got some batches within one.

use std::time::Duration;

use tokio::time::Instant;

/// How long batches gather. A worker at full speed fills some fifty batches meanwhile, far fewer than the bridge has room for.
const GATHERING: Duration = Duration::from_millis(1);
/// So many batches within [`GATHERING`] are load.
const LOAD: usize = 4;

/// Decides when a sink leaves the bridge alone.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    /// When the first batch that counts was taken, and how many were taken since.
    counted: Option<(Instant, usize)>,
    /// Until when batches gather.
    until: Option<Instant>,
}

impl Gathering {
    /// Notes that the sink took these batches.
    pub(crate) fn took(&mut self, batches: usize, now: Instant) {
        let before = self
            .counted
            .filter(|(since, _)| now.saturating_duration_since(*since) < GATHERING);
        let (since, count) = before.unwrap_or((now, 0));
        self.counted = Some((since, count + batches));
    }

    /// Notes that nothing is left on the bridge: if there is load, batches gather from now on.
    pub(crate) fn found_nothing_left(&mut self, now: Instant) {
        if self.counted.take_if(|(_, count)| *count >= LOAD).is_some() {
            self.until = Some(now + GATHERING);
        }
    }

    /// Waits while batches gather. Can be cancelled.
    pub(crate) async fn over(&mut self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until).await;
            self.until = None;
        }
    }

    /// Whether batches gather.
    #[cfg(test)]
    const fn is_on(&self) -> bool {
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_batches_are_taken_at_once() {
        let mut gathering = Gathering::default();
        let mut now = Instant::now();
        for _ in 0..100 {
            now += GATHERING / (LOAD as u32 - 2);
            gathering.took(1, now);
            gathering.found_nothing_left(now);
            assert!(!gathering.is_on());
        }
    }

    #[test]
    fn many_batches_gather_whether_they_come_one_by_one_or_together() {
        let mut gathering = Gathering::default();
        let mut now = Instant::now();
        for _ in 0..LOAD {
            assert!(!gathering.is_on());
            gathering.took(1, now);
            gathering.found_nothing_left(now);
            now += GATHERING / 10;
        }
        assert!(gathering.is_on());
        let mut gathering = Gathering::default();
        gathering.took(LOAD, now);
        assert!(!gathering.is_on(), "more may wait");
        gathering.found_nothing_left(now);
        assert!(gathering.is_on());
    }

    #[tokio::test]
    async fn gathering_ends() {
        let mut gathering = Gathering::default();
        gathering.took(LOAD, Instant::now());
        gathering.found_nothing_left(Instant::now());
        gathering.over().await;
        assert!(!gathering.is_on());
        gathering.over().await;
    }
}
