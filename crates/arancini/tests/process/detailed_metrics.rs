//! Metrics of single routers and peers.

use crate::command::Process;
use crate::support::{eventually, small};

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
