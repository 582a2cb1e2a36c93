//! Faults of an earlier collector, each as one test: the inputs that showed them, and what must come out.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::net::Ipv4Addr;

use arancini_core::SessionError;
use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, end_of_rib, initiation, peer_down, peer_up, route_monitoring,
};
use arancini_schema::update_capnp::{RouterEventKind, WithdrawReason};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use support::stream::{Event, Update};
use support::wire::{
    self, Destination, announce, as_path, attribute, mandatory, origin, peer, peer_v6, up, withdraw,
};
use support::{Harness, SECOND, router};

const TEN: Destination = Destination::V4([10, 0, 0, 0], 8);
const ELEVEN: Destination = Destination::V4([11, 0, 0, 0], 8);
const DB8: Destination = Destination::V6(0x2001_0db8 << 96, 32);

/// ORIGIN and AS_PATH.
fn path(asns: &[u32]) -> Vec<u8> {
    [origin(0), as_path(asns)].concat()
}

fn one(peer: &Peer, to: &Destination, asns: &[u32]) -> Vec<u8> {
    announce(peer, &path(asns), &[(to, None)], 100)
}

/// A session of router 1 with this peer up. Everything it published has been read.
fn with_peer(peer: &Peer) -> (Harness, arancini_core::SessionId) {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(peer));
    harness.published();
    (harness, session)
}

fn prefixes(updates: &[Update]) -> Vec<(bool, &str)> {
    updates
        .iter()
        .map(|update| (update.announced.is_some(), &*update.route.prefix))
        .collect()
}

#[test]
fn a_new_as_path_or_med_is_an_update() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501, 1]));
    assert_eq!(prefixes(&harness.updates()), [(true, "10.0.0.0/8")]);

    harness.send(session, &one(&peer, &TEN, &[64_501, 1]));
    assert_eq!(harness.updates(), [], "the same again is none");

    harness.send(session, &one(&peer, &TEN, &[64_501, 2]));
    let updates = harness.updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].announced.as_ref().unwrap().as_path, [64_501, 2]);

    let with_med = [path(&[64_501, 2]), attribute(0x80, 4, &[0, 0, 0, 7])].concat();
    harness.send(session, &announce(&peer, &with_med, &[(&TEN, None)], 0));
    let updates = harness.updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].announced.as_ref().unwrap().med, Some(7));
}

#[test]
fn two_vrf_peers_with_one_address_are_two() {
    let vrf = |distinguisher| Peer {
        peer_type: 1,
        distinguisher,
        ..peer(1)
    };
    let (red, blue) = (vrf(0x0001_0000_0000_0001), vrf(0x0001_0000_0000_0002));
    let (mut harness, session) = with_peer(&red);
    harness.send(session, &up(&blue));
    harness.send(session, &one(&red, &TEN, &[64_501]));
    harness.send(session, &one(&blue, &TEN, &[64_501]));
    let updates = harness.updates();
    assert_eq!(updates.len(), 2);
    assert_eq!(
        updates[0].table.key.peer.distinguisher,
        red.distinguisher.to_be_bytes()
    );
    assert_eq!(
        updates[1].table.key.peer.distinguisher,
        blue.distinguisher.to_be_bytes()
    );

    harness.send(session, &withdraw(&red, &[(&TEN, None)]));
    assert_eq!(harness.updates().len(), 1);
    assert_eq!(harness.consumer.routes(), 1, "the other's is still there");
}

fn peer_down_withdraws_everything(peer: &Peer) {
    let (mut harness, session) = with_peer(peer);
    harness.send(session, &one(peer, &TEN, &[64_501]));
    harness.send(session, &one(peer, &DB8, &[64_501]));
    let post = peer.in_view(RibView::AdjRibInPost);
    harness.send(session, &one(&post, &TEN, &[64_501]));
    assert_eq!(harness.updates().len(), 3);
    harness.send(session, &peer_down(peer, &PeerDown::RemoteSilent));
    let updates = harness.updates();
    assert_eq!(updates.len(), 3);
    for update in updates {
        assert_eq!(
            (update.synthetic, update.reason),
            (true, WithdrawReason::PeerDown)
        );
    }
    assert_eq!(harness.consumer.routes(), 0);
}

#[test]
fn peer_down_of_an_ipv4_peer_withdraws_its_routes() {
    peer_down_withdraws_everything(&peer(1));
}

#[test]
fn peer_down_of_an_ipv6_peer_withdraws_its_routes() {
    peer_down_withdraws_everything(&peer_v6(1));
}

/// The peer is back before the sweep has withdrawn its routes: consumers still hear that the routes were gone.
#[test]
fn a_route_that_was_gone_for_a_moment_is_withdrawn_and_announced() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.send(session, &one(&peer, &ELEVEN, &[64_501]));
    harness.published();
    harness.send(session, &peer_down(&peer, &PeerDown::RemoteSilent));
    harness.send(session, &up(&peer));
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    assert!(harness.shard.needs_sweep(), "nothing was swept yet");
    let updates = harness.updates();
    let expected = [(false, "10.0.0.0/8"), (true, "10.0.0.0/8"), (false, "11.0.0.0/8")];
    assert_eq!(prefixes(&updates), expected);
    assert_eq!(updates[0].reason, WithdrawReason::PeerDown);
    assert_eq!(updates[2].reason, WithdrawReason::PeerDown);
}

/// The BGP identifier is part of a route's key (docs/schema.md). Some messages come with an identifier of zero, before the
/// Peer Up tells the true one.
#[test]
fn a_route_is_withdrawn_under_the_identifier_it_was_announced_under() {
    let nameless = Peer {
        bgp_id: Ipv4Addr::UNSPECIFIED,
        ..peer(1)
    };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &one(&nameless, &TEN, &[64_501]));
    harness.send(session, &up(&peer(1)));
    harness.send(session, &one(&peer(1), &ELEVEN, &[64_501]));
    // The consumer of these tests panics at the withdraw of a route that it does not hold.
    harness.updates();
    assert_eq!(harness.consumer.routes(), 1, "what was of identifier 0 is gone");
    harness.send(session, &peer_down(&peer(1), &PeerDown::RemoteSilent));
    harness.updates();
    assert_eq!(harness.consumer.routes(), 0);
}

/// The AS number of the peer tells its tables apart as well. The withdraw under the earlier number may come after the announce
/// under the present one, so a consumer that left the number out of the key would lose the route.
#[test]
fn a_route_is_withdrawn_under_the_as_number_it_was_announced_under() {
    let provisional = Peer {
        asn: 64_999,
        ..peer(1)
    };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &one(&provisional, &TEN, &[64_501]));
    harness.send(session, &up(&peer(1)));
    harness.send(session, &one(&peer(1), &TEN, &[64_501]));
    let said: Vec<_> = harness
        .updates()
        .iter()
        .map(|update| (update.announced.is_some(), update.table.key.peer_asn))
        .collect();
    assert_eq!(said, [(true, 64_999), (true, 64_501), (false, 64_999)]);
    assert_eq!(harness.consumer.routes(), 1, "the route under the present number");
}

#[test]
fn two_paths_of_add_path_are_two_routes() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    let sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1))
        .with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Receive);
    let received = Open::new(peer.asn, peer.bgp_id).with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Send);
    harness.send(session, &peer_up(&peer, wire::v4("192.0.2.1"), &sent, &received));
    let paths = [(&TEN, Some(1)), (&TEN, Some(2))];
    harness.send(session, &announce(&peer, &path(&[64_501]), &paths, 0));
    let ids: Vec<_> = harness
        .updates()
        .iter()
        .map(|update| update.route.path_id)
        .collect();
    assert_eq!(ids, [Some(1), Some(2)]);

    harness.send(session, &withdraw(&peer, &paths[..1]));
    let updates = harness.updates();
    assert_eq!((updates.len(), updates[0].route.path_id), (1, Some(1)));
    assert_eq!(harness.consumer.routes(), 1, "the other path is still there");
}

#[test]
fn routes_of_loc_rib_with_its_zero_address_are_kept() {
    let loc_rib = peer(1).in_view(RibView::LocRib);
    let (mut harness, session) = with_peer(&loc_rib);
    harness.send(session, &one(&loc_rib, &TEN, &[64_501]));
    let updates = harness.updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].table.key.view, RibView::LocRib);
    assert!(updates[0].table.key.peer.address == [0; 16]);
    harness.send(session, &peer_down(&loc_rib, &PeerDown::NoLongerMonitored));
    assert_eq!(harness.updates().len(), 1);
}

#[test]
fn every_family_is_kept_in_a_table_of_its_own() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    let bgp_ls = {
        // A node NLRI (RFC 9552 §5.2): type 1, length, protocol, identifier, local node descriptors.
        let descriptors = [1, 0, 0, 8, 2, 0, 0, 4, 0, 0, 0, 7];
        [&[0, 1, 0, 21, 3][..], &7_u64.to_be_bytes(), &descriptors].concat()
    };
    let labelled = [
        Destination::Vpn4(1, [10, 0, 0, 0], 8),
        Destination::Vpn6(1, 0x2001_0db8 << 96, 32),
        Destination::Labelled4([10, 0, 0, 0], 8),
        Destination::Evpn(5),
    ];
    let mut expected = vec![AfiSafi::IPV4_UNICAST];
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    for to in &labelled {
        harness.send(session, &one(&peer, to, &[64_501]));
        expected.push(to.family());
    }
    let multicast = TEN.nlri(None, 0);
    for (family, nlri) in [
        (AfiSafi::BGP_LS, &bgp_ls),
        (AfiSafi::IPV4_MULTICAST, &multicast),
        // No RFC defines the NLRI of this family yet.
        (AfiSafi::new(1, 240), &vec![1, 2, 3]),
    ] {
        let attributes = [path(&[64_501]), wire::mp_reach(family, nlri)].concat();
        harness.send(session, &wire::monitoring(&peer, &[], &attributes, &[]));
        expected.push(family);
    }
    let updates = harness.updates();
    let families: Vec<_> = updates.iter().map(|update| update.table.key.family).collect();
    assert_eq!(families, expected);
    assert_eq!(updates[1].route.route_distinguisher, Some(1));
    assert_eq!(updates[1].announced.as_ref().unwrap().labels, [100]);
    assert_eq!(updates[4].route, labelled[3].key(None));
    assert_eq!(updates[5].route.raw, bgp_ls);
    assert_eq!(updates[6].route.prefix, "10.0.0.0/8", "apart from unicast");

    harness.send(session, &withdraw(&peer, &[(&TEN, None)]));
    harness.updates();
    assert_eq!(
        harness.consumer.routes(),
        7,
        "the withdraw of unicast is of unicast alone"
    );
    for to in &labelled {
        harness.send(session, &withdraw(&peer, &[(to, None)]));
    }
    harness.updates();
    assert_eq!(harness.consumer.routes(), 3);
}

#[test]
fn another_label_is_another_route_value_not_another_route() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    let to = Destination::Vpn4(1, [10, 0, 0, 0], 8);
    for label in [100, 100, 200] {
        harness.send(session, &announce(&peer, &path(&[64_501]), &[(&to, None)], label));
    }
    let labels: Vec<_> = harness
        .updates()
        .into_iter()
        .map(|update| update.announced.unwrap().labels)
        .collect();
    assert_eq!(labels, [[100], [200]]);
    assert_eq!(harness.consumer.routes(), 1);
}

#[test]
fn a_lost_session_goes_stale_and_is_withdrawn_after_the_hold() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.published();
    harness.close(session);
    let kinds: Vec<_> = harness
        .published()
        .iter()
        .filter_map(Event::router_kind)
        .collect();
    assert_eq!(kinds, [RouterEventKind::Lost, RouterEventKind::Stale]);

    harness.wait(299 * SECOND);
    assert_eq!(harness.updates(), [], "held for its return");
    harness.wait(3 * SECOND);
    let updates = harness.updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(
        (updates[0].synthetic, updates[0].reason),
        (true, WithdrawReason::SessionLost)
    );
    assert_eq!(harness.shard.routers().count(), 0, "and forgotten");
}

#[test]
fn a_router_that_returns_is_compared_with_what_it_had() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(
        session,
        &announce(&peer, &path(&[64_501]), &[(&TEN, None), (&ELEVEN, None)], 0),
    );
    harness.send(session, &one(&peer, &DB8, &[64_501]));
    harness.published();
    harness.close(session);
    harness.wait(60 * SECOND);

    let session = harness.session();
    harness.send(session, &up(&peer));
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.send(session, &one(&peer, &DB8, &[64_501, 9]));
    let updates = harness.updates();
    assert_eq!(prefixes(&updates), [(true, "2001:db8::/32")], "only what changed");
    harness.send(
        session,
        &route_monitoring(&peer, &end_of_rib(AfiSafi::IPV4_UNICAST)),
    );
    let updates = harness.updates();
    assert_eq!(prefixes(&updates), [(false, "11.0.0.0/8")]);
    assert_eq!(
        (updates[0].synthetic, updates[0].reason),
        (true, WithdrawReason::NotReannounced)
    );
}

/// Huawei sends a Peer Up for each view, Junos one for each family of a Loc-RIB: routes announced before stay true.
#[test]
fn a_repeated_peer_up_takes_nothing_back() {
    for view in [RibView::AdjRibInPre, RibView::LocRib] {
        let peer = peer(1).in_view(view);
        let (mut harness, session) = with_peer(&peer);
        harness.send(session, &one(&peer, &TEN, &[64_501]));
        assert_eq!(harness.updates().len(), 1);
        harness.send(session, &up(&peer));
        harness.wait(3600 * SECOND);
        assert_eq!(harness.updates(), [], "{view:?}");
    }
}

/// Junos names the Loc-RIB of each family in a Peer Up of its own.
#[test]
fn a_loc_rib_keeps_the_table_name_of_each_family() {
    let loc_rib = peer(1).in_view(RibView::LocRib);
    let mut harness = Harness::new();
    let session = harness.session();
    for (family, name) in [
        (AfiSafi::IPV4_UNICAST, "inet.0"),
        (AfiSafi::IPV6_UNICAST, "inet6.0"),
    ] {
        let mut open = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        open.families = vec![family];
        let mut message = peer_up(&loc_rib, wire::v4("0.0.0.0"), &open, &open);
        // VRF / table name (RFC 9069 §5.2.1).
        message.extend([0, 3, 0, name.len() as u8]);
        message.extend(name.as_bytes());
        let length = u32::try_from(message.len()).unwrap();
        message[1..5].copy_from_slice(&length.to_be_bytes());
        harness.send(session, &message);
        harness.send(session, &one(&loc_rib, &TEN, &[1]));
        harness.send(session, &one(&loc_rib, &DB8, &[1]));
    }
    harness.send(session, &one(&loc_rib, &ELEVEN, &[1]));
    let updates = harness.updates();
    let names: Vec<_> = updates
        .iter()
        .map(|update| (&*update.route.prefix, &*update.table_name))
        .collect();
    // A family that no Peer Up has listed yet has the name of the last Peer Up.
    let expected = [
        ("10.0.0.0/8", "inet.0"),
        ("2001:db8::/32", "inet.0"),
        ("11.0.0.0/8", "inet.0"),
    ];
    assert_eq!(names, expected);
    harness.send(session, &one(&loc_rib, &DB8, &[2]));
    harness.send(session, &peer_down(&loc_rib, &PeerDown::NoLongerMonitored));
    let updates = harness.updates();
    let names: Vec<_> = updates
        .iter()
        .map(|update| (&*update.route.prefix, &*update.table_name))
        .collect();
    assert_eq!(names[0], ("2001:db8::/32", "inet6.0"));
    assert_eq!(names.iter().filter(|(_, name)| *name == "inet.0").count(), 2);
}

/// A second Peer Up, of another BGP session and without a Peer Down between: routes that the new session does not announce
/// are gone.
#[test]
fn a_peer_up_of_another_session_begins_anew() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.send(session, &one(&peer, &ELEVEN, &[64_501]));
    assert_eq!(harness.updates().len(), 2);
    let sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
    let received = Open::new(peer.asn, peer.bgp_id).with_two_octet_as();
    harness.send(session, &peer_up(&peer, wire::v4("192.0.2.1"), &sent, &received));
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.wait(60 * SECOND);
    assert_eq!(prefixes(&harness.updates()), [(false, "11.0.0.0/8")]);
}

#[test]
fn a_second_session_replaces_the_first_and_nothing_is_emitted_twice() {
    let peer = peer(1);
    let (mut harness, first) = with_peer(&peer);
    let dump = [one(&peer, &TEN, &[64_501]), one(&peer, &ELEVEN, &[64_501])].concat();
    harness.send(first, &dump);
    assert_eq!(harness.updates().len(), 2);

    let second = harness.session();
    harness.send(second, &up(&peer));
    harness.send(second, &dump);
    assert_eq!(harness.updates(), []);
    assert_eq!(harness.try_send(first, &dump), Err(SessionError::Unknown));
    harness.close(first);
    harness.wait(3600 * SECOND);
    assert_eq!(
        harness.updates(),
        [],
        "the end of the first says nothing any more"
    );
    assert_eq!(harness.consumer.routes(), 2);
    assert_eq!(harness.shard.routers().count(), 1);
}

#[test]
fn a_router_by_its_mapped_address_is_the_same_router() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    let mapped = "::ffff:192.0.2.1".parse().unwrap();
    let second = harness.open(mapped);
    harness.send(second, &up(&peer));
    harness.send(second, &one(&peer, &TEN, &[64_501]));
    assert_eq!(harness.updates().len(), 1);
    assert_eq!(harness.shard.router(router(1)).unwrap().routes(), 1);
}

/// Announces a route, and then again with attributes for which RFC 7606 asks to treat the announce as a withdraw.
fn treated_as_withdraw(attributes: &[u8]) {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    harness.published();
    let nlri = [TEN.nlri(None, 0), ELEVEN.nlri(None, 0)].concat();
    harness.send(session, &wire::monitoring(&peer, &[], attributes, &nlri));
    let updates = harness.updates();
    assert_eq!(prefixes(&updates), [(false, "10.0.0.0/8")]);
    assert_eq!(updates[0].reason, WithdrawReason::TreatAsWithdraw);
    assert!(!updates[0].synthetic, "the router did say it");

    harness.send(session, &one(&peer, &TEN, &[64_501]));
    assert_eq!(harness.updates().len(), 1, "the session goes on");
}

#[test]
fn a_truncated_as_path_is_a_withdraw() {
    treated_as_withdraw(
        &[
            origin(0),
            attribute(0x40, 2, &[2, 3, 0, 0, 0, 1]),
            wire::next_hop(),
        ]
        .concat(),
    );
}

#[test]
fn a_bad_origin_is_a_withdraw() {
    treated_as_withdraw(&[origin(7), as_path(&[64_501]), wire::next_hop()].concat());
}

#[test]
fn missing_mandatory_attributes_are_a_withdraw() {
    treated_as_withdraw(&[as_path(&[64_501]), wire::next_hop()].concat());
    treated_as_withdraw(&[origin(0), wire::next_hop()].concat());
    treated_as_withdraw(&[origin(0), as_path(&[64_501])].concat());
}

/// In views where the router itself makes the UPDATE, for a route that it holds, the route stands even if an attribute is
/// missing (`docs/rfc7606.md`).
#[test]
fn a_route_the_router_holds_stands_without_attributes_it_left_out() {
    for view in [RibView::AdjRibInPost, RibView::AdjRibOutPost, RibView::LocRib] {
        let peer = peer(1).in_view(view);
        let (mut harness, session) = with_peer(&peer);
        let attributes = [origin(0), wire::next_hop()].concat();
        harness.send(
            session,
            &wire::monitoring(&peer, &[], &attributes, &TEN.nlri(None, 0)),
        );
        assert_eq!(prefixes(&harness.updates()), [(true, "10.0.0.0/8")], "{view:?}");
    }
}

/// A malformed message is skipped as a whole and published as it came, and the session goes on.
fn malformed(message: &[u8]) {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, message);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    let events = harness.published();
    assert_eq!(events.len(), 2, "{events:?}");
    let skipped = events[0].as_malformed().unwrap();
    assert_eq!(skipped.raw, message);
    assert!((skipped.offset as usize) <= message.len());
    assert!(!skipped.reason.is_empty());
    assert_eq!(harness.counters.malformed.get(), 1);
    assert_eq!(harness.consumer.routes(), 1);
}

#[test]
fn a_prefix_of_33_bits_is_skipped_with_its_message() {
    let nlri = [ELEVEN.nlri(None, 0), vec![33, 10, 0, 0, 0, 0]].concat();
    malformed(&wire::monitoring(&peer(1), &[], &mandatory(&[64_501]), &nlri));
}

/// It was published as an Initiation without names, and erased those that were known.
#[test]
fn an_initiation_with_a_tlv_past_its_end_is_skipped_and_erases_no_name() {
    let (mut harness, session) = with_peer(&peer(1));
    let before = harness.shard.router(router(1)).unwrap().sys_name.clone();
    assert!(!before.is_empty());
    harness.send(session, &[3, 0, 0, 0, 11, 4, 0, 2, 0, 5, b'a']);
    assert_eq!(harness.counters.malformed.get(), 1);
    assert_eq!(harness.shard.router(router(1)).unwrap().sys_name, before);
}

/// The quirk was counted before the routes were located.
#[test]
fn a_message_that_is_skipped_shows_no_quirk() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    // An AS_PATH with AS numbers of two octets, in a session with four.
    let as_path = wire::attribute(0x40, 2, &[2, 1, 0xfd, 0xe8]);
    let attributes = [wire::origin(0), as_path, wire::next_hop()].concat();
    let message = wire::monitoring(&peer, &[], &attributes, &[33, 10, 0, 0, 0, 0]);
    harness.send(session, &message);
    assert_eq!(harness.counters.malformed.get(), 1);
    let quirks = harness.counters.quirks[arancini_core::Quirk::AsWidth as usize].get();
    assert_eq!(quirks, 0);
}

#[test]
fn a_length_that_lies_is_skipped_with_its_message() {
    let mut update = wire::update(&[], &mandatory(&[64_501]), &TEN.nlri(None, 0));
    // The length of the path attributes, behind the 19 bytes of header and an empty field of withdrawn routes.
    update[21..23].copy_from_slice(&999_u16.to_be_bytes());
    malformed(&route_monitoring(&peer(1), &update));
    let mut update = wire::update(&[], &mandatory(&[64_501]), &TEN.nlri(None, 0));
    update[16..18].copy_from_slice(&4000_u16.to_be_bytes());
    malformed(&route_monitoring(&peer(1), &update));
}

#[test]
fn a_bmp_message_of_an_unknown_type_is_ignored() {
    let peer = peer(1);
    let (mut harness, session) = with_peer(&peer);
    harness.send(session, &[3, 0, 0, 0, 9, 200, 1, 2, 3]);
    harness.send(session, &one(&peer, &TEN, &[64_501]));
    let events = harness.published();
    assert_eq!(events.len(), 1);
    assert_eq!(harness.counters.messages[7].get(), 1);
}

/// Two routers behind one address whose sessions are mixed up: nothing that the second one says is taken for the first one's.
#[test]
fn an_initiation_with_another_name_ends_the_session_of_a_router_known_by_its_name() {
    let hello = |name| initiation(name, "test");
    let mut harness = Harness::new();
    let session = harness.session();
    harness.shard.handle_identified(session, "edge-7");
    harness.send(session, &[hello("edge-7"), hello("edge-7")].concat());
    let other = SessionError::OtherName("edge-8".to_owned());
    assert_eq!(
        harness.try_send(session, &[hello("edge-8"), up(&peer(7))].concat()),
        Err(other)
    );
    harness.close(session);
    let router = harness.shard.router(router(1)).unwrap();
    assert_eq!((&*router.sys_name, router.peers.len()), ("edge-7", 0));
    // The next session may be one that the address identifies.
    let session = harness.session();
    harness.send(session, &[hello("edge-8"), hello("edge-9")].concat());
}
