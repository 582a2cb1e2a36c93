//! The thread that talks to the clients of RIS Live.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tracing::error;

/// A thread with a runtime of its own, which starts with the first client.
#[derive(Debug, Clone, Default)]
pub struct RisRuntime(Arc<Mutex<Life>>);

/// Ends the thread when it is dropped. This has to come before the end of the control port: the sockets of the conversations
/// have their timers there.
#[derive(Debug)]
pub struct RisStop(RisRuntime);

#[derive(Debug, Default)]
enum Life {
    #[default]
    NotStarted,
    Running(Running),
    Stopped,
}

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Ends the thread when it is dropped.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl RisRuntime {
    /// The runtime for conversations; `None` if it can't be started, or if the collector stops.
    pub fn handle(&self) -> Option<Handle> {
        let mut life = self.lock();
        if matches!(*life, Life::NotStarted) {
            match start() {
                Ok(running) => *life = Life::Running(running),
                Err(error) => {
                    error!(%error, "RIS Live can't start its thread; check the limits on threads and open files");
                }
            }
        }
        match &*life {
            Life::Running(running) => Some(running.handle.clone()),
            Life::NotStarted | Life::Stopped => None,
        }
    }

    /// What ends the thread, with all conversations.
    #[must_use]
    pub fn stop_on_drop(&self) -> RisStop {
        RisStop(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Life> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RisStop {
    fn drop(&mut self) {
        let life = std::mem::replace(&mut *self.0.lock(), Life::Stopped);
        if let Life::Running(running) = life {
            drop(running.stop);
            // A conversation that panicked has ended alone.
            let _ = running.thread.join();
        }
    }
}

fn start() -> io::Result<Running> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new().name("arancini-ris".to_owned());
    let thread = thread.spawn(move || {
        // The sender says nothing: it is dropped.
        let _ = runtime.block_on(stopped);
    })?;
    Ok(Running { handle, stop, thread })
}
