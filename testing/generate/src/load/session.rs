//! The peers of a load, and the messages that open their sessions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use arancini_wire::iana::AfiSafi;

use super::writer::Writer;
use crate::bmp::{Peer, initiation, peer_up};
use crate::open::{AddPathMode, Open};

/// The AS of the router.
pub(super) const OWN_AS: u32 = 65_551;
/// The AS of every external peer. It needs four octets.
pub(super) const EXTERNAL_AS: u32 = 4_200_000_001;
/// Peers' IPv4 addresses: 100.64.0.0/16 (RFC 6598).
const NETWORK_V4: u32 = 0x6440_0000;
/// Peers' IPv6 addresses: 2001:db8::/32 (RFC 3849).
const NETWORK_V6: u128 = 0x2001_0db8 << 96;

/// The type of the information TLV with the name of a table (RFC 9069 §5.2.1).
const TABLE_NAME_TLV: u16 = 3;
/// The octets of a BMP message with its length (RFC 7854 §4.1).
const BMP_LENGTH: Range<usize> = 1..5;

/// The kind of a BGP session, which decides the attributes of its routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// A session with a route reflector of the own AS.
    Internal,
    /// A session with another AS.
    External,
}

/// The addresses of the BGP sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Session {
    /// Returns the AS of the peer.
    pub(super) const fn asn(self) -> u32 {
        match self {
            Self::Internal => OWN_AS,
            Self::External => EXTERNAL_AS,
        }
    }

    /// Returns a peer by its number.
    pub(super) fn peer(self, number: u16, transport: Transport) -> Peer {
        let number = u32::from(number) + 1;
        let address = match transport {
            Transport::V4 => IpAddr::V4(Ipv4Addr::from_bits(NETWORK_V4 | number)),
            Transport::V6 => IpAddr::V6(Ipv6Addr::from_bits(NETWORK_V6 | u128::from(number))),
        };
        Peer::new(address, self.asn(), Ipv4Addr::from_bits(0x0a00_0000 | number))
    }
}

/// Returns the IPv4 next hop of all routes of a session.
pub(super) const fn next_hop_v4(session: Session) -> Ipv4Addr {
    match session {
        Session::Internal => Ipv4Addr::new(100, 64, 255, 1),
        Session::External => Ipv4Addr::new(100, 64, 255, 2),
    }
}

/// What the peers of a load have negotiated.
#[derive(Debug, Clone, Default)]
pub(super) struct Negotiated {
    /// The address families.
    pub(super) families: Vec<AfiSafi>,
    /// The families with path identifiers.
    pub(super) add_path: Vec<AfiSafi>,
}

/// Writes the Initiation and the Peer Up of each peer.
pub(super) fn open_sessions(sys_name: &str, peers: &[Peer], negotiated: &Negotiated) -> Writer {
    let mut writer = Writer::default();
    writer.message(|_, out| out.extend(initiation(sys_name, "Arancini synthetic router")));
    for peer in peers {
        writer.message(|_, out| out.extend(peer_up_of(peer, negotiated)));
    }
    writer
}

/// Returns the Peer Up of a Loc-RIB, with the name of its table (RFC 9069 §5.2.1).
pub(super) fn open_session_of_table(table: &Peer, name: &str, negotiated: &Negotiated) -> Vec<u8> {
    let mut message = peer_up_of(table, negotiated);
    message.extend(TABLE_NAME_TLV.to_be_bytes());
    message.extend((name.len() as u16).to_be_bytes());
    message.extend(name.as_bytes());
    let length = message.len() as u32;
    message[BMP_LENGTH].copy_from_slice(&length.to_be_bytes());
    message
}

/// Returns the Peer Up of a peer.
fn peer_up_of(peer: &Peer, negotiated: &Negotiated) -> Vec<u8> {
    let local = if peer.address.is_ipv6() {
        IpAddr::V6(Ipv6Addr::from_bits(NETWORK_V6 | 0xffff))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits(NETWORK_V4 | 0xffff))
    };
    let open = |asn, bgp_id| {
        let open = Open {
            families: negotiated.families.clone(),
            ..Open::new(asn, bgp_id)
        };
        let families = negotiated.add_path.iter();
        families.fold(open, |open, family| {
            open.with_add_path(*family, AddPathMode::Both)
        })
    };
    let sent = open(OWN_AS, Ipv4Addr::new(10, 255, 255, 255));
    peer_up(peer, local, &sent, &open(peer.asn, peer.bgp_id))
}
