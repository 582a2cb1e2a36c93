//! What happens when a worker dies: the process ends.

use tracing::error;

use super::index::WorkerIndex;
use crate::log_queue;

/// Exit code of the process when a worker dies (EX_SOFTWARE).
pub const EXIT_WORKER_DIED: i32 = 70;

/// Ends the process if the worker's thread unwinds. A collector that silently goes on without one of its workers would
/// publish half of the truth.
pub struct DeathWatch(pub WorkerIndex);

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(
                worker = self.0.get(),
                "worker died, so the process ends; this is a bug, please report it"
            );
            log_queue::flush();
            std::process::exit(EXIT_WORKER_DIED);
        }
    }
}
