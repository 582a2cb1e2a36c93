//! What filters look at: the route of an update, and the change of a peer's state.

use std::cell::OnceCell;
use std::net::{IpAddr, Ipv6Addr};

use arancini_schema::table_key::{address_of, identity_of, view_of};
use arancini_schema::update_capnp::{PeerEventKind, SegmentKind, peer_event, update};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::path_pattern::Hop;
use super::views::KnownViews;
use crate::config::IpPrefix;
use crate::message_filter::Action;

/// An update about a route of IPv4 or IPv6 unicast.
pub(super) struct Route<'a> {
    pub update: update::Reader<'a>,
    pub router: IpAddr,
    pub peer: IpAddr,
    pub view: RibView,
    pub prefix: IpPrefix,
    /// Whether the view is the one that is chosen of its peer.
    pub is_chosen: bool,
    path: OnceCell<Vec<Hop>>,
}

/// A peer that came up or went down.
pub(super) struct PeerChange {
    pub router: IpAddr,
    pub peer: IpAddr,
    pub asn: u32,
    pub view: RibView,
    pub is_up: bool,
    pub time_ns: u64,
    pub sequence: u64,
}

impl<'a> Route<'a> {
    /// The route of an update, in a view that is chosen as far as `known` knows. `None` if RIS Live has no such message: another family, a VRF, or a message that can't be read.
    pub fn of(update: update::Reader<'a>, known: &mut KnownViews) -> Option<Self> {
        let family = AfiSafi::new(update.get_afi(), update.get_safi());
        if (family != AfiSafi::IPV4_UNICAST && family != AfiSafi::IPV6_UNICAST)
            || update.get_peer_distinguisher() != 0
        {
            return None;
        }
        let octets = address_of(update.get_prefix_addr()).ok()?;
        let address = match (update.get_afi(), octets) {
            (1, [.., a, b, c, d]) => IpAddr::from([a, b, c, d]),
            _ => IpAddr::from(octets),
        };
        let router = IpAddr::from(address_of(update.get_router_addr()).ok()?).to_canonical();
        let view = view_of(update.get_rib_view()).ok()?;
        let peer = peer_name(view, router, address_of(update.get_peer_addr()).ok()?);
        if update.get_announced() {
            known.note(router, peer, view);
        }
        Some(Self {
            update,
            router,
            peer,
            view,
            prefix: IpPrefix::new(address, update.get_prefix_len())?,
            is_chosen: known.choose(router, peer, view),
            path: OnceCell::new(),
        })
    }

    /// What the update does.
    pub fn action(&self) -> Action {
        if self.update.get_announced() {
            Action::Announce
        } else {
            Action::Withdraw
        }
    }

    /// The AS path, from the peer to the origin. It is empty if it can't be read.
    pub fn path(&self) -> &[Hop] {
        self.path
            .get_or_init(|| read_path(&self.update).unwrap_or_default())
    }
}

impl PeerChange {
    /// The change that an event tells. `None` if it can't be read, or is about a peer of a VRF.
    pub fn of(event: peer_event::Reader<'_>) -> Option<Self> {
        let reader = event.get_peer().ok()?;
        let identity = identity_of(reader).ok()?;
        let router = IpAddr::from(address_of(event.get_router_addr()).ok()?).to_canonical();
        let view = view_of(reader.get_rib_view()).ok()?;
        if identity.distinguisher != [0; 8] {
            return None;
        }
        Some(Self {
            router,
            peer: peer_name(view, router, identity.address),
            asn: reader.get_asn(),
            view,
            is_up: event.get_kind().ok()? == PeerEventKind::Up,
            time_ns: event.get_time_received_ns(),
            sequence: event.get_sequence(),
        })
    }
}

/// The address under which a client knows a peer. The Loc-RIB has no peer, so it goes by the address of its router.
fn peer_name(view: RibView, router: IpAddr, peer: [u8; 16]) -> IpAddr {
    if view == RibView::LocRib {
        return router;
    }
    Ipv6Addr::from(peer).to_canonical()
}

fn read_path(update: &update::Reader<'_>) -> Option<Vec<Hop>> {
    let segments = update.get_as_path_segments().ok()?;
    if segments.is_empty() {
        return Some(update.get_as_path().ok()?.iter().map(Hop::As).collect());
    }
    let mut path = Vec::new();
    for segment in segments {
        let numbers = segment.get_asns().ok()?.iter();
        match segment.get_kind() {
            Ok(SegmentKind::AsSet | SegmentKind::ConfedSet) => path.push(Hop::set_of(numbers.collect())),
            _ => path.extend(numbers.map(Hop::As)),
        }
    }
    Some(path)
}
