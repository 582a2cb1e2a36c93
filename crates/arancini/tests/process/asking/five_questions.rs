//! The five questions of an operator (docs/api.md): each command of the page is run, and has to answer the question.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use arancini_generate::{
    Attributes, Open, Peer, PeerDown, Update, initiation, peer_down, peer_up, route_monitoring,
};
use arancini_wire::bmp::RibView;

use super::world::prefix;
use crate::command::arancini;
use crate::support::{DEADLINE, Rig, eventually};

const LOCAL: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 254);
const PAGE: &str = "http://127.0.0.1:8080/api/v1/";

/// What each command of the page has to print.
const ANSWERS: &[(&str, &[&str])] = &[
    // Who announces 203.0.113.0/24 now?
    (
        "arancini show prefix 203.0.113.0/24",
        &["10.99.0.1", "adj-rib-in-pre", "adj-rib-in-post", "current"],
    ),
    (
        "arancini show prefix 203.0.113.9 --match longest",
        &["203.0.113.0/24", "10.99.0.1"],
    ),
    (
        "arancini show prefix 203.0.0.0/16 --match covered --limit 1000",
        &["203.0.113.0/24", "203.0.112.0/24"],
    ),
    (
        "curl -s 'http://127.0.0.1:8080/api/v1/prefixes/203.0.113.0/24?match=exact&view=loc-rib'",
        &[r#""ribView":"loc-rib""#, r#""prefix":"203.0.113.0/24""#],
    ),
    // Which peers are up, and when did one flap?
    (
        "arancini show peers 127.0.0.1",
        &[
            "10.99.0.1",
            " up ",
            "10.99.0.3",
            " down ",
            "local_no_notification",
        ],
    ),
    (
        "arancini show peer 127.0.0.1 10.99.0.1",
        &["TIME", "session_lost", "four_octet_as", "adj-rib-in-post"],
    ),
    (
        "curl -s http://127.0.0.1:8080/api/v1/routers/127.0.0.1/peers/10.99.0.1",
        &[
            r#""changesOfLastDay":3"#,
            r#""reason":"session_lost""#,
            r#""state":"up""#,
        ],
    ),
    // How many routes are there, by peer and view?
    (
        "arancini show counts --router 127.0.0.1",
        &[
            "adj-rib-in-pre   ipv4-unicast  1       2",
            "adj-rib-in-post  ipv4-unicast  1       2",
            "loc-rib",
        ],
    ),
    (
        "curl -s 'http://127.0.0.1:8080/api/v1/counts?router=127.0.0.1'",
        &[r#""ribView":"adj-rib-in-post""#, r#""routes":2"#],
    ),
    // Is the collector in sync with the router, and are consumers?
    ("arancini show routers", &["127.0.0.1", "core-1", " up "]),
    ("arancini show sink", &["batches behind", "ready", "true"]),
    // What changed in the last five minutes?
    (
        "arancini show changes 203.0.113.0/24 --since 5m",
        &[
            "- 203.0.113.0/24 explicit",
            "+ 203.0.113.0/24",
            "the history begins at",
        ],
    ),
    (
        "arancini show changes 203.0.0.0/16 --match covered --router 127.0.0.1",
        &["203.0.113.0/24", "203.0.112.0/24"],
    ),
    ("arancini show events --since 1h", &["10.99.0.3", "down"]),
    (
        "arancini show malformed --router 127.0.0.1",
        &["127.0.0.1", "cut short"],
    ),
    (
        "curl -s 'http://127.0.0.1:8080/api/v1/changes?prefix=203.0.113.0/24&since=5m'",
        &[r#""announced":false"#, r#""announced":true"#, r#""historySince""#],
    ),
    (STREAM, &[r#""prefix":"203.0.113.128/25""#]),
    (TAIL, &["203.0.113.128/25"]),
];
/// These two follow what is published, and are asked in another way.
const STREAM: &str = "curl -sN 'http://127.0.0.1:8080/api/v1/stream?prefix=203.0.113.0/24&match=covered'";
const TAIL: &str = "arancini tail --covered 203.0.113.0/24";

/// The commands of the section of the page, without their comments.
fn commands() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("## Five questions of an operator").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let commands = section.lines().filter_map(|line| line.strip_prefix("$ "));
    commands
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect()
}

fn peer(number: u8, view: RibView) -> Peer {
    let address = match view {
        RibView::LocRib => Ipv4Addr::UNSPECIFIED,
        _ => Ipv4Addr::new(10, 99, 0, number),
    };
    Peer {
        view,
        ..Peer::new(
            address.into(),
            64_999 + u32::from(number),
            Ipv4Addr::new(10, 99, 0, number),
        )
    }
}

fn up(peer: &Peer) -> Vec<u8> {
    let open = Open::new(peer.asn, peer.bgp_id);
    peer_up(peer, LOCAL.into(), &Open::new(65_000, LOCAL), &open)
}

fn announce(peer: &Peer, text: &str) -> Vec<u8> {
    let attributes = Attributes::new(&[peer.asn, 64_500], LOCAL, LOCAL.to_ipv6_mapped());
    route_monitoring(peer, &Update::announce([prefix(text)], attributes).to_bytes())
}

fn withdraw(peer: &Peer, text: &str) -> Vec<u8> {
    route_monitoring(peer, &Update::withdraw([prefix(text)]).to_bytes())
}

/// The router of the page: its session was lost once, one peer is down, and a route went and came back.
fn router(rig: &Rig) -> TcpStream {
    let views = [RibView::AdjRibInPre, RibView::AdjRibInPost, RibView::LocRib].map(|view| peer(1, view));
    let dump = || {
        let mut bytes = [initiation("core-1", "test"), up(&views[0]), up(&views[2])].concat();
        for view in &views {
            bytes.extend(announce(view, "203.0.113.0/24"));
            bytes.extend(announce(view, "203.0.112.0/24"));
        }
        bytes
    };
    let mut first = TcpStream::connect(rig.address()).unwrap();
    first.write_all(&dump()).unwrap();
    rig.received(dump().len());
    drop(first);
    rig.until_metric("sessions", 0);
    let down = peer(3, RibView::AdjRibInPre);
    let mut bytes = dump();
    bytes.extend(up(&down));
    bytes.extend(peer_down(&down, &PeerDown::LocalEvent(2)));
    bytes.extend(withdraw(&views[0], "203.0.113.0/24"));
    bytes.extend(announce(&views[0], "203.0.113.0/24"));
    // A BGP header of sixteen octets that are no marker.
    bytes.extend(route_monitoring(&views[0], &[0xab; 19]));
    let mut second = TcpStream::connect(rig.address()).unwrap();
    second.write_all(&bytes).unwrap();
    rig.received(dump().len() + bytes.len());
    second
}

/// What a command prints, on both outputs.
fn answer(rig: &Rig, command: &str) -> String {
    let control = rig.control();
    if let Some(arguments) = command.strip_prefix("arancini ") {
        let url = format!("http://{control}");
        let output = arancini()
            .args(arguments.split(' '))
            .args(["--control", &url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        return String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    }
    let url = command.strip_prefix("curl -s ").unwrap().trim_matches('\'');
    let path = url.strip_prefix(PAGE).unwrap();
    let answer = super::world::get(control, path);
    assert_eq!(answer.status, 200, "{command}: {}", answer.body);
    answer.body
}

#[test]
fn every_command_of_the_five_questions_answers_its_question() {
    let known: BTreeSet<String> = ANSWERS.iter().map(|(command, _)| (*command).to_owned()).collect();
    assert_eq!(
        commands(),
        known,
        "docs/api.md and this test have the same commands"
    );
    let rig = Rig::start(|_| {});
    let mut router = router(&rig);
    eventually("everything is published", || {
        let sink = super::world::get(rig.control(), "sink").body;
        sink.contains(r#""batchesBehind":0"#) && rig.metric("malformed_messages_total") == 1
    });
    for (command, expected) in ANSWERS
        .iter()
        .filter(|(command, _)| ![STREAM, TAIL].contains(command))
    {
        let answer = answer(&rig, command);
        for part in *expected {
            assert!(answer.contains(part), "{command}: no {part} in\n{answer}");
        }
    }

    // The commands that follow: a new route comes while they listen.
    let path = STREAM.trim_end_matches('\'').split_once(":8080").unwrap().1;
    let mut stream = TcpStream::connect(rig.control()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", rig.control());
    stream.write_all(head.as_bytes()).unwrap();
    rig.until_metric("live_streams", 1);
    let mut tail = arancini()
        .args(TAIL.split(' ').skip(1))
        .arg("--data-dir")
        .arg(rig.data_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        lines.read_line(&mut line).map(|_| line)
    });
    let pre = peer(1, RibView::AdjRibInPre);
    // The tail says nowhere that it has begun, so the route comes until it is seen.
    eventually("the tail has the route", || {
        router.write_all(&announce(&pre, "203.0.113.128/25")).unwrap();
        router.write_all(&withdraw(&pre, "203.0.113.128/25")).unwrap();
        reader.is_finished()
    });
    let tailed = reader.join().unwrap().unwrap();
    tail.kill().unwrap();
    tail.wait().unwrap();
    let mut streamed = String::new();
    let mut part = [0; 4096];
    while !streamed.contains("203.0.113.128/25\"") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{streamed}");
        streamed.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    for (command, answer) in [(STREAM, &streamed), (TAIL, &tailed)] {
        let (_, expected) = ANSWERS.iter().find(|(other, _)| *other == command).unwrap();
        assert!(answer.contains(expected[0]), "{command}: {answer}");
    }
}
