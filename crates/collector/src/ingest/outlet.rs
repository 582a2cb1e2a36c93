//! A worker's end of the bridge.
//!
//! Whole batches cross to the sidecar over a bounded channel. A batch that finds it full waits in the worker's
//! backlog, and so do all after it, in order; as long as there is a backlog the worker receives nothing more, so TCP
//! slows the routers. With `publish.on_full = "drop"` the worker throws away what it may instead of waiting; only what
//! has to be kept (events, withdraws that nothing would repair) gets into the backlog, and the worker goes on receiving
//! until that is [`MOST_KEPT`] batches long. Invariant: batches leave in the order in which they were pushed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use arancini_core::Batch;

use super::signal::Signal;

/// With `drop`, the worker waits after all when so many batches that must not be lost wait for room: memory is bounded.
const MOST_KEPT: usize = 1024;

pub struct Outlet {
    /// `None` once the worker has handed over its last batch: the sidecar drains when all senders are gone.
    bridge: RefCell<Option<kanal::Sender<Batch>>>,
    /// Buffers of published batches on their way back, for any worker.
    used_buffers: kanal::Receiver<Vec<u8>>,
    backlog: RefCell<VecDeque<Batch>>,
    blocked: Cell<bool>,
    changed: Signal,
    times_blocked: Cell<u64>,
    /// What finds the bridge full may be thrown away.
    drops: bool,
}

impl Outlet {
    pub fn new(bridge: kanal::Sender<Batch>, used_buffers: kanal::Receiver<Vec<u8>>, drops: bool) -> Self {
        Self {
            bridge: RefCell::new(Some(bridge)),
            used_buffers,
            backlog: RefCell::default(),
            blocked: Cell::new(false),
            changed: Signal::default(),
            times_blocked: Cell::new(0),
            drops,
        }
    }

    /// Hands a batch to the bridge; gives it back where there is no room: then it is to be kept, or thrown away.
    #[must_use]
    pub fn offer(&self, batch: Batch) -> Option<Batch> {
        let mut batch = Some(batch);
        if !self.blocked.get()
            && let Some(bridge) = &*self.bridge.borrow()
        {
            // An error means that the sidecar is gone, which ends the process; the backlog keeps the batch countable.
            let _ = bridge.try_send_option(&mut batch);
        }
        batch
    }

    /// Lets a batch that [`Self::offer`] gave back wait in the backlog.
    pub fn keep(&self, batch: Batch) {
        self.backlog.borrow_mut().push_back(batch);
        if !self.blocked.replace(true) {
            self.times_blocked.set(self.times_blocked.get() + 1);
            self.changed.notify();
        }
    }

    /// Whether what [`Self::offer`] gives back may be thrown away.
    pub fn drops(&self) -> bool {
        self.drops
    }

    /// A buffer to use again.
    pub fn used_buffer(&self) -> Option<Vec<u8>> {
        self.used_buffers.try_recv().ok().flatten()
    }

    /// Whether everything handed over so far is on the bridge.
    pub fn is_clear(&self) -> bool {
        !self.blocked.get()
    }

    /// Waits until [`Self::is_clear`].
    pub async fn clear(&self) {
        self.changed.until(|| self.is_clear()).await;
    }

    /// Whether the worker may receive more.
    pub fn has_room(&self) -> bool {
        self.is_clear() || (self.drops && self.backlog.borrow().len() < MOST_KEPT)
    }

    /// Waits until [`Self::has_room`]: the one wait between ring and bridge.
    pub async fn room(&self) {
        self.changed.until(|| self.has_room()).await;
    }

    /// How often the bridge was found full.
    pub fn times_blocked(&self) -> u64 {
        self.times_blocked.get()
    }

    /// Batches and messages that are not on the bridge.
    pub fn backlog(&self) -> (u64, u64) {
        let backlog = self.backlog.borrow();
        (
            backlog.len() as u64,
            backlog.iter().map(|batch| u64::from(batch.messages)).sum(),
        )
    }

    /// Carries the backlog over as the bridge has room. Runs as a task for the worker's whole life.
    pub async fn carry(&self) {
        loop {
            self.changed.until(|| self.blocked.get()).await;
            // Cloned for this backlog only, so that no sender outlives `disconnect`.
            let Some(bridge) = self.bridge.borrow().as_ref().map(kanal::Sender::clone_async) else {
                return;
            };
            loop {
                let next = self.backlog.borrow_mut().pop_front();
                let Some(batch) = next else { break };
                if bridge.send(batch).await.is_err() {
                    // The sidecar is gone; it ends the process.
                    return;
                }
                if self.drops {
                    self.changed.notify();
                }
            }
            self.blocked.set(false);
            self.changed.notify();
        }
    }

    /// Nothing more will be pushed.
    pub fn disconnect(&self) {
        self.bridge.borrow_mut().take();
    }
}
