//! What subscriptions let pass.

use serde_json::{Value, json};

use super::client::{Client, announce, first_peer, router, up, withdraw};
use crate::support::{Rig, peer, router_address};

#[test]
fn a_client_without_conditions_hears_routes_and_peers() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({}));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    router.send(&announce(&peer, &["192.0.2.0/24", "198.51.100.0/24"], &[]));
    router.send(&withdraw(&peer, &["192.0.2.0/24"]));
    let expected = ["connected", "+192.0.2.0/24", "+198.51.100.0/24", "-192.0.2.0/24"];
    assert_eq!(client.heard(4), expected);
    assert_eq!(rig.metric("ris_messages_total"), 4);
}

#[test]
fn a_prefix_selects_itself_and_what_is_asked_for_around_it() {
    let rig = Rig::start(|_| {});
    let fields = |more: Value, less: Value| json!({"prefix": "10.1.0.0/16", "moreSpecific": more, "lessSpecific": less});
    let mut usual = Client::subscribed(&rig, json!({"prefix": "10.1.0.0/16"}));
    let mut exact = Client::subscribed(&rig, fields(false.into(), false.into()));
    let mut less = Client::subscribed(&rig, fields(false.into(), true.into()));
    let mut both = Client::subscribed(&rig, fields(true.into(), true.into()));
    let mut list = Client::subscribed(
        &rig,
        json!({"prefix": ["10.1.2.0/24", "2001:db8::/32"], "moreSpecific": false}),
    );
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    router.send(&announce(
        &peer,
        &[
            "0.0.0.0/0",
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.0/24",
            "10.2.0.0/16",
        ],
        &[],
    ));
    router.send(&announce(&peer, &["2001:db8::/32", "2001:db8:1::/48"], &[]));
    router.send(&withdraw(&peer, &["10.1.0.0/16"]));
    assert_eq!(usual.heard(3), ["+10.1.0.0/16", "+10.1.2.0/24", "-10.1.0.0/16"]);
    assert_eq!(exact.heard(2), ["+10.1.0.0/16", "-10.1.0.0/16"]);
    let around = ["+0.0.0.0/0", "+10.0.0.0/8", "+10.1.0.0/16", "-10.1.0.0/16"];
    assert_eq!(less.heard(4), around);
    let all = [
        "+0.0.0.0/0",
        "+10.0.0.0/8",
        "+10.1.0.0/16",
        "+10.1.2.0/24",
        "-10.1.0.0/16",
    ];
    assert_eq!(both.heard(5), all);
    assert_eq!(list.heard(2), ["+10.1.2.0/24", "+2001:db8::/32"]);
}

#[test]
fn conditions_select_by_router_peer_type_action_and_path() {
    let rig = Rig::start(|_| {});
    let client = |fields: Value| Client::subscribed(&rig, fields);
    let mut of_two = client(json!({"host": router_address(2).to_string()}));
    let mut of_peer = client(json!({"peer": "192.0.2.2", "type": "UPDATE"}));
    let mut states = client(json!({"type": "RIS_PEER_STATE"}));
    let mut never = client(json!({"type": "KEEPALIVE"}));
    let mut announced = client(json!({"require": "announcements"}));
    let mut withdrawn = client(json!({"require": "withdrawals", "prefix": "0.0.0.0/0"}));
    let mut origin = client(json!({"path": "64500$"}));
    let mut pattern = client(json!({"path": "^64501,64510,64500$"}));
    let mut list = client(json!({"path": [64510, 64501]}));
    let mut other_origin = client(json!({"path": "!64500$", "prefix": "10.0.0.0/8"}));
    let (one_peer, two_peer) = (peer(1), peer(2));
    let mut one = router(&rig, 1, std::slice::from_ref(&one_peer));
    assert_eq!(states.heard(1), ["connected"]);
    let mut two = router(&rig, 2, &[]);
    two.send(&up(&two_peer));
    assert_eq!(states.heard(1), ["connected"]);
    one.send(&announce(&one_peer, &["10.1.0.0/16"], &[64_510, 64_500]));
    one.send(&announce(&one_peer, &["10.2.0.0/16"], &[64_510, 64_501]));
    assert_eq!(announced.heard(2), ["+10.1.0.0/16", "+10.2.0.0/16"]);
    two.send(&announce(&two_peer, &["10.3.0.0/16"], &[64_500]));
    assert_eq!(announced.heard(1), ["+10.3.0.0/16"]);
    two.send(&withdraw(&two_peer, &["10.3.0.0/16"]));

    assert_eq!(of_two.heard(3), ["connected", "+10.3.0.0/16", "-10.3.0.0/16"]);
    assert_eq!(of_peer.heard(2), ["+10.3.0.0/16", "-10.3.0.0/16"]);
    assert_eq!(withdrawn.heard(1), ["-10.3.0.0/16"]);
    assert_eq!(origin.heard(2), ["+10.1.0.0/16", "+10.3.0.0/16"]);
    assert_eq!(list.heard(1), ["+10.2.0.0/16"]);
    assert_eq!(other_origin.heard(1), ["+10.2.0.0/16"]);
    assert_eq!(one_peer.asn, 64_501);
    assert_eq!(pattern.heard(1), ["+10.1.0.0/16"]);
    // Nothing else was queued for the one that asked for messages that are never sent.
    never.send("ping", Value::Null);
    assert_eq!(never.next()["type"], "pong");
}

#[test]
fn several_subscriptions_give_a_message_once_until_they_end() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({"prefix": "10.0.0.0/8"}));
    client.subscribe(json!({"prefix": "10.1.0.0/16"}));
    client.subscribe(json!({"peer": "192.0.2.1", "type": "UPDATE", "prefix": ""}));
    client.subscribe(json!({"path": 64_500}));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    router.send(&announce(&peer, &["10.1.0.0/16", "11.0.0.0/8"], &[64_500]));
    assert_eq!(client.heard(2), ["+10.1.0.0/16", "+11.0.0.0/8"]);

    // A pong says that the collector has read everything before it.
    client.send("ris_unsubscribe", json!({"peer": "192.0.2.1", "type": "UPDATE"}));
    client.send("ris_unsubscribe", json!({"path": "64500"}));
    client.send("ping", Value::Null);
    assert_eq!(client.next(), json!({"type": "pong", "data": null}));
    router.send(&withdraw(&peer, &["11.0.0.0/8", "10.1.0.0/16"]));
    assert_eq!(client.heard(1), ["-10.1.0.0/16"]);

    client.send("ris_unsubscribe", json!({"prefix": "10.9.0.0/16"}));
    assert!(client.next_error().1.contains("no subscription"));
    client.send("ris_unsubscribe", Value::Null);
    client.subscribe(json!({"prefix": "12.0.0.0/8"}));
    router.send(&announce(&peer, &["10.1.0.0/16", "12.0.0.0/8"], &[]));
    assert_eq!(client.heard(1), ["+12.0.0.0/8"]);
}
