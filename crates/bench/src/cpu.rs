//! What something costs in CPU time of the thread that does it.

use arancini_collector::ingest::thread_cpu_time;

/// Nanoseconds of this thread's CPU time that something takes.
pub(crate) fn cpu_ns(work: impl FnOnce()) -> f64 {
    let begin = thread_cpu_time();
    work();
    (thread_cpu_time() - begin).as_nanos() as f64
}
