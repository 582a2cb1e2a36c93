//! The load `named-tables`: the Loc-RIBs of ten VRFs, each with its name in the Peer Up (RFC 9069).

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::dump::PEERS;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, OWN_AS, Session, Transport, open_session_of_table, open_sessions};
use super::single;
use crate::bmp::Peer;

/// Generates the load. FRR sends its tables prefix by prefix, so each UPDATE has one prefix.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let sessions = [Session::Internal, Session::External];
    let prefixes = load.prefixes_of_a_peer(PEERS);
    let templates = sessions.map(|session| single::write(load, session, prefixes, &[table(0)]));
    let tables: Vec<Peer> = (0..PEERS).map(table).collect();
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV4_UNICAST],
        add_path: Vec::new(),
    };
    let mut opening = open_sessions(&load.sys_name, &[], &negotiated);
    for (number, table) in tables.iter().enumerate() {
        let name = format!("vrf-customer-{number:04}");
        opening.message(|_, out| out.extend(open_session_of_table(table, &name, &negotiated)));
    }
    RouterLoad::of_templates(opening, &tables, &templates)
}

/// Returns the per-peer header of a Loc-RIB. Its distinguisher is the route distinguisher of the VRF (RFC 9069 §4.1).
fn table(number: u16) -> Peer {
    let own = Session::Internal.peer(0, Transport::V4);
    Peer {
        distinguisher: 0x0000_fde8_0000_0000 | u64::from(number),
        asn: OWN_AS,
        ..own.in_view(RibView::LocRib)
    }
}
