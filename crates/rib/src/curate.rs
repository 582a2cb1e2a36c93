//! A table that knows what consumers know, and the epochs of its routes.
//!
//! Each entry carries the **epoch** in which it was last announced. A lost session begins a new epoch. Entries of older
//! epochs are *stale*: consumers still have them, and an announce makes them current again. Entries that must go (after a
//! Peer Down, after End-of-RIB, or when a session did not come back) are *doomed*: all entries below an epoch.
//! [`CuratedTable::sweep`] withdraws doomed entries in slices. An announce that finds its route doomed and not swept yet
//! publishes the withdraw first, so the stream reads as if the sweep had happened at once.

use crate::comparison::Comparison;
use crate::curation::{Curation, CurationMode, Doom};
use crate::entry::{DOUBT, MAXIMUM_EPOCH, Value};
use crate::held::{Held, Standing, fingerprint_of};
use crate::keep::{Announced, Fingerprints, Keep, NewValue};
use crate::key::{KeyShape, RouteKey, part};
use crate::opaque::OpaqueTable;
use crate::sets::{AttributeSets, Round};
use crate::store::{Store, StoredKey, each_batch, ipv4_key, ipv6_key, vpn4_key, vpn6_key, with_key};
use crate::table::Table;

/// Routes of one peer, RIB view and family, all with path identifiers or all without.
pub struct CuratedTable {
    pub(crate) store: Store,
    pub(crate) has_path_ids: bool,
    mode: CurationMode,
    /// The epoch of new entries.
    epoch: u32,
    /// Entries of epochs below this one are doomed.
    pub(crate) doomed_below: u32,
    /// Entries of epochs below this one are in doubt ([`Self::doubt_all`]).
    pub(crate) doubted_below: u32,
    doom: Doom,
    /// Where the sweep continues; `None` when there is nothing to sweep.
    sweep_cursor: Option<usize>,
    /// See [`Self::refreshed`].
    refreshed: u64,
}

impl CuratedTable {
    /// Makes an empty table for keys of this shape, without path identifiers.
    #[must_use]
    pub fn new(shape: KeyShape, mode: CurationMode) -> Self {
        let store = match shape {
            KeyShape::Ipv4 => Store::Ipv4(Table::default()),
            KeyShape::Ipv6 => Store::Ipv6(Table::default()),
            KeyShape::Vpn4 => Store::Vpn4(Table::default()),
            KeyShape::Vpn6 => Store::Vpn6(Table::default()),
            KeyShape::Opaque => Store::Opaque(OpaqueTable::default()),
        };
        Self::of(store, mode)
    }

    /// Makes an empty table for keys of this shape, with path identifiers (RFC 7911).
    #[must_use]
    pub fn with_path_ids(shape: KeyShape, mode: CurationMode) -> Self {
        let store = match shape {
            KeyShape::Ipv4 => Store::Ipv4Path(Table::default()),
            KeyShape::Ipv6 => Store::Ipv6Path(Table::default()),
            KeyShape::Vpn4 => Store::Vpn4(Table::default()),
            KeyShape::Vpn6 => Store::Vpn6(Table::default()),
            KeyShape::Opaque => Store::Opaque(OpaqueTable::default()),
        };
        Self {
            has_path_ids: true,
            ..Self::of(store, mode)
        }
    }

    const fn of(store: Store, mode: CurationMode) -> Self {
        Self {
            store,
            has_path_ids: false,
            mode,
            epoch: 1,
            doomed_below: 1,
            doubted_below: 1,
            doom: Doom::NotReannounced,
            sweep_cursor: None,
            refreshed: 0,
        }
    }

    /// Whether the keys of this table carry path identifiers.
    #[must_use]
    pub const fn has_path_ids(&self) -> bool {
        self.has_path_ids
    }

    /// Number of routes that consumers have.
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

    /// Whether consumers have no route of this table.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether [`Self::sweep`] has memory of removed routes to free.
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

    /// Number of bytes allocated for the routes. Walks the table's segments, so it is for scrapes and tests only.
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

    /// The shape of this table's keys.
    #[must_use]
    pub const fn shape(&self) -> KeyShape {
        match &self.store {
            Store::Ipv4(_) | Store::Ipv4Path(_) => KeyShape::Ipv4,
            Store::Ipv6(_) | Store::Ipv6Path(_) => KeyShape::Ipv6,
            Store::Vpn4(_) => KeyShape::Vpn4,
            Store::Vpn6(_) => KeyShape::Vpn6,
            Store::Opaque(_) => KeyShape::Opaque,
        }
    }

    /// Looks up the fingerprint of a route. `sets`: the sets that the table names, if it does.
    #[must_use]
    pub fn fingerprint(&self, key: &RouteKey<'_>, sets: Option<&AttributeSets>) -> Option<u64> {
        self.value(key).map(|value| fingerprint_of(value, sets))
    }

    /// Looks up a route, with its standing.
    #[must_use]
    pub fn get(&self, key: &RouteKey<'_>) -> Option<Held> {
        self.value(key).map(|value| self.held(value))
    }

    /// Looks up what the table keeps of a route.
    fn value(&self, key: &RouteKey<'_>) -> Option<Value> {
        with_key!(
            &self.store,
            key,
            |table, bytes| table.get(bytes),
            |table, identity, _nlri, _path_id| table.get(identity),
            None
        )
    }

    pub(crate) const fn held(&self, value: Value) -> Held {
        let standing = if value.epoch < self.doomed_below {
            Standing::Doomed
        } else if value.epoch < self.epoch {
            Standing::Stale
        } else {
            Standing::Current
        };
        Held {
            word: value.fingerprint,
            standing,
        }
    }

    /// Prefetches the memory that an announce or a withdraw of this route reads first.
    #[inline]
    pub fn prefetch(&self, key: &RouteKey<'_>) {
        with_key!(
            &self.store,
            key,
            |table, bytes| {
                table.prefetch_head(bytes);
            },
            |_table, _identity, _nlri, _path_id| {},
            {}
        );
    }

    /// Prefetches the memory that an announce or a withdraw of each of these routes reads first. The keys are given as to
    /// [`Self::announce_batch`].
    #[inline]
    pub fn prefetch_batch<const N: usize>(&self, keys: &[[u8; N]])
    where
        [u8; N]: StoredKey<N>,
    {
        if let Some(table) = <[u8; N]>::table(&self.store) {
            for key in keys {
                table.prefetch_head(key);
            }
        }
    }

    /// Prefetches what an announce of this route reads next, after [`Self::prefetch_batch`] for its key: its entry, or the place
    /// that it will have.
    #[inline]
    pub fn prefetch_entry<const N: usize>(&self, key: &[u8; N])
    where
        [u8; N]: StoredKey<N>,
    {
        if let Some(table) = <[u8; N]>::table(&self.store) {
            table.prefetch_entry(key);
        }
    }

    /// Curates the announce of a route with these attributes: a fingerprint, or a set
    /// ([`Retained`](crate::Retained)).
    #[inline]
    pub fn announce(&mut self, key: &RouteKey<'_>, mut announced: impl Announced) -> Curation {
        self.announce_one(key, &mut announced)
    }

    #[inline(always)]
    fn announce_one(&mut self, key: &RouteKey<'_>, announced: &mut impl Announced) -> Curation {
        let Some(mut comparison) = self.comparison(self.value_of(announced)) else {
            return Curation::Emit;
        };
        let before = with_key!(
            &mut self.store,
            key,
            |table, bytes| table.insert(bytes, comparison.value),
            |table, identity, nlri, path_id| table.insert(identity, nlri, path_id, comparison.value),
            None
        );
        let curation = comparison.curate(before);
        announced.replaces(before);
        self.refreshed += comparison.refreshed;
        curation
    }

    /// Curates announces of many routes in their order, as [`Self::announce`] does. Looks up
    /// several routes together.
    #[inline]
    pub fn announce_each(
        &mut self,
        keys: impl Iterator<Item = RouteKey<'static>>,
        mut announced: impl Announced,
        mut curated: impl FnMut(RouteKey<'_>, Curation),
    ) {
        let Some(mut comparison) = self.comparison(self.value_of(&announced)) else {
            return keys.for_each(|key| curated(key, Curation::Emit));
        };
        let value = comparison.value;
        each_batch!(
            &mut self.store,
            keys,
            self.has_path_ids,
            |table, batch, key| table.insert_batch(
                batch,
                |_| value,
                |number, before| {
                    curated(key(&batch[number]), comparison.curate(before));
                    announced.replaces(before);
                }
            ),
            |key| curated(key, self.announce_one(&key, &mut announced))
        );
        self.refreshed += comparison.refreshed;
    }

    /// Curates announces of many routes in their order, as [`Self::announce`] does. All routes have the same attributes.
    ///
    /// A key is given as the bytes that the table stores ([`StoredKey`]), and its path identifier and its shape have to be those
    /// of this table. `curated` gets the index of each key and what consumers have to hear of it.
    #[inline]
    pub fn announce_batch<const N: usize>(
        &mut self,
        keys: &[[u8; N]],
        mut announced: impl Announced,
        curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        let value = self.value_of(&announced);
        self.announce_kept(keys, |_| value, |before| announced.replaces(before), curated);
    }

    /// Curates announces as [`Self::announce_batch`] does, with a fingerprint for each index of `keys`.
    ///
    /// The routes of one UPDATE have different fingerprints if they have labels.
    #[inline]
    pub fn announce_labelled_batch<const N: usize>(
        &mut self,
        keys: &[[u8; N]],
        fingerprint: impl Fn(usize) -> u64,
        curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        let (mode, epoch) = (self.mode, self.epoch);
        let value = |number| Value {
            fingerprint: mode.kept(fingerprint(number)),
            epoch,
        };
        self.announce_kept(keys, value, |_| {}, curated);
    }

    /// Curates announces with the value that the table keeps for each index of `keys`. Hands the former value of each route to
    /// `replaced`.
    #[inline(always)]
    fn announce_kept<const N: usize, V: NewValue>(
        &mut self,
        keys: &[[u8; N]],
        value: impl Fn(usize) -> V,
        mut replaced: impl FnMut(Option<Value>),
        mut curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        let compared = self.comparison(value(0));
        let (Some(mut comparison), Some(table)) = (compared, <[u8; N]>::table_mut(&mut self.store)) else {
            return (0..keys.len()).for_each(|number| curated(number, Curation::Emit));
        };
        table.insert_batch(keys, &value, |number, before| {
            comparison.value = value(number);
            curated(number, comparison.curate(before));
            replaced(before);
        });
        self.refreshed += comparison.refreshed;
    }

    /// Curates withdraws of many routes in their order, as [`Self::withdraw`] does. The keys are given as to
    /// [`Self::announce_batch`].
    #[inline]
    pub fn withdraw_batch<const N: usize>(
        &mut self,
        keys: &[[u8; N]],
        keep: &mut impl Keep,
        mut curated: impl FnMut(usize, Curation),
    ) where
        [u8; N]: StoredKey<N>,
    {
        let table = match self.mode {
            CurationMode::Off => None,
            _ => <[u8; N]>::table_mut(&mut self.store),
        };
        let Some(table) = table else {
            return (0..keys.len()).for_each(|number| curated(number, Curation::Emit));
        };
        table.remove_batch(keys, |number, before| {
            curated(number, Curation::of_withdraw(before));
            if let Some(before) = before {
                keep.lost(before);
            }
        });
    }

    /// Routes of epochs below this one are doomed or in doubt: their announces are published in any case.
    #[inline]
    pub(crate) const fn published_below(&self) -> u32 {
        if self.doomed_below > self.doubted_below {
            self.doomed_below
        } else {
            self.doubted_below
        }
    }

    /// What the table stores for an announce with these attributes.
    #[inline]
    fn value_of<A: Announced>(&self, announced: &A) -> A::Value {
        announced.value(self.mode, self.epoch, self.published_below())
    }

    /// The comparison for announces that store this value; `None` if the table remembers nothing.
    #[inline]
    const fn comparison<V: NewValue>(&self, value: V) -> Option<Comparison<V>> {
        if matches!(self.mode, CurationMode::Off) {
            return None;
        }
        Some(Comparison {
            value,
            epoch: self.epoch,
            doomed_below: self.doomed_below,
            published_below: self.published_below(),
            doom: self.doom,
            refreshed: 0,
        })
    }

    /// Curates the withdraw of a route. If the table is empty then, announces of new routes and the sweep after
    /// [`Self::doom_stale`] free its memory.
    #[inline]
    pub fn withdraw(&mut self, key: &RouteKey<'_>, keep: &mut impl Keep) -> Curation {
        if self.mode == CurationMode::Off {
            return Curation::Emit;
        }
        let before = with_key!(
            &mut self.store,
            key,
            |table, bytes| table.remove(bytes),
            |table, identity, _nlri, _path_id| table.remove(identity),
            None
        );
        if let Some(before) = before {
            keep.lost(before);
        }
        Curation::of_withdraw(before)
    }

    /// Curates withdraws of many routes in their order, as [`Self::withdraw`] does. Looks up
    /// several routes together.
    #[inline]
    pub fn withdraw_each(
        &mut self,
        keys: impl Iterator<Item = RouteKey<'static>>,
        keep: &mut impl Keep,
        mut curated: impl FnMut(RouteKey<'_>, Curation),
    ) {
        if self.mode == CurationMode::Off {
            return keys.for_each(|key| curated(key, Curation::Emit));
        }
        each_batch!(
            &mut self.store,
            keys,
            self.has_path_ids,
            |table, batch, key| table.remove_batch(batch, |number, before| {
                curated(key(&batch[number]), Curation::of_withdraw(before));
                if let Some(before) = before {
                    keep.lost(before);
                }
            }),
            |key| curated(key, self.withdraw(&key, keep))
        );
    }

    /// Marks a route whose last announce or withdraw did not reach consumers.
    ///
    /// The next announce and the next withdraw of the route are published. If the next dump has neither, the route is
    /// withdrawn like any other route that is missing in a dump.
    ///
    /// A route of the table keeps its epoch, since the router did announce it. A route that is not in the table (its
    /// withdraw was lost) becomes a stale route, if there was an earlier epoch: a dump that already runs may not have it.
    pub fn doubt(&mut self, key: &RouteKey<'_>, keep: &mut impl Keep) {
        if self.mode == CurationMode::Off {
            return;
        }
        let known = self.value(key);
        let stale = (self.epoch - 1).max(self.doomed_below).min(self.epoch);
        let value = Value {
            fingerprint: DOUBT,
            epoch: known.map_or(stale, |value| value.epoch),
        };
        with_key!(
            &mut self.store,
            key,
            |table, bytes| table.insert(bytes, value),
            |table, identity, nlri, path_id| table.insert(identity, nlri, path_id, value),
            None
        );
        if let Some(before) = known {
            keep.lost(before);
        }
    }

    /// Puts a route back as a snapshot has it. A route that was in doubt is in doubt again, in every mode. The table is one of
    /// fingerprints, until [`Self::retain`].
    pub fn restore(&mut self, key: &RouteKey<'_>, fingerprint: u64) {
        self.announce(key, fingerprint);
        if fingerprint == DOUBT {
            self.doubt(key, &mut Fingerprints);
        }
    }

    /// Makes a table of sets of a table of fingerprints. O(number of routes), for routers that are adopted. `known`: sets whose
    /// octets are known, as those of a snapshot.
    pub fn retain(&mut self, sets: &mut AttributeSets, known: Option<&AttributeSets>) {
        let mut buffer = Vec::new();
        self.change_all(&mut |Value { fingerprint, epoch }| {
            let set = sets.find_or_add(fingerprint, || {
                let known = known?;
                known.content(known.find(fingerprint)?, &mut buffer)
            });
            sets.gained(set, 1);
            Value {
                fingerprint: set.word(0, Round::default()),
                epoch,
            }
        });
    }

    /// Number of stale routes that were announced again since the table was made. Rises while a router dumps its table anew.
    #[must_use]
    pub const fn refreshed(&self) -> u64 {
        self.refreshed
    }

    /// Begins a new epoch: every route has to be announced again to be current.
    pub fn mark_stale(&mut self) {
        if self.is_empty() {
            return;
        }
        if self.epoch == MAXIMUM_EPOCH {
            self.renumber();
        }
        self.epoch += 1;
    }

    /// Makes every route stale, and puts it in doubt: consumers may hold it, and may not. The next announce and the next withdraw of
    /// each route are published. A route that is not announced again is withdrawn like any other stale route. O(1).
    pub fn doubt_all(&mut self) {
        self.mark_stale();
        self.doubted_below = self.epoch;
    }

    /// Counts the epochs from the start again. Every route stays what it is: doomed, in doubt, stale or current.
    ///
    /// This walks the whole table, once in sixteen million epochs.
    #[cold]
    #[inline(never)]
    fn renumber(&mut self) {
        const DOOMED: u32 = 1;
        const DOUBTED: u32 = 2;
        const STALE: u32 = 3;
        const CURRENT: u32 = 4;
        let (doomed_below, doubted_below, current) = (self.doomed_below, self.doubted_below, self.epoch);
        let renumbered = |epoch| match epoch {
            epoch if epoch < doomed_below => DOOMED,
            epoch if epoch < doubted_below => DOUBTED,
            epoch if epoch < current => STALE,
            _ => CURRENT,
        };
        self.change_all(&mut |value| Value {
            epoch: renumbered(value.epoch),
            ..value
        });
        self.doomed_below = DOUBTED;
        self.doubted_below = STALE;
        self.epoch = CURRENT;
    }

    fn change_all(&mut self, changed: &mut dyn FnMut(Value) -> Value) {
        match &mut self.store {
            Store::Ipv4(table) => table.change_all(changed),
            Store::Ipv4Path(table) => table.change_all(changed),
            Store::Ipv6(table) => table.change_all(changed),
            Store::Ipv6Path(table) => table.change_all(changed),
            Store::Vpn4(table) => table.change_all(changed),
            Store::Vpn6(table) => table.change_all(changed),
            Store::Opaque(table) => table.change_all(changed),
        }
    }

    /// Dooms every route that was not announced since the last [`Self::mark_stale`].
    pub fn doom_stale(&mut self, doom: Doom) {
        if self.doomed_below < self.epoch && !self.is_empty() {
            self.doomed_below = self.epoch;
            self.doom = doom;
            self.sweep_cursor = Some(0);
        } else if self.is_empty() && self.has_remains() {
            self.sweep_cursor = Some(0);
        }
    }

    /// Dooms every route.
    pub fn doom_all(&mut self, doom: Doom) {
        self.mark_stale();
        self.doom_stale(doom);
    }

    /// Whether [`Self::sweep`] has something to do.
    #[must_use]
    pub const fn needs_sweep(&self) -> bool {
        self.sweep_cursor.is_some()
    }

    /// Why the routes that [`Self::sweep`] removes are gone.
    #[must_use]
    pub const fn doom(&self) -> Doom {
        self.doom
    }

    /// Removes a slice of the doomed routes and passes each to `gone`. Returns whether there is more to do.
    ///
    /// A slice is some segments of the table: at most 320 routes, unless somebody chose routes with equal hashes. When no
    /// doomed route is left and the table is empty, a slice is some of the table's memory.
    pub fn sweep(&mut self, keep: &mut impl Keep, mut gone: impl FnMut(RouteKey<'_>)) -> bool {
        let Some(cursor) = self.sweep_cursor else {
            return false;
        };
        let doomed_below = self.doomed_below;
        let doomed = |value: Value| value.epoch < doomed_below;
        let mut gone = |key: RouteKey<'_>, value: Value| {
            gone(key);
            keep.lost(value);
        };
        let has_path_ids = self.has_path_ids;
        let path = |bytes: [u8; 4]| has_path_ids.then(|| u32::from_be_bytes(bytes));
        self.sweep_cursor = match &mut self.store {
            Store::Ipv4(table) => table.sweep(cursor, doomed, |key, v| gone(ipv4_key(key, None), v)),
            Store::Ipv4Path(table) => table.sweep(cursor, doomed, |key, v| {
                gone(ipv4_key(key, path(part(key, 5))), v)
            }),
            Store::Ipv6(table) => table.sweep(cursor, doomed, |key, v| gone(ipv6_key(key, None), v)),
            Store::Ipv6Path(table) => table.sweep(cursor, doomed, |key, v| {
                gone(ipv6_key(key, path(part(key, 17))), v)
            }),
            Store::Vpn4(table) => table.sweep(cursor, doomed, |key, v| {
                gone(vpn4_key(key, path(part(key, 5))), v)
            }),
            Store::Vpn6(table) => table.sweep(cursor, doomed, |key, v| {
                gone(vpn6_key(key, path(part(key, 17))), v)
            }),
            Store::Opaque(table) => table.sweep(cursor, doomed, gone),
        };
        self.sweep_cursor.is_some()
    }
}

#[cfg(test)]
mod tests;
