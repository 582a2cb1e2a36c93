//! BMP messages of a made-up router (RFC 7854 §4, RFC 8671).

use std::net::IpAddr;

use arancini_wire::iana::AfiSafi;

use super::sessions::Session;

const INITIATION: u8 = 4;
const PEER_UP: u8 = 3;
const PEER_DOWN: u8 = 2;
const ROUTE_MONITORING: u8 = 0;
/// Remote system closed, no data (RFC 7854 §4.9).
const CLOSED_BY_PEER: u8 = 4;
const PEER_IS_IPV6: u8 = 0x80;
const TWO_OCTET_AS_PATH: u8 = 0x20;
const ADJ_RIB_OUT: u8 = 0x10;
/// Peer type of a peer with a distinguisher that is no route distinguisher.
const LOCAL_INSTANCE: u8 = 2;
const AS_TRANS: u16 = 23456;
/// Most families of an OPEN: its optional parameters have 255 octets.
const MOST_FAMILIES: usize = 20;

/// Appends the Initiation: the router's name is that of the file.
pub(super) fn push_initiation(name: &str, out: &mut Vec<u8>) {
    let name = name.as_bytes();
    let name = name.get(..name.len().min(255)).unwrap_or_default();
    let mut body = Vec::new();
    for (kind, text) in [(1_u16, &b"read from an MRT file"[..]), (2, name)] {
        body.extend(kind.to_be_bytes());
        body.extend((text.len() as u16).to_be_bytes());
        body.extend_from_slice(text);
    }
    push_message(INITIATION, &body, &[], out);
}

/// Appends a Peer Up.
pub(super) fn push_peer_up(session: &Session, time: (u32, u32), out: &mut Vec<u8>) {
    let mut body = per_peer_header(session, time);
    body.extend(sixteen_octets(session.local));
    body.extend([0; 4]);
    push_open(session, session.local_asn, &mut body);
    push_open(session, session.key.asn, &mut body);
    push_message(PEER_UP, &body, &[], out);
}

/// Appends a Peer Down.
pub(super) fn push_peer_down(session: &Session, time: (u32, u32), out: &mut Vec<u8>) {
    push_message(PEER_DOWN, &per_peer_header(session, time), &[CLOSED_BY_PEER], out);
}

/// Appends a Route Monitoring with an UPDATE.
pub(super) fn push_route_monitoring(session: &Session, time: (u32, u32), update: &[u8], out: &mut Vec<u8>) {
    push_message(ROUTE_MONITORING, &per_peer_header(session, time), update, out);
}

fn push_message(kind: u8, head: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    // A record is far below 4 GiB.
    let length = (6 + head.len() + rest.len()) as u32;
    out.push(3);
    out.extend(length.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(head);
    out.extend_from_slice(rest);
}

fn per_peer_header(session: &Session, (seconds, microseconds): (u32, u32)) -> Vec<u8> {
    let mut header = Vec::with_capacity(42);
    header.push(if session.number == 0 { 0 } else { LOCAL_INSTANCE });
    let mut flags = 0;
    for (flag, is_set) in [
        (PEER_IS_IPV6, session.key.address.is_ipv6()),
        (TWO_OCTET_AS_PATH, !session.four_octet_as),
        (ADJ_RIB_OUT, session.key.is_sent),
    ] {
        if is_set {
            flags |= flag;
        }
    }
    header.push(flags);
    header.extend(session.number.to_be_bytes());
    header.extend(sixteen_octets(session.key.address));
    header.extend(session.key.asn.to_be_bytes());
    header.extend(session.bgp_id.to_be_bytes());
    header.extend(seconds.to_be_bytes());
    header.extend(microseconds.to_be_bytes());
    header
}

/// An address in a field of BMP: IPv4 is at its end, behind zeros.
fn sixteen_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)).to_be_bytes(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Appends an OPEN of this AS with what the session has.
fn push_open(session: &Session, asn: u32, out: &mut Vec<u8>) {
    let mut capabilities = Vec::new();
    for AfiSafi { afi, safi, .. } in session.families.iter().take(MOST_FAMILIES) {
        let [high, low] = afi.to_be_bytes();
        capabilities.extend([1, 4, high, low, 0, *safi]);
    }
    if session.four_octet_as {
        capabilities.extend([65, 4]);
        capabilities.extend(asn.to_be_bytes());
    }
    // An extended message (RFC 8654).
    capabilities.extend([6, 0]);
    let add_path: Vec<_> = session.add_path.iter().take(MOST_FAMILIES).collect();
    if !add_path.is_empty() {
        capabilities.extend([69, 4 * add_path.len() as u8]);
        for AfiSafi { afi, safi, .. } in add_path {
            let [high, low] = afi.to_be_bytes();
            // Both sends and receives.
            capabilities.extend([high, low, *safi, 3]);
        }
    }
    let length = 29 + 2 + capabilities.len();
    out.extend([0xff; 16]);
    out.extend((length as u16).to_be_bytes());
    out.extend([1, 4]);
    out.extend(u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
    out.extend(180_u16.to_be_bytes());
    out.extend(session.bgp_id.to_be_bytes());
    out.extend([2 + capabilities.len() as u8, 2, capabilities.len() as u8]);
    out.extend(capabilities);
}
