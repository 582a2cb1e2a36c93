//! What is published is what the routers say, also where a router says it in an unusual way.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::net::Ipv4Addr;

use arancini_core::{Quirk, RouterLife, Settings};
use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, end_of_rib, peer_down, peer_up, route_monitoring,
};
use arancini_schema::update_capnp::{PeerEventKind, RouterEventKind};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use support::consumer::Resyncs;
use support::stream::{Event, Update};
use support::wire::{self, Destination, as_path, mandatory, monitoring, mp_reach, mp_unreach, origin, peer};
use support::{Harness, SECOND, router};

const TEN: Destination = Destination::V4([10, 0, 0, 0], 8);
const ELEVEN: Destination = Destination::V4([11, 0, 0, 0], 8);
const DB8: Destination = Destination::V6(0x2001_0db8 << 96, 32);

fn said(updates: &[Update]) -> Vec<(bool, &str, Option<u32>)> {
    updates
        .iter()
        .map(|update| {
            (
                update.announced.is_some(),
                &*update.route.prefix,
                update.route.path_id,
            )
        })
        .collect()
}

/// A Peer Up whose OPENs agree on Add-Path for IPv4 unicast in both directions.
fn up_with_add_path(peer: &Peer) -> Vec<u8> {
    let mode = AddPathMode::Both;
    let sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1)).with_add_path(AfiSafi::IPV4_UNICAST, mode);
    let received = Open::new(peer.asn, peer.bgp_id).with_add_path(AfiSafi::IPV4_UNICAST, mode);
    peer_up(peer, wire::v4("192.0.2.1"), &sent, &received)
}

/// "An UPDATE message that includes the same address prefix in the WITHDRAWN ROUTES and Network Layer Reachability Information
/// fields" counts as if the prefix was not withdrawn (RFC 4271 §4.3).
#[test]
fn a_prefix_that_one_update_withdraws_and_announces_is_only_announced() {
    let peer = peer(1);
    for (up, path_id) in [(wire::up(&peer), None), (up_with_add_path(&peer), Some(7))] {
        let mut harness = Harness::new();
        let session = harness.session();
        harness.send(session, &up);
        let nlri = |to: &Destination| to.nlri(path_id, 0);
        let both = [nlri(&ELEVEN), nlri(&TEN)].concat();
        harness.send(session, &monitoring(&peer, &[], &mandatory(&[1]), &both));
        assert_eq!(harness.updates().len(), 2);
        let again = monitoring(&peer, &both, &mandatory(&[1]), &nlri(&TEN));
        harness.send(session, &again);
        assert_eq!(said(&harness.updates()), [(false, "11.0.0.0/8", path_id)]);
        let changed = monitoring(&peer, &nlri(&TEN), &mandatory(&[2]), &nlri(&TEN));
        harness.send(session, &changed);
        assert_eq!(said(&harness.updates()), [(true, "10.0.0.0/8", path_id)]);
    }
}

/// As above, in MP_UNREACH_NLRI and MP_REACH_NLRI.
#[test]
fn a_prefix_in_both_multiprotocol_attributes_is_only_announced() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &wire::up(&peer));
    let nlri = DB8.nlri(None, 0);
    let family = AfiSafi::IPV6_UNICAST;
    for (path, published) in [(1, 1), (1, 0), (2, 1)] {
        let attributes = [
            origin(0),
            as_path(&[path]),
            mp_reach(family, &nlri),
            mp_unreach(family, &nlri),
        ];
        harness.send(session, &monitoring(&peer, &[], &attributes.concat(), &[]));
        let updates = harness.updates();
        assert_eq!(updates.len(), published);
        assert!(updates.iter().all(|update| update.announced.is_some()));
    }
}

/// A message with BGP identifier 0 belongs to the peer that is up, not to a peer of the same address that is down.
#[test]
fn a_message_without_an_identifier_belongs_to_the_peer_that_is_up() {
    let first = peer(1);
    let second = Peer {
        bgp_id: Ipv4Addr::new(203, 0, 113, 77),
        ..first
    };
    let nameless = Peer {
        bgp_id: Ipv4Addr::UNSPECIFIED,
        ..first
    };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &wire::up(&first));
    harness.send(session, &peer_down(&first, &PeerDown::RemoteSilent));
    harness.send(session, &wire::up(&second));
    let route = TEN.nlri(None, 0);
    harness.send(session, &monitoring(&nameless, &[], &mandatory(&[1]), &route));
    harness.send(session, &peer_down(&second, &PeerDown::RemoteSilent));
    let updates = harness.updates();
    let expected = [(true, "10.0.0.0/8", None), (false, "10.0.0.0/8", None)];
    assert_eq!(said(&updates), expected);
    assert_eq!(harness.shard.router(router(1)).unwrap().peers.len(), 2);
}

/// A Loc-RIB Peer Up that comes again without Add-Path ends Add-Path for the families that it lists, and only for them. Routes that
/// were announced with path identifiers are withdrawn unless they come again.
#[test]
fn the_newest_peer_up_of_a_loc_rib_says_whether_there_are_path_identifiers() {
    let loc_rib = peer(1).in_view(RibView::LocRib);
    let up = |family: AfiSafi, add_path: bool| {
        let mut open = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        open.families = vec![family];
        if add_path {
            open = open.with_add_path(family, AddPathMode::Both);
        }
        peer_up(&loc_rib, wire::v4("0.0.0.0"), &open, &open)
    };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(AfiSafi::IPV4_UNICAST, true));
    harness.send(session, &up(AfiSafi::IPV6_UNICAST, true));
    let plain = |nlri: &[u8]| monitoring(&loc_rib, &[], &mandatory(&[1]), nlri);
    let db8 = mp_reach(AfiSafi::IPV6_UNICAST, &DB8.nlri(Some(9), 0));
    let db8 = [origin(0), as_path(&[1]), db8].concat();
    harness.send(session, &plain(&TEN.nlri(Some(1), 0)));
    harness.send(session, &monitoring(&loc_rib, &[], &db8, &[]));
    let expected = [(true, "10.0.0.0/8", Some(1)), (true, "2001:db8::/32", Some(9))];
    assert_eq!(said(&harness.updates()), expected);

    harness.send(session, &up(AfiSafi::IPV4_UNICAST, false));
    // 0.0.0.0/0 three times and 0.0.0.0/8. With path identifiers, these octets are 0.0.0.0/0 of path 8.
    harness.send(session, &plain(&[0, 0, 0, 8, 0]));
    harness.send(session, &monitoring(&loc_rib, &[], &db8, &[]));
    let updates = harness.updates();
    let expected = [(true, "0.0.0.0/0", None), (true, "0.0.0.0/8", None)];
    let mut found = said(&updates);
    found.dedup();
    assert_eq!(found, expected);
    harness.wait(60 * SECOND);
    assert_eq!(said(&harness.updates()), [(false, "10.0.0.0/8", Some(1))]);
}

/// A Peer Up added path identifiers to a table that was still being swept, and the routes without identifiers stayed for ever
/// (found by the simulator, seed 20016506).
#[test]
fn a_table_that_gains_path_identifiers_while_it_is_swept_loses_its_former_routes() {
    let loc_rib = peer(1).in_view(RibView::LocRib);
    let open = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
    let with_paths = open
        .clone()
        .with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
    let up = |open: &Open| peer_up(&loc_rib, wire::v4("0.0.0.0"), open, open);
    let route = |path| monitoring(&loc_rib, &[], &mandatory(&[1]), &TEN.nlri(path, 0));
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&open));
    harness.send(session, &route(None));
    harness.close(session);
    let session = harness.session();
    harness.send(session, &up(&open));
    harness.send(session, &route(None));
    let end = route_monitoring(&loc_rib, &end_of_rib(AfiSafi::IPV4_UNICAST));
    harness.send(session, &end);
    assert!(harness.shard.needs_sweep());
    harness.send(session, &up(&with_paths));
    harness.send(session, &route(Some(1)));
    harness.send(session, &end);
    let expected = [
        (true, "10.0.0.0/8", None),
        (true, "10.0.0.0/8", Some(1)),
        (false, "10.0.0.0/8", None),
    ];
    assert_eq!(said(&harness.updates()), expected);
}

/// The per-peer header of a route names the peer (RFC 9069 §5.1), also where the Peer Up had another AS number. A zero names
/// nothing.
#[test]
fn a_route_has_the_names_of_its_own_header() {
    let known = peer(1);
    let other = Peer { asn: 64_999, ..known };
    let nameless = Peer { asn: 0, ..known };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &wire::up(&known));
    for (sender, to) in [(&other, &TEN), (&nameless, &ELEVEN)] {
        let route = to.nlri(None, 0);
        harness.send(session, &monitoring(sender, &[], &mandatory(&[1]), &route));
    }
    let asns: Vec<u32> = harness
        .updates()
        .iter()
        .map(|update| update.table.key.peer_asn)
        .collect();
    assert_eq!(asns, [64_999, known.asn]);
    let quirks = |harness: &Harness| harness.counters.quirks[Quirk::OtherThanPeerUp as usize].get();
    assert_eq!(quirks(&harness), 1);
    harness.send(session, &monitoring(&other, &TEN.nlri(None, 0), &[], &[]));
    assert_eq!(said(&harness.updates()), [(false, "10.0.0.0/8", None)]);
    harness.send(session, &peer_down(&known, &PeerDown::RemoteSilent));
    assert_eq!(said(&harness.updates()), [(false, "11.0.0.0/8", None)]);
    assert_eq!(harness.consumer.routes(), 0);
}

/// An attribute error in an UPDATE without any route: what it meant cannot be known (RFC 7606 §5.2). If it withdraws routes, they
/// are gone.
#[test]
fn an_attribute_error_without_routes_is_published_raw() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &wire::up(&peer));
    let route = TEN.nlri(None, 0);
    harness.send(session, &monitoring(&peer, &[], &mandatory(&[1]), &route));
    harness.published();
    let bad = [origin(9), as_path(&[1])].concat();
    let empty_mp_reach = [origin(9), as_path(&[1]), mp_reach(AfiSafi::IPV6_UNICAST, &[])].concat();
    for attributes in [&bad, &empty_mp_reach] {
        let message = monitoring(&peer, &[], attributes, &[]);
        harness.send(session, &message);
        let published = harness.published();
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].as_malformed().unwrap().raw, message);
    }
    assert_eq!(harness.counters.malformed.get(), 2);
    harness.send(session, &monitoring(&peer, &route, &bad, &[]));
    assert_eq!(said(&harness.updates()), [(false, "10.0.0.0/8", None)]);
}

/// A router dumps one table after the other. While a large table fills, the tables whose turn has not come are not over, and a
/// Peer Up begins a dump.
#[test]
fn no_table_settles_while_the_router_still_dumps_another_one() {
    let (held, large, late) = (peer(1), peer(2), peer(3));
    let mut harness = Harness::new();
    let session = harness.session();
    let route = |peer: &Peer, number: u8| {
        let nlri = Destination::V4([100, number, 0, 0], 16).nlri(None, 0);
        monitoring(peer, &[], &mandatory(&[1]), &nlri)
    };
    harness.send(session, &wire::up(&held));
    harness.send(session, &route(&held, 0));
    assert_eq!(harness.updates().len(), 1);
    harness.close(session);
    let session = harness.session();
    harness.send(session, &wire::up(&held));
    harness.send(session, &wire::up(&large));
    // The quiet period is 30 s; the dump of the second table takes 100 s.
    for number in 0..50 {
        harness.send(session, &route(&large, number));
        harness.wait(2 * SECOND);
    }
    harness.wait(20 * SECOND);
    harness.send(session, &wire::up(&late));
    harness.wait(20 * SECOND);
    assert!(harness.updates().iter().all(|update| update.announced.is_some()));
    harness.send(session, &route(&held, 0));
    harness.wait(100 * SECOND);
    assert_eq!(harness.updates(), [], "the first table came back as it was");
    assert_eq!(harness.consumer.routes(), 51);
}

/// The table had held routes before, so filling it again counted as growth only above their number, and the tables whose turn had
/// not come were given up (found by the simulator, seed 30577313).
#[test]
fn a_dump_that_fills_an_emptied_table_again_is_still_a_dump() {
    let (held, emptied) = (peer(1), peer(2));
    let mut harness = Harness::new();
    let route = |peer: &Peer, number: u8| {
        let nlri = Destination::V4([100, number, 0, 0], 16).nlri(None, 0);
        monitoring(peer, &[], &mandatory(&[1]), &nlri)
    };
    let session = harness.session();
    harness.send(session, &wire::up(&held));
    harness.send(session, &route(&held, 0));
    harness.send(session, &wire::up(&emptied));
    for number in 0..50 {
        harness.send(session, &route(&emptied, number));
    }
    harness.close(session);
    // The second peer has no routes in this session.
    let session = harness.session();
    harness.send(session, &wire::up(&held));
    harness.send(session, &route(&held, 0));
    harness.wait(60 * SECOND);
    harness.published();
    assert_eq!(harness.consumer.routes(), 1);
    harness.close(session);
    let session = harness.session();
    harness.send(session, &wire::up(&held));
    harness.send(session, &wire::up(&emptied));
    // The quiet period is 30 s; the dump of the second table takes 80 s.
    for number in 0..40 {
        harness.send(session, &route(&emptied, number));
        harness.wait(2 * SECOND);
    }
    harness.send(session, &route(&held, 0));
    let withdrawn = harness
        .updates()
        .iter()
        .filter(|update| update.announced.is_none())
        .count();
    assert_eq!(withdrawn, 0);
}

/// Announces that add nothing to a table do not prolong a dump: a router without End-of-RIB that never pauses settles too.
#[test]
fn changes_of_known_routes_do_not_prolong_a_dump() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    let route = |to: &Destination, asn| monitoring(&peer, &[], &mandatory(&[asn]), &to.nlri(None, 0));
    harness.send(session, &wire::up(&peer));
    harness.send(session, &route(&TEN, 1));
    harness.send(session, &route(&ELEVEN, 1));
    assert_eq!(harness.updates().len(), 2);
    harness.close(session);
    let session = harness.session();
    harness.send(session, &wire::up(&peer));
    for asn in 2..50 {
        harness.send(session, &route(&TEN, asn));
        harness.wait(SECOND);
    }
    let withdrawn = harness.updates();
    let withdrawn = withdrawn.iter().filter(|update| update.announced.is_none());
    assert_eq!(withdrawn.count(), 1);
}

/// Dynamic neighbours come and go: those that are gone for ever do not count towards the limit of peers.
#[test]
fn a_peer_that_is_gone_gives_its_place_to_another() {
    const MOST: usize = 4;
    let mut harness = Harness::with(Settings {
        max_peers_per_router: MOST,
        ..Settings::default()
    });
    let session = harness.session();
    let route = TEN.nlri(None, 0);
    let (mut ups, mut published) = (0, 0);
    for number in 1..=3 * MOST as u8 {
        let peer = peer(number);
        harness.send(session, &wire::up(&peer));
        harness.send(session, &monitoring(&peer, &[], &mandatory(&[1]), &route));
        harness.send(session, &peer_down(&peer, &PeerDown::RemoteSilent));
        let events = harness.published();
        ups += events.iter().filter(|event| is_peer_up(event)).count();
        published += events.into_iter().filter_map(Event::into_update).count();
    }
    assert_eq!((ups, published), (3 * MOST, 2 * 3 * MOST));
    assert_eq!(harness.counters.peer_limit_exceeded.get(), 0);
    assert_eq!(harness.shard.router(router(1)).unwrap().peers.len(), MOST);

    // Peers that are up, or whose routes wait for the sweep, keep their places.
    for number in 101..=101 + MOST as u8 {
        let peer = peer(number);
        harness.send(session, &wire::up(&peer));
        harness.send(session, &monitoring(&peer, &[], &mandatory(&[1]), &route));
    }
    assert_eq!(
        harness.counters.peer_limit_exceeded.get(),
        2,
        "a Peer Up and a route"
    );
    harness.send(session, &peer_down(&peer(101), &PeerDown::RemoteSilent));
    harness.send(session, &wire::up(&peer(110)));
    assert_eq!(harness.counters.peer_limit_exceeded.get(), 3, "not swept yet");
    harness.published();
    harness.send(session, &wire::up(&peer(110)));
    assert_eq!(harness.counters.peer_limit_exceeded.get(), 3);
    assert_eq!(harness.consumer.routes(), MOST - 1);
    // An identity of a peer that is gone leads to no peer that has its place.
    harness.send(session, &monitoring(&peer(101), &[], &mandatory(&[1]), &route));
    assert_eq!(harness.counters.peer_limit_exceeded.get(), 4);
}

/// Peers that are gone since a lost session give their places away too.
#[test]
fn a_peer_that_went_with_its_session_gives_its_place_to_another() {
    let mut harness = Harness::with(Settings {
        max_peers_per_router: 2,
        ..Settings::default()
    });
    for number in 1..=6 {
        let session = harness.session();
        let peer = peer(number);
        harness.send(session, &wire::up(&peer));
        let route = TEN.nlri(None, 0);
        harness.send(session, &monitoring(&peer, &[], &mandatory(&[1]), &route));
        harness.wait(60 * SECOND);
        harness.published();
        assert_eq!(harness.consumer.routes(), 1, "peer {number}");
        harness.close(session);
    }
    assert_eq!(harness.counters.peer_limit_exceeded.get(), 0);
}

/// The hold of a lost router was over and its withdraws were still to come when consumers lost messages. No withdraw came, and no
/// resync either (found by the simulator, seed 20004618).
#[test]
fn consumers_drop_the_routes_of_a_router_that_is_leaving_when_they_lost_messages() {
    let peer = peer(1);
    let mut harness = Harness::new();
    harness.consumer.resyncs = Resyncs::Expected;
    let session = harness.session();
    harness.send(session, &wire::up(&peer));
    harness.send(
        session,
        &monitoring(&peer, &[], &mandatory(&[1]), &TEN.nlri(None, 0)),
    );
    harness.published();
    assert_eq!(harness.consumer.routes(), 1);
    harness.close(session);
    harness.idle(1000 * SECOND);
    assert_eq!(harness.shard.router(router(1)).unwrap().life, RouterLife::Leaving);
    assert!(harness.shard.handle_need_resync(router(1)));
    harness.published();
    assert_eq!(harness.consumer.routes(), 0);
    assert!(harness.shard.router(router(1)).is_none());
}

/// A router without routes lost messages, and its session was still there when time passed: a resync ended that had not begun, and
/// the router's next dump was none.
#[test]
fn a_resync_that_has_not_begun_does_not_end() {
    let mut harness = Harness::new();
    harness.consumer.resyncs = Resyncs::Expected;
    let session = harness.session();
    harness.send(session, &wire::up(&peer(1)));
    assert!(harness.shard.handle_need_resync(router(1)));
    harness.wait(1000 * SECOND);
    assert!(!harness.published().iter().any(Event::is_resync));
    harness.close(session);
    let session = harness.session();
    harness.send(session, &wire::up(&peer(1)));
    harness.wait(1000 * SECOND);
    let resyncs = harness
        .published()
        .iter()
        .filter(|event| event.is_resync())
        .count();
    assert_eq!(resyncs, 2);
}

/// A peer that came up more often than the quiet period kept the resync of its router going for ever.
#[test]
fn a_peer_that_flaps_does_not_hold_up_the_end_of_a_resync_for_ever() {
    let (steady, flapping) = (peer(1), peer(2));
    let mut harness = Harness::new();
    harness.consumer.resyncs = Resyncs::Expected;
    let dump = [
        wire::up(&steady),
        monitoring(&steady, &[], &mandatory(&[1]), &TEN.nlri(None, 0)),
        route_monitoring(&steady, &end_of_rib(AfiSafi::IPV4_UNICAST)),
    ]
    .concat();
    let session = harness.session();
    harness.send(session, &dump);
    assert!(harness.shard.handle_need_resync(router(1)));
    harness.close(session);
    let session = harness.session();
    harness.send(session, &dump);
    let mut ends = 0;
    for _ in 0..40 {
        harness.send(session, &wire::up(&flapping));
        harness.send(
            session,
            &route_monitoring(&flapping, &end_of_rib(AfiSafi::IPV4_UNICAST)),
        );
        harness.wait(10 * SECOND);
        ends += harness
            .published()
            .iter()
            .filter(|event| event.router_kind() == Some(RouterEventKind::ResyncEnd))
            .count();
    }
    assert_eq!(ends, 1);
    assert_eq!(harness.consumer.routes(), 1);
}

fn is_peer_up(event: &Event) -> bool {
    matches!(event, Event::Peer(event) if event.kind == PeerEventKind::Up)
}
