//! Reading: snapshots, then the tail of what was published since, make routers that hold what consumers hold.
//!
//! Several snapshots may be loaded, in any order; then everything that was published behind the earliest of their
//! positions is applied, in its order. What comes last for a route is right, so it does no harm that the tail says
//! again what a snapshot holds already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use arancini_rib::{CurationMode, RouteKey};
use arancini_schema::decode::{DecodeError, Messages};
use arancini_schema::update_capnp::{self, RouterEventKind, router_event, update};
use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use super::block::{BlockKind, SnapshotError, read_json};
use super::walk::{IdentityEntry, PeerEntry, RouterEntry, TableEntry};
use crate::batch::BatchKind;
use crate::batcher::SubjectId;
use crate::peer::{PeerTable, key_shape};
use crate::router::Router;

/// Why a published message can't be applied.
#[derive(Debug)]
pub enum RestoreError {
    /// It is no message of the schema.
    Message(DecodeError),
    /// It says something that no collector writes.
    Content(&'static str),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Content(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for RestoreError {}

impl From<DecodeError> for RestoreError {
    fn from(error: DecodeError) -> Self {
        Self::Message(error)
    }
}

fn unreadable<E>(_: E) -> RestoreError {
    RestoreError::Content("a field of it can't be read")
}

/// The highest sequences applied of a router.
#[derive(Debug, Clone, Copy, Default)]
struct Barrier {
    updates: u64,
    events: u64,
}

/// Routers on their way back.
pub struct Restore {
    mode: CurationMode,
    routers: BTreeMap<IpAddr, Router>,
    /// Up to which sequence the snapshots know all of a router: the least of those that hold it.
    covered: BTreeMap<IpAddr, u64>,
    /// The highest sequence applied of what is one subject's: there the stream's order is the router's.
    applied: BTreeMap<(IpAddr, u32, AfiSafi), u64>,
    /// The highest sequences applied of a router's updates and of its events, which are barriers between them.
    barriers: BTreeMap<IpAddr, Barrier>,
    /// What was applied before may come again, from another place, and is passed over.
    again: bool,
    /// Routers of which the broker stored something too late: their last word is not the last one stored.
    disordered: BTreeSet<IpAddr>,
}

impl Restore {
    /// Nothing yet; tables will be curated in this mode.
    #[must_use]
    pub const fn new(mode: CurationMode) -> Self {
        Self {
            mode,
            routers: BTreeMap::new(),
            covered: BTreeMap::new(),
            applied: BTreeMap::new(),
            barriers: BTreeMap::new(),
            again: false,
            disordered: BTreeSet::new(),
        }
    }

    /// Takes one checked block of a snapshot; those that say nothing of a router are passed over.
    ///
    /// # Errors
    /// The block makes no sense: the snapshot must not be used, and this is half loaded.
    pub fn load(&mut self, kind: BlockKind, payload: &[u8]) -> Result<(), SnapshotError> {
        match kind {
            BlockKind::Router => {
                let entry: RouterEntry = read_json(payload)?;
                let covered = self.covered.entry(entry.router.to_canonical());
                let covered = covered.or_insert(entry.sequence);
                *covered = entry.sequence.min(*covered);
                let router = self.router(entry.router);
                router.sequence = router.sequence.max(entry.sequence);
                router.port = entry.port;
                router.sys_name = entry.sys_name;
                router.sys_descr = entry.sys_descr;
                if entry.resync {
                    router.need_resync();
                }
            }
            BlockKind::Peer => {
                let entry: PeerEntry = read_json(payload)?;
                let router = self.router(entry.router);
                let peer = router.known_peer(identity_of(&entry.peer), entry.asn);
                let family = |(afi, safi)| AfiSafi { afi, safi };
                let names = entry.names.into_iter();
                router.peers[peer].asn = entry.asn;
                router.peers[peer].set_names(
                    names.map(|(name, families)| (name, families.into_iter().map(family).collect())),
                );
            }
            BlockKind::Routes => self.load_routes(payload)?,
            BlockKind::Head | BlockKind::End => {}
        }
        Ok(())
    }

    fn load_routes(&mut self, payload: &[u8]) -> Result<(), SnapshotError> {
        let short = || SnapshotError::Content("a block of routes is too short".to_owned());
        let (length, rest) = payload.split_first_chunk::<4>().ok_or_else(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (entry, mut routes) = rest.split_at_checked(length).ok_or_else(short)?;
        let entry: TableEntry = read_json(entry)?;
        let view = RibView::ALL
            .into_iter()
            .find(|view| *view as u8 == entry.view)
            .ok_or_else(|| SnapshotError::Content(format!("RIB view {}", entry.view)))?;
        let family = AfiSafi {
            afi: entry.afi,
            safi: entry.safi,
        };
        let mode = self.mode;
        let router = self.router(entry.router);
        let peer = router.known_peer(identity_of(&entry.peer), entry.asn);
        let table = known_table(router, peer, (view, family, entry.asn), mode);
        let rib = table.of(entry.path_ids);
        while !routes.is_empty() {
            let (key, fingerprint, rest) = read_route(routes, family, entry.path_ids).ok_or_else(short)?;
            rib.announce(&key, fingerprint);
            routes = rest;
        }
        Ok(())
    }

    /// Applies a published payload: messages of one kind, back to back. Updates change tables; a resync that
    /// began is due until it ended. What the snapshots cover is passed over: it may have been stored late,
    /// and older than they are. A router of which the broker stored a subject, or an event and the updates around
    /// it, in another order than its own is resynced: consumers may hold either's outcome.
    ///
    /// # Errors
    /// A message can't be read; those before it are applied.
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
            BatchKind::Peers | BatchKind::Statistics | BatchKind::Malformed => {}
        }
        Ok(())
    }

    /// As [`Self::apply`], for what waits to be published and may have been published already: what was applied before is
    /// passed over.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_again(&mut self, kind: BatchKind, payload: &[u8]) -> Result<(), RestoreError> {
        self.again = true;
        let applied = self.apply(kind, payload);
        self.again = false;
        applied
    }

    /// A router has given out this sequence number: what it says next must go on above.
    pub fn sequence_seen(&mut self, router: IpAddr, sequence: u64) {
        let router = self.router(router);
        router.sequence = router.sequence.max(sequence);
    }

    /// Another collector speaks for this router now.
    pub fn disown(&mut self, router: IpAddr) {
        self.routers.remove(&router.to_canonical());
        self.covered.remove(&router.to_canonical());
    }

    /// What consumers hold can't be known: everything is to be announced to them again, and each router's dump stands
    /// between resync-begin and resync-end.
    pub fn forget_routes(&mut self) {
        for router in self.routers.values_mut() {
            router.forget_routes();
        }
    }

    /// Routes of all routers.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.routers.values().map(Router::routes).sum()
    }

    /// The routers, to be handed to [`crate::Shard::adopt`].
    #[must_use]
    pub fn into_routers(mut self) -> Vec<Router> {
        for router in &self.disordered {
            if let Some(router) = self.routers.get_mut(router) {
                router.forget_routes();
            }
        }
        self.routers.into_values().collect()
    }

    fn router(&mut self, id: IpAddr) -> &mut Router {
        let id = id.to_canonical();
        self.routers.entry(id).or_insert_with(|| Router::new(id, 0))
    }

    fn is_covered(&self, router: IpAddr, sequence: u64) -> bool {
        let covered = self.covered.get(&router.to_canonical());
        covered.is_some_and(|covered| sequence <= *covered)
    }

    fn apply_router_event(&mut self, event: &router_event::Reader<'_>) -> Result<(), RestoreError> {
        let id = Ipv6Addr::from(address(event.get_router_addr().map_err(unreadable)?)?);
        let sequence = event.get_sequence();
        if self.is_covered(id.into(), sequence) {
            return Ok(());
        }
        let id = IpAddr::from(id).to_canonical();
        let barrier = self.barriers.entry(id).or_default();
        if self.again && sequence <= barrier.events {
            return Ok(());
        }
        if sequence <= barrier.updates.max(barrier.events) {
            self.disordered.insert(id);
        }
        barrier.events = sequence.max(barrier.events);
        // A kind of a later schema says nothing of routes.
        match event.get_kind() {
            // Consumers will drop what is not announced from here on, so it must not count as known to them.
            Ok(RouterEventKind::ResyncBegin) => self.router(id).forget_routes(),
            Ok(RouterEventKind::ResyncEnd) => self.router(id).resync = None,
            _ => {}
        }
        self.sequence_seen(id, sequence);
        Ok(())
    }

    fn apply_update(&mut self, update: &update::Reader<'_>) -> Result<(), RestoreError> {
        let id = Ipv6Addr::from(address(update.get_router_addr().map_err(unreadable)?)?);
        if self.is_covered(id.into(), update.get_sequence()) {
            return Ok(());
        }
        let family = AfiSafi {
            afi: update.get_afi(),
            safi: update.get_safi(),
        };
        let view = view_of(
            update
                .get_rib_view()
                .map_err(|_| RestoreError::Content("a RIB view of a later schema"))?,
        );
        let identity = PeerIdentity {
            peer_type: update.get_peer_type(),
            distinguisher: update.get_peer_distinguisher().to_be_bytes(),
            address: address(update.get_peer_addr().map_err(unreadable)?)?,
            bgp_id: update.get_peer_bgp_id(),
        };
        let asn = update.get_peer_asn();
        let sequence = update.get_sequence();
        let of_subject = (IpAddr::from(id).to_canonical(), asn, family);
        let applied = self.applied.entry(of_subject).or_default();
        let barrier = self.barriers.entry(of_subject.0).or_default();
        if self.again && sequence <= *applied {
            return Ok(());
        }
        if sequence <= *applied || sequence <= barrier.events {
            self.disordered.insert(of_subject.0);
        }
        *applied = sequence.max(*applied);
        barrier.updates = sequence.max(barrier.updates);
        let path_id = update.get_has_path_id().then(|| update.get_path_id());
        let prefix = address(update.get_prefix_addr().map_err(unreadable)?)?;
        let distinguisher = update.get_route_distinguisher().to_be_bytes();
        let key = key_of(
            family,
            (prefix, update.get_prefix_len()),
            distinguisher,
            update.get_raw_nlri().map_err(unreadable)?,
            path_id,
        );
        let mode = self.mode;
        let router = self.router(id.into());
        router.sequence = router.sequence.max(update.get_sequence());
        router.port = update.get_router_port();
        let peer = router.known_peer(identity, asn);
        router.peers[peer].asn = asn;
        if update.has_table_name() {
            let name = update
                .get_table_name()
                .map_err(unreadable)?
                .to_str()
                .unwrap_or_default();
            router.peers[peer].name_family(family, name);
        }
        let rib = known_table(router, peer, (view, family, asn), mode).of(path_id.is_some());
        if update.get_announced() {
            rib.announce(&key, update.get_attribute_fingerprint());
        } else {
            rib.withdraw(&key);
        }
        Ok(())
    }
}

fn known_table(
    router: &mut Router,
    peer: usize,
    (view, family, asn): (RibView, AfiSafi, u32),
    mode: CurationMode,
) -> &mut PeerTable {
    let peer = &mut router.peers[peer];
    let bgp_id = peer.identity.bgp_id;
    let found = peer
        .tables
        .iter()
        .position(|table| table.view == view && table.family == family && table.asn == asn);
    let index = found.unwrap_or_else(|| {
        // Whether path identifiers are negotiated says the next Peer Up.
        peer.add_table(PeerTable::new(
            view,
            family,
            (asn, bgp_id),
            SubjectId::NONE,
            false,
            mode,
        ))
    });
    &mut peer.tables[index]
}

fn key_of<'a>(
    family: AfiSafi,
    (prefix, length): ([u8; 16], u8),
    distinguisher: [u8; 8],
    nlri: &'a [u8],
    path_id: Option<u32>,
) -> RouteKey<'a> {
    use arancini_rib::KeyShape;
    let [.., a, b, c, d] = prefix;
    let v4 = u32::from_be_bytes([a, b, c, d]);
    let v6 = u128::from_be_bytes(prefix);
    match key_shape(family) {
        KeyShape::Ipv4 => RouteKey::Ipv4 {
            address: v4,
            length,
            path_id,
        },
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address: v6,
            length,
            path_id,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher,
            address: v4,
            length,
            path_id,
        },
        KeyShape::Vpn6 => RouteKey::Vpn6 {
            distinguisher,
            address: v6,
            length,
            path_id,
        },
        KeyShape::Opaque => RouteKey::Opaque { nlri, path_id },
    }
}

/// Reads what [`super::Walk`] wrote of a route.
fn read_route(bytes: &[u8], family: AfiSafi, path_ids: bool) -> Option<(RouteKey<'_>, u64, &[u8])> {
    use arancini_rib::KeyShape;
    let (path_id, bytes) = if path_ids {
        let (path_id, rest) = bytes.split_first_chunk::<4>()?;
        (Some(u32::from_be_bytes(*path_id)), rest)
    } else {
        (None, bytes)
    };
    let (key, rest) = match key_shape(family) {
        KeyShape::Ipv4 => {
            let (key, rest) = bytes.split_first_chunk::<5>()?;
            let [a, b, c, d, length] = *key;
            let address = u32::from_be_bytes([a, b, c, d]);
            let key = RouteKey::Ipv4 {
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Ipv6 => {
            let (address, rest) = bytes.split_first_chunk::<16>()?;
            let (&length, rest) = rest.split_first()?;
            let address = u128::from_be_bytes(*address);
            let key = RouteKey::Ipv6 {
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Vpn4 => {
            let (&distinguisher, rest) = bytes.split_first_chunk::<8>()?;
            let (key, rest) = rest.split_first_chunk::<5>()?;
            let [a, b, c, d, length] = *key;
            let address = u32::from_be_bytes([a, b, c, d]);
            let key = RouteKey::Vpn4 {
                distinguisher,
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Vpn6 => {
            let (&distinguisher, rest) = bytes.split_first_chunk::<8>()?;
            let (address, rest) = rest.split_first_chunk::<16>()?;
            let (&length, rest) = rest.split_first()?;
            let address = u128::from_be_bytes(*address);
            let key = RouteKey::Vpn6 {
                distinguisher,
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Opaque => {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let (nlri, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            (RouteKey::Opaque { nlri, path_id }, rest)
        }
    };
    let (fingerprint, rest) = rest.split_first_chunk::<8>()?;
    Some((key, u64::from_le_bytes(*fingerprint), rest))
}

fn address(bytes: &[u8]) -> Result<[u8; 16], RestoreError> {
    bytes
        .try_into()
        .map_err(|_| RestoreError::Content("an address of it has not 16 bytes"))
}

const fn identity_of(entry: &IdentityEntry) -> PeerIdentity {
    PeerIdentity {
        peer_type: entry.peer_type,
        distinguisher: entry.distinguisher,
        address: entry.address,
        bgp_id: entry.bgp_id,
    }
}

const fn view_of(view: update_capnp::RibView) -> RibView {
    match view {
        update_capnp::RibView::AdjRibInPre => RibView::AdjRibInPre,
        update_capnp::RibView::AdjRibInPost => RibView::AdjRibInPost,
        update_capnp::RibView::AdjRibOutPre => RibView::AdjRibOutPre,
        update_capnp::RibView::AdjRibOutPost => RibView::AdjRibOutPost,
        update_capnp::RibView::LocRib => RibView::LocRib,
    }
}
