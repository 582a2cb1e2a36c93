//! The thread that takes snapshots at regular intervals.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::generation::Snapshots;
use super::store::Store;

/// The thread that takes snapshots.
pub struct Snapshotter {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Snapshots>,
    store: Arc<dyn Store>,
}

impl Snapshotter {
    /// Starts the thread, which takes a snapshot after each `interval`.
    ///
    /// # Errors
    /// Fails if the thread can't be started.
    pub fn spawn(snapshots: Snapshots, interval: Duration) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let store = Arc::clone(&snapshots.store);
        let thread = std::thread::Builder::new()
            .name("arancini-snapshots".to_owned())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                    snapshots.round(&stopped);
                    snapshots.store.rest();
                }
                snapshots
            })?;
        Ok(Self { stop, thread, store })
    }

    /// Stops the thread. A generation that is being taken is given up.
    #[must_use]
    pub fn stop(self) -> Option<Snapshots> {
        // The thread waits in two places. Closing the channel wakes both; a message would wake only the first.
        drop(self.stop);
        self.store.end_by(Instant::now());
        self.thread.join().ok()
    }
}
