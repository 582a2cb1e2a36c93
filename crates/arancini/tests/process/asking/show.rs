//! `arancini show`.

use serde_json::Value;

use super::world::World;
use crate::command::arancini;
use crate::support::router_address;

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
    let nothing = world.show(&["routes", "--limit", "0"]);
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
    let nobody = arancini()
        .args(["show", "--control", "127.0.0.1:1", "routers"])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    let text = String::from_utf8(nobody.stderr).unwrap();
    assert!(text.contains("--control"), "the remedy: {text}");
}
