//! Lengths of the turns of a worker's tasks. A turn lasts from where a task goes on to where it waits again; no other task of
//! the worker runs meanwhile.
//!
//! Each turn costs two readings of the clock. CPU time, which other load on the machine does not lengthen, costs a system
//! call, so it is read only after a long turn, and before a turn if the last reading is older than `LONG`. The CPU time
//! since the last reading is at least what the turn used, and at most `LONG` more. A turn uses at most the time that it
//! lasted: the smaller of the two counts.

use std::cell::Cell;
use std::time::{Duration, Instant};

use arancini_core::counters::Counter;

use super::clock::thread_cpu_time;

/// A turn of this length is long: reading its CPU time costs less than a hundredth of it.
const LONG: Duration = Duration::from_micros(100);

/// Upper bounds of the buckets, in microseconds; one more bucket holds the rest. Fine around the millisecond that no
/// turn may exceed.
const BOUNDS_US: [u64; 21] = [
    10, 20, 50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1500, 2000, 5000, 10_000, 50_000,
    100_000, 1_000_000,
];

/// The turns of one worker, counted by length.
#[derive(Debug, Default)]
pub struct TurnHistogram {
    buckets: [Counter; BOUNDS_US.len() + 1],
    sum_ns: Counter,
    longest_ns: Counter,
}

impl TurnHistogram {
    fn observe(&self, turn: Duration) {
        let ns = turn.as_nanos() as u64;
        let bucket = BOUNDS_US.partition_point(|bound| bound * 1000 < ns);
        self.buckets[bucket].add(1);
        self.sum_ns.add(ns);
        if ns > self.longest_ns.get() {
            self.longest_ns.set(ns);
        }
    }

    /// Number of turns.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(Counter::get).sum()
    }

    /// Length of the longest turn.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_ns.get())
    }

    /// The turns of several workers together: the upper bound of each bucket in seconds with the number of turns in that bucket
    /// alone, and the sum of all turns in seconds.
    pub fn sum_of<'h>(histograms: impl Iterator<Item = &'h Self>) -> (Vec<(f64, u64)>, f64) {
        let bounds = BOUNDS_US.iter().map(|&us| us as f64 / 1e6);
        let mut buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
        let mut sum_ns = 0;
        for histogram in histograms {
            sum_ns += histogram.sum_ns.get();
            for ((_, count), bucket) in buckets.iter_mut().zip(&histogram.buckets) {
                *count += bucket.get();
            }
        }
        (buckets, sum_ns as f64 / 1e9)
    }
}

/// The turns of one worker. Only that worker writes them.
#[derive(Debug, Default)]
pub struct Turns {
    /// Lengths by the wall clock.
    pub wall: TurnHistogram,
    /// Lengths in CPU time; turns that are short by the wall clock count with their length by that clock.
    pub cpu: TurnHistogram,
}

/// The clock for turns of one thread.
#[derive(Default)]
pub struct TurnClock {
    asked: Cell<Option<Asked>>,
}

/// A reading of the CPU time.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Instant,
    cpu: Duration,
}

impl TurnClock {
    /// Begins a turn. Other threads may take the processor during a short turn, which makes it long by the wall clock. Then it
    /// must not count with the CPU time of all turns since the last long one, so the last reading may not be old.
    pub fn begin(&self) -> Instant {
        let now = Instant::now();
        if self
            .asked
            .get()
            .is_none_or(|asked| now.saturating_duration_since(asked.at) > LONG)
        {
            self.ask(now);
        }
        now
    }

    /// Counts a turn that began then.
    pub fn over(&self, turns: &Turns, begin: Instant) {
        self.took(turns, begin.elapsed());
    }

    fn took(&self, turns: &Turns, wall: Duration) {
        turns.wall.observe(wall);
        let cpu = if wall < LONG { wall } else { wall.min(self.used()) };
        turns.cpu.observe(cpu);
    }

    /// CPU time of this thread since the last reading.
    fn used(&self) -> Duration {
        self.ask(Instant::now())
    }

    /// Reads the CPU time. Returns how much this thread has used since the last reading.
    fn ask(&self, at: Instant) -> Duration {
        let cpu = thread_cpu_time();
        let before = self.asked.replace(Some(Asked { at, cpu }));
        cpu.saturating_sub(before.map_or(Duration::ZERO, |before| before.cpu))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_counts_where_it_belongs_and_of_all_workers_together() {
        let (one, other) = (TurnHistogram::default(), TurnHistogram::default());
        one.observe(Duration::from_micros(10));
        one.observe(Duration::from_nanos(1_000_001));
        other.observe(Duration::from_micros(1000));
        other.observe(Duration::from_secs(1));
        let (buckets, sum) = TurnHistogram::sum_of([&one, &other].into_iter());
        let filled: Vec<_> = buckets.iter().filter(|(_, count)| *count > 0).copied().collect();
        assert_eq!(filled, [(1e-5, 1), (1e-3, 1), (1.5e-3, 1), (1.0, 1)]);
        assert!((sum - 1.002_010_001).abs() < 1e-9, "{sum}");
        assert_eq!(other.longest(), Duration::from_secs(1));
    }

    #[test]
    fn a_turn_used_no_more_cpu_time_than_it_lasted() {
        let (turns, clock) = (Turns::default(), TurnClock::default());
        clock.took(&turns, Duration::from_micros(5));
        // This thread has used more CPU time than this since it began: the length by the wall clock counts.
        clock.took(&turns, LONG);
        assert_eq!(turns.cpu.longest(), LONG.min(turns.cpu.longest()));
        // The thread has used hardly any CPU time since.
        clock.took(&turns, Duration::from_secs(100));
        assert!(turns.cpu.longest() < Duration::from_secs(1));
        assert_eq!(turns.wall.longest(), Duration::from_secs(100));
    }

    /// A turn of a few microseconds counted as one of milliseconds: it had to wait for the processor, and the short turns before
    /// it had used as much CPU time.
    #[test]
    fn a_short_turn_that_waited_for_the_processor_does_not_count_with_the_turns_before_it() {
        let (turns, clock) = (Turns::default(), TurnClock::default());
        let busy = Duration::from_millis(20);
        let before = thread_cpu_time();
        while thread_cpu_time() - before < busy {
            let begin = clock.begin();
            turns.wall.observe(begin.elapsed());
        }
        clock.begin();
        // The turn uses hardly any CPU time, and ends much later.
        clock.took(&turns, Duration::from_secs(100));
        assert!(
            turns.cpu.longest() < busy / 2,
            "{:?} with what came before",
            turns.cpu.longest()
        );
    }
}
