//! The live stream of a running collector: Server-Sent Events at `/api/v1/stream`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use arancini_bed::control::request;
use arancini_generate::{Attributes, Open, Peer, Prefix, Update, initiation, peer_up, route_monitoring};
use serde_json::Value;

use crate::support::{DEADLINE, Rig, Router, eventually, peer, router_address, small};

const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

fn up(peer: &Peer) -> Vec<u8> {
    let open = Open::new(peer.asn, peer.bgp_id);
    peer_up(peer, LOCAL.into(), &Open::new(65_000, LOCAL), &open)
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    let prefix = |text: &&str| {
        let (address, length) = text.split_once('/').unwrap();
        Prefix::new(address.parse().unwrap(), length.parse().unwrap())
    };
    texts.iter().map(prefix).collect()
}

fn announce(peer: &Peer, texts: &[&str]) -> Vec<u8> {
    let attributes = Attributes::new(&[peer.asn, 70_000], LOCAL, LOCAL.to_ipv6_mapped());
    route_monitoring(peer, &Update::announce(prefixes(texts), attributes).to_bytes())
}

fn withdraw(peer: &Peer, texts: &[&str]) -> Vec<u8> {
    route_monitoring(peer, &Update::withdraw(prefixes(texts)).to_bytes())
}

/// One event of the stream.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

/// A client that listens.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects, and waits until the collector counts this client.
    fn connect(rig: &Rig, query: &str) -> Self {
        let before = rig.metric("live_streams");
        let client = Self::send(rig.control(), query);
        rig.until_metric("live_streams", before + 1);
        client
    }

    fn send(control: SocketAddr, query: &str) -> Self {
        let mut stream = TcpStream::connect(control).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let head = format!("GET /api/v1/stream?{query} HTTP/1.1\r\nHost: {control}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// The next line that belongs to the events: without the headers and the lengths of the chunks.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.reader.read_line(&mut line).unwrap_or(0) > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event; `None` at the end of the stream. Comments are passed over.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event {
            name: String::new(),
            id: String::new(),
            data: Value::Null,
        };
        loop {
            let line = self.line()?;
            if let Some(name) = line.strip_prefix("event: ") {
                event.name = name.to_owned();
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.id = id.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
                return Some(event);
            }
        }
    }

    /// The prefixes of the next updates.
    fn prefixes(&mut self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| self.next().unwrap().data["prefix"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A router with one peer.
fn router(rig: &Rig, number: u8) -> Router {
    let mut router = rig.connect(number);
    router.send(&initiation("core-1", "test"));
    router.send(&up(&peer(1)));
    router
}

#[test]
fn a_client_hears_what_its_filters_let_pass() {
    let rig = Rig::start(|_| {});
    let mut one = router(&rig, 1);
    let mut two = router(&rig, 2);
    rig.until_metric("sink_messages_acknowledged_total", 6);
    let mut all = Client::connect(&rig, "");
    let mut of_two = Client::connect(&rig, &format!("router={}&kinds=updates,peers", router_address(2)));
    let mut within = Client::connect(&rig, "prefix=10.0.0.0/8&match=covered&action=announce");
    let mut exact = Client::connect(&rig, "prefix=10.1.0.0%2F16");
    let mut peers = Client::connect(&rig, "kinds=peers,malformed");
    one.send(&announce(&peer(1), &["10.1.0.0/16", "192.0.2.0/24"]));
    assert_eq!(all.prefixes(2), ["10.1.0.0/16", "192.0.2.0/24"]);
    one.send(&withdraw(&peer(1), &["10.1.0.0/16"]));
    assert_eq!(all.prefixes(1), ["10.1.0.0/16"]);
    two.send(&announce(&peer(1), &["10.2.0.0/16"]));
    assert_eq!(all.prefixes(1), ["10.2.0.0/16"]);
    two.send(&up(&peer(2)));

    assert_eq!(of_two.prefixes(1), ["10.2.0.0/16"]);
    let event = of_two.next().unwrap();
    assert_eq!(
        (event.name.as_str(), event.data["kind"].as_str()),
        ("peer", Some("up"))
    );
    assert_eq!(event.data["peer"]["address"], "192.0.2.2");
    assert_eq!(within.prefixes(2), ["10.1.0.0/16", "10.2.0.0/16"]);
    let both = [exact.next().unwrap(), exact.next().unwrap()];
    assert_eq!(both[0].data["announced"], true);
    assert_eq!(both[1].data["announced"], false);
    assert_ne!(both[0].id, both[1].id);
    assert_eq!(peers.next().unwrap().data["peer"]["address"], "192.0.2.2");

    // Without events, comments keep the connection open beyond the time that the port gives a client.
    let mut comments = 0;
    while comments < 4 {
        comments += usize::from(all.line().unwrap() == ": keep-alive");
    }
    one.send(&announce(&peer(1), &["198.51.100.0/24"]));
    assert_eq!(all.prefixes(1), ["198.51.100.0/24"]);

    // Clients that go away are forgotten.
    drop((all, of_two, within, exact, peers));
    rig.until_metric("live_streams", 0);
}

#[test]
fn a_client_hears_what_tail_prints() {
    let rig = Rig::start(|config| config.control.history_bytes = 0);
    let mut client = Client::connect(&rig, "kinds=updates,peers,routers,stats,malformed");
    let scenario = small(5);
    let mut router = rig.connect(1);
    router.send(&scenario.to_bytes());
    let count = scenario.expected().emitted() as usize + 4;
    let heard: Vec<Value> = (0..count).map(|_| client.next().unwrap().data).collect();
    drop(router);
    let data = rig.stop_publishing();
    let output = crate::command::arancini()
        .args(["tail", "--json", "--no-follow", "--all", "--data-dir"])
        .arg(data.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let stored: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for kind in ["update", "peer", "router"] {
        let of = |messages: &[Value]| -> Vec<Value> {
            let of_kind = messages.iter().filter(|message| message["type"] == kind);
            of_kind.cloned().collect()
        };
        let (heard, stored) = (of(&heard), of(&stored));
        assert!(!heard.is_empty() && heard.len() <= stored.len(), "{kind}");
        assert_eq!(heard, stored[..heard.len()], "{kind}");
    }
}

#[test]
fn a_client_that_does_not_read_is_told_so_and_dropped() {
    let rig = Rig::start(|_| {});
    let mut slow = Client::connect(&rig, "");
    let mut router = router(&rig, 1);
    let peer = peer(1);
    let texts: Vec<_> = (0..200).map(|number| format!("10.0.{number}.0/24")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    // More than the client's queue and every buffer of the connection hold.
    let mut rounds = 0;
    while rig.metric("live_streams_slow_total") == 0 {
        for _ in 0..50 {
            router.send(&announce(&peer, &texts));
            router.send(&withdraw(&peer, &texts));
        }
        rounds += 1;
        assert!(rounds < 1000, "the client is never too slow");
    }
    // What was queued before the last event is still there to read, and then the stream ends.
    let last = std::iter::from_fn(|| slow.next()).last().unwrap();
    assert_eq!(last.name, "slow");
    assert_eq!(rig.metric("live_streams_slow_total"), 1);
    rig.until_metric("live_streams", 0);
}

#[test]
fn too_many_clients_and_wrong_filters_are_refused() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    let get = |query: &str| {
        let head = format!("GET /api/v1/stream?{query} HTTP/1.1\r\nHost: {control}\r\n");
        request(control, &head, DEADLINE).unwrap()
    };
    for (query, field) in [
        ("kinds=all", "kinds"),
        ("kinds=", "kinds"),
        ("kinds=peers&prefix=10.0.0.0/8", "kinds"),
        ("action=replace", "action"),
        ("origin_as=ASx", "origin_as"),
        ("match=covered", "match"),
        ("since=5m", "query"),
    ] {
        let answer = get(query);
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["field"], field, "{query}");
    }
    let mut clients: Vec<_> = (0..16).map(|_| Client::connect(&rig, "")).collect();
    let refused = get("");
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert!(refused.head.contains("retry-after: 5"), "{}", refused.head);
    clients.pop();
    rig.until_metric("live_streams", 15);
    let mut again = Client::connect(&rig, "");
    let mut router = router(&rig, 1);
    router.send(&announce(&peer(1), &["10.0.0.0/8"]));
    assert_eq!(again.prefixes(1), ["10.0.0.0/8"]);
    for client in &mut clients {
        assert_eq!(client.prefixes(1), ["10.0.0.0/8"]);
    }
    let foreign = "GET /api/v1/stream HTTP/1.1\r\nHost: evil.example.net\r\n";
    assert_eq!(request(control, foreign, DEADLINE).unwrap().status, 403);
}

/// What a stream answers before its first event.
#[test]
fn a_stream_is_an_event_stream_from_its_first_byte() {
    let rig = Rig::start(|_| {});
    let client = Client::connect(&rig, "");
    let mut head = [0; 12];
    let mut reader = client.reader;
    reader.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let mut lines = reader.lines().map(Result::unwrap);
    let lines: Vec<_> = lines.by_ref().take_while(|line| line != "retry: 2000").collect();
    let has = |text: &str| lines.iter().any(|line| line.eq_ignore_ascii_case(text));
    assert!(
        has("content-type: text/event-stream") && has("cache-control: no-store"),
        "{lines:?}"
    );
    eventually("the client is counted", || rig.metric("live_streams") == 1);
}
