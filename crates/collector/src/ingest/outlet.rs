//! A worker's end of the bridge.
//!
//! Whole batches cross to the sidecar over a bounded channel. A batch that finds it full waits in the worker's
//! backlog, and so do all after it, in order; as long as there is a backlog the worker receives nothing more, so TCP
//! slows the routers. Invariant: batches leave in the order in which they were pushed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use arancini_core::Batch;

use super::signal::Signal;

pub struct Outlet {
    /// `None` once the worker has handed over its last batch: the sidecar drains when all senders are gone.
    bridge: RefCell<Option<kanal::Sender<Batch>>>,
    /// Buffers of published batches on their way back, for any worker.
    used_buffers: kanal::Receiver<Vec<u8>>,
    backlog: RefCell<VecDeque<Batch>>,
    blocked: Cell<bool>,
    changed: Signal,
    times_blocked: Cell<u64>,
}

impl Outlet {
    pub fn new(bridge: kanal::Sender<Batch>, used_buffers: kanal::Receiver<Vec<u8>>) -> Self {
        Self {
            bridge: RefCell::new(Some(bridge)),
            used_buffers,
            backlog: RefCell::default(),
            blocked: Cell::new(false),
            changed: Signal::default(),
            times_blocked: Cell::new(0),
        }
    }

    /// Hands a batch to the bridge, or to the backlog.
    pub fn push(&self, batch: Batch) {
        let mut batch = Some(batch);
        if !self.blocked.get()
            && let Some(bridge) = &*self.bridge.borrow()
        {
            // An error means that the sidecar is gone, which ends the process; the backlog keeps the batch countable.
            let _ = bridge.try_send_option(&mut batch);
        }
        if let Some(batch) = batch {
            self.backlog.borrow_mut().push_back(batch);
            if !self.blocked.replace(true) {
                self.times_blocked.set(self.times_blocked.get() + 1);
                self.changed.notify();
            }
        }
    }

    /// A buffer to use again.
    pub fn used_buffer(&self) -> Option<Vec<u8>> {
        self.used_buffers.try_recv().ok().flatten()
    }

    /// Whether everything pushed so far is on the bridge.
    pub fn has_room(&self) -> bool {
        !self.blocked.get()
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
