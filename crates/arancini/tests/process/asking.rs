//! Questions to a running collector: by the API, and by `arancini show`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use arancini_bed::control::{Answer, request};
use arancini_bed::port::Port;
use arancini_collector::config::{AttributesKind, Config, CurationKind};
use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Prefix, Statistic, Update, end_of_rib, initiation, peer_down, peer_up,
    route_monitoring, statistics_report,
};
use arancini_wire::iana::AfiSafi;
use serde_json::Value;

use crate::command::{Process, arancini};
use crate::support::{DEADLINE, Rig, Router, eventually, peer, router_address};

/// A session of a router whose peers all announce these prefixes.
fn dump(peers: &[Peer], prefixes: &[&str]) -> Vec<u8> {
    let local = Ipv4Addr::new(192, 0, 2, 254);
    let mut bytes = initiation("core-1", "test");
    for peer in peers {
        let open = Open::new(peer.asn, peer.bgp_id);
        bytes.extend(peer_up(peer, local.into(), &Open::new(65_000, local), &open));
        let nlri = prefixes.iter().map(|text| prefix(text));
        let attributes = Attributes::new(&[peer.asn, 70_000], local, local.to_ipv6_mapped());
        bytes.extend(route_monitoring(
            peer,
            &Update::announce(nlri, attributes).to_bytes(),
        ));
        bytes.extend(route_monitoring(peer, &end_of_rib(AfiSafi::IPV4_UNICAST)));
    }
    bytes
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix::new(address.parse::<IpAddr>().unwrap(), length.parse().unwrap())
}

/// A collector, and routers that it knows.
struct World {
    rig: Rig,
    routers: Vec<Router>,
}

impl World {
    /// Two workers, and two routers on each.
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// The world with another configuration.
    fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let rig = Rig::start(configure);
        let mut sent = 0;
        let mut routers = Vec::new();
        for number in 1..=4 {
            let mut router = rig.connect(number);
            let prefixes = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24"];
            let peers = [peer(1), peer(2)];
            // Each router has the first of them, and one more than the router before.
            sent += router.send(&dump(&peers[..], &prefixes[..usize::from(number)]));
            routers.push(router);
        }
        rig.received(sent);
        Self { rig, routers }
    }

    /// The API's JSON for this path.
    fn ask(&self, path: &str) -> Value {
        let answer = get(self.rig.control(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The problem that the API has with this path.
    fn problem(&self, path: &str, status: u16) -> Value {
        let answer = get(self.rig.control(), path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(
            answer.head.contains("application/problem+json"),
            "{path}: {}",
            answer.head
        );
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["status"], status, "{path}");
        for member in ["title", "detail", "remedy"] {
            assert!(problem[member].is_string(), "{path}: no {member} in {problem}");
        }
        problem
    }

    /// What `arancini show` prints.
    fn show(&self, arguments: &[&str]) -> std::process::Output {
        let control = format!("http://{}", self.rig.control());
        arancini()
            .args(["show", "--control", &control])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What `arancini show` prints on standard output; it has to succeed.
    fn shown(&self, arguments: &[&str]) -> String {
        let output = self.show(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn get(control: SocketAddr, path: &str) -> Answer {
    let head = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\n");
    request(control, &head, DEADLINE).unwrap()
}

/// Router and prefix of each route.
fn routes(answer: &Value) -> Vec<(String, String, String)> {
    let text = |route: &Value, name: &str| route[name].as_str().unwrap().to_owned();
    answer["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|route| {
            (
                text(route, "routerAddr"),
                text(route, "peerAddr"),
                text(route, "prefix"),
            )
        })
        .collect()
}

#[test]
fn a_prefix_is_found_over_all_workers_by_every_match() {
    let world = World::new();
    let workers: std::collections::BTreeSet<_> = world.ask("routers")["routers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|router| router["worker"].as_u64().unwrap())
        .collect();
    assert_eq!(workers.len(), 2, "the routers are on both workers");

    let found = |path: &str| {
        let of = routes(&world.ask(path));
        let mut of: Vec<_> = of
            .into_iter()
            .map(|(router, _, prefix)| (router, prefix))
            .collect();
        of.dedup();
        of
    };
    let on = |number: u8, prefix: &str| (router_address(number).to_string(), prefix.to_owned());
    let on_all = |prefix: &str| (1..=4).map(|number| on(number, prefix)).collect::<Vec<_>>();
    assert_eq!(found("prefixes/10.0.0.0/8"), on_all("10.0.0.0/8"));
    assert_eq!(found("prefixes/10.0.0.0%2F8?match=exact"), on_all("10.0.0.0/8"));
    assert_eq!(
        found("prefixes/10.1.2.3?match=longest"),
        [
            on(1, "10.0.0.0/8"),
            on(2, "10.1.0.0/16"),
            on(3, "10.1.2.0/24"),
            on(4, "10.1.2.0/24")
        ]
    );
    assert_eq!(
        found("prefixes/10.1.0.0/16?match=covered"),
        [
            on(2, "10.1.0.0/16"),
            on(3, "10.1.0.0/16"),
            on(4, "10.1.0.0/16"),
            on(3, "10.1.2.0/24"),
            on(4, "10.1.2.0/24")
        ]
    );
    assert_eq!(
        found(&format!(
            "prefixes/10.1.2.0/24?match=covering&router={}",
            router_address(3)
        )),
        [on(3, "10.0.0.0/8"), on(3, "10.1.0.0/16"), on(3, "10.1.2.0/24")]
    );
    assert_eq!(found("prefixes/203.0.113.0/24"), []);
    let first = &world.ask("prefixes/192.0.2.0/24")["routes"][0];
    assert_eq!(first["peerAddr"], "192.0.2.1");
    assert_eq!(first["peerAsn"], 64_501);
    assert_eq!(first["ribView"], "adj-rib-in-pre");
    assert_eq!((&first["afi"], &first["safi"]), (&1.into(), &1.into()));
    assert_eq!(first["state"], "current");
    assert_eq!(first["attributeFingerprint"].as_str().unwrap().len(), 16);
}

#[test]
fn every_page_goes_on_where_the_one_before_ended() {
    let world = World::new();
    for (path, name, all) in [
        ("routes?family=ipv4-unicast", "routes", 20),
        ("prefixes/10.0.0.0/8?match=covered", "routes", 18),
        ("routers?", "routers", 4),
        (&format!("routers/{}/peers?", router_address(1)), "peers", 2),
    ] {
        for limit in [1, 3, 1000] {
            let mut found = Vec::new();
            let mut cursor = String::new();
            loop {
                let page = world.ask(&format!("{path}&limit={limit}{cursor}").replace("?&", "?"));
                let entries = page[name].as_array().unwrap();
                assert!(entries.len() <= limit, "{path}: {page}");
                found.extend(entries.iter().map(ToString::to_string));
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(found.len(), all, "{path} in pages of {limit}");
            found.sort();
            found.dedup();
            assert_eq!(found.len(), all, "{path} in pages of {limit}: something twice");
        }
    }
}

#[test]
fn bad_input_is_refused_with_the_field_and_the_remedy() {
    let world = World::new();
    let router = router_address(1);
    let cursor = world.ask("routes?limit=1")["next"].as_str().unwrap().to_owned();
    for (path, status, field) in [
        ("prefixes/10.0.0.1/8", 400, "prefix"),
        ("prefixes/10.0.0.0/33", 400, "prefix"),
        ("prefixes/nothing", 400, "prefix"),
        ("prefixes/10.0.0.0/8?match=near", 400, "match"),
        ("prefixes/10.0.0.0/8?view=none", 400, "view"),
        ("prefixes/10.0.0.0/8?family=0", 400, "family"),
        ("prefixes/10.0.0.0/8?colour=red", 400, "query"),
        ("prefixes/10.0.0.0/8?limit=0", 400, "limit"),
        ("prefixes/10.0.0.0/8?limit=1001", 400, "limit"),
        ("prefixes/10.0.0.0/8?match=exact&match=longest", 400, "match"),
        ("routers/none", 400, "router"),
        ("routers/203.0.113.9", 404, "router"),
        ("routers/203.0.113.9/peers", 404, "router"),
        ("routers/203.0.113.9/peers/192.0.2.1", 404, "router"),
        (&format!("routers/{router}/peers/192.0.2.99"), 404, "peer"),
        (&format!("routers/{router}/peers/you"), 400, "peer"),
        ("routes?cursor=x", 400, "cursor"),
        (&format!("routes?view=loc-rib&cursor={cursor}"), 400, "cursor"),
    ] {
        assert_eq!(world.problem(path, status)["field"], field, "{path}");
    }
    world.problem("nothing", 404);
    let control = world.rig.control();
    let head = format!("POST /api/v1/routers HTTP/1.1\r\nHost: {control}\r\nContent-Length: 0\r\n");
    let answer = request(control, &head, DEADLINE).unwrap();
    assert_eq!(answer.status, 405, "{}", answer.body);

    // Another life of the collector does not know the cursor.
    drop(world.routers);
    let other = World::new();
    let gone = other.problem(&format!("routes?limit=1&cursor={cursor}"), 410);
    assert_eq!(gone["field"], "cursor");
}

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

#[test]
fn counts_workers_and_the_sink_are_shown() {
    let world = World::new();
    let counts = world.ask("counts");
    assert_eq!(counts["counts"][0]["routes"], 20);
    assert_eq!(counts["counts"][0]["tables"], 8);
    let counts = world.ask(&format!("counts?router={}", router_address(2)));
    assert_eq!(counts["counts"][0]["routes"], 4);
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

fn retain(config: &mut Config) {
    config.rib.attributes = AttributesKind::Retain;
}

#[test]
fn routes_have_their_attributes_if_the_collector_retains_them() {
    let world = World::with(retain);
    let answer = world.ask("prefixes/192.0.2.0/24");
    assert!(answer["attributesAbsent"].is_null(), "{answer}");
    let route = &answer["routes"][0];
    assert_eq!(route["asPath"], serde_json::json!([64_501, 70_000]), "{route}");
    assert_eq!(route["nextHop"], "192.0.2.254", "{route}");
    assert!(route["origin"].is_string(), "{route}");
    assert_eq!(route["attributeFingerprint"].as_str().unwrap().len(), 16);
    let since = route["since"].as_str().unwrap();
    assert!(since.starts_with("20") && since.ends_with('Z'), "{since}");
    assert_eq!(world.ask("routes")["routes"][0]["nextHop"], "192.0.2.254");

    let shown = world.shown(&["prefix", "192.0.2.0/24"]);
    let (head, line) = (shown.lines().next().unwrap(), shown.lines().nth(1).unwrap());
    assert!(
        head.ends_with("SINCE                     NEXT-HOP     AS-PATH"),
        "{head}"
    );
    assert!(line.ends_with("192.0.2.254  64501 70000"), "{line}");
    assert!(world.show(&["routes"]).stderr.is_empty());
}

#[test]
fn routes_are_searched_by_their_attributes() {
    let world = World::with(retain);
    let number = |query: &str| {
        world.ask(&format!("routes?{query}"))["routes"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(number("origin_as=70000"), 20);
    assert_eq!(number("origin_as=64501"), 0);
    assert_eq!(number("as=64501"), 10);
    assert_eq!(number("as=64502&next_hop=192.0.2.254"), 10);
    assert_eq!(number("next_hop=192.0.2.253"), 0);
    assert_eq!(number("community=64500:100"), 0);
    let of_one = format!("router={}&as=64502", router_address(1));
    assert_eq!(number(&of_one), 1);
    for (query, field, remedy) in [
        ("routes?as=x", "as", "64500"),
        ("routes?community=64500", "community", "64500:100"),
        ("routes?next_hop=10", "next_hop", "192.0.2.1"),
    ] {
        let problem = world.problem(query, 400);
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["remedy"].as_str().unwrap().contains(remedy), "{problem}");
    }
    let shown = world.shown(&["routes", "--as", "64501", "--origin-as", "70000"]);
    assert_eq!(shown.lines().count(), 1 + 10, "{shown}");
}

fn post(control: SocketAddr, path: &str) -> Answer {
    let head = format!("POST /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\nContent-Length: 0\r\n");
    request(control, &head, DEADLINE).unwrap()
}

#[test]
fn a_requested_resync_publishes_the_routes_of_a_router_again() {
    let world = World::with(retain);
    let control = world.rig.control();
    let path = format!("routers/{}/resync", router_address(3));
    let begun = post(control, &path);
    assert_eq!(begun.status, 202, "{}", begun.body);
    let begun: Value = serde_json::from_str(&begun.body).unwrap();
    assert_eq!(begun["routes"], 6, "{begun}");
    eventually("all routes are published again", || {
        world.rig.metric("repeated_announces_total") == 6
    });
    let router = world.ask(&format!("routers/{}", router_address(3)));
    assert_eq!((&router["state"], &router["routes"]), (&"up".into(), &6.into()));
    assert_eq!(post(control, "routers/192.0.2.250/resync").status, 404);
    assert_eq!(world.problem(&path, 405)["remedy"], "use POST");
    for (part, status, says) in [
        ("peer=192.0.2.1&family=ipv4-unicast", 202, "\"routes\":3"),
        ("peer=192.0.2.9", 404, "has no such peer"),
        ("view=loc-rib", 400, "name the peer too"),
        ("limit=1", 400, "the parameters here are peer, view, family"),
    ] {
        eventually("no resync is under way", || {
            world.rig.metric("repeated_announces_total") >= 6
        });
        let answer = post(control, &format!("{path}?{part}"));
        assert_eq!(answer.status, status, "{part}: {}", answer.body);
        assert!(answer.body.contains(says), "{part}: {}", answer.body);
    }
    eventually("the routes of the peer are published again", || {
        world.rig.metric("repeated_announces_total") == 9
    });

    let lean = World::new();
    let refused = post(lean.rig.control(), &path);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("rib.attributes"), "{}", refused.body);
}

#[test]
fn the_command_resync_says_what_the_collector_answers() {
    let resync = |control: SocketAddr, arguments: &[&str]| {
        let control = format!("http://{control}");
        let mut command = arancini();
        command.args(["resync", "--control", &control]).args(arguments);
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("act");
    std::fs::write(&token, "0123456789abcdef").unwrap();
    let world = World::with(|config| {
        retain(config);
        config.control.act_token_file = Some(token.clone());
    });
    let control = world.rig.control();
    let router = router_address(3).to_string();
    let (code, _, said) = resync(control, &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("control.act_token_file"), "{said}");
    let token = token.to_str().unwrap();
    let (code, printed, said) = resync(control, &[&router, "--token-file", token]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        printed,
        format!("resync of {router} begun: 6 routes are published between resync-begin and resync-end\n")
    );
    eventually("all routes are published again", || {
        world.rig.metric("repeated_announces_total") == 6
    });
    let (code, _, said) = resync(control, &["192.0.2.250", "--token-file", token]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        said,
        "arancini: there is no router 192.0.2.250; /api/v1/routers lists the routers\n"
    );

    let lean = World::new();
    let (code, _, said) = resync(lean.rig.control(), &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("set rib.attributes = \"retain\""), "{said}");
    // Nothing listens on a port that is only reserved.
    let nobody = Port::reserve().unwrap();
    let (code, _, said) = resync(SocketAddr::from(([127, 0, 0, 1], nobody.number())), &[&router]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no collector answers"), "{said}");
}

#[test]
fn without_retained_attributes_the_answer_names_the_setting() {
    let world = World::new();
    let answer = world.ask("routes");
    let why = answer["attributesAbsent"].as_str().unwrap();
    assert!(why.contains("rib.attributes = \"retain\""), "{why}");
    let route = &answer["routes"][0];
    assert!(route["asPath"].is_null() && route["since"].is_null(), "{route}");
    let shown = world.show(&["routes"]);
    let said = String::from_utf8(shown.stderr).unwrap();
    assert!(said.contains("rib.attributes"), "{said}");
    let problem = world.problem("routes?origin_as=70000", 409);
    assert!(
        problem["remedy"].as_str().unwrap().contains("rib.attributes"),
        "{problem}"
    );
    let table = String::from_utf8(shown.stdout).unwrap();
    assert!(table.lines().next().unwrap().ends_with("ATTRIBUTES"), "{table}");
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

#[test]
fn every_path_that_shows_data_is_closed_to_foreign_names() {
    let world = World::new();
    let control = world.rig.control();
    let status = |path: &str, host: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
        request(control, &head, DEADLINE).unwrap().status
    };
    let description = world.ask("openapi.json");
    let router = router_address(1).to_string();
    let paths = description["paths"].as_object().unwrap().keys();
    let paths = paths.map(|path| {
        let path = path.replace("{router}", &router).replace("{peer}", "192.0.2.1");
        path.replace("{prefix}", "10.0.0.0/8")
    });
    for path in paths.chain(["/api/v1/openapi.json".to_owned(), "/api/nothing".to_owned()]) {
        assert_eq!(status(&path, "evil.example.net"), 403, "{path}");
    }
    // Probes and Prometheus ask under any name. The files of the page hold no data.
    for path in [
        "/metrics",
        "/healthz",
        "/readyz",
        "/",
        "/help",
        "/page/app/main.js",
    ] {
        assert_eq!(status(path, "evil.example.net"), 200, "{path}");
    }
}

#[test]
fn show_prints_what_the_api_answers() {
    let world = World::new();
    let id = router_address(2).to_string();
    let routers = world.shown(&["routers"]);
    assert!(routers.starts_with("ROUTER "), "{routers}");
    let line = routers.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(
        line.contains(" core-1 ") && line.contains(" up ") && line.contains(" 2/2 "),
        "{line}"
    );

    let peers = world.shown(&["peers"]);
    assert_eq!(peers.lines().count(), 1 + 8, "{peers}");
    assert_eq!(world.shown(&["peers", &id]).lines().count(), 1 + 2);
    let one = world.shown(&["peer", &id, "192.0.2.1"]);
    for part in [
        "AS",
        "64501",
        "adj-rib-in-pre",
        "ipv4-unicast",
        "four_octet_as",
        "TIME",
    ] {
        assert!(one.contains(part), "no {part} in\n{one}");
    }

    let exact = world.shown(&["prefix", "10.1.0.0/16"]);
    assert_eq!(exact.lines().count(), 1 + 6, "{exact}");
    assert!(
        exact.lines().nth(1).unwrap().starts_with("10.1.0.0/16  "),
        "{exact}"
    );
    let longest = world.shown(&["prefix", "10.1.2.3", "--match", "longest", "--json"]);
    let longest: Value = serde_json::from_str(&longest).unwrap();
    assert_eq!(longest["routes"].as_array().unwrap().len(), 8);
    let few = world.show(&["routes", "--limit", "3"]);
    assert_eq!(String::from_utf8(few.stdout).unwrap().lines().count(), 1 + 3);
    assert!(String::from_utf8(few.stderr).unwrap().contains("--limit"));

    let counts = world.shown(&["counts"]);
    assert!(
        counts.contains("adj-rib-in-pre  ipv4-unicast  8       20"),
        "{counts}"
    );
    assert_eq!(world.shown(&["workers"]).lines().count(), 1 + 2);
    assert!(
        world.shown(&["sink"]).starts_with("SINK "),
        "{}",
        world.shown(&["sink"])
    );

    let refused = world.show(&["prefix", "10.1.2.3/8"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("10.0.0.0/8"), "the remedy: {text}");
    let nobody = arancini()
        .args(["show", "--control", "127.0.0.1:1", "routers"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    let text = String::from_utf8(nobody.stderr).unwrap();
    assert!(text.contains("--control"), "the remedy: {text}");
}

#[test]
fn the_api_answers_only_with_the_token_and_under_known_names() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    let rig = Rig::start(|config| {
        // All addresses of this host, as a collector that others ask.
        config.control.address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        config.control.token_file = Some(file.path().to_owned());
        config.control.host_names = vec!["bmp.example.net".to_owned()];
    });
    let control = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.control().port()));
    let ask = |path: &str, headers: &str| {
        let answer = request(control, &format!("GET {path} HTTP/1.1\r\n{headers}"), DEADLINE).unwrap();
        assert!(
            answer.head.contains("x-content-type-options: nosniff"),
            "{}",
            answer.head
        );
        assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
        assert!(answer.head.contains("frame-ancestors 'none'"), "{}", answer.head);
        answer
    };
    let with = |token: &str, host: &str| format!("Host: {host}\r\nAuthorization: Bearer {token}\r\n");
    let status = |headers: &str| ask("/api/v1/routers", headers).status;
    assert_eq!(status(&with(TOKEN, "127.0.0.1")), 200);
    assert_eq!(status(&with(TOKEN, "bmp.example.net:8080")), 200);
    assert_eq!(status(&with(TOKEN, "evil.example.net")), 403);
    assert_eq!(
        status(&(with(TOKEN, "127.0.0.1") + "Origin: http://evil.example.net\r\n")),
        403
    );
    assert_eq!(status(&with("wrong", "127.0.0.1")), 401);
    let refused = ask("/api/v1/routers", "Host: 127.0.0.1\r\n");
    assert!(
        refused.head.contains("www-authenticate: Bearer"),
        "{}",
        refused.head
    );
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"token\"}"), 2);
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"host\"}"), 1);
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"origin\"}"), 1);
    assert_eq!(rig.metric("api_questions_total"), 2);
    // Probes and Prometheus ask without a token, under any name.
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(ask(path, "Host: collector-7.internal\r\n").status, 200, "{path}");
    }

    let show = |more: &[&str]| {
        let control = format!("http://{control}");
        let output = arancini()
            .args(["show", "--control", &control, "workers"])
            .args(more)
            .output();
        output.unwrap()
    };
    assert!(
        show(&["--token-file", file.path().to_str().unwrap()])
            .status
            .success()
    );
    let refused = show(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("control.token_file")
    );
}

#[test]
fn a_token_that_can_be_guessed_keeps_the_collector_from_starting() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let path = file.path().to_str().unwrap();
    let ended = Process::spawn(
        &["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"],
        &[("ARANCINI_CONTROL__TOKEN_FILE", path)],
    )
    .end();
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.count(&["control.token_file", "openssl rand"]),
        1,
        "{:?}",
        ended.lines
    );
}

#[test]
fn without_tables_there_are_no_routes_to_show() {
    let rig = Rig::start(|config| config.curation.mode = CurationKind::Off);
    let answer = get(rig.control(), "prefixes/10.0.0.0/8");
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("curation.mode"), "{}", answer.body);
    assert_eq!(get(rig.control(), "routers").status, 200);
}

#[test]
fn a_collector_that_restores_its_tables_says_when_to_ask_again() {
    let nobody = [
        "--listen",
        "127.0.0.1:0",
        "--control",
        "127.0.0.1:0",
        "--nats",
        "nats://127.0.0.1:1",
    ];
    let process = Process::spawn(&nobody, &[]);
    let answer = get(process.control(), "routers");
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
    assert!(answer.body.contains("restored"), "{}", answer.body);
}

/// That the workers stop early is proven by `a_question_ends_in_the_slice_in_which_its_asker_goes` and
/// `a_client_that_goes_away_takes_its_question_along` in the collector.
#[test]
fn the_answers_of_questions_that_nobody_waits_for_are_given_up() {
    let world = World::new();
    let control = world.rig.control();
    for _ in 0..200 {
        let mut stream = std::net::TcpStream::connect(control).unwrap();
        let head = format!("GET /api/v1/routes HTTP/1.1\r\nHost: {control}\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    }
    // Each place is given back.
    eventually("the API answers", || get(control, "routers").status == 200);
}
