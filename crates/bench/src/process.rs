//! CPU time, memory and context switches of a process, read from /proc (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

use crate::error::BenchError;

/// Clock ticks per second in /proc/PID/stat: `USER_HZ`, which is 100 on every architecture that Linux still supports.
const TICKS_PER_SECOND: u64 = 100;
/// The name of a worker thread, cut to the 15 bytes that the kernel keeps.
const WORKER_NAME: &str = "arancini-worker";
const NANOS_PER_TICK: u64 = 1_000_000_000 / TICKS_PER_SECOND;

/// The resources that a process has used since it started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// CPU time of all threads, user and system.
    pub cpu: Duration,
    /// The part of the CPU time spent in the kernel, in steps of 10 ms.
    pub system: Duration,
    /// The current resident memory.
    pub resident_bytes: u64,
    /// How often a thread gave up the CPU to wait (voluntary context switches).
    pub voluntary_switches: u64,
    /// CPU time of each worker thread, by the id of the thread.
    workers: BTreeMap<u64, Duration>,
}

impl Usage {
    /// Returns what the process with this id has used.
    pub(crate) fn of(pid: u32) -> Result<Self, BenchError> {
        Self::read(pid).map_err(BenchError::io(format!(
            "can't read /proc/{pid} (is the process still running?)"
        )))
    }

    fn read(pid: u32) -> io::Result<Self> {
        let (user_ticks, system_ticks) =
            ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?).ok_or(io::ErrorKind::InvalidData)?;
        let resident_bytes = field(&fs::read_to_string(format!("/proc/{pid}/status"))?, "VmRSS:") * 1024;
        let (mut running_ns, mut voluntary_switches) = (0, 0);
        let mut workers = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?.path();
            // A thread may end between the listing and the reading.
            let of_thread = |name| fs::read_to_string(thread.join(name)).unwrap_or_default();
            let of_this_ns = first_number(&of_thread("schedstat"));
            running_ns += of_this_ns;
            if of_thread("comm").trim_end().starts_with(WORKER_NAME) {
                let number = thread
                    .file_name()
                    .and_then(|name| name.to_str())
                    .map_or(0, first_number);
                workers.insert(number, Duration::from_nanos(of_this_ns));
            }
            voluntary_switches += field(&of_thread("status"), "voluntary_ctxt_switches:");
        }
        // The times of the threads are exact, but exclude threads that have ended. The time of the process includes these
        // threads, but is rounded down to steps of 10 ms. So the larger of the two is closer to the truth.
        let cpu_ns = running_ns.max((user_ticks + system_ticks) * NANOS_PER_TICK);
        Ok(Self {
            cpu: Duration::from_nanos(cpu_ns),
            system: Duration::from_nanos(system_ticks * NANOS_PER_TICK),
            resident_bytes,
            voluntary_switches,
            workers,
        })
    }

    /// Returns the CPU time of each worker since an earlier reading, the busiest worker first.
    pub(crate) fn workers_since(&self, before: &Self) -> Vec<Duration> {
        let since = |(number, cpu): (&u64, &Duration)| {
            cpu.saturating_sub(before.workers.get(number).copied().unwrap_or_default())
        };
        let mut workers: Vec<Duration> = self.workers.iter().map(since).collect();
        workers.sort_unstable_by(|a, b| b.cmp(a));
        workers
    }
}

/// Returns the fields `utime` and `stime` of a stat line. The name of the process may contain any characters, so the fields
/// are counted from its closing parenthesis.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ').skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Returns the number in a line of a status file; 0 if the line is missing.
fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, first_number)
}

fn first_number(text: &str) -> u64 {
    let number = text.split_ascii_whitespace().next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let stat = "17 (a) b (c d) S 1 17 17 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 7 8 9";
        assert_eq!(ticks(stat), Some((250, 50)));
        assert_eq!(ticks("17 (short) S 1"), None);
    }

    #[test]
    fn a_status_line_is_found_by_its_whole_name() {
        let status = "VmRSS:\t    2048 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n";
        assert_eq!(field(status, "VmRSS:"), 2048);
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "VmSwap:"), 0);
    }

    #[test]
    fn workers_are_compared_thread_by_thread() {
        let usage = |workers: &[(u64, u64)]| Usage {
            workers: workers
                .iter()
                .map(|&(number, ms)| (number, Duration::from_millis(ms)))
                .collect(),
            ..Usage::default()
        };
        let since = usage(&[(7, 15), (8, 40), (9, 1)]).workers_since(&usage(&[(7, 5), (8, 10)]));
        assert_eq!(since, [30, 10, 1].map(Duration::from_millis));
    }

    #[test]
    fn this_process_has_used_something_and_no_such_process_is_an_error() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.cpu > Duration::ZERO && usage.resident_bytes > 0);
        let error = Usage::of(u32::MAX).unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
