//! Questions for routes.

use serde_json::Value;

use super::world::{World, get, retain};
use crate::support::{Rig, router_address};
use arancini_collector::config::CurationKind;

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
        head.ends_with("SINCE                     NEXT-HOP     AS-PATH      COMMUNITIES"),
        "{head}"
    );
    assert!(line.ends_with("192.0.2.254  64501 70000  -"), "{line}");
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
fn without_tables_there_are_no_routes_to_show() {
    let rig = Rig::start(|config| config.curation.mode = CurationKind::Off);
    let answer = get(rig.control(), "prefixes/10.0.0.0/8");
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("curation.mode"), "{}", answer.body);
    assert_eq!(get(rig.control(), "routers").status, 200);
}
