//! The history of a running collector: changes, events and malformed messages, by the API and by `arancini show`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use arancini_bed::NatsServer;
use arancini_bed::control::{Answer, request};
use arancini_generate::{
    Attributes, Ending, Open, Peer, PeerDown, Prefix, Random, Scenario, Update, initiation, peer_down,
    peer_up, route_monitoring,
};
use serde_json::Value;

use crate::command::{Process, arancini};
use crate::support::{DEADLINE, Rig, eventually, peer, router_address, small};

const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn get(control: SocketAddr, path: &str) -> Answer {
    let head = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\n");
    request(control, &head, DEADLINE).unwrap()
}

fn ask(control: SocketAddr, path: &str) -> Value {
    let answer = get(control, path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// All entries of a list, page by page.
fn all(control: SocketAddr, path: &str, name: &str, limit: usize) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut entries = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = ask(control, &format!("{path}{separator}limit={limit}{cursor}"));
        let of_page = page[name].as_array_mut().unwrap();
        assert!(of_page.len() <= limit, "{path}: {} entries", of_page.len());
        entries.append(of_page);
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return entries,
        }
    }
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix::new(address.parse().unwrap(), length.parse().unwrap())
}

fn up(peer: &Peer) -> Vec<u8> {
    let open = Open::new(peer.asn, peer.bgp_id);
    peer_up(peer, LOCAL.into(), &Open::new(65_000, LOCAL), &open)
}

fn announce(peer: &Peer, prefixes: &[&str], asn: u32) -> Vec<u8> {
    let attributes = Attributes::new(&[peer.asn, asn], LOCAL, LOCAL.to_ipv6_mapped());
    let update = Update::announce(prefixes.iter().map(|text| prefix(text)), attributes);
    route_monitoring(peer, &update.to_bytes())
}

fn withdraw(peer: &Peer, prefixes: &[&str]) -> Vec<u8> {
    let update = Update::withdraw(prefixes.iter().map(|text| prefix(text)));
    route_monitoring(peer, &update.to_bytes())
}

/// What `arancini tail --json` prints of a data directory or of a stream, the newest first.
fn tailed(arguments: &[&str]) -> Vec<Value> {
    let output = arancini()
        .args(["tail", "--json", "--no-follow"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut messages: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    messages.reverse();
    messages
}

fn tailed_files(data_dir: &Path, arguments: &[&str]) -> Vec<Value> {
    tailed(&[&["--data-dir", data_dir.to_str().unwrap()], arguments].concat())
}

/// Prefix, action and origin AS of each change.
fn changes_of(messages: &[Value]) -> Vec<(&str, bool, Option<u64>)> {
    let change = |it| {
        let message: &Value = it;
        let path = message["asPath"].as_array();
        (
            message["prefix"].as_str().unwrap(),
            message["announced"].as_bool().unwrap(),
            path.and_then(|path| path.last()?.as_u64()),
        )
    };
    messages.iter().map(change).collect()
}

#[test]
fn the_changes_of_a_prefix_are_listed_the_newest_first() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    let mut router = rig.connect(1);
    let (one, two) = (peer(1), peer(2));
    router.send(&initiation("core-1", "test"));
    router.send(&[up(&one), up(&two)].concat());
    router.send(&announce(
        &one,
        &["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"],
        70_000,
    ));
    router.send(&announce(&two, &["10.1.0.0/16"], 70_001));
    router.send(&withdraw(&one, &["10.1.0.0/16"]));
    router.send(&announce(&one, &["10.1.0.0/16"], 70_002));
    let changes = |query: &str| all(control, &format!("changes{query}"), "changes", 1000);
    eventually("all changes are published", || changes("").len() == 6);
    assert_eq!(
        changes_of(&changes("?prefix=10.1.0.0/16&peer=192.0.2.1")),
        [
            ("10.1.0.0/16", true, Some(70_002)),
            ("10.1.0.0/16", false, None),
            ("10.1.0.0/16", true, Some(70_000)),
        ]
    );
    let count = |query: &str| changes(query).len();
    assert_eq!(count("?prefix=10.1.0.0%2F16"), 4);
    assert_eq!(count("?prefix=10.0.0.0/8&match=covered"), 5);
    assert_eq!(count("?prefix=10.1.2.3&match=covering"), 5);
    assert_eq!(count(&format!("?router={}", router_address(1))), 6);
    assert_eq!(count(&format!("?router={}", router_address(2))), 0);
    assert_eq!(count("?view=loc-rib"), 0);
    assert_eq!(count("?family=ipv4-unicast&since=1h"), 6);
    let newest = changes("")[0]["timeReceivedNs"].as_str().unwrap().to_owned();
    let since = std::time::Duration::from_nanos(newest.parse().unwrap()) + std::time::Duration::from_secs(1);
    let later = arancini_schema::json::UnixTime(since.as_nanos() as u64);
    assert_eq!(count(&format!("?since={later}")), 0);

    let page = ask(control, "changes?limit=1");
    assert!(page["historySince"].as_str().unwrap().ends_with('Z'), "{page}");
    for limit in [1, 2, 5, 6, 7] {
        assert_eq!(
            all(control, "changes", "changes", limit),
            changes(""),
            "in pages of {limit}"
        );
    }

    let show = |arguments: &[&str]| {
        let url = format!("http://{control}");
        let output = arancini()
            .args(["show", "--control", &url])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (text, notes) = show(&["changes", "10.1.0.0/16", "--peer", "192.0.2.1"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].contains("+ 10.1.0.0/16") && lines[0].contains("70002"),
        "{text}"
    );
    assert!(lines[1].contains("- 10.1.0.0/16"), "{text}");
    assert!(notes.contains("the history begins at "), "{notes}");
    let (text, _) = show(&["changes", "10.0.0.0/8", "--match", "covered", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["changes"].as_array().unwrap().len(), 5);
    assert!(answer["historySince"].is_string());

    let data = rig.stop_publishing();
    let stored = tailed_files(data.path(), &["--covered", "10.0.0.0/8"]);
    assert_eq!(answer["changes"].as_array().unwrap(), &stored);
}

#[test]
fn events_and_malformed_messages_are_listed_with_reason_and_bytes() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    let mut router = rig.connect(1);
    let one = peer(1);
    router.send(&initiation("core-1", "test"));
    router.send(&up(&one));
    router.send(&peer_down(&one, &PeerDown::LocalEvent(2)));
    router.send(&up(&one));
    // A BGP header of sixteen octets that are no marker.
    router.send(&route_monitoring(&one, &[0xab; 19]));
    rig.until_metric("malformed_messages_total", 1);
    let events = |query: &str| all(control, &format!("events{query}"), "events", 2);
    eventually("all events are published", || events("?kind=peers").len() == 3);
    let kinds: Vec<_> = events("?kind=peers")
        .iter()
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["up", "down", "up"]);
    assert_eq!(events("?kind=peers&peer=192.0.2.2"), [] as [Value; 0]);
    let of_router = events("?kind=routers");
    assert!(!of_router.is_empty() && of_router.iter().all(|event| event["type"] == "router"));
    assert_eq!(events("").len(), 3 + of_router.len());

    eventually("the malformed message is published", || {
        all(control, "malformed", "malformed", 10).len() == 1
    });
    let of_router = format!("malformed?router={}", router_address(1));
    let message = &all(control, &of_router, "malformed", 10)[0];
    assert!(
        message["reason"].is_string() && message["offset"].is_u64(),
        "{message}"
    );
    assert!(
        message["raw"].as_str().unwrap().contains(&"ab".repeat(19)),
        "{message}"
    );

    for (what, part) in [("events", "down"), ("malformed", "cut short")] {
        let url = format!("http://{control}");
        let output = arancini()
            .args(["show", "--control", &url, what])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains(part), "{what}: {text}");
    }
}

#[test]
fn bad_questions_about_the_past_are_refused_with_the_field_and_the_remedy() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    for (path, field) in [
        ("changes?prefix=10.0.0.1/8", "prefix"),
        ("changes?prefix=10.0.0.0/8&match=longest", "match"),
        ("changes?match=covered", "match"),
        ("changes?since=yesterday", "since"),
        ("changes?kind=peers", "query"),
        ("changes?limit=1001", "limit"),
        ("changes?cursor=x", "cursor"),
        ("events?kind=updates", "kind"),
        ("events?prefix=10.0.0.0/8", "query"),
        ("malformed?router=none", "router"),
    ] {
        let answer = get(control, path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["field"], field, "{path}");
        assert!(problem["remedy"].is_string(), "{path}");
    }
}

#[test]
fn without_memory_for_it_there_is_no_history() {
    let rig = Rig::start(|config| config.control.history_bytes = 0);
    for path in ["changes", "events", "malformed"] {
        let answer = get(rig.control(), path);
        assert_eq!(answer.status, 409, "{path}: {}", answer.body);
        assert!(answer.body.contains("control.history_bytes"), "{}", answer.body);
    }
    assert_eq!(rig.metric("history_bytes{kept=\"events\"}"), 0);
}

#[test]
fn a_dump_is_kept_up_to_a_burst_and_the_history_says_what_is_missing() {
    const BYTES: u64 = 1 << 20;
    let rig = Rig::start(|config| config.control.history_bytes = BYTES as usize);
    let control = rig.control();
    let begun = ask(control, "changes")["historySince"]
        .as_str()
        .unwrap()
        .to_owned();
    let scenario = Scenario {
        prefixes_per_peer: 5000,
        ..small(7)
    };
    let mut router = rig.connect(1);
    let sent = router.send(&scenario.to_bytes());
    rig.received(sent);
    let emitted = scenario.expected().emitted();
    rig.until_metric("sink_messages_acknowledged_total", emitted + 4);
    let kept = all(control, "changes", "changes", 1000);
    let newest = ask(control, "changes?limit=1");
    assert_eq!(
        newest["historySince"],
        begun.as_str(),
        "the dump pushed nothing out"
    );
    let missing = newest["gaps"].as_array().unwrap();
    let missing: u64 = missing.iter().map(|gap| gap["updates"].as_u64().unwrap()).sum();
    let url = format!("http://{control}");
    let mut show = arancini();
    let said = show
        .args(["show", "--control", &url, "changes", "--limit", "1"])
        .output();
    let said = String::from_utf8_lossy(&said.unwrap().stderr).into_owned();
    assert!(said.contains("faster than the history takes them"), "{said}");
    assert!(rig.metric("history_bytes{kept=\"updates\"}") <= BYTES * 3 / 4);
    let events = all(control, "events", "events", 1000);
    assert_eq!(events.len(), 4, "the dump did not push them out");
    let data = rig.stop_publishing();
    let stored = tailed_files(data.path(), &[]);
    assert_eq!(stored.len() as u64, emitted);
    assert!(kept.len() < stored.len() && kept.len() > 100, "{}", kept.len());
    assert_eq!(kept.len() as u64 + missing, emitted);
    let mut left = stored.iter();
    assert!(
        kept.iter().all(|change| left.any(|stored| stored == change)),
        "not in order"
    );
}

/// Routers whose routes and peers change by chance.
fn random_scenarios(seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (1..=3)
        .map(|_| {
            let scenario = Scenario {
                peers: 1 + random.below(3) as u16,
                prefixes_per_peer: 20 + random.below(200),
                prefixes_per_update: 1 + random.below(20),
                churn_rounds: random.below(5),
                ending: [Ending::Open, Ending::PeersDown, Ending::Termination][random.below(3) as usize],
                seed: random.next_u64(),
                ..Scenario::default()
            };
            scenario.to_bytes()
        })
        .collect()
}

/// Compares the history with what a consumer read from the sink, over several random scenarios.
fn is_what_consumers_read(sink: impl Fn() -> (Vec<String>, Box<dyn Fn() -> Vec<Value>>)) {
    for seed in 1..=4 {
        let (arguments, stored) = sink();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let process = Process::start(&arguments, &[]);
        let control = process.control();
        let mut routers = Vec::new();
        let mut bytes = 0;
        for (number, scenario) in random_scenarios(seed).into_iter().enumerate() {
            let mut router = process.connect(1 + number as u8);
            // In pieces, so that the routers' messages mix.
            bytes += scenario
                .chunks(1000)
                .map(|piece| router.send(piece))
                .sum::<usize>();
            routers.push(router);
        }
        eventually("everything is received", || {
            process.metric("received_bytes_total") == bytes as u64
        });
        let count = || all(control, "changes", "changes", 1000).len() as u64;
        eventually("everything is published", || {
            count() == process.emitted() && ask(control, "sink")["batchesBehind"] == 0
        });
        let mut asked = all(control, "changes", "changes", 97);
        for (path, name) in [("events", "events"), ("malformed", "malformed")] {
            asked.extend(all(control, path, name, 97));
        }
        let ended = process.terminate();
        assert_eq!(ended.code, Some(0), "{:?}", ended.lines);
        // The end of the process adds nothing to the stream but what the routers' loss says.
        let stored = stored();
        for kind in ["update", "router", "peer", "malformed"] {
            let of = |messages: &[Value]| -> Vec<Value> {
                let of_kind = messages.iter().filter(|message| message["type"] == kind);
                of_kind.cloned().collect()
            };
            let (asked, stored) = (of(&asked), of(&stored));
            assert!(stored.len() >= asked.len(), "{kind}, seed {seed}");
            assert_eq!(asked, stored[stored.len() - asked.len()..], "{kind}, seed {seed}");
        }
    }
}

#[test]
fn the_history_is_what_a_consumer_reads_from_files() {
    is_what_consumers_read(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap().to_owned();
        let arguments = ["--sink", "file", "--data-dir", &path].map(str::to_owned);
        (
            arguments.to_vec(),
            Box::new(move || tailed_files(directory.path(), &["--all"])),
        )
    });
}

#[test]
fn the_history_is_what_a_consumer_reads_from_a_stream() {
    if NatsServer::start().is_none() {
        return;
    }
    is_what_consumers_read(|| {
        let server = NatsServer::start().unwrap();
        let url = server.url();
        let arguments = vec!["--nats".to_owned(), url];
        (
            arguments,
            Box::new(move || tailed(&["--nats", &server.url(), "--all"])),
        )
    });
}
