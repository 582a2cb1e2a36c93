//! The thread of the control port.
//!
//! It has a Tokio runtime of its own. TLS handshakes, large answers and whoever asks much then share the processor with the other
//! threads, and do not stand before the sink.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tracing::error;

use crate::log_queue;

/// Exit code of the process when the thread dies (EX_SOFTWARE).
const EXIT_CONTROL_DIED: i32 = 70;

/// The running thread. Dropping it ends everything on it.
#[derive(Debug)]
pub(super) struct ControlThread {
    /// Ends the thread when it is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ControlThread {
    /// Starts the thread with the future that `begin` makes on its runtime.
    ///
    /// # Errors
    /// The runtime or the thread cannot be made, or `begin` fails.
    pub fn spawn<F>(begin: impl FnOnce() -> io::Result<F>) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .thread_name("arancini-asked")
            .build()?;
        let life = {
            let _inside = runtime.enter();
            begin()?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name("arancini-control".to_owned())
            .spawn(move || {
                let life = AssertUnwindSafe(|| {
                    runtime.block_on(async {
                        tokio::select! {
                            () = life => {}
                            _ = stopped => {}
                        }
                    });
                    // A search of the history may still run. It must not delay the exit.
                    runtime.shutdown_background();
                });
                if catch_unwind(life).is_err() {
                    error!("the control thread died, so the process ends; this is a bug, please report it");
                    log_queue::flush();
                    std::process::exit(EXIT_CONTROL_DIED);
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for ControlThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended the process already.
            let _ = thread.join();
        }
    }
}
