//! The thread that talks to the clients of RIS Live.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tracing::error;

/// A thread with a runtime of its own. It starts with the first client, and ends when this is dropped.
#[derive(Debug, Default)]
pub struct RisRuntime(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// The thread waits until this is dropped.
    _stop: oneshot::Sender<()>,
}

impl RisRuntime {
    /// The runtime for conversations; `None` if it can't be started.
    pub fn handle(&self) -> Option<Handle> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            match start() {
                Ok(started) => *running = Some(started),
                Err(error) => {
                    error!(%error, "RIS Live can't start its thread; check the limits on threads and open files");
                }
            }
        }
        running.as_ref().map(|running| running.handle.clone())
    }
}

fn start() -> std::io::Result<Running> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new().name("arancini-ris".to_owned());
    thread.spawn(move || {
        // The sender says nothing: it is dropped.
        let _ = runtime.block_on(stopped);
    })?;
    Ok(Running { handle, _stop: stop })
}
