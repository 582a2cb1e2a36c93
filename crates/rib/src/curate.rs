//! What consumers have to hear of: the table of SPEC §5, and routes that go without a word.
//!
//! Every entry carries the **epoch** in which it was last announced. A lost session begins a new epoch: the entries
//! of older ones are *stale*, still known to consumers, and become current again by being announced again. What must
//! go (Peer Down, End-of-RIB after a lost session, a session that did not come back) is *doomed*: all entries below
//! an epoch, withdrawn in slices by [`CuratedTable::sweep`]. An announce that meets a doomed entry before the sweep
//! does is a withdraw and an announce, so the stream reads as if the sweep had happened at once.

use crate::key::{KeyShape, RouteKey, part};
use crate::opaque::OpaqueTable;
use crate::store::{Store, each_unicast, ipv4_key, ipv6_key, vpn4_key, vpn6_key, with_key};
use crate::table::{MAXIMUM_EPOCH, Table, Value};

/// Stands for the fingerprint of a route of which it is not known what consumers believe: no announce is taken for a
/// repetition of it, in any mode (presence keeps 0, and an attribute fingerprint that has this value by chance is passed
/// on every time).
pub const DOUBT: u64 = u64::MAX;

/// How much of a route is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CurationMode {
    /// A change of any attribute is an update.
    #[default]
    Attributes,
    /// Only presence counts, as in Risotto.
    Presence,
    /// Nothing is remembered, everything goes through.
    Off,
}

/// Why routes that nobody withdrew are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// The router reported its peer down.
    PeerDown,
    /// The router's BMP session ended and did not come back in time.
    SessionLost,
    /// The router dumped its table anew and the route was not in it.
    NotReannounced,
}

/// What to do with an announce or a withdraw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Consumers know it already.
    Suppress,
    /// Consumers have to hear it.
    Emit,
    /// Consumers have to hear first that the route had gone, then this.
    EmitAfterWithdraw(Doom),
}

/// One table of a router: one peer, one RIB view, one family, with path identifiers or without.
pub struct CuratedTable {
    store: Store,
    with_path_ids: bool,
    mode: CurationMode,
    /// The epoch new entries get.
    epoch: u32,
    /// Entries of epochs below this one are doomed.
    doomed_below: u32,
    doom: Doom,
    /// Where the sweep of the doomed goes on; `None` when there is nothing to sweep.
    sweep_cursor: Option<usize>,
    /// Stale entries that were announced again, ever.
    refreshed: u64,
}

/// Judges announces with one and the same fingerprint.
struct Judge {
    /// What is stored.
    value: Value,
    doomed_below: u32,
    doom: Doom,
    /// How many of the routes were stale.
    refreshed: u64,
}

impl Judge {
    /// What the announce means of a route of which this was stored before.
    #[inline]
    const fn verdict(&mut self, before: Option<Value>) -> Verdict {
        let Some(before) = before else {
            return Verdict::Emit;
        };
        if before.epoch != self.value.epoch {
            self.refreshed += 1;
        }
        if before.epoch < self.doomed_below {
            Verdict::EmitAfterWithdraw(self.doom)
        } else if before.fingerprint == self.value.fingerprint && before.fingerprint != DOUBT {
            Verdict::Suppress
        } else {
            Verdict::Emit
        }
    }
}

impl Verdict {
    /// What the withdraw means of a route of which this was stored before.
    #[inline]
    const fn of_withdraw(before: Option<Value>) -> Self {
        match before {
            Some(_) => Self::Emit,
            None => Self::Suppress,
        }
    }
}

impl CuratedTable {
    /// An empty table for keys of this shape.
    #[must_use]
    pub fn new(shape: KeyShape, with_path_ids: bool, mode: CurationMode) -> Self {
        let store = match (shape, with_path_ids) {
            (KeyShape::Ipv4, false) => Store::Ipv4(Table::default()),
            (KeyShape::Ipv4, true) => Store::Ipv4Path(Table::default()),
            (KeyShape::Ipv6, false) => Store::Ipv6(Table::default()),
            (KeyShape::Ipv6, true) => Store::Ipv6Path(Table::default()),
            (KeyShape::Vpn4, _) => Store::Vpn4(Table::default()),
            (KeyShape::Vpn6, _) => Store::Vpn6(Table::default()),
            (KeyShape::Opaque, _) => Store::Opaque(OpaqueTable::default()),
        };
        Self {
            store,
            with_path_ids,
            mode,
            epoch: 1,
            doomed_below: 1,
            doom: Doom::NotReannounced,
            sweep_cursor: None,
            refreshed: 0,
        }
    }

    /// Whether the keys of this table carry path identifiers.
    #[must_use]
    pub const fn with_path_ids(&self) -> bool {
        self.with_path_ids
    }

    /// How many routes consumers believe to be there.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.store {
            Store::Ipv4(table) => table.len(),
            Store::Ipv4Path(table) => table.len(),
            Store::Ipv6(table) => table.len(),
            Store::Ipv6Path(table) => table.len(),
            Store::Vpn4(table) => table.len(),
            Store::Vpn6(table) => table.len(),
            Store::Opaque(table) => table.len(),
        }
    }

    /// Whether consumers believe the table to be empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether memory of routes that are gone waits to be given back by [`Self::sweep`].
    const fn has_remains(&self) -> bool {
        match &self.store {
            Store::Ipv4(table) => table.has_remains(),
            Store::Ipv4Path(table) => table.has_remains(),
            Store::Ipv6(table) => table.has_remains(),
            Store::Ipv6Path(table) => table.has_remains(),
            Store::Vpn4(table) => table.has_remains(),
            Store::Vpn6(table) => table.has_remains(),
            Store::Opaque(table) => table.has_remains(),
        }
    }

    /// Bytes allocated for the routes. Walks the table's segments: for scrapes and tests, not for the hot path.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        match &self.store {
            Store::Ipv4(table) => table.allocated_bytes(),
            Store::Ipv4Path(table) => table.allocated_bytes(),
            Store::Ipv6(table) => table.allocated_bytes(),
            Store::Ipv6Path(table) => table.allocated_bytes(),
            Store::Vpn4(table) => table.allocated_bytes(),
            Store::Vpn6(table) => table.allocated_bytes(),
            Store::Opaque(table) => table.allocated_bytes(),
        }
    }

    /// The fingerprint kept of a route.
    #[must_use]
    pub fn fingerprint(&self, key: &RouteKey<'_>) -> Option<u64> {
        let value = with_key!(
            &self.store,
            key,
            |table, bytes| table.get(bytes),
            |table, nlri, path_id| table.get(nlri, path_id),
            None
        );
        value.map(|value| value.fingerprint)
    }

    /// A route is about to be announced or withdrawn: what will be read first is fetched, without waiting for it.
    #[inline]
    pub fn prefetch(&self, key: &RouteKey<'_>) {
        with_key!(
            &self.store,
            key,
            |table, bytes| {
                table.prefetch_head(bytes);
            },
            |_table, _nlri, _path_id| {},
            {}
        );
    }

    /// A route was announced with attributes of this fingerprint.
    #[inline]
    pub fn announce(&mut self, key: &RouteKey<'_>, fingerprint: u64) -> Verdict {
        let Some(mut judge) = self.judge(fingerprint) else {
            return Verdict::Emit;
        };
        let before = with_key!(
            &mut self.store,
            key,
            |table, bytes| table.insert(bytes, judge.value),
            |table, nlri, path_id| table.insert(nlri, path_id, judge.value),
            None
        );
        let verdict = judge.verdict(before);
        self.refreshed += judge.refreshed;
        verdict
    }

    /// [`Self::announce`] of many routes, one after the other. The memory of unicast prefixes is fetched ahead.
    #[inline]
    pub fn announce_each(
        &mut self,
        keys: impl Iterator<Item = RouteKey<'static>>,
        fingerprint: u64,
        mut told: impl FnMut(RouteKey<'_>, Verdict),
    ) {
        let Some(mut judge) = self.judge(fingerprint) else {
            return keys.for_each(|key| told(key, Verdict::Emit));
        };
        let value = judge.value;
        each_unicast!(
            &mut self.store,
            keys,
            |table, bytes, hash, key| told(key, judge.verdict(table.insert_hashed(bytes, hash, value))),
            |key| told(key, self.announce(&key, fingerprint))
        );
        self.refreshed += judge.refreshed;
    }

    /// What an announce with this fingerprint stores, and what it means; `None` if nothing is remembered.
    #[inline]
    const fn judge(&self, fingerprint: u64) -> Option<Judge> {
        let fingerprint = match self.mode {
            CurationMode::Attributes => fingerprint,
            CurationMode::Presence => 0,
            CurationMode::Off => return None,
        };
        Some(Judge {
            value: Value {
                fingerprint,
                epoch: self.epoch,
            },
            doomed_below: self.doomed_below,
            doom: self.doom,
            refreshed: 0,
        })
    }

    /// A route was withdrawn. If it was the last of many, their memory is given back with what comes next: the announces of
    /// new routes, or the sweep of [`Self::doom_stale`].
    #[inline]
    pub fn withdraw(&mut self, key: &RouteKey<'_>) -> Verdict {
        if self.mode == CurationMode::Off {
            return Verdict::Emit;
        }
        let before = with_key!(
            &mut self.store,
            key,
            |table, bytes| table.remove(bytes),
            |table, nlri, path_id| table.remove(nlri, path_id),
            None
        );
        Verdict::of_withdraw(before)
    }

    /// [`Self::withdraw`] of many routes, one after the other. The memory of unicast prefixes is fetched ahead.
    #[inline]
    pub fn withdraw_each(
        &mut self,
        keys: impl Iterator<Item = RouteKey<'static>>,
        mut told: impl FnMut(RouteKey<'_>, Verdict),
    ) {
        if self.mode == CurationMode::Off {
            return keys.for_each(|key| told(key, Verdict::Emit));
        }
        each_unicast!(
            &mut self.store,
            keys,
            |table, bytes, hash, key| told(key, Verdict::of_withdraw(table.remove_hashed(bytes, hash))),
            |key| told(key, self.withdraw(&key))
        );
    }

    /// What was to be said of this route did not reach consumers, announce or withdraw: from now on the next announce and
    /// the next withdraw pass, and if neither comes with the next dump, it is withdrawn like any route that was not in it.
    ///
    /// A route that is there stays as fresh as it is: the router did announce it. One that is not (its withdraw was lost)
    /// is stale at once, if there was an epoch before: a dump that is under way already may find it gone.
    pub fn doubt(&mut self, key: &RouteKey<'_>) {
        if self.mode == CurationMode::Off {
            return;
        }
        let known = with_key!(
            &self.store,
            key,
            |table, bytes| table.get(bytes),
            |table, nlri, path_id| table.get(nlri, path_id),
            None
        );
        let stale = (self.epoch - 1).max(self.doomed_below).min(self.epoch);
        let value = Value {
            fingerprint: DOUBT,
            epoch: known.map_or(stale, |value| value.epoch),
        };
        with_key!(
            &mut self.store,
            key,
            |table, bytes| table.insert(bytes, value),
            |table, nlri, path_id| table.insert(nlri, path_id, value),
            None
        );
    }

    /// How many stale routes were announced again, ever. While a router dumps its table anew, this rises.
    #[must_use]
    pub const fn refreshed(&self) -> u64 {
        self.refreshed
    }

    /// From now on every route has to be announced again to count as current.
    pub fn mark_stale(&mut self) {
        if self.is_empty() {
            return;
        }
        if self.epoch == MAXIMUM_EPOCH {
            // Sixteen million lost sessions without a finished sweep: nothing here was announced for a long time.
            self.doom_stale(Doom::NotReannounced);
            while self.sweep_cursor.is_some() {
                self.sweep(|_| {});
            }
            self.epoch = 0;
            self.doomed_below = 1;
        }
        self.epoch += 1;
    }

    /// Every route that was not announced since the last [`Self::mark_stale`] is gone.
    pub fn doom_stale(&mut self, doom: Doom) {
        if self.doomed_below < self.epoch && !self.is_empty() {
            self.doomed_below = self.epoch;
            self.doom = doom;
            self.sweep_cursor = Some(0);
        } else if self.is_empty() && self.has_remains() {
            self.sweep_cursor = Some(0);
        }
    }

    /// Every route is gone.
    pub fn doom_all(&mut self, doom: Doom) {
        self.mark_stale();
        self.doom_stale(doom);
    }

    /// Whether [`Self::sweep`] has something left to do.
    #[must_use]
    pub const fn needs_sweep(&self) -> bool {
        self.sweep_cursor.is_some()
    }

    /// Why the routes that [`Self::sweep`] hands out are gone.
    #[must_use]
    pub const fn doom(&self) -> Doom {
        self.doom
    }

    /// Removes a slice of the doomed routes (some segments, 320 routes at most where nobody chose them) and hands each to `gone`;
    /// when they are all gone and the table is empty, gives some of its memory back. Returns whether there is more to do.
    pub fn sweep(&mut self, mut gone: impl FnMut(RouteKey<'_>)) -> bool {
        let Some(cursor) = self.sweep_cursor else {
            return false;
        };
        let doomed_below = self.doomed_below;
        let doomed = |value: Value| value.epoch < doomed_below;
        let with_path_ids = self.with_path_ids;
        let path = |bytes: [u8; 4]| with_path_ids.then(|| u32::from_be_bytes(bytes));
        self.sweep_cursor = match &mut self.store {
            Store::Ipv4(table) => table.sweep(cursor, doomed, |key, _| gone(ipv4_key(key, None))),
            Store::Ipv4Path(table) => {
                table.sweep(cursor, doomed, |key, _| gone(ipv4_key(key, path(part(key, 5)))))
            }
            Store::Ipv6(table) => table.sweep(cursor, doomed, |key, _| gone(ipv6_key(key, None))),
            Store::Ipv6Path(table) => {
                table.sweep(cursor, doomed, |key, _| gone(ipv6_key(key, path(part(key, 17)))))
            }
            Store::Vpn4(table) => {
                table.sweep(cursor, doomed, |key, _| gone(vpn4_key(key, path(part(key, 5)))))
            }
            Store::Vpn6(table) => {
                table.sweep(cursor, doomed, |key, _| gone(vpn6_key(key, path(part(key, 17)))))
            }
            Store::Opaque(table) => table.sweep(cursor, doomed, |nlri, path_id| {
                gone(RouteKey::Opaque { nlri, path_id })
            }),
        };
        self.sweep_cursor.is_some()
    }

    /// Visits the routes of one slice, for look-ups and snapshots; `None` behind the last slice. A walk starts at 0.
    pub fn visit(&self, cursor: usize, mut visit: impl FnMut(RouteKey<'_>, u64)) -> Option<usize> {
        let with_path_ids = self.with_path_ids;
        let path = |bytes: [u8; 4]| with_path_ids.then(|| u32::from_be_bytes(bytes));
        match &self.store {
            Store::Ipv4(table) => table.visit(cursor, |key, v| visit(ipv4_key(key, None), v.fingerprint)),
            Store::Ipv4Path(table) => table.visit(cursor, |key, v| {
                visit(ipv4_key(key, path(part(key, 5))), v.fingerprint)
            }),
            Store::Ipv6(table) => table.visit(cursor, |key, v| visit(ipv6_key(key, None), v.fingerprint)),
            Store::Ipv6Path(table) => table.visit(cursor, |key, v| {
                visit(ipv6_key(key, path(part(key, 17))), v.fingerprint)
            }),
            Store::Vpn4(table) => table.visit(cursor, |key, v| {
                visit(vpn4_key(key, path(part(key, 5))), v.fingerprint)
            }),
            Store::Vpn6(table) => table.visit(cursor, |key, v| {
                visit(vpn6_key(key, path(part(key, 17))), v.fingerprint)
            }),
            Store::Opaque(table) => table.visit(cursor, |nlri, path_id, v| {
                visit(RouteKey::Opaque { nlri, path_id }, v.fingerprint)
            }),
        }
    }

    /// Forgets every route, without a word. What they lay in is given back with what comes next, as after a withdraw.
    pub fn clear(&mut self) {
        match &mut self.store {
            Store::Ipv4(table) => table.clear(),
            Store::Ipv4Path(table) => table.clear(),
            Store::Ipv6(table) => table.clear(),
            Store::Ipv6Path(table) => table.clear(),
            Store::Vpn4(table) => table.clear(),
            Store::Vpn6(table) => table.clear(),
            Store::Opaque(table) => table.clear(),
        }
        self.epoch = 1;
        self.doomed_below = 1;
        self.sweep_cursor = None;
        self.refreshed = 0;
    }
}
