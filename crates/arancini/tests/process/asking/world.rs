//! A collector with routers on both workers, and how it is asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use arancini_bed::control::{Answer, request};
use arancini_collector::config::{AttributesKind, Config};
use arancini_generate::{
    Attributes, Open, Peer, Prefix, Update, end_of_rib, initiation, peer_up, route_monitoring,
};
use arancini_wire::iana::AfiSafi;
use serde_json::Value;

use crate::command::arancini;
use crate::support::{DEADLINE, Rig, Router, peer};

/// A session of a router whose peers all announce these prefixes.
pub fn dump(peers: &[Peer], prefixes: &[&str]) -> Vec<u8> {
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

pub fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix::new(address.parse::<IpAddr>().unwrap(), length.parse().unwrap())
}

/// A collector, and routers that it knows.
pub struct World {
    pub rig: Rig,
    pub routers: Vec<Router>,
}

impl World {
    /// Two workers, and two routers on each.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The world with another configuration.
    pub fn with(configure: impl FnOnce(&mut Config)) -> Self {
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
    pub fn ask(&self, path: &str) -> Value {
        let answer = get(self.rig.control(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The problem that the API has with this path.
    pub fn problem(&self, path: &str, status: u16) -> Value {
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
    pub fn show(&self, arguments: &[&str]) -> std::process::Output {
        let control = format!("http://{}", self.rig.control());
        arancini()
            .args(["show", "--control", &control])
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What `arancini show` prints on standard output; it has to succeed.
    pub fn shown(&self, arguments: &[&str]) -> String {
        let output = self.show(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

pub fn get(control: SocketAddr, path: &str) -> Answer {
    let head = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\n");
    request(control, &head, DEADLINE).unwrap()
}

pub fn post(control: SocketAddr, path: &str) -> Answer {
    let head = format!("POST /api/v1/{path} HTTP/1.1\r\nHost: {control}\r\nContent-Length: 0\r\n");
    request(control, &head, DEADLINE).unwrap()
}

pub fn retain(config: &mut Config) {
    config.rib.attributes = AttributesKind::Retain;
}
