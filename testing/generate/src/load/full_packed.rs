//! The load `full-packed`: full IPv4 tables whose UPDATEs have sizes and attributes as in a real table.

use arancini_wire::iana::AfiSafi;

use super::dump::{Dump, dumps};
use super::form::Form;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport, next_hop_v4};
use super::table::Families;

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV4_UNICAST],
        add_path: Vec::new(),
    };
    dumps(load, &of_full_table(), &negotiated)
}

/// Returns the dumps of two peers: one of an internal session, and one of an external session.
pub(super) fn of_full_table() -> [Dump; 2] {
    [Session::Internal, Session::External].map(|session| Dump {
        session,
        transport: Transport::V4,
        families: Families::Ipv4,
        forms: vec![Form::Classic {
            next_hop: next_hop_v4(session),
        }],
        paths: None,
        route_targets: false,
    })
}
