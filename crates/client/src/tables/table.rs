//! One table: the routes of a peer, a view and a family.

use std::hint::black_box;

use arancini_schema::table_key::TableKey;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::counts::Counts;
use super::key_hasher::KeyHash;
use super::resync::Resyncs;
use super::route_key::RouteKey;
use super::stored_key::StoredKey;

/// Sequence numbers of a router during which its tables remember a withdrawn route, so that a late announce does not bring
/// it back. A collector never has as many messages unacknowledged.
pub const REORDER_SPAN: u64 = 1 << 20;

/// Withdrawn routes that a table remembers before it looks which of them it can forget.
const FEW_WITHDRAWN: usize = 1024;

/// A route that a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<T> {
    /// Sequence number of the announce.
    pub sequence: u64,
    /// Attribute fingerprint of the announce.
    pub fingerprint: u64,
    /// What the caller holds of the route.
    pub held: T,
}

/// A table.
#[derive(Debug)]
pub struct Table<T> {
    key: TableKey,
    routes: HashTable<(StoredKey, Last<T>)>,
    hash: KeyHash,
    /// Entries of `routes` that are withdrawn.
    withdrawn: usize,
    /// Number of withdrawn entries at which those that are old enough are forgotten.
    forget_at: usize,
    /// Updates with a lower sequence number came before a resync that is over.
    floor: u64,
    /// Sequence number of the last `resyncBegin`: a route that was announced before it may be announced again unchanged.
    resync_begin: u64,
}

/// The last update of a route.
#[derive(Debug)]
enum Last<T> {
    Announce(Route<T>),
    Withdraw { sequence: u64 },
}

impl<T> Last<T> {
    const fn sequence(&self) -> u64 {
        match self {
            Self::Announce(route) => route.sequence,
            Self::Withdraw { sequence } => *sequence,
        }
    }
}

impl<T> Table<T> {
    /// Creates an empty table with the resyncs that its router has had.
    pub(super) fn new(key: TableKey, resyncs: &Resyncs, hash: KeyHash) -> Self {
        Self {
            key,
            routes: HashTable::new(),
            hash,
            withdrawn: 0,
            forget_at: FEW_WITHDRAWN,
            floor: resyncs.floor_of(&key),
            resync_begin: resyncs.begin_of(&key),
        }
    }

    /// Returns the peer, view and family of the table.
    pub const fn key(&self) -> &TableKey {
        &self.key
    }

    /// Returns the number of routes.
    pub fn len(&self) -> usize {
        self.routes.len() - self.withdrawn
    }

    /// Returns whether the table holds no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a route.
    pub fn get(&self, key: &RouteKey) -> Option<&Route<T>> {
        let key = StoredKey::from(key.clone());
        let found = self
            .routes
            .find(key.hash(self.hash), |(stored, _)| *stored == key);
        match &found?.1 {
            Last::Announce(route) => Some(route),
            Last::Withdraw { .. } => None,
        }
    }

    /// Iterates over the routes, in no particular order.
    pub fn routes(&self) -> impl Iterator<Item = (RouteKey, &Route<T>)> {
        self.routes.iter().filter_map(|(key, last)| match last {
            Last::Announce(route) => Some((key.route_key(), route)),
            Last::Withdraw { .. } => None,
        })
    }

    /// Looks a key up, so that what the table has of it is in the cache when the update is taken.
    #[inline]
    pub(super) fn touch(&self, key: &StoredKey, hash: u64) {
        black_box(self.routes.find(hash, |(stored, _)| stored == key).is_some());
    }

    /// Returns the entry of a key.
    #[inline]
    fn entry(&mut self, key: &StoredKey, hash: u64) -> Entry<'_, (StoredKey, Last<T>)> {
        let hasher = self.hash;
        self.routes.entry(
            hash,
            |(stored, _)| stored == key,
            |(stored, _)| stored.hash(hasher),
        )
    }

    /// Takes an announce. `hash` is that of the key.
    pub(super) fn announce(&mut self, key: StoredKey, hash: u64, route: Route<T>, counts: &mut Counts) {
        counts.announces += 1;
        if route.sequence < self.floor {
            counts.late += 1;
            return;
        }
        let resync_begin = self.resync_begin;
        match self.entry(&key, hash) {
            Entry::Vacant(vacant) => {
                vacant.insert((key, Last::Announce(route)));
            }
            Entry::Occupied(occupied) if occupied.get().1.sequence() >= route.sequence => counts.late += 1,
            Entry::Occupied(mut occupied) => {
                let fingerprint = route.fingerprint;
                match std::mem::replace(&mut occupied.get_mut().1, Last::Announce(route)) {
                    Last::Withdraw { .. } => self.withdrawn -= 1,
                    Last::Announce(before) => {
                        let is_unchanged = before.fingerprint == fingerprint;
                        counts.unchanged += u64::from(is_unchanged && before.sequence >= resync_begin);
                    }
                }
            }
        }
    }

    /// Takes a withdraw. `hash` is that of the key.
    pub(super) fn withdraw(&mut self, key: StoredKey, hash: u64, sequence: u64, counts: &mut Counts) {
        counts.withdraws += 1;
        if sequence < self.floor {
            counts.late += 1;
            return;
        }
        match self.entry(&key, hash) {
            Entry::Vacant(vacant) => {
                vacant.insert((key, Last::Withdraw { sequence }));
                self.withdrawn += 1;
                counts.unheld += 1;
            }
            Entry::Occupied(occupied) if occupied.get().1.sequence() >= sequence => counts.late += 1,
            Entry::Occupied(mut occupied) => {
                match std::mem::replace(&mut occupied.get_mut().1, Last::Withdraw { sequence }) {
                    Last::Withdraw { .. } => counts.unheld += 1,
                    Last::Announce(_) => self.withdrawn += 1,
                }
            }
        }
        if self.withdrawn >= self.forget_at {
            self.forget_withdrawn(sequence.saturating_sub(REORDER_SPAN));
        }
    }

    /// Notes that a resync has begun.
    pub(super) fn begin_resync(&mut self, sequence: u64) {
        self.resync_begin = self.resync_begin.max(sequence);
    }

    /// Removes the routes whose last update came before a resync that is over now.
    pub(super) fn sweep(&mut self, resync_begin: u64, counts: &mut Counts) {
        if resync_begin <= self.floor {
            return;
        }
        self.floor = resync_begin;
        let before = self.len();
        self.forget(|last| last.sequence() < resync_begin);
        counts.swept += (before - self.len()) as u64;
    }

    /// Forgets the withdrawn routes below a sequence number. The next time comes when twice as many are left, so that the
    /// cost of looking at the table is spread over many withdraws.
    fn forget_withdrawn(&mut self, below: u64) {
        self.forget(|last| matches!(last, Last::Withdraw { sequence } if *sequence < below));
        self.forget_at = FEW_WITHDRAWN.max(self.withdrawn * 2).max(self.routes.len() / 4);
    }

    /// Returns the number of withdrawn routes that the table remembers.
    #[cfg(test)]
    pub(super) const fn remembered(&self) -> usize {
        self.withdrawn
    }

    fn forget(&mut self, is_old: impl Fn(&Last<T>) -> bool) {
        let withdrawn = &mut self.withdrawn;
        self.routes.retain(|(_, last)| {
            let old = is_old(last);
            if old && matches!(last, Last::Withdraw { .. }) {
                *withdrawn -= 1;
            }
            !old
        });
    }
}
