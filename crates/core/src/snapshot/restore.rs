//! Reading back: snapshots, then everything that was published since, make routers that hold what consumers hold.
//!
//! Several snapshots may be loaded, in any order. Then everything that was published behind the earliest of their positions
//! is applied, in the order of the stream. The last message about a route is right, so applying what a snapshot already
//! holds does no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use arancini_rib::{AttributeSets, CurationMode, Fingerprints};
use arancini_schema::decode::{DecodeError, Messages};
use arancini_schema::resync_scope::ResyncScope;
use arancini_schema::table_key::identity_of;
use arancini_schema::update_capnp::{PeerEventKind, RouterEventKind, peer_event, router_event, update};

use super::block::{BlockKind, SnapshotError, read_json};
use super::ends::End;
use super::entry::{PeerEntry, RouterEntry, TableEntry};
use super::order::Order;
use super::route::read_route;
use super::sets::read_sets;
use crate::batch::BatchKind;
use crate::batcher::SubjectId;
use crate::coverage::Coverage;
use crate::information::{shortened, text};
use crate::peer::PeerIndex;
use crate::published_route::route_key_of;
use crate::router::{Router, TablePlace};
use crate::table::PeerTable;
use crate::table_key::{TableKey, UnreadableUpdate, address_of};

/// Why a published message cannot be applied.
#[derive(Debug)]
pub enum RestoreError {
    /// The bytes are not a message of the schema.
    Message(DecodeError),
    /// The message says something that no collector writes.
    Content(UnreadableUpdate),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Content(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RestoreError {}

impl From<DecodeError> for RestoreError {
    fn from(error: DecodeError) -> Self {
        Self::Message(error)
    }
}

impl From<UnreadableUpdate> for RestoreError {
    fn from(error: UnreadableUpdate) -> Self {
        Self::Content(error)
    }
}

/// What last told the AS number of a peer, with its sequence number. A Peer Up counts more than an announce: the header of an
/// announce may contradict the Peer Up. Of two that count the same, the newer one is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    ByAnnounce(u64),
    ByPeerUp(u64),
}

/// Routers that are being restored.
pub struct Restore {
    mode: CurationMode,
    routers: BTreeMap<IpAddr, Router>,
    order: Order,
    /// What told the AS numbers of the peers.
    told: BTreeMap<(IpAddr, PeerIndex), Told>,
    /// The sequence number of the router whose peers a snapshot names at present.
    loading: u64,
    /// Whether the snapshots say that routers which they do not name have to be resynchronised.
    resync_strangers: bool,
    /// Routers for which another collector spoke.
    disowned: BTreeSet<IpAddr>,
    /// Parts of routers whose resyncs have begun and have not ended.
    open_parts: BTreeMap<IpAddr, Vec<ResyncScope>>,
    /// The attribute sets of the snapshots.
    sets: AttributeSets,
}

impl Restore {
    /// No routers yet. Their tables will curate in this mode.
    #[must_use]
    pub fn new(mode: CurationMode) -> Self {
        Self {
            mode,
            routers: BTreeMap::new(),
            order: Order::new(),
            told: BTreeMap::new(),
            loading: 0,
            resync_strangers: false,
            disowned: BTreeSet::new(),
            open_parts: BTreeMap::new(),
            // What a snapshot holds had room before it was taken.
            sets: AttributeSets::new(usize::MAX),
        }
    }

    /// Takes one checked block of a snapshot.
    ///
    /// # Errors
    /// The block makes no sense. The snapshot must not be used, and this `Restore` holds a part of it.
    pub fn load(&mut self, kind: BlockKind, payload: &[u8]) -> Result<(), SnapshotError> {
        match kind {
            BlockKind::Router => {
                let entry: RouterEntry = read_json(payload)?;
                self.order.cover(entry.router.to_canonical(), entry.sequence);
                self.loading = entry.sequence;
                let id = entry.router.to_canonical();
                let router = self.routers.entry(id).or_insert_with(|| Router::new(id, 0));
                router.sequence = router.sequence.max(entry.sequence);
                router.port = entry.port;
                router.sys_name = shortened(entry.sys_name);
                router.sys_descr = shortened(entry.sys_descr);
                if !entry.covers_consumers {
                    router.coverage = Coverage::Partial;
                }
                if entry.resync {
                    router.need_dump();
                }
            }
            BlockKind::Peer => {
                let entry: PeerEntry = read_json(payload)?;
                let id = entry.router.to_canonical();
                let peer = self.router(id).known_peer(entry.peer.identity(), entry.asn);
                self.tell_asn(id, peer, entry.asn, Told::ByPeerUp(self.loading));
                let router = self.router(id);
                let names = entry.into_names();
                let names = names.map(|(name, families)| (shortened(name), families));
                router.peers[peer].set_names(names);
            }
            BlockKind::Routes => self.load_routes(payload)?,
            BlockKind::End => {
                let end: End = read_json(payload)?;
                self.resync_strangers |= end.resync_strangers;
            }
            BlockKind::Sets => {
                let sense = || SnapshotError::Content("a block of attribute sets is too short".to_owned());
                read_sets(payload, &mut self.sets).ok_or_else(sense)?;
            }
            BlockKind::Head => {}
        }
        Ok(())
    }

    fn load_routes(&mut self, payload: &[u8]) -> Result<(), SnapshotError> {
        let short = || SnapshotError::Content("a block of routes is too short".to_owned());
        let (length, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (entry, mut routes) = rest.split_at_checked(length).ok_or_else(short)?;
        let entry: TableEntry = read_json(entry)?;
        let key = entry.key();
        let key = key.ok_or_else(|| SnapshotError::Content(format!("RIB view {}", entry.view)))?;
        let mode = self.mode;
        let rib = known_table(self.router(entry.router), key, mode).of(entry.path_ids);
        while !routes.is_empty() {
            let (route, fingerprint, rest) =
                read_route(routes, key.family, entry.path_ids).ok_or_else(short)?;
            rib.restore(&route, fingerprint);
            routes = rest;
        }
        Ok(())
    }

    /// Applies a published payload: messages of one kind, back to back.
    ///
    /// Updates change tables. A Peer Up says what its peer is; a withdraw may come late and says nothing of the peer. A resync that
    /// began is due until it ended, and that of a part makes a resync of the router due. A message that the snapshots cover is passed over:
    /// the sink may have stored it late, and it may be older than they are. If the broker stored the updates of a subject, or
    /// an event and the updates around it, in another order than the router's, the router is resynced: consumers may
    /// hold the outcome of either order.
    ///
    /// # Errors
    /// A message cannot be read. The messages before it are applied.
    pub fn apply(&mut self, kind: BatchKind, payload: &[u8]) -> Result<(), RestoreError> {
        match kind {
            BatchKind::Updates => {
                for message in Messages::new(payload) {
                    self.apply_update(&message?.update()?)?;
                }
            }
            BatchKind::Routers => {
                for message in Messages::new(payload) {
                    self.apply_router_event(&message?.router_event()?)?;
                }
            }
            BatchKind::Peers => {
                for message in Messages::new(payload) {
                    self.apply_peer_event(&message?.peer_event()?)?;
                }
            }
            BatchKind::Statistics | BatchKind::Malformed => {}
        }
        Ok(())
    }

    /// Applies a payload that waits to be published and may have been published already. Messages that were applied before
    /// are passed over; otherwise this is [`Self::apply`].
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_again(&mut self, kind: BatchKind, payload: &[u8]) -> Result<(), RestoreError> {
        self.order.again = true;
        let applied = self.apply(kind, payload);
        self.order.again = false;
        applied
    }

    /// Notes that a router was given this sequence number: its next message must get a higher one.
    pub fn sequence_seen(&mut self, router: IpAddr, sequence: u64) {
        let router = self.router(router);
        router.sequence = router.sequence.max(sequence);
    }

    /// Drops a router for which another collector speaks now. If this collector speaks for it later, it began with a resync.
    pub fn disown(&mut self, router: IpAddr) {
        let router = router.to_canonical();
        self.routers.remove(&router);
        self.told.retain(|(of, _), _| *of != router);
        self.order.uncover(router);
        self.open_parts.remove(&router);
        self.disowned.insert(router);
    }

    /// Notes that it is not known what consumers hold. Each router's next dump is published in full, between resync-begin and
    /// resync-end. The routes are kept: consumers may hold them, so those that the dump does not have are withdrawn.
    pub fn need_resync(&mut self) {
        for router in self.routers.values_mut() {
            router.need_resync();
        }
    }

    /// Routes of all routers.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routers.values().map(Router::routes).sum()
    }

    /// The routers, for [`crate::Shard::handle_adopt`].
    #[must_use]
    pub fn into_routers(mut self) -> Vec<Router> {
        for router in self.order.disordered() {
            if let Some(router) = self.routers.get_mut(router) {
                router.need_resync();
            }
        }
        let open = self.open_parts.iter().filter(|(_, parts)| !parts.is_empty());
        for (router, _) in open {
            if let Some(router) = self.routers.get_mut(router) {
                router.need_dump();
            }
        }
        let mut routers: Vec<Router> = self.routers.into_values().collect();
        if self.sets.figures().sets > 0 {
            let sets = Arc::new(self.sets);
            for router in &mut routers {
                router.restored_sets = Some(Arc::clone(&sets));
            }
        }
        routers
    }

    /// The router of this address. A router whose first dump had to be a resync is resynchronised again, unless the stream shows
    /// that its resync ended: the begin may never have been stored.
    fn router(&mut self, id: IpAddr) -> &mut Router {
        let id = id.to_canonical();
        let resync = self.resync_strangers || self.disowned.contains(&id);
        self.routers.entry(id).or_insert_with(|| {
            let mut router = Router::new(id, 0);
            if resync {
                router.need_resync();
            }
            router
        })
    }

    fn apply_router_event(&mut self, event: &router_event::Reader<'_>) -> Result<(), RestoreError> {
        let id = router_of(event.get_router_addr())?;
        let sequence = event.get_sequence();
        if self.order.covers(id, sequence) || !self.order.admit_event(id, sequence) {
            return Ok(());
        }
        // An event of a kind that a later schema added says nothing about routes.
        match event.get_kind() {
            // Consumers drop every route that is not announced from here on until the end, unless they only apply updates. So it
            // is not known whether they hold it.
            Ok(RouterEventKind::ResyncBegin) => {
                if !event.get_all_withdrawn() {
                    self.router(id).coverage = Coverage::Partial;
                }
                self.begin_resync(id, ResyncScope::of_event(*event)?);
            }
            Ok(RouterEventKind::ResyncEnd) => self.end_resync(id, &ResyncScope::of_event(*event)?),
            _ => {}
        }
        self.sequence_seen(id, sequence);
        Ok(())
    }

    /// Takes the begin of a resync. A router of which only a part was due is resynced as a whole, unless the end of that part
    /// follows.
    fn begin_resync(&mut self, id: IpAddr, scope: ResyncScope) {
        if scope == ResyncScope::WHOLE_ROUTER {
            self.open_parts.remove(&id);
            self.router(id).begin_resync(0);
            return;
        }
        let tables = self.router(id).tables_mut();
        tables
            .filter(|table| scope.covers(&table.key))
            .for_each(|table| table.doubt_routes(0));
        let open = self.open_parts.entry(id).or_default();
        if !open.contains(&scope) {
            open.push(scope);
        }
    }

    fn end_resync(&mut self, id: IpAddr, scope: &ResyncScope) {
        if *scope == ResyncScope::WHOLE_ROUTER {
            self.open_parts.remove(&id);
            self.router(id).end_resync();
        } else if let Some(open) = self.open_parts.get_mut(&id) {
            open.retain(|part| part != scope);
        }
    }

    fn apply_peer_event(&mut self, event: &peer_event::Reader<'_>) -> Result<(), RestoreError> {
        let id = router_of(event.get_router_addr())?;
        let sequence = event.get_sequence();
        if self.order.covers(id, sequence) || event.get_kind() != Ok(PeerEventKind::Up) {
            return Ok(());
        }
        let peer = event
            .get_peer()
            .map_err(|_| UnreadableUpdate("its peer cannot be read"))?;
        let (identity, asn) = (identity_of(peer)?, peer.get_asn());
        let router = self.router(id);
        let peer = router.peer_of_identity(identity, asn);
        if self.tell_asn(id, peer, asn, Told::ByPeerUp(sequence)) {
            self.router(id).identify_peer(peer, identity);
        }
        Ok(())
    }

    /// Sets the AS number of a peer, unless something newer told another one. Returns whether it was set.
    fn tell_asn(&mut self, router: IpAddr, peer: PeerIndex, asn: u32, told: Told) -> bool {
        let known = self.told.entry((router, peer)).or_insert(told);
        if told < *known {
            return false;
        }
        *known = told;
        self.router(router).peers[peer].asn = asn;
        true
    }

    fn apply_update(&mut self, update: &update::Reader<'_>) -> Result<(), RestoreError> {
        let id = router_of(update.get_router_addr())?;
        let sequence = update.get_sequence();
        if self.order.covers(id, sequence) {
            return Ok(());
        }
        let key = TableKey::of_update(update)?;
        let route = route_key_of(update, key.family)?;
        if !self.order.admit_update(id, key.peer_asn, key.family, sequence) {
            return Ok(());
        }
        let mode = self.mode;
        let router = self.router(id);
        router.sequence = router.sequence.max(sequence);
        router.port = update.get_router_port();
        let path_ids = route.path_id().is_some();
        if !update.get_announced() {
            if let Some(TablePlace { peer, table }) = router.find_table(&key) {
                router.peers[peer].tables[table]
                    .of(path_ids)
                    .withdraw(&route, &mut Fingerprints);
            }
            return Ok(());
        }
        let peer = router.peer_of_identity(key.peer, key.peer_asn);
        self.tell_asn(id, peer, key.peer_asn, Told::ByAnnounce(sequence));
        let router = self.router(id);
        if update.has_table_name() {
            let name = update.get_table_name();
            let name = name.map_err(|_| UnreadableUpdate("its table name cannot be read"))?;
            router.peers[peer].name_family(key.family, &text(name.as_bytes()));
        }
        let rib = known_table(router, key, mode).of(path_ids);
        rib.announce(&route, update.get_attribute_fingerprint());
        Ok(())
    }
}

/// The table with this key, added to the router if the router does not have it.
fn known_table(router: &mut Router, key: TableKey, mode: CurationMode) -> &mut PeerTable {
    let peer = router.peer_of_identity(key.peer, key.peer_asn);
    let peer = &mut router.peers[peer];
    let index = peer.find_table(&key).unwrap_or_else(|| {
        // Whether path identifiers are negotiated is known from the next Peer Up on.
        let add_path = false;
        peer.add_table(PeerTable::new(key, SubjectId::NONE, add_path, mode))
    });
    &mut peer.tables[index]
}

/// The router that a published message is about.
fn router_of<E>(address: Result<&[u8], E>) -> Result<IpAddr, UnreadableUpdate> {
    Ok(IpAddr::from(Ipv6Addr::from(address_of(address)?)).to_canonical())
}
