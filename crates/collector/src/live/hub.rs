//! Brings published messages to the listeners.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arancini_schema::decode::Messages;
use bytes::{Bytes, BytesMut};
use tracing::error;

use super::event::{event_of, gap};
use super::listener::{Listener, Wanted};
use super::queue::Pushed;
use super::ris::{Readers, RisClients, RisSeat};
use crate::history::PublishedBatch;

/// Most listeners at the same time.
pub const MOST_LISTENERS: usize = 16;
/// Batches that wait to be read. A batch has some 48 KiB.
const MOST_BATCHES: usize = 128;

/// The listeners, and the thread that reads for them. It starts with the first listener, and sleeps while there is none.
#[derive(Default)]
pub struct Hub {
    /// The clients of RIS Live.
    pub ris: Arc<RisClients>,
    state: Mutex<State>,
    /// Number of listeners, for the sink to look at without the lock.
    listening: AtomicUsize,
    slow: AtomicU64,
    left_out: AtomicU64,
}

#[derive(Default)]
struct State {
    listeners: Vec<Arc<Listener>>,
    /// The way to the thread; `None` until somebody listens for the first time.
    batches: Option<SyncSender<Arc<PublishedBatch>>>,
    /// Batches that were left out and that the listeners have not been told of.
    untold: u64,
}

/// A place among the listeners. It is free again when this is dropped.
pub struct Subscription {
    hub: Arc<Hub>,
    listener: Arc<Listener>,
}

impl Hub {
    /// Adds a listener; `None` if there are too many, or if the thread that reads for them can't be started.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>, wanted: Wanted) -> Option<Subscription> {
        let mut state = self.lock();
        if state.listeners.len() >= MOST_LISTENERS || !self.runs(&mut state) {
            return None;
        }
        let listener = Arc::new(Listener::new(wanted));
        state.listeners.push(Arc::clone(&listener));
        self.listening.store(state.listeners.len(), Relaxed);
        Some(Subscription {
            hub: Arc::clone(self),
            listener,
        })
    }

    /// Adds a client of RIS Live; `None` if there are `most` already, or if the thread that reads for them can't be started.
    #[must_use]
    pub fn enter_ris(self: &Arc<Self>, most: usize) -> Option<RisSeat> {
        let runs = self.runs(&mut self.lock());
        runs.then(|| self.ris.enter(most)).flatten()
    }

    /// Returns whether anybody listens.
    #[inline]
    pub fn is_heard(&self) -> bool {
        self.listening.load(Relaxed) > 0 || self.ris.connected() > 0
    }

    /// Hands a batch to the thread if a listener may want it. It is left out if the thread is behind.
    pub fn offer(&self, batch: Arc<PublishedBatch>) {
        let mut state = self.lock();
        let (kind, router) = (batch.kind, batch.router);
        let mut listeners = state.listeners.iter();
        if !self.ris.may_want(kind) && !listeners.any(|listener| listener.may_want(kind, router)) {
            return;
        }
        let Some(batches) = &state.batches else {
            return;
        };
        if let Err(TrySendError::Full(_)) = batches.try_send(batch) {
            state.untold += 1;
            self.left_out.fetch_add(1, Relaxed);
        }
    }

    /// Number of listeners.
    pub fn listening(&self) -> usize {
        self.listening.load(Relaxed)
    }

    /// Listeners that were dropped because they read too slowly.
    pub fn slow(&self) -> u64 {
        self.slow.load(Relaxed)
    }

    /// Batches that were left out because the thread was behind.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Relaxed)
    }

    /// Returns whether the thread runs, and starts it for the first who listens.
    fn runs(self: &Arc<Self>, state: &mut State) -> bool {
        if state.batches.is_none() {
            state.batches = self.start();
            state.untold = 0;
        }
        state.batches.is_some()
    }

    fn start(self: &Arc<Self>) -> Option<SyncSender<Arc<PublishedBatch>>> {
        let (batches, arriving) = sync_channel(MOST_BATCHES);
        // The thread must not keep the hub alive: it ends when the hub is gone.
        let hub = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("arancini-live".to_owned());
        let started = thread.spawn(move || read(&arriving, || hub.upgrade()));
        if let Err(error) = &started {
            error!(%error, "the live stream can't start its thread; check the limit on threads");
        }
        started.is_ok().then_some(batches)
    }

    /// The listeners that a batch may be for, and how many batches were left out before it.
    fn readers_of(&self, batch: &PublishedBatch) -> (Vec<Arc<Listener>>, u64) {
        let mut state = self.lock();
        let untold = std::mem::take(&mut state.untold);
        if untold > 0 {
            // Everybody may have missed something.
            return (state.listeners.clone(), untold);
        }
        let listeners = state.listeners.iter();
        let wanting = listeners.filter(|listener| listener.may_want(batch.kind, batch.router));
        (wanting.cloned().collect(), 0)
    }

    fn push(&self, listener: &Listener, event: Bytes) {
        if listener.queue.push(event) == Pushed::Overflowed {
            self.slow.fetch_add(1, Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: reads each batch once for all listeners and all clients of RIS Live. It ends with the hub.
fn read(arriving: &Receiver<Arc<PublishedBatch>>, hub: impl Fn() -> Option<Arc<Hub>>) {
    let mut ris = Readers::default();
    while let Ok(batch) = arriving.recv() {
        let Some(hub) = hub() else {
            return;
        };
        let (listeners, left_out) = hub.readers_of(&batch);
        hub.ris.renew(&mut ris);
        if left_out > 0 {
            hub.ris.tell_gap(&ris, left_out);
            let event = gap(left_out);
            listeners
                .iter()
                .for_each(|listener| hub.push(listener, event.clone()));
        }
        for (number, message) in Messages::new(&batch.payload).map_while(Result::ok).enumerate() {
            let is_for = |listener: &&Arc<Listener>| {
                listener.may_want(batch.kind, batch.router) && listener.wants(batch.kind, &message)
            };
            let mut event = None;
            for listener in listeners.iter().filter(is_for) {
                let written =
                    event.get_or_insert_with(|| event_of(batch.kind, batch.number, number, &message));
                if let Some(event) = written {
                    hub.push(listener, event.clone());
                }
            }
            hub.ris.tell(&mut ris, batch.kind, &message);
        }
    }
}

impl Subscription {
    /// Waits for events, and takes all that wait. `None` once the stream has ended.
    pub async fn next(&self) -> Option<Bytes> {
        self.listener.queue.next().await.map(joined)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.listener.queue.end();
        let mut state = self.hub.lock();
        state
            .listeners
            .retain(|listener| !Arc::ptr_eq(listener, &self.listener));
        self.hub.listening.store(state.listeners.len(), Relaxed);
    }
}

fn joined(mut events: VecDeque<Bytes>) -> Bytes {
    let first = events.pop_front().unwrap_or_default();
    if events.is_empty() {
        return first;
    }
    let mut all = BytesMut::from(first);
    events.iter().for_each(|event| all.extend_from_slice(event));
    all.freeze()
}
