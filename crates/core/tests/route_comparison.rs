//! Statistics Reports beside the routes that are held, on made streams: where a router left routes out, where it did not, and where
//! nothing can be said.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{PeerState, RouteComparison, SessionId};
use arancini_generate::{
    Open, Peer, PeerDown, Statistic, end_of_rib, peer_down, peer_up, route_monitoring, statistics_report,
};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use support::wire::{Destination, announce, as_path, mandatory, origin, peer, v4, withdraw};
use support::{Harness, SECOND};

const LABELLED: AfiSafi = AfiSafi::new(1, 4);
/// Longer than the quiet period of the default settings.
const LONG: u64 = 40 * SECOND;

/// A Peer Up of a BGP session that carries IPv4 unicast only.
fn up(peer: &Peer) -> Vec<u8> {
    up_with(peer, &[AfiSafi::IPV4_UNICAST])
}

fn up_with(peer: &Peer, families: &[AfiSafi]) -> Vec<u8> {
    let mut open = Open::new(peer.asn, peer.bgp_id);
    open.families = families.to_vec();
    peer_up(peer, v4("192.0.2.1"), &open, &open)
}

/// A router with one session.
struct Router {
    harness: Harness,
    session: SessionId,
}

impl Router {
    fn new() -> Self {
        let mut harness = Harness::new();
        let session = harness.session();
        Self { harness, session }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.harness.send(self.session, bytes);
    }

    fn announce(&mut self, peer: &Peer, routes: std::ops::Range<u8>) {
        for number in routes {
            let to = Destination::V4([10, 0, number, 0], 24);
            self.send(&announce(peer, &mandatory(&[64_500]), &[(&to, None)], 0));
        }
    }

    fn withdraw(&mut self, peer: &Peer, number: u8) {
        let to = Destination::V4([10, 0, number, 0], 24);
        self.send(&withdraw(peer, &[(&to, None)]));
    }

    /// Sends a report; returns what was compared.
    fn report(&mut self, peer: &Peer, statistics: &[Statistic]) -> Vec<RouteComparison> {
        self.send(&statistics_report(peer, statistics));
        let mut peers = self.harness.shard.routers().flat_map(|router| &router.peers);
        let found = peers.find(|known| known.address() == peer.address).unwrap();
        found.statistics.as_ref().unwrap().comparisons.clone()
    }

    /// Sends a report; returns the differences by view and family.
    fn differences(&mut self, peer: &Peer, statistics: &[Statistic]) -> Vec<(RibView, Option<AfiSafi>, i64)> {
        let compared = self.report(peer, statistics);
        compared
            .iter()
            .map(|compared| (compared.view, compared.family, compared.difference()))
            .collect()
    }
}

fn all(view: RibView, difference: i64) -> Vec<(RibView, Option<AfiSafi>, i64)> {
    vec![(view, None, difference)]
}

const PRE: RibView = RibView::AdjRibInPre;

#[test]
fn routes_that_a_router_leaves_out_of_a_dump_are_a_difference_until_it_sends_them() {
    let mut router = Router::new();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..7);
    router.harness.wait(LONG);
    for _ in 0..3 {
        assert_eq!(
            router.differences(&peer(1), &[Statistic::Gauge(7, 10)]),
            all(PRE, 3)
        );
        router.harness.wait(LONG);
    }
    router.announce(&peer(1), 7..10);
    assert_eq!(
        router.differences(&peer(1), &[Statistic::Gauge(7, 10)]),
        all(PRE, 0)
    );
}

#[test]
fn a_healthy_router_never_differs_however_its_tables_change_between_reports() {
    let mut router = Router::new();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..10);
    router.harness.wait(LONG);
    for number in 10..30_u8 {
        router.announce(&peer(1), number..number + 1);
        if number.is_multiple_of(2) {
            router.withdraw(&peer(1), number - 8);
        }
        let routes = u64::from(number + 1) - u64::from(number / 2 - 4);
        assert_eq!(
            router.differences(&peer(1), &[Statistic::Gauge(7, routes)]),
            all(PRE, 0)
        );
        // What changes after a report does not change how it was compared.
        router.announce(&peer(1), number + 1..number + 2);
        router.withdraw(&peer(1), number + 1);
    }
}

#[test]
fn nothing_is_compared_while_a_peer_is_new_or_dumped_anew_or_down() {
    let mut router = Router::new();
    let full = [Statistic::Gauge(7, 10)];
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..10);
    assert!(router.report(&peer(1), &full).is_empty(), "it has just come up");
    router.harness.wait(LONG);
    assert_eq!(router.differences(&peer(1), &full), all(PRE, 0));

    // The session is lost: the router dumps anew.
    let lost = router.session;
    router.harness.close(lost);
    router.session = router.harness.session();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..4);
    assert!(router.report(&peer(1), &full).is_empty());
    router.announce(&peer(1), 4..10);
    router.harness.wait(LONG);
    assert_eq!(router.differences(&peer(1), &full), all(PRE, 0));

    router.send(&peer_down(&peer(1), &PeerDown::RemoteSilent));
    assert!(router.report(&peer(1), &full).is_empty());
    let mut peers = router.harness.shard.routers().flat_map(|router| &router.peers);
    assert_eq!(peers.next().unwrap().state, PeerState::Down);
}

#[test]
fn only_what_the_router_monitors_is_compared() {
    let mut router = Router::new();
    router.send(&[up(&peer(1)), up(&peer(2))].concat());
    router.announce(&peer(1), 0..10);
    router.harness.wait(LONG);
    let unmonitored = [
        Statistic::Gauge(20, 10),
        Statistic::Gauge(8, 10),
        Statistic::Gauge(15, 10),
        Statistic::FamilyGauge(9, AfiSafi::IPV6_UNICAST, 10),
    ];
    assert!(
        router.report(&peer(1), &unmonitored).is_empty(),
        "none of these views or families"
    );
    // The other peer shows that the router monitors this view of the family, and all of its own routes are missing.
    assert_eq!(
        router.differences(&peer(2), &[Statistic::Gauge(7, 5)]),
        all(PRE, 5)
    );
    // The types of a view come before those that name none.
    let both = [Statistic::Gauge(7, 99), Statistic::Gauge(18, 10)];
    assert_eq!(router.differences(&peer(1), &both), all(PRE, 0));
}

#[test]
fn a_number_for_all_families_is_compared_if_all_of_them_are_monitored() {
    let mut router = Router::new();
    router.send(&up_with(
        &peer(1),
        &[AfiSafi::IPV4_UNICAST, AfiSafi::IPV6_UNICAST],
    ));
    router.announce(&peer(1), 0..10);
    router.harness.wait(LONG);
    let report = [Statistic::Gauge(7, 17)];
    assert!(
        router.report(&peer(1), &report).is_empty(),
        "the router may count seven IPv6 routes"
    );
    // It monitors IPv6 too: the peer has no route.
    router.send(&route_monitoring(&peer(1), &end_of_rib(AfiSafi::IPV6_UNICAST)));
    assert_eq!(router.differences(&peer(1), &report), all(PRE, 7));
}

#[test]
fn a_view_left_out_of_a_new_session_is_a_difference() {
    let mut router = Router::new();
    let post = peer(1).in_view(RibView::AdjRibInPost);
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..10);
    router.announce(&post, 0..10);
    router.harness.wait(LONG);
    let report = [Statistic::Gauge(18, 10), Statistic::Gauge(20, 10)];
    let found = router.differences(&peer(1), &report);
    assert_eq!(found, [all(PRE, 0), all(RibView::AdjRibInPost, 0)].concat());

    let lost = router.session;
    router.harness.close(lost);
    router.session = router.harness.session();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..10);
    router.harness.wait(LONG);
    let found = router.differences(&peer(1), &report);
    assert_eq!(found, [all(PRE, 0), all(RibView::AdjRibInPost, 10)].concat());
}

#[test]
fn labelled_unicast_counts_as_unicast_because_routers_report_them_together() {
    let mut router = Router::new();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..3);
    for number in 0..4 {
        let to = Destination::Labelled4([10, 1, number, 0], 24);
        let attributes = [origin(0), as_path(&[64_500])].concat();
        router.send(&announce(&peer(1), &attributes, &[(&to, None)], 100));
    }
    router.harness.wait(LONG);
    let unicast = AfiSafi::IPV4_UNICAST;
    for report in [[(unicast, 7), (LABELLED, 0)], [(unicast, 3), (LABELLED, 4)]] {
        let report = report.map(|(family, routes)| Statistic::FamilyGauge(19, family, routes));
        assert_eq!(router.differences(&peer(1), &report), [(PRE, Some(unicast), 0)]);
    }
}

#[test]
fn a_loc_rib_is_compared_with_the_report_about_itself() {
    let mut router = Router::new();
    let loc_rib = peer(1).in_view(RibView::LocRib);
    router.send(&up(&loc_rib));
    router.announce(&loc_rib, 0..10);
    router.harness.wait(LONG);
    router.send(&statistics_report(&loc_rib, &[Statistic::Gauge(8, 12)]));
    let mut peers = router.harness.shard.routers().flat_map(|router| &router.peers);
    let compared = &peers.next().unwrap().statistics.as_ref().unwrap().comparisons;
    let found: Vec<_> = compared
        .iter()
        .map(|compared| (compared.view, compared.difference()))
        .collect();
    assert_eq!(found, [(RibView::LocRib, 2)]);
}

#[test]
fn reports_with_many_numbers_about_many_tables_share_a_turn_as_their_work_says() {
    let mut router = Router::new();
    let families: Vec<_> = (1..=200).map(|safi| AfiSafi::new(1, safi)).collect();
    router.send(&up_with(&peer(1), &families));
    for family in &families {
        router.send(&route_monitoring(&peer(1), &end_of_rib(*family)));
    }
    router.harness.wait(LONG);
    let numbers: Vec<_> = families
        .iter()
        .take(64)
        .map(|family| Statistic::FamilyGauge(9, *family, 1))
        .collect();
    let reports = statistics_report(&peer(1), &numbers).repeat(100);
    let (session, now) = (router.session, router.harness.now);
    let taken = router.harness.shard.handle_bytes(session, &reports, now).unwrap();
    assert!(taken < reports.len() / 5, "{taken} bytes in one turn");
}

#[test]
fn a_number_from_outside_can_be_as_large_as_it_likes() {
    let mut router = Router::new();
    router.send(&up(&peer(1)));
    router.announce(&peer(1), 0..1);
    router.harness.wait(LONG);
    let huge = [Statistic::FamilyGauge(19, AfiSafi::IPV4_UNICAST, u64::MAX); 3];
    let found = router.differences(&peer(1), &huge);
    assert_eq!(found, [(PRE, Some(AfiSafi::IPV4_UNICAST), i64::MAX)]);
}

#[test]
fn the_end_of_rib_of_each_table_and_the_last_message_are_timed() {
    let mut router = Router::new();
    router.send(&[up(&peer(1)), up(&peer(2))].concat());
    let began = router.harness.now.unix_ns;
    router.announce(&peer(1), 0..3);
    router.harness.wait(5 * SECOND);
    router.send(&route_monitoring(&peer(1), &end_of_rib(AfiSafi::IPV4_UNICAST)));
    let heard = router.harness.now.unix_ns;
    router.harness.wait(60 * SECOND);
    router.announce(&peer(2), 0..1);
    // A later End-of-RIB of the table is not part of the dump.
    router.send(&route_monitoring(&peer(1), &end_of_rib(AfiSafi::IPV4_UNICAST)));
    let now = router.harness.now.unix_ns;
    let found = router.harness.shard.routers().next().unwrap();
    let [one, two] = &found.peers[..] else {
        panic!("two peers");
    };
    assert_eq!(
        (one.dump.began_unix_ns(), heard - began),
        (Some(began), 5 * SECOND)
    );
    assert_eq!(one.dump.end_of_rib_lag_ns(), Some(5 * SECOND));
    assert!(one.dump.has_ended(PRE, AfiSafi::IPV4_UNICAST));
    assert_eq!(two.dump.end_of_rib_lag_ns(), None);
    let heard: Vec<_> = [one, two].map(|peer| peer.last_message_unix_ns()).into();
    assert_eq!(
        (heard, found.last_message_unix_ns),
        (vec![Some(now), Some(now)], Some(now))
    );
}

#[test]
fn the_time_of_the_last_message_is_that_of_the_peer_on_both_ways() {
    let mut router = Router::new();
    router.send(&[up(&peer(1)), up(&peer(2))].concat());
    let came_up = router.harness.now.unix_ns;
    router.harness.wait(SECOND);
    // The first one opens the lane, and the others take it.
    router.announce(&peer(1), 0..5);
    let announced = router.harness.now.unix_ns;
    router.harness.wait(SECOND);
    router.withdraw(&peer(1), 3);
    let withdrawn = router.harness.now.unix_ns;
    let last = |router: &Router| -> Vec<_> {
        let peers = router.harness.shard.routers().flat_map(|router| &router.peers);
        peers.map(|peer| peer.last_message_unix_ns().unwrap()).collect()
    };
    assert!(came_up < announced && announced < withdrawn);
    assert_eq!(last(&router), [withdrawn, came_up]);
    router.harness.wait(SECOND);
    router.announce(&peer(1), 5..7);
    assert_eq!(last(&router), [router.harness.now.unix_ns, came_up]);
}
