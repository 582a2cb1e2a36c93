//! `publish.on_full = "drop"`: the routes of a batch that was thrown away are put in doubt, and the router's next dump
//! repairs what consumers hold (`docs/adr/0041-dropped-routes-are-in-doubt.md`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::net::Ipv4Addr;

use arancini_core::SessionId;
use arancini_generate::{Peer, end_of_rib, route_monitoring};
use arancini_wire::iana::AfiSafi;

use support::wire::{Destination, announce, as_path, origin, peer, up, withdraw};
use support::{Harness, SECOND};

const TEN: Destination = Destination::V4([10, 0, 0, 0], 8);
const ELEVEN: Destination = Destination::V4([11, 0, 0, 0], 8);
const TWELVE: Destination = Destination::V4([12, 0, 0, 0], 8);
const THIRTEEN: Destination = Destination::V4([13, 0, 0, 0], 8);

fn send_announce(harness: &mut Harness, session: SessionId, peer: &Peer, to: &Destination) {
    let attributes = [origin(0), as_path(&[64_501])].concat();
    harness.send(session, &announce(peer, &attributes, &[(to, None)], 100));
}

/// What consumers hold: each prefix with the BGP identifier of its peer.
fn held(harness: &Harness) -> Vec<(String, u32)> {
    let held = harness.consumer.held().into_keys();
    held.map(|(table, route)| (route.prefix, table.key.peer.bgp_id))
        .collect()
}

/// A router speaks of a peer before the peer's Peer Up, and the Peer Up names the peer by another BGP identifier. The
/// peer then has two tables of one view and family. The routes of a dropped batch belong to one of the two, and only that
/// table may be put in doubt.
#[test]
fn what_was_dropped_of_a_provisional_peer_is_put_in_doubt_in_the_right_table() {
    let nameless = |peer: Peer| Peer {
        bgp_id: Ipv4Addr::UNSPECIFIED,
        ..peer
    };
    let (named, nameless) = (peer(1), nameless(peer(1)));
    for (provisional, identified) in [(&nameless, &named), (&named, &nameless)] {
        let mut harness = Harness::new();
        let session = harness.session();
        send_announce(&mut harness, session, provisional, &TEN);
        harness.send(session, &up(identified));
        for to in [&ELEVEN, &TWELVE] {
            send_announce(&mut harness, session, identified, to);
        }
        harness.published();
        let bgp_id = u32::from(identified.bgp_id);
        let eleven_and_twelve = ["11.0.0.0/8", "12.0.0.0/8"].map(|prefix| (prefix.to_owned(), bgp_id));
        assert_eq!(
            held(&harness),
            eleven_and_twelve,
            "the provisional peer's are gone"
        );

        // One announce and one withdraw do not reach consumers.
        send_announce(&mut harness, session, identified, &THIRTEEN);
        harness.send(session, &withdraw(identified, &[(&ELEVEN, None)]));
        harness.wait(SECOND);
        harness.drop_batches();
        assert_eq!(harness.updates(), [], "both were thrown away");

        harness.close(session);
        let session = harness.session();
        harness.send(session, &up(identified));
        for to in [&TWELVE, &THIRTEEN] {
            send_announce(&mut harness, session, identified, to);
        }
        harness.send(
            session,
            &route_monitoring(identified, &end_of_rib(AfiSafi::IPV4_UNICAST)),
        );
        harness.wait(1000 * SECOND);
        harness.published();
        let twelve_and_thirteen = ["12.0.0.0/8", "13.0.0.0/8"].map(|prefix| (prefix.to_owned(), bgp_id));
        assert_eq!(held(&harness), twelve_and_thirteen, "the next dump says both");
    }
}
