//! Scopes of resyncs.

use arancini_schema::table_key::{TableKey, identity_of, view_of};
use arancini_schema::update_capnp::{peer_identity, router_event};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::unreadable::UnreadableRecord;

/// A peer in one view, as a resync names it. The BGP identifier and the AS number do not matter: a peer that has changed
/// them is resynchronised with all its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ScopePeer {
    peer_type: u8,
    distinguisher: [u8; 8],
    address: [u8; 16],
    view: RibView,
}

/// The tables of a router that a resync covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    /// One peer in one view; all tables of the router if absent.
    peer: Option<ScopePeer>,
    /// One family; all if absent.
    family: Option<AfiSafi>,
}

impl Scope {
    /// Reads the scope of a resync event.
    pub(super) fn of_event(event: router_event::Reader<'_>) -> Result<Self, UnreadableRecord> {
        let peer = match event.has_peer() {
            true => Some(ScopePeer::read(event.get_peer()?)?),
            false => None,
        };
        let family = match event.get_has_family() {
            true => {
                let family = event.get_family()?;
                Some(AfiSafi::new(family.get_afi(), family.get_safi()))
            }
            false => None,
        };
        Ok(Self { peer, family })
    }

    /// Returns whether the resync covers a table.
    pub(super) fn covers(&self, table: &TableKey) -> bool {
        let peer = self.peer.is_none_or(|peer| {
            peer.peer_type == table.peer.peer_type
                && peer.distinguisher == table.peer.distinguisher
                && peer.address == table.peer.address
                && peer.view == table.view
        });
        peer && self.family.is_none_or(|family| family == table.family)
    }
}

impl ScopePeer {
    fn read(peer: peer_identity::Reader<'_>) -> Result<Self, UnreadableRecord> {
        let identity = identity_of(peer)?;
        Ok(Self {
            peer_type: identity.peer_type,
            distinguisher: identity.distinguisher,
            address: identity.address,
            view: view_of(peer.get_rib_view())?,
        })
    }
}

/// How many begins, and how many ends, are remembered for each scope. More are needed only if more resyncs than this overlap.
const REMEMBERED: usize = 8;

/// The resyncs of one scope.
#[derive(Debug)]
struct ScopeState {
    scope: Scope,
    /// Sequence numbers of the last `resyncBegin` events.
    begins: Vec<u64>,
    /// Sequence numbers of the last `resyncEnd` events.
    ends: Vec<u64>,
}

impl ScopeState {
    /// Returns the sequence number below which routes are gone: the last begin that has an end behind it.
    fn floor(&self) -> u64 {
        let last_end = self.ends.iter().copied().max().unwrap_or(0);
        let ended = self.begins.iter().copied().filter(|begin| *begin < last_end);
        ended.max().unwrap_or(0)
    }

    fn last_begin(&self) -> u64 {
        self.begins.iter().copied().max().unwrap_or(0)
    }
}

/// The resyncs of a router.
#[derive(Debug, Default)]
pub(super) struct Resyncs {
    /// One entry per scope that the collector has used. There is hardly ever more than one.
    scopes: Vec<ScopeState>,
}

impl Resyncs {
    /// Takes a `resyncBegin`. Returns the sequence number below which routes are gone; it has risen if the end has arrived
    /// before the begin.
    pub(super) fn begin(&mut self, scope: Scope, sequence: u64) -> u64 {
        let state = self.state(scope);
        remember(&mut state.begins, sequence);
        state.floor()
    }

    /// Takes a `resyncEnd`. Returns the sequence number below which routes are gone; 0 if no begin before the end has been
    /// taken.
    pub(super) fn end(&mut self, scope: Scope, sequence: u64) -> u64 {
        let state = self.state(scope);
        remember(&mut state.ends, sequence);
        state.floor()
    }

    /// Returns the sequence number below which a table's updates came before a resync that is over.
    pub(super) fn floor_of(&self, table: &TableKey) -> u64 {
        let covering = self.scopes.iter().filter(|state| state.scope.covers(table));
        covering.map(ScopeState::floor).max().unwrap_or(0)
    }

    /// Returns the sequence number of the last `resyncBegin` of a table.
    pub(super) fn begin_of(&self, table: &TableKey) -> u64 {
        let covering = self.scopes.iter().filter(|state| state.scope.covers(table));
        covering.map(ScopeState::last_begin).max().unwrap_or(0)
    }

    /// Returns whether a resync has begun and is not over.
    pub(super) fn is_open(&self) -> bool {
        self.scopes.iter().any(|state| state.last_begin() > state.floor())
    }

    fn state(&mut self, scope: Scope) -> &mut ScopeState {
        let known = self.scopes.iter().position(|state| state.scope == scope);
        let index = known.unwrap_or_else(|| {
            self.scopes.push(ScopeState {
                scope,
                begins: Vec::new(),
                ends: Vec::new(),
            });
            self.scopes.len() - 1
        });
        &mut self.scopes[index]
    }
}

/// Adds a sequence number, and forgets the lowest if there are too many.
fn remember(sequences: &mut Vec<u64>, sequence: u64) {
    if sequences.contains(&sequence) {
        return;
    }
    sequences.push(sequence);
    if sequences.len() > REMEMBERED {
        sequences.sort_unstable();
        sequences.remove(0);
    }
}
