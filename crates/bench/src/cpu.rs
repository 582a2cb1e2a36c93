//! CPU time of the current thread.

use arancini_collector::ingest::thread_cpu_time;

/// Runs the work and returns the CPU time that this thread used for it, in nanoseconds.
pub(crate) fn cpu_ns(work: impl FnOnce()) -> f64 {
    let begin = thread_cpu_time();
    work();
    (thread_cpu_time() - begin).as_nanos() as f64
}
