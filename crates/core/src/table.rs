//! A table: the routes that a router shows of one view and family of a peer.

use std::ops::{Index, IndexMut};

use arancini_rib::{AttributeSets, CuratedTable, CurationMode, Doom, Keep, KeyShape, Round, RouteKey};
use arancini_wire::bgp::nlri::{NlriShape, shape};
use arancini_wire::iana::AfiSafi;

use crate::batcher::SubjectId;
use crate::table_key::TableKey;

/// The place of a table among those of its peer. A table keeps its place as long as it holds routes. The place of a table that
/// holds none may be given to another table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableIndex(pub(crate) usize);

impl Index<TableIndex> for Vec<PeerTable> {
    type Output = PeerTable;

    #[inline]
    fn index(&self, index: TableIndex) -> &PeerTable {
        &self[index.0]
    }
}

impl IndexMut<TableIndex> for Vec<PeerTable> {
    #[inline]
    fn index_mut(&mut self, index: TableIndex) -> &mut PeerTable {
        &mut self[index.0]
    }
}

/// One table: a view and a family of a peer.
pub struct PeerTable {
    /// What tells the table from all the others of its router.
    pub key: TableKey,
    /// Routes announced by the router, before curation.
    pub received_announces: u64,
    /// Routes withdrawn by the router, before curation.
    pub received_withdraws: u64,
    /// Where updates of these routes are published.
    pub(crate) subject: SubjectId,
    /// The place of the table's name among the names of its peer.
    pub(crate) name: usize,
    /// Path identifiers were negotiated for this view and family.
    pub(crate) add_path: bool,
    /// Path identifiers were negotiated, but the router does not send them.
    pub(crate) path_ids_absent: bool,
    /// The round in which the routes are published ([`crate::repeat`]).
    pub(crate) round: Round,
    /// Routes without a path identifier. Some senders mix routes with and without one.
    plain: CuratedTable,
    /// Routes with a path identifier.
    paths: CuratedTable,
    /// Most routes that the table held since it was swept or became stale, as far as [`Self::grew`] saw.
    most_routes: usize,
    /// Since when the router dumps the table anew, after a lost session or a second Peer Up.
    settling_since_ns: Option<u64>,
}

impl PeerTable {
    /// An empty table. `add_path`: path identifiers were negotiated for this view and family.
    pub(crate) fn new(key: TableKey, subject: SubjectId, add_path: bool, mode: CurationMode) -> Self {
        let shape = key_shape(key.family);
        Self {
            key,
            received_announces: 0,
            received_withdraws: 0,
            subject,
            name: 0,
            add_path,
            path_ids_absent: false,
            round: Round::default(),
            plain: CuratedTable::new(shape, mode),
            paths: CuratedTable::with_path_ids(shape, mode),
            most_routes: 0,
            settling_since_ns: None,
        }
    }

    /// Routes that consumers hold, as far as is known.
    #[must_use]
    pub const fn routes(&self) -> usize {
        self.plain.len() + self.paths.len()
    }

    /// Bytes allocated for the routes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.plain.allocated_bytes() + self.paths.allocated_bytes()
    }

    /// The fingerprint kept of a route. `sets`: those of the shard that has the table ([`crate::Shard::attribute_sets`]).
    #[must_use]
    pub fn fingerprint(&self, key: &RouteKey<'_>, sets: Option<&AttributeSets>) -> Option<u64> {
        let table = self.with_path_ids(key.path_id().is_some());
        table.fingerprint(key, sets)
    }

    /// Visits every route with its fingerprint. O(size of the table): for tests and commands, not for the hot path. `sets`: as for
    /// [`Self::fingerprint`].
    pub fn for_each(&self, sets: Option<&AttributeSets>, mut visit: impl FnMut(RouteKey<'_>, u64)) {
        for table in [&self.plain, &self.paths] {
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                cursor = table.visit(at, sets, &mut visit);
            }
        }
    }

    /// The routes with a path identifier, or those without, to read.
    pub(crate) const fn with_path_ids(&self, with_path_ids: bool) -> &CuratedTable {
        if with_path_ids { &self.paths } else { &self.plain }
    }

    /// Makes every route stale, and puts it in doubt: it is not known whether consumers hold it. The router's dump publishes
    /// what it announces again, and the other routes are withdrawn.
    pub(crate) fn doubt_routes(&mut self, now_ns: u64) {
        self.mark_stale(now_ns);
        self.plain.doubt_all();
        self.paths.doubt_all();
    }

    /// Makes a table of sets of a table of fingerprints, which a restore has made. `known`: the sets of the snapshots.
    pub(crate) fn retain(&mut self, sets: &mut AttributeSets, known: Option<&AttributeSets>) {
        self.plain.retain(sets, known);
        self.paths.retain(sets, known);
    }

    /// The routes with a path identifier, or those without, to change.
    #[inline]
    pub(crate) const fn of(&mut self, with_path_ids: bool) -> &mut CuratedTable {
        if with_path_ids {
            &mut self.paths
        } else {
            &mut self.plain
        }
    }

    /// Marks every route as stale, because the session is lost or the peer came up anew: the router has to announce it again.
    pub(crate) fn mark_stale(&mut self, now_ns: u64) {
        self.most_routes = self.routes();
        if self.routes() == 0 {
            self.settling_since_ns = None;
            return;
        }
        self.plain.mark_stale();
        self.paths.mark_stale();
        self.settling_since_ns = Some(now_ns);
    }

    /// Starts the quiet period anew, because a new session begins to dump the table.
    pub(crate) fn restart_quiet_period(&mut self, now_ns: u64) {
        if let Some(since_ns) = &mut self.settling_since_ns {
            *since_ns = now_ns;
        }
    }

    /// Since when the router dumps the table anew; `None` if it does not.
    pub(crate) const fn settling_since_ns(&self) -> Option<u64> {
        self.settling_since_ns
    }

    /// Dooms every route that is still stale, because the dump is complete. Returns whether the table has to be queued for the
    /// sweep: a table is queued once, until it is swept.
    #[must_use]
    pub(crate) fn settle(&mut self) -> bool {
        let queued = self.needs_sweep();
        if self.settling_since_ns.take().is_some() {
            self.plain.doom_stale(Doom::NotReannounced);
            self.paths.doom_stale(Doom::NotReannounced);
        }
        !queued && self.needs_sweep()
    }

    /// Dooms every route. Returns whether the table has to be queued for the sweep, as [`Self::settle`] does.
    #[must_use]
    pub(crate) fn doom_all(&mut self, doom: Doom) -> bool {
        let queued = self.needs_sweep();
        self.settling_since_ns = None;
        self.most_routes = 0;
        self.plain.doom_all(doom);
        self.paths.doom_all(doom);
        !queued && self.needs_sweep()
    }

    /// Whether doomed routes wait to be withdrawn.
    pub(crate) const fn needs_sweep(&self) -> bool {
        self.plain.needs_sweep() || self.paths.needs_sweep()
    }

    /// Whether the router dumps the table anew, or many of its routes are being withdrawn.
    pub(crate) const fn is_changing_as_a_whole(&self) -> bool {
        self.settling_since_ns.is_some() || self.needs_sweep()
    }

    /// Whether the table holds no routes and nothing of it waits for the sweep.
    pub(crate) const fn is_unused(&self) -> bool {
        self.routes() == 0 && !self.needs_sweep()
    }

    /// Whether the next slice of the sweep withdraws nothing and gives memory back instead.
    pub(crate) const fn gives_memory_back(&self) -> bool {
        if self.plain.needs_sweep() {
            self.plain.is_empty()
        } else {
            self.paths.needs_sweep() && self.paths.is_empty()
        }
    }

    /// Removes a slice of the doomed routes, and hands out each with the reason.
    pub(crate) fn sweep(&mut self, keep: &mut impl Keep, mut gone: impl FnMut(RouteKey<'_>, Doom)) {
        let table = if self.plain.needs_sweep() {
            &mut self.plain
        } else {
            &mut self.paths
        };
        let doom = table.doom();
        table.sweep(keep, |key| gone(key, doom));
        if !self.needs_sweep() {
            self.most_routes = self.most_routes.min(self.routes());
        }
    }

    /// Whether the table holds more routes than at any earlier call: the router still dumps it. While doomed routes are swept,
    /// the number says nothing.
    pub(crate) const fn grew(&mut self) -> bool {
        let grew = !self.needs_sweep() && self.routes() > self.most_routes;
        if grew {
            self.most_routes = self.routes();
        }
        grew
    }

    /// How many stale routes the router has ever announced again.
    pub(crate) const fn refreshed(&self) -> u64 {
        self.plain.refreshed() + self.paths.refreshed()
    }
}

/// The shape of the keys of a family's routes.
pub(crate) fn key_shape(family: AfiSafi) -> KeyShape {
    match shape(family) {
        NlriShape::Prefix {
            rd: false,
            max_bits: 32,
            ..
        } => KeyShape::Ipv4,
        NlriShape::Prefix { rd: false, .. } => KeyShape::Ipv6,
        NlriShape::Prefix {
            rd: true,
            max_bits: 32,
            ..
        } => KeyShape::Vpn4,
        NlriShape::Prefix { rd: true, .. } => KeyShape::Vpn6,
        NlriShape::Opaque { .. } | NlriShape::Unframed => KeyShape::Opaque,
    }
}
