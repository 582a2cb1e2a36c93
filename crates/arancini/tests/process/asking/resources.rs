//! Questions for routers, peers, counts, workers, the sink, and the description of the API.

use arancini_bed::control::request;
use arancini_generate::{Open, PeerDown, Statistic, peer_down, peer_up, statistics_report};

use super::world::World;
use crate::support::{DEADLINE, eventually, peer, router_address};

#[test]
fn routers_and_peers_say_what_happened_to_them() {
    let mut world = World::new();
    let id = router_address(1);
    let sent = world.routers[0].send(&peer_down(&peer(2), &PeerDown::LocalEvent(2)));
    assert!(sent > 0);
    let path = format!("routers/{id}/peers/192.0.2.2");
    eventually("the peer is down", || world.ask(&path)["state"] == "down");
    let down = world.ask(&path);
    assert_eq!(down["changes"][0]["state"], "up");
    assert_eq!(down["changes"][1]["reason"], "local_no_notification");
    assert_eq!(down["changeCount"], 2);
    assert_eq!(down["since"], down["changes"][1]["time"]);

    let up = world.ask(&format!("routers/{id}/peers/192.0.2.1~192.0.2.1~0~0"));
    assert_eq!((&up["state"], &up["routes"]), (&"up".into(), &1.into()));
    assert_eq!(up["tables"][0]["family"], "ipv4-unicast");
    let session = &up["bgpSession"];
    assert_eq!(
        (&session["localAddr"], &session["sentOpen"]["asn"]),
        (&"192.0.2.254".into(), &65_000.into())
    );
    let capabilities = session["receivedOpen"]["capabilities"].as_array().unwrap();
    assert!(
        capabilities
            .iter()
            .any(|it| it["name"] == "four_octet_as" && it["value"] == "64501")
    );

    let router = world.ask(&format!("routers/{id}"));
    assert_eq!(router["sysName"], "core-1");
    assert_eq!((&router["peers"], &router["peersUp"]), (&2.into(), &1.into()));
    assert_eq!(router["state"], "up");

    let statistics = [Statistic::Counter(1, 7), Statistic::Gauge(7, 1)];
    world.routers[0].send(&statistics_report(&peer(1), &statistics));
    let path = format!("routers/{id}/peers/192.0.2.1");
    eventually("the statistics are known", || {
        !world.ask(&path)["statistics"].is_null()
    });
    let statistics = &world.ask(&path)["statistics"]["statistics"];
    assert_eq!(statistics[0]["name"], "duplicate_prefix_advertisements");
    assert_eq!(
        (&statistics[0]["value"], &statistics[1]["value"]),
        (&7.into(), &1.into())
    );

    world.routers.remove(0);
    eventually("the router is lost", || {
        world.ask(&format!("routers/{id}"))["state"] == "lost"
    });
    let stale = world.ask(&format!("prefixes/10.0.0.0/8?router={id}"));
    assert_eq!(stale["routes"][0]["state"], "stale");
    assert_eq!(stale["routes"][0]["peerState"], "down");
}

/// Only the last 16 changes were known, and nothing told how many there had been today.
#[test]
fn a_peer_that_flaps_all_day_has_its_changes_listed_and_counted() {
    let mut world = World::new();
    let id = router_address(1);
    let local = std::net::Ipv4Addr::new(192, 0, 2, 254);
    let down = peer_down(&peer(2), &PeerDown::LocalEvent(2));
    let open = Open::new(peer(2).asn, peer(2).bgp_id);
    let up = peer_up(&peer(2), local.into(), &Open::new(65_000, local), &open);
    for _ in 0..100 {
        world.routers[0].send(&[down.as_slice(), &up].concat());
    }
    let path = format!("routers/{id}/peers/192.0.2.2");
    eventually("all changes are there", || world.ask(&path)["changeCount"] == 201);
    let peer = world.ask(&path);
    let changes = peer["changes"].as_array().unwrap();
    assert_eq!((changes.len(), &peer["changesOfLastDay"]), (128, &201.into()));
    assert!(changes.iter().all(|change| change["time"].is_string()));
    assert_eq!(changes[126]["reason"], "local_no_notification");
    let list = world.ask(&format!("routers/{id}/peers"));
    let in_list = &list["peers"][1];
    assert_eq!(in_list["changes"].as_array().unwrap().as_slice(), &changes[112..]);
    assert_eq!(in_list["changesOfLastDay"], 201);
    let router = world.ask(&format!("routers/{id}"));
    assert_eq!(router["changesOfLastDay"], 1, "{router}");

    let shown = world.shown(&["peer", &id.to_string(), "192.0.2.2"]);
    assert!(shown.contains("changes in 24 hours  201"), "{shown}");
    assert_eq!(shown.matches("local_no_notification").count(), 64, "{shown}");
    let line = world.shown(&["peers", &id.to_string()]);
    assert!(line.lines().next().unwrap().contains("CHANGES  IN-24H"), "{line}");
}

#[test]
fn counts_workers_and_the_sink_are_shown() {
    let world = World::new();
    let counts = world.ask("counts");
    assert_eq!(counts["counts"][0]["routes"], 20);
    assert_eq!(counts["counts"][0]["tables"], 8);
    let counts = world.ask(&format!("counts?router={}", router_address(2)));
    assert_eq!(counts["counts"][0]["routes"], 4);
    let rates = world.ask("rates");
    assert_eq!(rates["sampleSeconds"], 5);
    assert!(rates["rates"].is_array(), "{rates}");
    let workers = world.ask("workers");
    let workers = workers["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2);
    let received: u64 = workers
        .iter()
        .map(|worker| worker["received"].as_u64().unwrap())
        .sum();
    assert_eq!(received, 20);
    eventually("the sink has acknowledged everything", || {
        let sink = world.ask("sink");
        sink["ready"] == true && sink["sink"] == "file" && sink["batchesBehind"] == 0
    });
}

#[test]
fn the_description_names_every_resource() {
    let world = World::new();
    let description = world.ask("openapi.json");
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths: Vec<_> = description["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        paths,
        [
            "/api/v1/changes",
            "/api/v1/counts",
            "/api/v1/events",
            "/api/v1/malformed",
            "/api/v1/prefixes/{prefix}",
            "/api/v1/rates",
            "/api/v1/routers",
            "/api/v1/routers/{router}",
            "/api/v1/routers/{router}/peers",
            "/api/v1/routers/{router}/peers/{peer}",
            "/api/v1/routers/{router}/resync",
            "/api/v1/routes",
            "/api/v1/sink",
            "/api/v1/stream",
            "/api/v1/workers",
        ]
    );
    let schemas = &description["components"]["schemas"];
    // The attributes of a route are members of the route.
    let route = &schemas["Route"]["allOf"];
    assert!(
        route[1]["properties"]["attributeFingerprint"].is_object(),
        "{description:#}"
    );
    assert!(route[0].to_string().contains("schemas/Attributes"), "{route:#}");
    let path = &schemas["Attributes"]["properties"]["asPath"];
    assert!(path.is_object(), "{description:#}");
}

#[test]
fn a_client_that_has_the_answer_already_does_not_get_it_again() {
    let world = World::new();
    let control = world.rig.control();
    for path in ["openapi.json", "routers"] {
        let ask = |header: &str| {
            let head = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\n{header}");
            request(control, &head, DEADLINE).unwrap()
        };
        let first = ask("");
        let etag = first.head.lines().find_map(|line| line.strip_prefix("etag: "));
        let etag = etag.unwrap_or_else(|| panic!("{path}: no ETag in {}", first.head));
        let again = ask(&format!("If-None-Match: {etag}\r\n"));
        assert_eq!(
            (again.status, again.body.as_str()),
            (304, ""),
            "{path}: {}",
            again.head
        );
        assert!(again.head.contains(etag), "{path}: {}", again.head);
        let other = ask("If-None-Match: \"0123456789abcdef\"\r\n");
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
    }
}
