//! Metrics of single routers and peers.

use std::net::Ipv4Addr;

use arancini_generate::{
    Attributes, Open, Peer, Prefix, Statistic, Update, end_of_rib, initiation, peer_up, route_monitoring,
    statistics_report,
};
use arancini_wire::iana::AfiSafi;

use crate::command::Process;
use crate::support::{eventually, peer, router_address, small};

/// The samples of `/metrics` whose names begin so.
fn samples(process: &Process, beginning: &str) -> Vec<String> {
    let (status, text) = process.get("/metrics");
    assert_eq!(status, 200);
    let found = text.lines().filter(|line| line.starts_with(beginning));
    found.map(str::to_owned).collect()
}

/// Starts a collector with these settings and sends it the tables of two peers.
fn collector_with_two_peers(settings: &[(&str, &str)]) -> (Process, arancini_bed::Router) {
    let process = Process::start(&["--sink", "null"], settings);
    let scenario = small(1);
    let mut router = process.connect(1);
    router.send(&scenario.to_bytes());
    eventually("everything is published", || {
        process.emitted() == scenario.expected().emitted()
    });
    (process, router)
}

#[test]
fn routers_and_peers_have_series_only_if_they_are_asked_for() {
    let (process, _router) = collector_with_two_peers(&[]);
    assert!(samples(&process, "arancini_router_").is_empty());
    assert!(samples(&process, "arancini_peer_up{").is_empty());

    let (process, _router) = collector_with_two_peers(&[("ARANCINI_METRICS__PER_ROUTER", "true")]);
    let up = samples(&process, "arancini_router_session_up{");
    assert_eq!(up.len(), 1);
    assert!(up[0].ends_with(" 1"), "{up:?}");
    assert!(samples(&process, "arancini_peer_up{").is_empty());

    let (process, router) = collector_with_two_peers(&[("ARANCINI_METRICS__PER_PEER", "true")]);
    assert_eq!(samples(&process, "arancini_peer_up{").len(), 2);
    let peers = samples(&process, "arancini_router_peers{");
    assert!(
        peers.iter().any(|line| line.ends_with(r#"state="up"} 2"#)),
        "{peers:?}"
    );
    assert_eq!(
        samples(&process, "arancini_series_left_out"),
        ["arancini_series_left_out 0"]
    );
    assert_eq!(
        samples(&process, "arancini_series_complete"),
        ["arancini_series_complete 1"]
    );
    drop(router);
    eventually("the lost session shows", || {
        samples(&process, "arancini_router_session_up{")[0].ends_with(" 0")
    });
}

#[test]
fn series_beyond_the_bound_are_left_out_and_counted() {
    let settings = [
        ("ARANCINI_METRICS__PER_PEER", "true"),
        ("ARANCINI_METRICS__MAX_SERIES", "20"),
    ];
    let (process, _router) = collector_with_two_peers(&settings);
    // The router fits, its peers do not.
    let of_router = samples(&process, "arancini_router_").len();
    assert!((8..=20).contains(&of_router), "{of_router}");
    let of_peers = [
        "arancini_peer_up{",
        "arancini_peer_routes{",
        "arancini_peer_changes_total{",
    ];
    let of_peers: usize = of_peers.iter().map(|name| samples(&process, name).len()).sum();
    let left_out = process.metric("series_left_out");
    assert!(left_out > 0 && of_router + of_peers <= 20, "{left_out}");
}

/// Announces this many routes of a peer.
fn announced(peer: &Peer, routes: u8) -> Vec<u8> {
    let next_hop = Ipv4Addr::new(192, 0, 2, 254);
    let attributes = Attributes::new(&[peer.asn], next_hop, next_hop.to_ipv6_mapped());
    let prefixes = (0..routes).map(|number| Prefix::new(Ipv4Addr::new(198, 51, 100, number).into(), 32));
    route_monitoring(peer, &Update::announce(prefixes, attributes).to_bytes())
}

#[test]
fn routes_left_out_of_a_dump_show_beside_the_routers_own_statistics_and_a_whole_dump_does_not() {
    let settings = [
        ("ARANCINI_METRICS__PER_PEER", "true"),
        ("ARANCINI_ROUTERS__QUIET_PERIOD_MS", "0"),
    ];
    let process = Process::start(&["--sink", "null"], &settings);
    let peer = peer(1);
    let mut open = Open::new(peer.asn, peer.bgp_id);
    open.families = vec![AfiSafi::IPV4_UNICAST];
    let up = peer_up(&peer, Ipv4Addr::new(192, 0, 2, 254).into(), &open, &open);
    let report = statistics_report(&peer, &[Statistic::Gauge(7, 10)]);
    for (router, sent, difference) in [(1, 10, 0), (2, 7, 3), (3, 12, -2)] {
        let mut session = process.connect(router);
        let dump = announced(&peer, sent);
        let end = route_monitoring(&peer, &end_of_rib(AfiSafi::IPV4_UNICAST));
        session.send(&[initiation("edge", "test"), up.clone(), dump, end, report.clone()].concat());
        let of_router = |name: &str| {
            let beginning = format!("arancini_peer_{name}{{router=\"{}\"", router_address(router));
            let found = samples(&process, &beginning);
            found
                .first()
                .and_then(|line| Some(line.rsplit_once(' ')?.1.to_owned()))
        };
        eventually("the report is compared", || {
            of_router("routes_difference").is_some()
        });
        assert_eq!(of_router("routes_difference"), Some(difference.to_string()));
        assert_eq!(of_router("tables_without_end_of_rib"), Some("0".to_owned()));
        assert!(of_router("end_of_rib_lag_seconds").is_some());
        for time in ["last_message_timestamp_seconds", "dump_started_timestamp_seconds"] {
            let seconds: u64 = of_router(time).unwrap().parse().unwrap();
            assert!(seconds > 1_700_000_000, "{time}: {seconds}");
        }
    }
}
