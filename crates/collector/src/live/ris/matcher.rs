//! Finds the clients that a message is for. Only the thread of the live stream uses it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arancini_core::BatchKind;
use arancini_schema::decode::Message;
use bytes::Bytes;

use super::filter::Filter;
use super::message::{message_of_peer, message_of_route};
use super::path_pattern::Hop;
use super::prefix_index::PrefixIndex;
use super::route::{PeerChange, Route};
use super::views::KnownViews;

/// The subscriptions of all clients, by what they ask for.
///
/// Each subscription stands in one place only: under its prefixes, else under an AS number that its paths contain, else in
/// the list of the rest.
#[derive(Default)]
pub(super) struct Matcher {
    by_prefix: PrefixIndex<Entry>,
    by_as: HashMap<u32, Vec<Entry>>,
    rest: Vec<Entry>,
    known: KnownViews,
    /// The clients by their place.
    clients: Vec<Client>,
    /// Number of the present message.
    message: u64,
    /// The AS numbers of the present path, each of them once. The list is kept for its memory.
    path_numbers: Vec<u32>,
}

/// A subscription of a client.
struct Entry {
    client: usize,
    filter: Arc<Filter>,
}

#[derive(Default)]
struct Client {
    filters: Vec<Arc<Filter>>,
    /// The last message that was for this client. It gets a message once, however many of its subscriptions ask for it.
    last: u64,
}

/// Where a subscription stands.
enum Place<'a> {
    Prefixes(&'a Filter),
    As(u32),
    Rest,
}

impl Place<'_> {
    fn of(filter: &Filter) -> Place<'_> {
        if !filter.prefixes.is_empty() {
            return Place::Prefixes(filter);
        }
        let asn = filter.path.as_ref().and_then(|path| path.needed_as());
        asn.map_or(Place::Rest, Place::As)
    }
}

impl Matcher {
    /// Replaces the subscriptions of the client at this place.
    pub fn set(&mut self, client: usize, filters: Vec<Arc<Filter>>) {
        if self.clients.len() <= client {
            self.clients.resize_with(client + 1, Client::default);
        }
        let before = std::mem::take(&mut self.clients[client].filters);
        self.remove(client, &before);
        for filter in &filters {
            self.add(client, filter);
        }
        self.clients[client].filters = filters;
    }

    /// Replaces what is known of the views of peers.
    pub fn set_known(&mut self, known: KnownViews) {
        self.known = known;
    }

    /// Calls `tell` with each client that a message is for, and the text of the message.
    pub fn tell(&mut self, kind: BatchKind, message: &Message<'_>, tell: impl FnMut(usize, &Bytes)) {
        match kind {
            BatchKind::Updates => {
                let route = message
                    .update()
                    .ok()
                    .and_then(|update| Route::of(update, &mut self.known));
                if let Some(route) = route {
                    self.tell_route(&route, tell);
                }
            }
            BatchKind::Peers => {
                if let Some(change) = message.peer_event().ok().and_then(PeerChange::of) {
                    self.tell_peer(&change, tell);
                }
            }
            BatchKind::Routers | BatchKind::Statistics | BatchKind::Malformed => {}
        }
    }

    fn tell_route(&mut self, route: &Route<'_>, tell: impl FnMut(usize, &Bytes)) {
        self.message += 1;
        let mut found = Found {
            clients: &mut self.clients,
            message: self.message,
            text: Text::Unwritten,
            write: || message_of_route(route),
            tell,
        };
        self.by_prefix.covering(route.prefix, |prefix, entry| {
            if entry.filter.more_specific || prefix == route.prefix {
                found.tell_if_passes(entry, route);
            }
        });
        self.by_prefix.within(route.prefix, |entry| {
            if entry.filter.less_specific {
                found.tell_if_passes(entry, route);
            }
        });
        if !self.by_as.is_empty() {
            let numbers = route.path().iter().flat_map(|hop| match hop {
                Hop::As(asn) => std::slice::from_ref(asn),
                Hop::Set(members) => members,
            });
            // A path may have one AS number hundreds of times.
            self.path_numbers.clear();
            self.path_numbers.extend(numbers);
            self.path_numbers.sort_unstable();
            self.path_numbers.dedup();
            for entry in self
                .path_numbers
                .iter()
                .filter_map(|asn| self.by_as.get(asn))
                .flatten()
            {
                found.tell_if_passes(entry, route);
            }
        }
        for entry in &self.rest {
            found.tell_if_passes(entry, route);
        }
    }

    fn tell_peer(&mut self, change: &PeerChange, tell: impl FnMut(usize, &Bytes)) {
        if !change.is_up {
            self.known.note_down(change.router, change.peer);
        }
        self.message += 1;
        let mut found = Found {
            clients: &mut self.clients,
            message: self.message,
            text: Text::Unwritten,
            write: || message_of_peer(change),
            tell,
        };
        // A subscription with a prefix or a path is about routes.
        for entry in self.rest.iter().filter(|entry| entry.filter.passes_peer(change)) {
            found.tell(entry.client);
        }
    }

    fn add(&mut self, client: usize, filter: &Arc<Filter>) {
        let entry = || Entry {
            client,
            filter: Arc::clone(filter),
        };
        match Place::of(filter) {
            Place::Prefixes(filter) => {
                for prefix in &filter.prefixes {
                    self.by_prefix.add(*prefix, entry());
                }
            }
            Place::As(asn) => self.by_as.entry(asn).or_default().push(entry()),
            Place::Rest => self.rest.push(entry()),
        }
    }

    /// Removes all subscriptions of a client. Each list is gone through once, however many subscriptions the client has in it.
    fn remove(&mut self, client: usize, filters: &[Arc<Filter>]) {
        let mut prefixes = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut has_rest = false;
        for filter in filters {
            match Place::of(filter) {
                Place::Prefixes(filter) => prefixes.extend(filter.prefixes.iter().copied()),
                Place::As(asn) => {
                    numbers.insert(asn);
                }
                Place::Rest => has_rest = true,
            }
        }
        let is_gone = |entry: &Entry| entry.client == client;
        for prefix in prefixes {
            self.by_prefix.remove(prefix, is_gone);
        }
        for asn in numbers {
            if let Some(entries) = self.by_as.get_mut(&asn) {
                entries.retain(|entry| !is_gone(entry));
                if entries.is_empty() {
                    self.by_as.remove(&asn);
                }
            }
        }
        if has_rest {
            self.rest.retain(|entry| !is_gone(entry));
        }
    }
}

/// The text of a message, which is written when the first client wants it.
enum Text {
    Unwritten,
    Written(Option<Bytes>),
}

/// A message, and the clients that it was found to be for.
struct Found<'c, W, T> {
    clients: &'c mut [Client],
    message: u64,
    text: Text,
    write: W,
    tell: T,
}

impl<W: Fn() -> Option<Bytes>, T: FnMut(usize, &Bytes)> Found<'_, W, T> {
    /// Tells the client of a subscription that a route passes. The conditions of a client that was told already are not looked at.
    fn tell_if_passes(&mut self, entry: &Entry, route: &Route<'_>) {
        if self.clients[entry.client].last != self.message && entry.filter.passes_route(route) {
            self.tell(entry.client);
        }
    }

    /// Tells a client, unless it was told this message before.
    fn tell(&mut self, client: usize) {
        let known = &mut self.clients[client];
        if std::mem::replace(&mut known.last, self.message) == self.message {
            return;
        }
        if matches!(self.text, Text::Unwritten) {
            self.text = Text::Written((self.write)());
        }
        if let Text::Written(Some(text)) = &self.text {
            (self.tell)(client, text);
        }
    }
}
