//! The clients of RIS Live that are connected now.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arancini_core::BatchKind;
use arancini_schema::decode::Message;
use bytes::Bytes;

use super::filter::Filter;
use super::matcher::Matcher;
use super::message::{gap_message, slow_message};
use super::subscriptions::{Subscribed, Subscriptions};
use super::views::KnownViews;
use crate::live::queue::{Pushed, Queue};

/// The clients, and the figures about them.
#[derive(Default)]
pub struct RisClients {
    state: Mutex<State>,
    /// Number of clients, to look at without the lock.
    connected: AtomicUsize,
    messages: AtomicU64,
    slow: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The clients by their place. A place is used again when its client is gone.
    clients: Vec<Option<Arc<Client>>>,
    /// The places whose subscriptions the matcher does not know yet.
    changed: BTreeSet<usize>,
    /// What the matcher has to know of the views of peers instead of what it knows.
    known: Option<KnownViews>,
}

struct Client {
    queue: Queue,
    subscriptions: Mutex<Subscriptions>,
}

/// The place of one client. It is free again when this is dropped.
pub struct RisSeat {
    clients: Arc<RisClients>,
    client: Arc<Client>,
    place: usize,
}

/// What the thread of the live stream knows of the clients.
#[derive(Default)]
pub(crate) struct Readers {
    matcher: Matcher,
    clients: Vec<Option<Arc<Client>>>,
}

impl RisClients {
    /// Adds a client without subscriptions; `None` if there are `most` already.
    pub(crate) fn enter(self: &Arc<Self>, most: usize) -> Option<RisSeat> {
        let mut state = self.lock();
        let taken = state.clients.iter().flatten().count();
        if taken >= most {
            return None;
        }
        let client = Arc::new(Client {
            queue: Queue::new(slow_message()),
            subscriptions: Mutex::default(),
        });
        let free = state.clients.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            state.clients.push(None);
            state.clients.len() - 1
        });
        state.clients[place] = Some(Arc::clone(&client));
        state.changed.insert(place);
        self.connected.store(taken + 1, Relaxed);
        drop(state);
        Some(RisSeat {
            clients: Arc::clone(self),
            client,
            place,
        })
    }

    /// Tells what is known of the views of peers, before the first client subscribes.
    pub fn set_known_views(&self, known: KnownViews) {
        self.lock().known = Some(known);
    }

    /// Number of clients.
    pub fn connected(&self) -> usize {
        self.connected.load(Relaxed)
    }

    /// Messages that were queued for clients.
    pub fn messages(&self) -> u64 {
        self.messages.load(Relaxed)
    }

    /// Clients that were dropped because they read too slowly.
    pub fn slow(&self) -> u64 {
        self.slow.load(Relaxed)
    }

    /// Returns whether messages of this kind may be for a client.
    pub(crate) fn may_want(&self, kind: BatchKind) -> bool {
        matches!(kind, BatchKind::Updates | BatchKind::Peers) && self.connected() > 0
    }

    /// Brings the readers up to date, before a batch is read.
    pub(crate) fn renew(&self, readers: &mut Readers) {
        let mut state = self.lock();
        if let Some(known) = state.known.take() {
            readers.matcher.set_known(known);
        }
        if state.changed.is_empty() {
            return;
        }
        let changed = std::mem::take(&mut state.changed);
        let changed: Vec<_> = changed
            .into_iter()
            .map(|place| (place, state.clients[place].clone()))
            .collect();
        drop(state);
        for (place, client) in changed {
            if readers.clients.len() <= place {
                readers.clients.resize(place + 1, None);
            }
            let filters = client.as_ref().map(|client| client.subscriptions().all());
            readers.matcher.set(place, filters.unwrap_or_default());
            readers.clients[place] = client;
        }
    }

    /// Tells the clients that a message is for.
    pub(crate) fn tell(&self, readers: &mut Readers, kind: BatchKind, message: &Message<'_>) {
        let Readers { matcher, clients } = readers;
        let mut count = 0;
        matcher.tell(kind, message, |place, text| {
            if let Some(client) = &clients[place] {
                count += u64::from(self.push(client, text.clone()) == Pushed::Queued);
            }
        });
        if count > 0 {
            self.messages.fetch_add(count, Relaxed);
        }
    }

    /// Tells all clients that batches were left out.
    pub(crate) fn tell_gap(&self, readers: &Readers, batches: u64) {
        let text = gap_message(batches);
        for client in readers.clients.iter().flatten() {
            self.push(client, text.clone());
        }
    }

    fn push(&self, client: &Client, text: Bytes) -> Pushed {
        let pushed = client.queue.push(text);
        if pushed == Pushed::Overflowed {
            self.slow.fetch_add(1, Relaxed);
        }
        pushed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RisSeat {
    /// Subscribes to what passes this filter. Every message that is published later is matched against it.
    pub fn subscribe(&self, filter: Filter) -> Subscribed {
        let subscribed = self.client.subscriptions().add(filter);
        self.note_change();
        subscribed
    }

    /// Ends the subscription with this filter. Returns whether there was one.
    #[must_use]
    pub fn unsubscribe(&self, filter: &Filter) -> bool {
        let was_there = self.client.subscriptions().remove(filter);
        self.note_change();
        was_there
    }

    /// Ends all subscriptions.
    pub fn unsubscribe_from_all(&self) {
        self.client.subscriptions().clear();
        self.note_change();
    }

    /// Waits for messages, and takes all that wait. `None` once the client was dropped because it reads too slowly.
    pub async fn next(&self) -> Option<VecDeque<Bytes>> {
        self.client.queue.next().await
    }

    fn note_change(&self) {
        self.clients.lock().changed.insert(self.place);
    }
}

impl Drop for RisSeat {
    fn drop(&mut self) {
        self.client.queue.end();
        let mut state = self.clients.lock();
        state.clients[self.place] = None;
        state.changed.insert(self.place);
        let connected = state.clients.iter().flatten().count();
        self.clients.connected.store(connected, Relaxed);
    }
}
