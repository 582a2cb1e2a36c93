//! The load `vpn`: the routes of 50 VPNs, four fifths VPN-IPv4 and one fifth VPN-IPv6 (RFC 4364, RFC 4659).

use std::net::{Ipv4Addr, Ipv6Addr};

use arancini_wire::iana::AfiSafi;

use super::dump::{Dump, dumps};
use super::form::Form;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport, next_hop_v4};
use super::table::Families;

/// How many route distinguishers the routes have.
const VPNS: u16 = 50;
const VPN_IPV4: AfiSafi = AfiSafi::new(1, 128);
const VPN_IPV6: AfiSafi = AfiSafi::new(2, 128);

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let dump = Dump {
        session: Session::Internal,
        transport: Transport::V4,
        families: Families::Both,
        forms: (0..VPNS).flat_map(forms).collect(),
        paths: None,
        route_targets: true,
    };
    let negotiated = Negotiated {
        families: vec![VPN_IPV4, VPN_IPV6],
        add_path: Vec::new(),
    };
    dumps(load, &[dump], &negotiated)
}

/// Returns the forms of both families of a VPN. The next hop has a route distinguisher of zero (RFC 4364 §4.3.2); that of a
/// VPN-IPv6 route is an IPv4-mapped address (RFC 4659 §3.2.1.2).
fn forms(vpn: u16) -> [Form; 2] {
    let address: Ipv4Addr = next_hop_v4(Session::Internal);
    let mapped: Ipv6Addr = address.to_ipv6_mapped();
    let form = |family, address: &[u8]| Form::MultiProtocol {
        family,
        next_hop: [&[0; 8], address].concat(),
        head: head(vpn),
    };
    [
        form(VPN_IPV4, &address.octets()),
        form(VPN_IPV6, &mapped.octets()),
    ]
}

/// Returns the label of the VPN, at the bottom of the stack, and its route distinguisher: type 0, a private AS, the number of
/// the VPN (RFC 4364 §4.2).
fn head(vpn: u16) -> Vec<u8> {
    let label = (u32::from(vpn) + 1000) << 4 | 1;
    let [_, label @ ..] = label.to_be_bytes();
    let [high, low] = vpn.to_be_bytes();
    [&label[..], &[0, 0, 0xfd, 0xe8, 0, 0, high, low]].concat()
}
