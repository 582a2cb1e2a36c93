//! How much the history takes in a second, and what it left out.
//!
//! A table dump is many times larger than the history: it would push out everything that came before, and copying it would cost the
//! sink a quarter of its time. So updates are taken up to a rate, with room for a burst, and what was left out is said with its time.

use std::collections::VecDeque;

/// The burst that is taken is this part of the memory.
const PART_OF_BURST: u64 = 4;
/// The memory is filled in this many seconds at the fastest, after a burst. So the history reaches back most of a minute whatever comes.
const SECONDS_TO_FILL: u64 = 60;
/// After the history has left something out, it takes nothing until it has room for this part of a burst. So it takes whole stretches of
/// time in place of every other batch.
const PART_TO_GO_ON: u64 = 8;
/// Most gaps that are told apart. Of more, the oldest two become one.
const MOST_GAPS: usize = 64;
const NS_PER_SECOND: u64 = 1_000_000_000;

/// A time for which updates are missing from the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// When the sink took the first update that was left out, in Unix nanoseconds.
    pub from_ns: u64,
    /// When the sink took the last one.
    pub to_ns: u64,
    /// How many were left out.
    pub updates: u64,
}

/// Decides which batches are taken.
#[derive(Debug)]
pub(super) struct Intake {
    burst: u64,
    bytes_per_second: u64,
    /// Bytes that may be taken now.
    room: u64,
    /// When `room` was counted last, in Unix nanoseconds.
    counted_ns: u64,
    /// Whether nothing is taken until there is more room.
    is_resting: bool,
    gaps: VecDeque<Gap>,
}

impl Intake {
    /// The intake of a history with this memory, which begins now.
    pub fn new(most_bytes: usize, now_ns: u64) -> Self {
        let most_bytes = most_bytes as u64;
        Self {
            burst: most_bytes / PART_OF_BURST,
            bytes_per_second: most_bytes / SECONDS_TO_FILL,
            room: most_bytes / PART_OF_BURST,
            counted_ns: now_ns,
            is_resting: false,
            gaps: VecDeque::new(),
        }
    }

    /// Whether a batch of this size is taken now. If not, its updates are counted as left out.
    pub fn takes(&mut self, bytes: usize, updates: u32, now_ns: u64) -> bool {
        let passed_ns = u128::from(now_ns.saturating_sub(self.counted_ns));
        let more = passed_ns * u128::from(self.bytes_per_second) / u128::from(NS_PER_SECOND);
        if more > 0 || now_ns < self.counted_ns {
            self.room = self.burst.min(self.room.saturating_add(more as u64));
            self.counted_ns = now_ns;
        }
        // A batch that is larger than a burst needs all of its room.
        let bytes = self.burst.min(bytes as u64);
        let was_resting = self.is_resting;
        self.is_resting = bytes > self.room || was_resting && self.room < self.burst / PART_TO_GO_ON;
        if !self.is_resting {
            self.room -= bytes;
            return true;
        }
        match self.gaps.back_mut() {
            Some(gap) if was_resting => {
                // The clock may have been set back.
                gap.from_ns = gap.from_ns.min(now_ns);
                gap.to_ns = gap.to_ns.max(now_ns);
                gap.updates += u64::from(updates);
            }
            _ => self.begin_gap(updates, now_ns),
        }
        false
    }

    fn begin_gap(&mut self, updates: u32, now_ns: u64) {
        self.gaps.push_back(Gap {
            from_ns: now_ns,
            to_ns: now_ns,
            updates: u64::from(updates),
        });
        if self.gaps.len() > MOST_GAPS
            && let Some(oldest) = self.gaps.pop_front()
            && let Some(next) = self.gaps.front_mut()
        {
            next.from_ns = oldest.from_ns;
            next.updates += oldest.updates;
        }
    }

    /// Forgets the gaps that ended before this time.
    pub fn forget_before(&mut self, since_ns: u64) {
        // The last one may go on.
        while self.gaps.len() > 1 && self.gaps.front().is_some_and(|gap| gap.to_ns < since_ns) {
            self.gaps.pop_front();
        }
    }

    /// The gaps that end at this time or later, the oldest first.
    pub fn gaps_since(&self, since_ns: u64) -> Vec<Gap> {
        let gaps = self.gaps.iter().copied();
        gaps.filter(|gap| gap.to_ns >= since_ns).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 60_000;
    const BATCH: usize = 100;
    const SECOND: u64 = NS_PER_SECOND;

    /// Offers batches; returns how many are taken.
    fn offer(intake: &mut Intake, batches: usize, now_ns: u64) -> usize {
        (0..batches).filter(|_| intake.takes(BATCH, 7, now_ns)).count()
    }

    #[test]
    fn a_burst_takes_a_quarter_of_the_memory_and_the_rest_is_a_gap() {
        let mut intake = Intake::new(MOST, 5 * SECOND);
        assert_eq!(offer(&mut intake, 1000, 5 * SECOND), 150);
        assert_eq!(offer(&mut intake, 10, 5 * SECOND + 1000), 0);
        let gap = Gap {
            from_ns: 5 * SECOND,
            to_ns: 5 * SECOND + 1000,
            updates: 860 * 7,
        };
        assert_eq!(intake.gaps_since(0), [gap]);
        assert_eq!(intake.gaps_since(5 * SECOND + 1001), []);
        // A thousand bytes a second.
        let soon = 5 * SECOND + SECOND / 4;
        assert_eq!(
            offer(&mut intake, 1000, soon),
            0,
            "it rests until there is room for 1875"
        );
        assert_eq!(offer(&mut intake, 1000, 7 * SECOND), 20);
        assert_eq!(intake.gaps_since(0).len(), 2);
    }

    #[test]
    fn what_comes_slowly_is_taken_whole() {
        let mut intake = Intake::new(MOST, 0);
        for second in 1..1000 {
            assert_eq!(offer(&mut intake, 10, second * SECOND), 10);
        }
        // What comes ten times too fast is taken in stretches.
        let mut intake = Intake::new(MOST, 0);
        assert_eq!(offer(&mut intake, 150, 0), 150);
        let taken: usize = (1..=3000)
            .map(|ms| offer(&mut intake, 1, ms * SECOND / 1000))
            .sum();
        assert!((18..=40).contains(&taken), "{taken}");
        assert_eq!(
            intake.gaps_since(0).iter().map(|gap| gap.updates).sum::<u64>(),
            7 * (3000 - taken as u64)
        );
    }

    #[test]
    fn a_batch_that_is_larger_than_a_burst_is_taken_when_nothing_else_was() {
        let mut intake = Intake::new(MOST, 0);
        assert!(intake.takes(50_000, 1, 0));
        assert!(!intake.takes(50_000, 1, 14 * SECOND));
        assert!(intake.takes(50_000, 1, 15 * SECOND));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut intake = Intake::new(MOST, 1000 * SECOND);
        assert_eq!(offer(&mut intake, 200, 1000 * SECOND), 150);
        assert_eq!(offer(&mut intake, 100, SECOND), 0);
        let gap = Gap {
            from_ns: SECOND,
            to_ns: 1000 * SECOND,
            updates: 150 * 7,
        };
        assert_eq!(intake.gaps_since(0), [gap], "from is not after to");
        assert_eq!(offer(&mut intake, 100, 5 * SECOND), 40);
    }

    #[test]
    fn the_oldest_gaps_become_one_and_leave_with_the_history() {
        let mut intake = Intake::new(MOST, 0);
        let mut left_out = 0;
        for second in 1..=1000 {
            left_out += 7 * (100 - offer(&mut intake, 100, second * SECOND)) as u64;
        }
        let gaps = intake.gaps_since(0);
        assert_eq!(gaps.len(), MOST_GAPS);
        assert_eq!(gaps.iter().map(|gap| gap.updates).sum::<u64>(), left_out);
        assert_eq!(gaps[0].from_ns, 2 * SECOND);
        intake.forget_before(990 * SECOND);
        let gaps = intake.gaps_since(0);
        assert!(gaps.len() < 12 && gaps[0].to_ns >= 990 * SECOND, "{gaps:?}");
    }
}
