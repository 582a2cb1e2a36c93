//! Keys of peers in addresses of the API.
//!
//! A key is `ADDRESS~BGPID~TYPE~DISTINGUISHER`, like `192.0.2.1~192.0.2.1~0~0`. Parts at the end may be left out: then it
//! means every peer that agrees in the others.

use std::net::{IpAddr, Ipv4Addr};

use arancini_core::ask::PeerSelector;
use arancini_wire::bmp::PeerIdentity;

use super::number::number;
use super::problem::Problem;

/// The key of a peer.
pub(crate) fn peer_key(identity: &PeerIdentity) -> String {
    let address = IpAddr::from(identity.address).to_canonical();
    let bgp_id = Ipv4Addr::from(identity.bgp_id);
    let distinguisher = u64::from_be_bytes(identity.distinguisher);
    format!("{address}~{bgp_id}~{}~{distinguisher:x}", identity.peer_type)
}

/// Reads a key of peers.
pub(super) fn read_peer(field: &'static str, text: &str) -> Result<PeerSelector, Problem> {
    read(text).ok_or_else(|| {
        Problem::invalid(
            field,
            format!("{text:?} is no key of a peer"),
            "write the address of the peer, like 192.0.2.1, or the key that the list of peers shows",
        )
    })
}

fn read(text: &str) -> Option<PeerSelector> {
    let mut parts = text.split('~');
    let address: IpAddr = parts.next()?.parse().ok()?;
    let bgp_id: Option<Ipv4Addr> = parts.next().map(str::parse).transpose().ok()?;
    let peer_type = match parts.next() {
        Some(text) => Some(number(text)?),
        None => None,
    };
    let distinguisher = match parts.next() {
        Some(text) if text.starts_with('+') => return None,
        Some(text) => Some(u64::from_str_radix(text, 16).ok()?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(PeerSelector {
        address: address.to_canonical(),
        bgp_id: bgp_id.map(Ipv4Addr::to_bits),
        peer_type,
        distinguisher: distinguisher.map(u64::to_be_bytes),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_selects_its_peer_and_a_shorter_one_those_like_it() {
        let identity = PeerIdentity {
            peer_type: 1,
            distinguisher: 0xfde8_0000_0007_u64.to_be_bytes(),
            address: Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets(),
            bgp_id: Ipv4Addr::new(10, 0, 0, 7).to_bits(),
        };
        let key = peer_key(&identity);
        assert_eq!(key, "192.0.2.7~10.0.0.7~1~fde800000007");
        for text in [key.as_str(), "192.0.2.7~10.0.0.7", "192.0.2.7"] {
            assert!(read(text).unwrap().selects(&identity), "{text}");
        }
        for text in ["192.0.2.8", "192.0.2.7~10.0.0.8", "192.0.2.7~10.0.0.7~0"] {
            assert!(!read(text).unwrap().selects(&identity), "{text}");
        }
        for text in [
            "",
            "192.0.2",
            "192.0.2.7~x",
            "192.0.2.7~10.0.0.7~256",
            "192.0.2.7~10.0.0.7~+1",
            "192.0.2.7~10.0.0.7~1~+1",
            "::~0.0.0.0~0~0~",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
