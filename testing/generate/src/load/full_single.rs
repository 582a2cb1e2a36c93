//! The load `full-single`: IPv4 tables with one prefix in each UPDATE. Each UPDATE comes twice: before and after policy.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use super::dump::PEERS;
use super::named_load::{NamedLoad, RouterLoad};
use super::session::{Negotiated, Session, Transport, open_sessions};
use super::single;
use crate::bmp::Peer;

/// Generates the load.
pub(super) fn make(load: &NamedLoad) -> RouterLoad {
    let sessions = [Session::Internal, Session::External];
    let prefixes = load.prefixes_of_a_peer(PEERS) / 2;
    let templates = sessions.map(|session| {
        let before_policy = session.peer(0, Transport::V4);
        let headers = [before_policy, before_policy.in_view(RibView::AdjRibInPost)];
        single::write(load, session, prefixes, &headers)
    });
    let peers: Vec<Peer> = (0..PEERS)
        .zip(sessions.into_iter().cycle())
        .map(|(number, session)| session.peer(number, Transport::V4))
        .collect();
    let negotiated = Negotiated {
        families: vec![AfiSafi::IPV4_UNICAST],
        add_path: Vec::new(),
    };
    let opening = open_sessions(&load.sys_name, &peers, &negotiated);
    RouterLoad::of_templates(opening, &peers, &templates)
}
