//! The resyncs of a router, by their scopes.

use arancini_schema::resync_scope::ResyncScope;
use arancini_schema::table_key::TableKey;

/// How many begins, and how many ends, are remembered for each scope. More are needed only if more resyncs than this overlap.
const REMEMBERED: usize = 8;

/// The resyncs of one scope.
#[derive(Debug)]
struct ScopeState {
    scope: ResyncScope,
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
    /// Sequence number of the last `resyncBegin` before messages went missing; `None` if none are missing.
    gap: Option<u64>,
}

impl Resyncs {
    /// Creates the resyncs of a router of which the reader has missed messages.
    pub(super) fn behind_a_gap() -> Self {
        Self {
            gap: Some(0),
            ..Self::default()
        }
    }

    /// Notes that messages are missing before the next one: only a resync that begins from now on makes tables whole.
    pub(super) fn note_gap(&mut self) {
        let begins = self.scopes.iter().map(ScopeState::last_begin);
        self.gap = Some(begins.max().unwrap_or(0));
    }

    /// Returns whether no message is missing, or a resync of the whole router has come since.
    pub(super) fn is_whole(&self) -> bool {
        self.gap.is_none_or(|gap| self.whole_router_floor() > gap)
    }

    /// Returns whether no message is missing, or a resync that covers the table has come since.
    pub(super) fn is_whole_for(&self, table: &TableKey) -> bool {
        self.gap.is_none_or(|gap| self.floor_of(table) > gap)
    }

    /// Takes a `resyncBegin`. Returns the sequence number below which routes are gone; it has risen if the end has arrived
    /// before the begin.
    pub(super) fn begin(&mut self, scope: ResyncScope, sequence: u64) -> u64 {
        let state = self.state(scope);
        remember(&mut state.begins, sequence);
        state.floor()
    }

    /// Takes a `resyncEnd`. Returns the sequence number below which routes are gone; 0 if no begin before the end has been
    /// taken.
    pub(super) fn end(&mut self, scope: ResyncScope, sequence: u64) -> u64 {
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

    /// Returns whether a resync has begun and is not over. The end of a resync of the whole router also ends those of its parts
    /// that began before.
    pub(super) fn is_open(&self) -> bool {
        let ended = self.whole_router_floor();
        let open = |state: &ScopeState| state.last_begin() > state.floor().max(ended);
        self.scopes.iter().any(open)
    }

    fn whole_router_floor(&self) -> u64 {
        let whole = self.scopes.iter();
        let whole = whole.filter(|state| state.scope == ResyncScope::WHOLE_ROUTER);
        whole.map(ScopeState::floor).max().unwrap_or(0)
    }

    fn state(&mut self, scope: ResyncScope) -> &mut ScopeState {
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
