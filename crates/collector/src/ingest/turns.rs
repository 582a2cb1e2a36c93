//! Lengths of the turns of a worker's tasks. A turn lasts from where a task goes on to where it waits again; no other task of
//! the worker runs meanwhile.
//!
//! Each turn costs two readings of the clock. CPU time, which other load on the machine does not lengthen, costs a system
//! call, so it is read only after a long turn. The CPU time since the last reading is at least what the turn used, and a turn
//! uses at most the time that it lasted: the smaller of the two counts.

use std::cell::Cell;
use std::time::Duration;

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
    cpu_when_last_asked: Cell<Duration>,
}

impl TurnClock {
    /// Counts a turn that has lasted this long.
    pub fn over(&self, turns: &Turns, wall: Duration) {
        turns.wall.observe(wall);
        let cpu = if wall < LONG { wall } else { wall.min(self.used()) };
        turns.cpu.observe(cpu);
    }

    /// CPU time of this thread since the last call.
    fn used(&self) -> Duration {
        let now = thread_cpu_time();
        now.saturating_sub(self.cpu_when_last_asked.replace(now))
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
        clock.over(&turns, Duration::from_micros(5));
        // This thread has used more CPU time than this since it began: the length by the wall clock counts.
        clock.over(&turns, LONG);
        assert_eq!(turns.cpu.longest(), LONG.min(turns.cpu.longest()));
        // The thread has used hardly any CPU time since.
        clock.over(&turns, Duration::from_secs(100));
        assert!(turns.cpu.longest() < Duration::from_secs(1));
        assert_eq!(turns.wall.longest(), Duration::from_secs(100));
    }
}
