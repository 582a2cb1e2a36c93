//! A peer of a router, and the tables the router shows of it.

use std::net::IpAddr;

use arancini_rib::{CuratedTable, CurationMode, Doom, KeyShape, RouteKey};
use arancini_wire::bgp::nlri::{NlriShape, shape};
use arancini_wire::bgp::{Capability, Negotiated};
use arancini_wire::bmp::{PeerIdentity, PeerUp, RibView};
use arancini_wire::iana::AfiSafi;

use crate::batcher::SubjectId;
use crate::counters::Quirk;
use crate::route;

/// Whether the router says that the peer is up (RFC 7854 §4.10, §4.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Not up in this session.
    Down,
    /// The router sent a Peer Up.
    Up,
    /// The router sent routes or statistics but no Peer Up.
    Provisional,
}

/// A peer, as it is told apart by RFC 7854: type, distinguisher, address and BGP identifier.
pub struct Peer {
    /// Who it is.
    pub identity: PeerIdentity,
    /// Its AS number.
    pub asn: u32,
    /// Whether it is up.
    pub state: PeerState,
    /// What its OPENs agreed on; nothing for a provisional peer.
    pub negotiated: Option<Negotiated>,
    /// VRF / table names from its Peer Ups; see [`Peer::table_name`].
    pub(crate) names: Vec<TableName>,
    /// Its tables.
    pub tables: Vec<PeerTable>,
    /// How often it showed each quirk.
    pub quirks: [u64; Quirk::COUNT],
    /// Ports and OPENs of its last Peer Up: another BGP session has others.
    session: Vec<u8>,
}

/// Most names of a peer: one for each family that a router may show of its Loc-RIB.
const MOST_NAMES: usize = 16;

/// The VRF / table name of a peer, and the families of which its Peer Up speaks.
pub(crate) struct TableName {
    name: String,
    families: Vec<AfiSafi>,
}

/// The name of a table; empty where it has none.
#[inline]
pub(crate) fn name_of<'n>(names: &'n [TableName], table: &PeerTable) -> &'n str {
    names.get(table.name).map_or("", |named| &named.name)
}

impl Peer {
    pub(crate) fn new(identity: PeerIdentity, asn: u32) -> Self {
        Self {
            identity,
            asn,
            state: PeerState::Down,
            negotiated: None,
            names: Vec::new(),
            tables: Vec::new(),
            quirks: [0; Quirk::COUNT],
            session: Vec::new(),
        }
    }

    /// The peer's address; IPv4-mapped addresses are IPv4.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        IpAddr::from(self.identity.address).to_canonical()
    }

    /// Routes held of all its tables.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.tables.iter().map(PeerTable::routes).sum()
    }

    /// VRF / table name of a family, empty where there is none: that of the Peer Up that lists the family, else of the
    /// last one. Junos names the Loc-RIB of each family in a Peer Up of its own.
    #[must_use]
    pub fn table_name(&self, family: AfiSafi) -> &str {
        self.names
            .get(self.name_index(family))
            .map_or("", |named| &named.name)
    }

    /// The name in its last Peer Up; empty where there was none.
    pub(crate) fn last_name(&self) -> &str {
        self.names.last().map_or("", |named| &named.name)
    }

    /// All its names with the families they are for.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &[AfiSafi])> {
        self.names.iter().map(|named| (&*named.name, &*named.families))
    }

    /// Gives it these names, as they were.
    pub(crate) fn set_names(&mut self, names: impl Iterator<Item = (String, Vec<AfiSafi>)>) {
        let names = names.take(MOST_NAMES);
        self.names = names
            .map(|(name, families)| TableName { name, families })
            .collect();
        self.name_tables();
    }

    /// Its routes of this family were published under this name last.
    pub(crate) fn name_family(&mut self, family: AfiSafi, name: &str) {
        if self.table_name(family) == name || self.names.len() >= MOST_NAMES {
            return;
        }
        self.names.push(TableName {
            name: name.to_owned(),
            families: vec![family],
        });
        self.name_tables();
    }

    fn name_tables(&mut self) {
        for index in 0..self.tables.len() {
            self.tables[index].name = self.name_index(self.tables[index].family);
        }
    }

    fn name_index(&self, family: AfiSafi) -> usize {
        let lists = |named: &TableName| named.families.contains(&family);
        let listed = self.names.iter().rposition(lists);
        listed.unwrap_or(self.names.len().saturating_sub(1))
    }

    /// Takes the name that a Peer Up gives its families; with a new session the names of the one before are void.
    pub(crate) fn set_table_name(&mut self, name: String, message: &PeerUp<'_>) {
        if self.state != PeerState::Up || !self.is_repeated(message) || self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        let capabilities = message.sent_open().capabilities().flatten();
        let families: Vec<_> = capabilities
            .filter_map(|capability| match capability {
                Capability::MultiProtocol(family) => Some(family),
                _ => None,
            })
            .collect();
        self.names.retain(|named| named.families != families);
        self.names.push(TableName { name, families });
        self.name_tables();
    }

    /// Whether this Peer Up tells of the session that is up already. Some routers send one for each view or family
    /// (Huawei, Junos): what was announced before stays true. A Loc-RIB has no sessions (RFC 9069 §5.2).
    pub(crate) fn is_repeated(&self, message: &PeerUp<'_>) -> bool {
        message.peer().is_loc_rib() || self.session == session_of(message)
    }

    /// Keeps what tells this session from the peer's next one.
    pub(crate) fn remember_session(&mut self, message: &PeerUp<'_>) {
        self.session = session_of(message);
    }

    /// What its OPENs agreed on, for all its tables.
    ///
    /// A Loc-RIB that is up already may have a Peer Up for each family: they hold together.
    pub(crate) fn set_negotiated(&mut self, mut negotiated: Option<Negotiated>) {
        if self.state == PeerState::Up
            && let (Some(new), Some(before)) = (&mut negotiated, &self.negotiated)
        {
            for family in before.add_path_loc_rib.iter() {
                new.add_path_loc_rib.insert(family);
            }
        }
        self.negotiated = negotiated;
        for index in 0..self.tables.len() {
            let (view, family) = (self.tables[index].view, self.tables[index].family);
            self.tables[index].add_path = self.negotiated_add_path(view, family);
            self.tables[index].path_ids_absent = false;
        }
    }

    /// Whether its OPENs agreed on path identifiers for this table.
    pub(crate) fn negotiated_add_path(&self, view: RibView, family: AfiSafi) -> bool {
        self.negotiated
            .as_ref()
            .is_some_and(|n| n.add_path(view).contains(family))
    }

    /// Adds a table; returns where it is.
    pub(crate) fn add_table(&mut self, mut table: PeerTable) -> usize {
        table.name = self.name_index(table.family);
        self.tables.push(table);
        self.tables.len() - 1
    }

    /// Where its table for this view and family is, among those of its present AS number and BGP identifier.
    #[inline]
    pub(crate) fn find_table(&self, view: RibView, family: AfiSafi) -> Option<usize> {
        let (asn, bgp_id) = (self.asn, self.identity.bgp_id);
        self.tables
            .iter()
            .position(|t| t.view == view && t.family == family && t.asn == asn && t.bgp_id == bgp_id)
    }

    /// Has the memory of the place fetched that the first route of a field has in its table. While what else is in the
    /// message is read, it comes.
    #[inline]
    pub(crate) fn prefetch(&self, view: RibView, family: AfiSafi, field: &[u8]) {
        if !field.is_empty()
            && let Some(index) = self.find_table(view, family)
        {
            let table = &self.tables[index];
            let add_path = table.add_path && !table.path_ids_absent;
            route::prefetch(table.with_path_ids(add_path), family, field, add_path);
        }
    }
}

/// One table: a view and a family of a peer.
pub struct PeerTable {
    /// Which RIB.
    pub view: RibView,
    /// Which family.
    pub family: AfiSafi,
    /// The peer's AS number under which its routes are published.
    pub asn: u32,
    /// The peer's BGP identifier under which its routes are published: part of their key.
    pub bgp_id: u32,
    /// Routes announced by the router, before curation.
    pub received_announces: u64,
    /// Routes withdrawn by the router, before curation.
    pub received_withdraws: u64,
    pub(crate) subject: SubjectId,
    /// Where its name is among its peer's.
    name: usize,
    /// Path identifiers were negotiated for this view and family.
    pub(crate) add_path: bool,
    /// Path identifiers were negotiated but are not sent.
    pub(crate) path_ids_absent: bool,
    /// Routes without path identifier; some senders mix.
    plain: CuratedTable,
    /// Routes with path identifier.
    paths: CuratedTable,
    /// The table is being dumped anew, after a lost session or a second Peer Up, since this time.
    settling_since_ns: Option<u64>,
}

impl PeerTable {
    pub(crate) fn new(
        view: RibView,
        family: AfiSafi,
        (asn, bgp_id): (u32, u32),
        subject: SubjectId,
        add_path: bool,
        mode: CurationMode,
    ) -> Self {
        let shape = key_shape(family);
        Self {
            view,
            family,
            asn,
            bgp_id,
            received_announces: 0,
            received_withdraws: 0,
            subject,
            name: 0,
            add_path,
            path_ids_absent: false,
            plain: CuratedTable::new(shape, mode),
            paths: CuratedTable::with_path_ids(shape, mode),
            settling_since_ns: None,
        }
    }

    /// Routes that consumers believe to be there.
    #[must_use]
    pub const fn routes(&self) -> usize {
        self.plain.len() + self.paths.len()
    }

    /// Bytes allocated for the routes.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.plain.allocated_bytes() + self.paths.allocated_bytes()
    }

    /// The fingerprint kept of a route.
    #[must_use]
    pub fn fingerprint(&self, key: &RouteKey<'_>) -> Option<u64> {
        if key.path_id().is_some() {
            self.paths.fingerprint(key)
        } else {
            self.plain.fingerprint(key)
        }
    }

    /// Visits every route. O(size of the table): for look-ups, tests and snapshots, not for the hot path.
    pub fn for_each(&self, mut visit: impl FnMut(RouteKey<'_>, u64)) {
        for table in [&self.plain, &self.paths] {
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                cursor = table.visit(at, &mut visit);
            }
        }
    }

    /// The table for routes with or without path identifier, to look at.
    pub(crate) const fn with_path_ids(&self, with_path_ids: bool) -> &CuratedTable {
        if with_path_ids { &self.paths } else { &self.plain }
    }

    /// Forgets every route, without a word.
    pub(crate) fn forget_routes(&mut self) {
        self.settling_since_ns = None;
        self.plain.clear();
        self.paths.clear();
    }

    /// The table for routes with or without path identifier.
    #[inline]
    pub(crate) const fn of(&mut self, with_path_ids: bool) -> &mut CuratedTable {
        if with_path_ids {
            &mut self.paths
        } else {
            &mut self.plain
        }
    }

    /// The session is lost, or the peer came up anew: every route has to be announced again.
    pub(crate) fn mark_stale(&mut self, now_ns: u64) {
        if self.routes() == 0 {
            self.settling_since_ns = None;
            return;
        }
        self.plain.mark_stale();
        self.paths.mark_stale();
        self.settling_since_ns = Some(now_ns);
    }

    /// The dump of a new session begins now.
    pub(crate) fn restart_quiet_period(&mut self, now_ns: u64) {
        if let Some(since_ns) = &mut self.settling_since_ns {
            *since_ns = now_ns;
        }
    }

    /// Since when the table is being dumped anew, if it is.
    pub(crate) const fn settling_since_ns(&self) -> Option<u64> {
        self.settling_since_ns
    }

    /// The dump is complete: what was not in it is gone. Returns whether the table has to be queued for the sweep: it
    /// stays there, once, until it is swept.
    #[must_use]
    pub(crate) fn settle(&mut self) -> bool {
        let queued = self.needs_sweep();
        if self.settling_since_ns.take().is_some() {
            self.plain.doom_stale(Doom::NotReannounced);
            self.paths.doom_stale(Doom::NotReannounced);
        }
        !queued && self.needs_sweep()
    }

    /// Every route is gone. Returns whether the table has to be queued for the sweep, as [`Self::settle`] does.
    #[must_use]
    pub(crate) fn doom_all(&mut self, doom: Doom) -> bool {
        let queued = self.needs_sweep();
        self.settling_since_ns = None;
        self.plain.doom_all(doom);
        self.paths.doom_all(doom);
        !queued && self.needs_sweep()
    }

    /// Whether doomed routes wait to be withdrawn.
    pub(crate) const fn needs_sweep(&self) -> bool {
        self.plain.needs_sweep() || self.paths.needs_sweep()
    }

    /// Whether the next slice withdraws nothing and gives memory back instead.
    pub(crate) const fn gives_memory_back(&self) -> bool {
        if self.plain.needs_sweep() {
            self.plain.is_empty()
        } else {
            self.paths.needs_sweep() && self.paths.is_empty()
        }
    }

    /// Hands out a slice of the doomed routes with the reason.
    pub(crate) fn sweep(&mut self, mut gone: impl FnMut(RouteKey<'_>, Doom)) {
        let table = if self.plain.needs_sweep() {
            &mut self.plain
        } else {
            &mut self.paths
        };
        let doom = table.doom();
        table.sweep(|key| gone(key, doom));
    }

    /// Stale routes that were announced again, ever.
    pub(crate) const fn refreshed(&self) -> u64 {
        self.plain.refreshed() + self.paths.refreshed()
    }
}

/// Ports and OPENs of a Peer Up.
fn session_of(message: &PeerUp<'_>) -> Vec<u8> {
    let ports = [message.local_port(), message.remote_port()].map(u16::to_be_bytes);
    let opens = [message.sent_open().as_bytes(), message.received_open().as_bytes()];
    [ports.as_flattened(), opens[0], opens[1]].concat()
}

/// The shape of a family's keys.
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
