//! Requests that the API refuses or gives up.

use arancini_bed::control::request;

use super::world::{World, get};
use crate::command::Process;
use crate::support::{DEADLINE, eventually, router_address};

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
        ("prefixes/10.0.0.0/8?limit=%2B24", 400, "limit"),
        ("prefixes/10.0.0.0/8?limit=024", 400, "limit"),
        ("prefixes/10.0.0.0/%2B8", 400, "prefix"),
        ("prefixes/10.0.0.0/08", 400, "prefix"),
        ("openapi.json?colour=red", 400, "query"),
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

/// Such a stream said nothing for ever, and such a list was always empty.
#[test]
fn filters_that_contradict_each_other_are_refused_with_their_names() {
    let world = World::new();
    for (path, field, other) in [
        ("stream?prefix=10.0.0.0/8&family=ipv6-unicast", "family", "prefix"),
        ("stream?prefix=2001:db8::/32&family=1/128", "family", "prefix"),
        ("stream?prefix=10.0.0.0/8&family=25/70", "family", "prefix"),
        ("stream?action=withdraw&origin_as=64500", "action", "origin_as"),
        ("stream?kinds=peers,routers&action=announce", "kinds", "action"),
        ("stream?kinds=stats&view=loc-rib", "kinds", "view"),
        ("stream?kinds=routers&peer=192.0.2.1", "kinds", "peer"),
        ("events?kind=routers&peer=192.0.2.1", "kind", "peer"),
        ("changes?prefix=10.0.0.0/8&family=2/1", "family", "prefix"),
        ("prefixes/10.0.0.0/8?family=2/1", "family", "prefix"),
    ] {
        let problem = world.problem(path, 400);
        assert_eq!(problem["field"], field, "{path}: {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(other),
            "{path}: {problem}"
        );
    }
    // Not contradictory.
    for path in [
        "changes?prefix=10.0.0.0/8&family=1/128",
        "prefixes/10.0.0.0/8?family=1/4",
        "events?peer=192.0.2.1",
    ] {
        world.ask(path);
    }
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
