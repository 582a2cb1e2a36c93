//! A worker's end of the bridge.
//!
//! Whole batches cross to the sidecar over a bounded channel. A batch that finds the channel full waits in the worker's
//! backlog, and so do all batches after it, in order. As long as there is a backlog the worker receives nothing more, so TCP
//! slows the routers. With `publish.on_full = "drop"` the worker drops batches instead of waiting. Only batches that have to
//! be kept (events, withdraws that nothing would repair) get into the backlog, and the worker goes on receiving until the
//! backlog is [`MOST_KEPT`] batches long. Invariant: batches leave in the order in which they were offered.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use arancini_core::Batch;

use super::signal::Signal;

/// With `publish.on_full = "drop"`, the length of the backlog at which the worker stops receiving, even though it may drop.
/// It bounds the memory of batches that must not be dropped.
const MOST_KEPT: usize = 1024;

/// What happens to a batch that finds the bridge full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits in the backlog.
    Wait,
    /// It is dropped, if the router's next dump repairs the stream.
    Drop,
}

/// What a worker could not hand to the bridge before its deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Batches left behind.
    pub batches: u64,
    /// Messages in them.
    pub messages: u64,
}

/// The end of the bridge that belongs to one worker, with the backlog before it.
pub struct Outlet {
    /// `None` once the worker has handed over its last batch: the sidecar drains when all senders are gone.
    bridge: RefCell<Option<kanal::Sender<Batch>>>,
    /// Buffers of published batches on their way back. All workers share them.
    used_buffers: kanal::Receiver<Vec<u8>>,
    backlog: RefCell<VecDeque<Batch>>,
    /// Messages of the batch that [`Outlet::carry`] took out of the backlog and that the bridge has not taken.
    carried_messages: Cell<Option<u32>>,
    carrier_runs: Cell<bool>,
    given_up: Cell<bool>,
    blocked: Cell<bool>,
    changed: Signal,
    times_blocked: Cell<u64>,
    /// When the worker stopped receiving because the outlet has no room.
    deaf_since: Cell<Option<Instant>>,
    /// How long the worker has not received since this was last taken.
    deaf: Cell<Duration>,
    when_full: WhenFull,
}

impl Outlet {
    /// The end of this bridge.
    pub fn new(
        bridge: kanal::Sender<Batch>,
        used_buffers: kanal::Receiver<Vec<u8>>,
        when_full: WhenFull,
    ) -> Self {
        Self {
            bridge: RefCell::new(Some(bridge)),
            used_buffers,
            backlog: RefCell::default(),
            carried_messages: Cell::new(None),
            carrier_runs: Cell::new(false),
            given_up: Cell::new(false),
            blocked: Cell::new(false),
            changed: Signal::default(),
            times_blocked: Cell::new(0),
            deaf_since: Cell::new(None),
            deaf: Cell::default(),
            when_full,
        }
    }

    /// Hands a batch to the bridge. Returns the batch if there is no room; then the caller keeps or drops it.
    #[inline]
    #[must_use]
    pub fn offer(&self, batch: Batch) -> Option<Batch> {
        let mut batch = Some(batch);
        if !self.blocked.get()
            && let Some(bridge) = &*self.bridge.borrow()
        {
            // An error means that the sidecar is gone, which ends the process; in the backlog the batch is still counted.
            let _ = bridge.try_send_option(&mut batch);
        }
        batch
    }

    /// Puts a batch that [`Self::offer`] returned into the backlog.
    pub fn keep(&self, batch: Batch) {
        self.backlog.borrow_mut().push_back(batch);
        if !self.blocked.replace(true) {
            self.times_blocked.set(self.times_blocked.get() + 1);
            self.changed.notify();
        }
        self.measure_deafness();
    }

    /// Notes whether the worker stops or begins to receive. Called whenever the backlog has changed.
    fn measure_deafness(&self) {
        match (self.has_room(), self.deaf_since.get()) {
            (false, None) => self.deaf_since.set(Some(Instant::now())),
            (true, Some(since)) => {
                self.deaf.set(self.deaf.get() + since.elapsed());
                self.deaf_since.set(None);
            }
            _ => {}
        }
    }

    /// Returns for how many nanoseconds the worker has not received, since the last call, because the outlet had no room.
    pub fn take_deaf_ns(&self) -> u64 {
        let mut deaf = self.deaf.take();
        if let Some(since) = self.deaf_since.get() {
            let now = Instant::now();
            deaf += now.saturating_duration_since(since);
            self.deaf_since.set(Some(now));
        }
        u64::try_from(deaf.as_nanos()).unwrap_or(u64::MAX)
    }

    /// What happens to a batch that [`Self::offer`] returns, by the setting `publish.on_full`.
    pub fn when_full(&self) -> WhenFull {
        self.when_full
    }

    /// Takes a buffer of a published batch, to use it again.
    pub fn used_buffer(&self) -> Option<Vec<u8>> {
        self.used_buffers.try_recv().ok().flatten()
    }

    /// Whether every batch so far is on the bridge.
    pub fn is_clear(&self) -> bool {
        !self.blocked.get()
    }

    /// Waits until [`Self::is_clear`].
    pub async fn clear(&self) {
        self.changed.until(|| self.is_clear()).await;
    }

    /// Whether the worker may receive more.
    pub fn has_room(&self) -> bool {
        self.is_clear() || (self.when_full == WhenFull::Drop && self.backlog.borrow().len() < MOST_KEPT)
    }

    /// Waits until [`Self::has_room`]. This is the only wait between socket and bridge.
    pub async fn room(&self) {
        self.changed.until(|| self.has_room()).await;
    }

    /// Batches that wait in the backlog.
    #[cfg(test)]
    pub fn backlog_batches(&self) -> usize {
        self.backlog.borrow().len()
    }

    /// Number of times that the bridge was found full.
    pub fn times_blocked(&self) -> u64 {
        self.times_blocked.get()
    }

    /// Carries the backlog to the bridge as the bridge has room. Runs as a task until [`Self::give_up`].
    pub async fn carry(&self) {
        self.carrier_runs.set(true);
        self.carry_until_given_up().await;
        self.carrier_runs.set(false);
        self.changed.notify();
    }

    async fn carry_until_given_up(&self) {
        while !self.given_up.get() {
            self.changed
                .until(|| self.blocked.get() || self.given_up.get())
                .await;
            // Cloned for this backlog only, so that no sender outlives `disconnect`.
            let Some(bridge) = self.bridge.borrow().as_ref().map(kanal::Sender::clone_async) else {
                return;
            };
            while !self.given_up.get() {
                let next = self.backlog.borrow_mut().pop_front();
                let Some(batch) = next else {
                    self.blocked.set(false);
                    self.measure_deafness();
                    self.changed.notify();
                    break;
                };
                self.carried_messages.set(Some(batch.messages));
                if !self.sent(&bridge, batch).await {
                    return;
                }
                self.carried_messages.set(None);
                if self.when_full == WhenFull::Drop {
                    self.measure_deafness();
                    self.changed.notify();
                }
            }
        }
    }

    /// Sends one batch; returns whether the bridge took it before the worker gave up. It also returns `false` if the
    /// sidecar is gone, which ends the process.
    async fn sent(&self, bridge: &kanal::AsyncSender<Batch>, batch: Batch) -> bool {
        let mut sending = pin!(bridge.send(batch));
        let mut given_up = pin!(self.changed.until(|| self.given_up.get()));
        poll_fn(|context| match sending.as_mut().poll(context) {
            Poll::Ready(sent) => Poll::Ready(sent.is_ok()),
            Poll::Pending => given_up.as_mut().poll(context).map(|()| false),
        })
        .await
    }

    /// Ends the task that carries the backlog, and counts what it and the backlog still hold. The bridge gets none of it.
    pub async fn give_up(&self) -> LeftBehind {
        self.given_up.set(true);
        self.changed.notify();
        self.changed.until(|| !self.carrier_runs.get()).await;
        let backlog = self.backlog.borrow();
        let messages = backlog.iter().map(|batch| batch.messages);
        messages
            .chain(self.carried_messages.get())
            .fold(LeftBehind::default(), |left, messages| LeftBehind {
                batches: left.batches + 1,
                messages: left.messages + u64::from(messages),
            })
    }

    /// Closes the worker's end of the bridge: nothing more will be pushed.
    pub fn disconnect(&self) {
        self.bridge.borrow_mut().take();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use arancini_core::{BatchKind, Now, Settings, Shard};

    use super::*;

    /// Batches of one message each.
    fn batches(count: u8) -> Vec<Batch> {
        let mut shard = Shard::new(0, Settings::default(), std::sync::Arc::default());
        let now = Now {
            monotonic_ns: 1,
            unix_ns: 1,
        };
        for router in 0..count {
            shard.handle_connect([192, 0, 2, router].into(), 1, now);
        }
        let batches: Vec<_> = std::iter::from_fn(|| shard.poll_batch()).collect();
        assert!(
            batches
                .iter()
                .all(|batch| batch.kind == BatchKind::Routers && batch.messages == 1)
        );
        batches
    }

    #[test]
    fn giving_up_counts_the_backlog_and_the_batch_in_the_carriers_hands_once() {
        let (bridge, bridge_out) = kanal::bounded(1);
        let (_return_buffer, used_buffers) = kanal::bounded(1);
        let outlet = Outlet::new(bridge, used_buffers, WhenFull::Wait);
        for batch in batches(4) {
            if let Some(batch) = outlet.offer(batch) {
                outlet.keep(batch);
            }
        }
        let mut context = Context::from_waker(Waker::noop());
        let mut carrier = pin!(outlet.carry());
        assert!(carrier.as_mut().poll(&mut context).is_pending());
        let mut give_up = pin!(outlet.give_up());
        assert!(give_up.as_mut().poll(&mut context).is_pending());
        assert!(carrier.as_mut().poll(&mut context).is_ready());
        let left = LeftBehind {
            batches: 3,
            messages: 3,
        };
        assert_eq!(give_up.as_mut().poll(&mut context), Poll::Ready(left));
        assert_eq!(bridge_out.len(), 1, "the bridge gets nothing after that");
    }
}
