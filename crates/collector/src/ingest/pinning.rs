//! The core of a worker.

use tracing::warn;

use super::index::WorkerIndex;

/// Keeps this thread on one core of those that the process may use.
pub fn pin(worker: WorkerIndex) {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else {
        return;
    };
    let cores: Vec<usize> = (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|&cpu| allowed.is_set(cpu))
        .collect();
    let Some(&core) = cores.get(worker.get() % cores.len().max(1)) else {
        return;
    };
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    if let Err(error) = rustix::thread::sched_setaffinity(None, &set) {
        warn!(worker = worker.get(), core, %error, "worker not pinned to its core; it runs unpinned");
    }
}
