//! The load `ipv6`: full IPv6 tables over IPv6 sessions.

use std::net::Ipv6Addr;

use arancini_wire::iana::AfiSafi;

use super::dump::{Dump, dumps};
use super::form::Form;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport};
use super::table::Families;

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let dump = |session| Dump {
        session,
        transport: Transport::V6,
        families: Families::Ipv6,
        forms: vec![Form::MultiProtocol {
            family: AfiSafi::IPV6_UNICAST,
            next_hop: next_hop(session),
            head: Vec::new(),
        }],
        paths: None,
        route_targets: false,
    };
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV6_UNICAST],
        add_path: Vec::new(),
    };
    let all = [Session::Internal, Session::External].map(dump);
    dumps(load, &all, &negotiated)
}

/// Returns the octets of the next hop: a neighbour of an external session also names its link-local address (RFC 2545 §3).
fn next_hop(session: Session) -> Vec<u8> {
    let global = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xff, 1).octets();
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xff, 2).octets();
    match session {
        Session::Internal => global.to_vec(),
        Session::External => [global, link_local].concat(),
    }
}
