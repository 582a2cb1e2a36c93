//! One router: its state, its peers and its tables.

use std::collections::HashMap;

use arancini_schema::resync_scope::ResyncScope;
use arancini_schema::table_key::{TableKey, identity_of, view_of};
use arancini_schema::update_capnp::{PeerEventKind, RouterEventKind, peer_event, router_event};
use arancini_wire::bmp::{PeerIdentity, RibView};

use super::counts::Counts;
use super::key_hasher::KeyHash;
use super::resync::Resyncs;
use super::table::Table;
use super::unreadable::UnreadableRecord;

/// State of a router's session, by the last event of the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouterState {
    /// No event has been taken: the events are older than what the reader began with.
    #[default]
    Unknown,
    /// The session is open.
    Open,
    /// The session is lost. The routes stay until the collector withdraws them.
    Lost,
}

/// State of a peer in one view, by its last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerState {
    /// Sequence number of the event.
    pub sequence: u64,
    /// The peer is up.
    pub is_up: bool,
    /// AS number of the peer.
    pub asn: u32,
}

/// A peer in one view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerKey {
    /// The peer.
    pub identity: PeerIdentity,
    /// The view.
    pub view: RibView,
}

/// A router.
#[derive(Debug)]
pub struct Router<T> {
    state: RouterState,
    /// Sequence number of the event that gave the state.
    state_sequence: u64,
    peers: HashMap<PeerKey, PeerState>,
    tables: Vec<Table<T>>,
    places: HashMap<TableKey, usize>,
    /// The table of the last update. Updates of one batch are mostly of one table.
    last: usize,
    resyncs: Resyncs,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self {
            state: RouterState::default(),
            state_sequence: 0,
            peers: HashMap::new(),
            tables: Vec::new(),
            places: HashMap::new(),
            last: 0,
            resyncs: Resyncs::default(),
        }
    }
}

impl<T> Router<T> {
    /// Creates a router of which the reader has missed messages.
    pub(super) fn behind_a_gap() -> Self {
        Self {
            resyncs: Resyncs::behind_a_gap(),
            ..Self::default()
        }
    }

    /// Notes that messages are missing before the next one.
    pub(super) fn note_gap(&mut self) {
        self.resyncs.note_gap();
    }

    /// Returns whether the tables hold every route of the router: no message about it is missing, or a resync of the whole router
    /// has come since.
    pub fn is_whole(&self) -> bool {
        self.resyncs.is_whole()
    }

    /// Returns whether a table holds every route: no message about it is missing, or a resync that covers it has come since.
    pub fn is_table_whole(&self, key: &TableKey) -> bool {
        self.resyncs.is_whole_for(key)
    }

    /// Returns the state of the session.
    pub const fn state(&self) -> RouterState {
        self.state
    }

    /// Returns whether a resync has begun and is not over: some routes that the tables hold may be gone.
    pub fn is_resyncing(&self) -> bool {
        self.resyncs.is_open()
    }

    /// Iterates over the peers whose events have been taken.
    pub fn peers(&self) -> impl Iterator<Item = (&PeerKey, &PeerState)> {
        self.peers.iter()
    }

    /// Iterates over the tables. A table that has become empty stays.
    pub fn tables(&self) -> impl Iterator<Item = &Table<T>> {
        self.tables.iter()
    }

    /// Returns a table.
    pub fn table(&self, key: &TableKey) -> Option<&Table<T>> {
        self.tables.get(*self.places.get(key)?)
    }

    /// Returns the table of an update, which is created if it is new.
    pub(super) fn table_of(&mut self, key: TableKey, hash: KeyHash) -> &mut Table<T> {
        let is_last = self
            .tables
            .get(self.last)
            .is_some_and(|table| *table.key() == key);
        if !is_last {
            self.last = *self.places.entry(key).or_insert_with(|| {
                self.tables.push(Table::new(key, &self.resyncs, hash));
                self.tables.len() - 1
            });
        }
        &mut self.tables[self.last]
    }

    /// Returns the table of the last update, if it has this key.
    #[inline]
    pub(super) fn last_table(&self, key: &TableKey) -> Option<&Table<T>> {
        self.tables.get(self.last).filter(|table| table.key() == key)
    }

    /// Takes an event of a peer.
    pub(super) fn take_peer_event(&mut self, event: peer_event::Reader<'_>) -> Result<(), UnreadableRecord> {
        let peer = event.get_peer()?;
        let state = PeerState {
            sequence: event.get_sequence(),
            is_up: matches!(event.get_kind(), Ok(PeerEventKind::Up)),
            asn: peer.get_asn(),
        };
        let key = PeerKey {
            identity: identity_of(peer)?,
            view: view_of(peer.get_rib_view())?,
        };
        let known = self.peers.entry(key).or_insert(state);
        if state.sequence >= known.sequence {
            *known = state;
        }
        Ok(())
    }

    /// Takes an event of the router.
    pub(super) fn take_router_event(
        &mut self,
        event: router_event::Reader<'_>,
        counts: &mut Counts,
    ) -> Result<(), UnreadableRecord> {
        // A kind that a later schema has added says nothing that the tables need.
        let Ok(kind) = event.get_kind() else { return Ok(()) };
        let sequence = event.get_sequence();
        let state = match kind {
            RouterEventKind::SessionOpened | RouterEventKind::Initiation | RouterEventKind::Back => {
                RouterState::Open
            }
            RouterEventKind::Lost | RouterEventKind::Stale | RouterEventKind::Terminated => RouterState::Lost,
            RouterEventKind::ResyncBegin => {
                let scope = ResyncScope::of_event(event)?;
                self.begin_resync(scope, sequence, counts);
                return Ok(());
            }
            RouterEventKind::ResyncEnd => {
                let scope = ResyncScope::of_event(event)?;
                let floor = self.resyncs.end(scope, sequence);
                counts.resync_without_begin += u64::from(floor == 0);
                self.sweep(scope, floor, counts);
                return Ok(());
            }
        };
        if sequence >= self.state_sequence {
            (self.state, self.state_sequence) = (state, sequence);
        }
        Ok(())
    }

    fn begin_resync(&mut self, scope: ResyncScope, sequence: u64, counts: &mut Counts) {
        let floor = self.resyncs.begin(scope, sequence);
        for table in self.tables.iter_mut().filter(|table| scope.covers(table.key())) {
            table.begin_resync(sequence);
        }
        self.sweep(scope, floor, counts);
    }

    fn sweep(&mut self, scope: ResyncScope, floor: u64, counts: &mut Counts) {
        for table in self.tables.iter_mut().filter(|table| scope.covers(table.key())) {
            table.sweep(floor, counts);
        }
    }
}
