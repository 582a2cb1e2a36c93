//! The messages that clients get.

use std::net::Ipv4Addr;

use arancini_generate::Attributes;
use bgpkit_parser::models::{ElemType, MetaCommunity};
use bgpkit_parser::{RisLiveClientMessage, RisSubscribe, parse_ris_live_message};
use serde_json::{Value, json};

use super::client::{Client, LOCAL, announce_with, attributes, first_peer, peer_v6, router, withdraw};
use crate::support::{Rig, router_address};

/// What only the run knows: the time is there, and the id begins with the router.
fn without_run(mut data: Value) -> Value {
    assert!(data["timestamp"].as_f64().unwrap() > 1.7e9, "{data}");
    let router = format!("{}-", router_address(1));
    assert!(data["id"].as_str().unwrap().starts_with(&router), "{data}");
    let fields = data.as_object_mut().unwrap();
    fields.remove("timestamp");
    fields.remove("id");
    data
}

#[test]
fn a_message_has_the_fields_of_ris_live() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({}));
    let peer = peer_v6();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    let full = Attributes {
        multi_exit_disc: Some(7),
        aggregator: Some((64_500, Ipv4Addr::new(198, 51, 100, 1))),
        communities: vec![(64_500, 1), (65_535, 666)],
        ..attributes(&peer, &[64_500])
    };
    router.send(&announce_with(&peer, &["192.0.2.0/24"], full));
    let host = router_address(1).to_string();
    let common = |more: Value| {
        let mut data =
            json!({"peer": "2001:db8::1", "peer_asn": "64601", "host": host, "view": "adj-rib-in-pre"});
        for (name, value) in more.as_object().unwrap() {
            data[name] = value.clone();
        }
        data
    };
    let state = common(json!({"type": "RIS_PEER_STATE", "state": "connected"}));
    assert_eq!(without_run(client.next_data()), state);
    let first = common(json!({
        "type": "UPDATE", "path": [64_601, 64_500], "community": [[64_500, 1], [65_535, 666]], "origin": "IGP",
        "med": 7, "aggregator": "64500:198.51.100.1",
        "announcements": [{"next_hop": LOCAL.to_string(), "prefixes": ["192.0.2.0/24"]}],
    }));
    assert_eq!(without_run(client.next_data()), first);
    router.send(&announce_with(
        &peer,
        &["2001:db8:1::/48"],
        attributes(&peer, &[]),
    ));
    let second = common(json!({
        "type": "UPDATE", "path": [64_601], "origin": "IGP",
        "announcements": [{"next_hop": "2001:db8::fe", "prefixes": ["2001:db8:1::/48"]}],
    }));
    assert_eq!(without_run(client.next_data()), second);
    router.send(&withdraw(&peer, &["192.0.2.0/24"]));
    let third = common(json!({"type": "UPDATE", "withdrawals": ["192.0.2.0/24"]}));
    assert_eq!(without_run(client.next_data()), third);
}

#[test]
fn bgpkit_reads_the_messages() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    // What this reader sends is what the collector reads.
    client.send_text(&RisSubscribe::new().to_json_string());
    client.send("ping", Value::Null);
    assert_eq!(client.next()["type"], "pong");
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    let full = Attributes {
        multi_exit_disc: Some(7),
        aggregator: Some((64_500, Ipv4Addr::new(198, 51, 100, 1))),
        communities: vec![(64_500, 1)],
        ..attributes(&peer, &[64_510, 64_500])
    };
    router.send(&announce_with(&peer, &["192.0.2.0/24"], full));
    router.send(&withdraw(&peer, &["192.0.2.0/24"]));
    assert_eq!(
        parse_ris_live_message(&client.next_text()).unwrap(),
        [],
        "a peer's state"
    );
    let announced = parse_ris_live_message(&client.next_text()).unwrap();
    let [elem] = &announced[..] else {
        panic!("{announced:?}");
    };
    assert_eq!(elem.elem_type, ElemType::ANNOUNCE);
    assert_eq!(elem.prefix.to_string(), "192.0.2.0/24");
    assert_eq!(elem.peer_ip, peer.address);
    assert_eq!(elem.peer_asn.to_u32(), peer.asn);
    assert_eq!(elem.as_path.as_ref().unwrap().to_string(), "64501 64510 64500");
    assert_eq!(elem.next_hop, Some(LOCAL.into()));
    assert_eq!(elem.med, Some(7));
    assert_eq!(elem.aggr_asn.map(|asn| asn.to_u32()), Some(64_500));
    assert_eq!(elem.aggr_ip, Some(Ipv4Addr::new(198, 51, 100, 1)));
    let communities = elem.communities.as_deref().unwrap();
    assert!(
        matches!(communities, [MetaCommunity::Plain(_)]),
        "{communities:?}"
    );
    let withdrawn = parse_ris_live_message(&client.next_text()).unwrap();
    assert_eq!(withdrawn[0].elem_type, ElemType::WITHDRAW);
    assert_eq!(withdrawn[0].prefix.to_string(), "192.0.2.0/24");
}
