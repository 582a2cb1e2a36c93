//! The clocks of a worker. The core never reads a clock itself.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arancini_core::Now;
use rustix::time::{ClockId, clock_gettime};

/// The clocks that the core needs. The monotonic time counts from the start of the worker.
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// Reads both clocks.
    pub fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            monotonic_ns: nanoseconds(self.origin.elapsed()),
            unix_ns: nanoseconds(unix),
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// CPU time that this thread has used. Other load on the machine does not count in it. Reading it is a system call.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
