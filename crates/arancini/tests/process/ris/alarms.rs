//! A watcher of hijacks that subscribes and reads as BGPalerter does, and a staged hijack.
//!
//! BGPalerter itself is in no package registry that tests reach. Its documentation says what its connector subscribes to, and
//! what its monitors alarm about; this client does the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Client, announce, router, withdraw};
use crate::support::{Rig, peer};

/// A prefix that is watched, with the AS that may originate it.
struct Watched {
    prefix: &'static str,
    asn: u32,
    /// An AS that must not be in its paths.
    not_through: Option<u32>,
}

const WATCHED: &[Watched] = &[
    Watched {
        prefix: "192.0.2.0/24",
        asn: 64_500,
        not_through: None,
    },
    Watched {
        prefix: "198.51.100.0/24",
        asn: 64_500,
        not_through: Some(64_777),
    },
];

/// Prefixes that RIPE announces and withdraws all day. BGPalerter subscribes to some, to notice that a stream is dead.
const BEACONS: &[&str] = &["84.205.64.0/24", "93.175.149.0/24", "2001:7FB:FE00::/48"];

struct Watcher {
    client: Client,
}

impl Watcher {
    /// Connects and subscribes as BGPalerter does with `carefulSubscription`.
    fn start(rig: &Rig) -> Self {
        let path = "/v1/ws/?client_version=1.33.0&client=bgpalerter&instance=1";
        let mut client = Client::connect_to(rig.control(), path, &[]).unwrap();
        let options = json!({"includeRaw": false});
        let common = json!({"moreSpecific": true, "type": "UPDATE", "host": null, "socketOptions": options});
        let subscribe = |client: &mut Client, name: &str, value: String| {
            let mut fields = common.clone();
            fields[name] = value.into();
            client.send("ris_subscribe", fields);
        };
        for watched in WATCHED {
            subscribe(&mut client, "prefix", watched.prefix.to_owned());
        }
        let numbers: BTreeSet<_> = WATCHED.iter().map(|watched| watched.asn).collect();
        for asn in numbers {
            subscribe(&mut client, "path", format!("{asn}$"));
        }
        for beacon in BEACONS {
            let options = json!({"includeRaw": false, "acknowledge": false});
            client.send(
                "ris_subscribe",
                json!({"moreSpecific": false, "lessSpecific": false, "prefix": beacon, "type": "UPDATE", "socketOptions": options}),
            );
        }
        client.send("ping", Value::Null);
        assert_eq!(client.next()["type"], "pong", "no subscription is refused");
        Self { client }
    }

    /// The alarms of the next message.
    fn alarms(&mut self) -> Vec<String> {
        let data = self.client.next_data();
        assert_eq!(data["type"], "UPDATE", "{data}");
        let peer = data["peer"].as_str().unwrap();
        let withdrawn = data["withdrawals"].as_array().into_iter().flatten();
        let lost = withdrawn.filter_map(|prefix| {
            let watched = WATCHED.iter().find(|watched| *prefix == watched.prefix)?;
            Some(format!("visibility: {} is withdrawn by {peer}", watched.prefix))
        });
        let path: Vec<_> = data["path"].as_array().into_iter().flatten().collect();
        let path: Vec<u32> = path.iter().map(|asn| asn.as_u64().unwrap() as u32).collect();
        let announced = data["announcements"].as_array().into_iter().flatten();
        let prefixes = announced.flat_map(|announced| {
            assert!(
                announced["next_hop"]
                    .as_str()
                    .unwrap()
                    .parse::<std::net::IpAddr>()
                    .is_ok()
            );
            announced["prefixes"].as_array().unwrap()
        });
        let wrong = prefixes.filter_map(|prefix| alarm(prefix.as_str().unwrap(), &path));
        lost.chain(wrong).collect()
    }
}

/// The alarm about an announce, if there is one.
fn alarm(prefix: &str, path: &[u32]) -> Option<String> {
    let origin = *path.last().unwrap();
    let Some(watched) = WATCHED.iter().find(|watched| is_within(prefix, watched.prefix)) else {
        return Some(format!(
            "misconfiguration: AS{origin} announces {prefix}, which is not watched"
        ));
    };
    if origin != watched.asn {
        let (own, asn) = (watched.prefix, watched.asn);
        return Some(format!(
            "hijack: {prefix} is announced by AS{origin} instead of {own} by AS{asn}"
        ));
    }
    if prefix != watched.prefix {
        return Some(format!(
            "newprefix: {prefix} of {} is announced by AS{origin}",
            watched.prefix
        ));
    }
    let through = watched.not_through.filter(|asn| path.contains(asn))?;
    Some(format!("path: {prefix} is announced through AS{through}"))
}

fn is_within(prefix: &str, outer: &str) -> bool {
    // All prefixes here share the first three octets with what they lie in, or with nothing.
    let net = |text: &str| text.rsplit_once('.').map(|(net, _)| net.to_owned());
    net(prefix) == net(outer)
}

#[test]
fn a_watcher_of_hijacks_raises_its_alarms() {
    let rig = Rig::start(|_| {});
    let mut watcher = Watcher::start(&rig);
    let (one_peer, two_peer) = (peer(1), peer(2));
    let mut one = router(&rig, 1, std::slice::from_ref(&one_peer));
    let mut two = router(&rig, 2, std::slice::from_ref(&two_peer));
    let mut heard = |expected: &[&str]| {
        let alarms = watcher.alarms();
        alarms.iter().for_each(|alarm| println!("{alarm}"));
        assert_eq!(alarms, expected);
    };
    // What is as it should be, and what is none of its business.
    one.send(&announce(&one_peer, &["192.0.2.0/24"], &[64_510, 64_500]));
    heard(&[]);
    two.send(&announce(&two_peer, &["10.0.0.0/8"], &[64_666]));
    two.send(&announce(&two_peer, &["198.51.100.0/24"], &[64_510, 64_500]));
    heard(&[]);
    two.send(&announce(&two_peer, &["192.0.2.0/24"], &[64_666]));
    heard(&["hijack: 192.0.2.0/24 is announced by AS64666 instead of 192.0.2.0/24 by AS64500"]);
    two.send(&announce(&two_peer, &["192.0.2.128/25"], &[64_510, 64_666]));
    heard(&["hijack: 192.0.2.128/25 is announced by AS64666 instead of 192.0.2.0/24 by AS64500"]);
    one.send(&announce(&one_peer, &["192.0.2.0/25"], &[64_500]));
    heard(&["newprefix: 192.0.2.0/25 of 192.0.2.0/24 is announced by AS64500"]);
    one.send(&announce(&one_peer, &["198.51.100.0/24"], &[64_777, 64_500]));
    heard(&["path: 198.51.100.0/24 is announced through AS64777"]);
    one.send(&announce(&one_peer, &["203.0.113.0/24"], &[64_510, 64_500]));
    heard(&["misconfiguration: AS64500 announces 203.0.113.0/24, which is not watched"]);
    one.send(&withdraw(&one_peer, &["192.0.2.0/24"]));
    heard(&["visibility: 192.0.2.0/24 is withdrawn by 192.0.2.1"]);
    // The end of a hijack is no alarm.
    two.send(&withdraw(&two_peer, &["192.0.2.128/25"]));
    heard(&[]);
    // The routes of a router that goes down are withdrawn one by one.
    two.send(&arancini_generate::peer_down(
        &two_peer,
        &arancini_generate::PeerDown::RemoteSilent,
    ));
    let mut lost: Vec<_> = (0..2).flat_map(|_| watcher.alarms()).collect();
    lost.sort_unstable();
    let expected = [
        "visibility: 192.0.2.0/24 is withdrawn by 192.0.2.2",
        "visibility: 198.51.100.0/24 is withdrawn by 192.0.2.2",
    ];
    assert_eq!(lost, expected);
}
