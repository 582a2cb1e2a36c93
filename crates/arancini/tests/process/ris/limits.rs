//! Requests that make no sense, and clients that want too much.

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;

use super::client::{Client, announce, first_peer, router, withdraw};
use crate::support::Rig;

#[test]
fn a_request_without_sense_is_answered_and_the_connection_stays() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    client.subscribe(json!({"prefix": "192.0.2.0/24"}));
    for (text, field) in [
        ("", Value::Null),
        ("nonsense", Value::Null),
        ("[]", "type".into()),
        ("{}", "type".into()),
        (r#"{"type": 1}"#, "type".into()),
        (r#"{"type": "ris_message"}"#, "type".into()),
        (r#"{"type": "ris_subscribe", "data": []}"#, "data".into()),
        (
            r#"{"type": "ris_subscribe", "data": {"prefix": "192.0.2.0/33"}}"#,
            "prefix".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"prefix": {}}}"#,
            "prefix".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"prefixes": "192.0.2.0/24"}}"#,
            "prefixes".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"path": "^"}}"#,
            "path".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"socketOptions": true}}"#,
            "socketOptions".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"socketOptions": {"acknowledge": 1}}}"#,
            "socketOptions.acknowledge".into(),
        ),
        (
            r#"{"type": "ris_subscribe", "data": {"socketOptions": {"ack": true}}}"#,
            "socketOptions".into(),
        ),
        (
            r#"{"type": "ris_unsubscribe", "data": {"host": "rrc21"}}"#,
            "host".into(),
        ),
    ] {
        client.send_text(text);
        let (named, message) = client.next_error();
        assert_eq!(named, field, "{text}: {message}");
    }
    client.send_text(&"[".repeat(10_000));
    client.next_error();
    client.send_frame(Message::binary(vec![1, 2, 3]));
    assert!(client.next_error().1.contains("text frame"));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    router.send(&announce(&peer, &["10.0.0.0/8", "192.0.2.0/24"], &[]));
    assert_eq!(client.heard(1), ["+192.0.2.0/24"]);
}

#[test]
fn raw_messages_are_not_promised() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    let options = json!({"includeRaw": true, "acknowledge": true});
    client.send("ris_subscribe", json!({"socketOptions": options}));
    assert_eq!(client.next()["data"]["socketOptions"]["includeRaw"], false);
    // The options hold for the subscriptions that follow.
    client.send("ris_subscribe", json!({"peer": "192.0.2.1"}));
    assert_eq!(
        client.next()["data"]["subscription"],
        json!({"peer": "192.0.2.1"})
    );
}

#[test]
fn the_subscriptions_of_a_client_are_bounded() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    let list = |first: u32, count: u32| -> Value {
        let prefix = |number: u32| format!("10.{}.{}.0/24", number / 256, number % 256);
        json!({"prefix": (first..first + count).map(prefix).collect::<Vec<_>>()})
    };
    for part in 0..4 {
        client.subscribe(list(part * 1000, 1000));
    }
    client.send("ris_subscribe", list(4000, 97));
    assert!(client.next_error().1.contains("4096"));
    client.subscribe(list(4000, 96));
    // The one that it has already needs no room.
    client.subscribe(list(4000, 96));
    client.send("ris_subscribe", json!({"host": "192.0.2.1"}));
    assert!(client.next_error().1.contains("4096"));
    client.send("ris_unsubscribe", list(1000, 1000));
    client.subscribe(json!({"host": "192.0.2.1"}));
    client.send("ris_subscribe", list(0, 1001));
    assert!(client.next_error().1.contains("1000"));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    let texts = ["10.3.231.0/24", "10.3.232.0/24", "10.15.160.0/24", "10.16.0.0/24"];
    router.send(&announce(&peer, &texts, &[]));
    assert_eq!(
        client.heard(2),
        ["+10.3.231.0/24", "+10.15.160.0/24"],
        "999 and 4000"
    );
}

#[test]
fn the_subscriptions_of_a_client_that_name_no_prefix_have_a_bound_of_their_own() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    for number in 1..=256 {
        client.subscribe(json!({"path": number}));
    }
    client.send("ris_subscribe", json!({"path": 257}));
    assert!(
        client
            .next_error()
            .1
            .contains("256 subscriptions without a prefix")
    );
    client.send("ris_subscribe", json!({}));
    assert!(
        client
            .next_error()
            .1
            .contains("256 subscriptions without a prefix")
    );
    client.subscribe(json!({"path": 257, "prefix": "10.0.0.0/8"}));
    client.send("ris_unsubscribe", json!({"path": 1}));
    client.subscribe(json!({"path": 258}));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    // The second AS number of the path has a subscription of its own, and so has the prefix.
    router.send(&announce(&peer, &["10.1.0.0/16"], &[258, 258, 2, 257]));
    router.send(&announce(&peer, &["11.0.0.0/8"], &[1]));
    router.send(&announce(&peer, &["12.0.0.0/8"], &[258]));
    assert_eq!(client.heard(2), ["+10.1.0.0/16", "+12.0.0.0/8"]);
}

#[test]
fn a_thousand_subscriptions_without_an_answer_are_no_long_request() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    for number in 0..1000 {
        let prefix = format!("10.{}.{}.0/24", number / 256, number % 256);
        client.send(
            "ris_subscribe",
            json!({"moreSpecific": true, "type": "UPDATE", "host": null, "prefix": prefix}),
        );
    }
    client.send("ping", Value::Null);
    assert_eq!(client.next()["type"], "pong");
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    router.send(&announce(&peer, &["10.3.231.128/25"], &[]));
    assert_eq!(client.heard(1), ["+10.3.231.128/25"]);
}

#[test]
fn a_message_that_is_too_long_is_refused() {
    let rig = Rig::start(|_| {});
    let mut client = Client::connect(&rig);
    client.send_text(&" ".repeat(64 * 1024 + 1));
    assert!(client.next_error().1.contains("65536 bytes"));
    client.subscribe(json!({}));
    // What is much longer ends the connection, with the reason if the client reads it in time.
    client.send_text(&" ".repeat(256 * 1024 + 1));
    let (messages, code) = client.rest();
    assert!(matches!(code, None | Some(1009)), "{messages:?} {code:?}");
    rig.until_metric("ris_clients", 0);
}

#[test]
fn a_client_that_closes_gets_a_close_frame_as_its_answer() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({}));
    let frame = CloseFrame {
        code: CloseCode::Normal,
        reason: "done".into(),
    };
    client.send_frame(Message::Close(Some(frame)));
    assert_eq!(client.rest(), (Vec::new(), Some(1000)));
    rig.until_metric("ris_clients", 0);
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_the_others_hear_everything() {
    let rig = Rig::start(|_| {});
    let slow = Client::subscribed(&rig, json!({}));
    let mut reads = Client::subscribed(&rig, json!({"prefix": "192.0.2.0/24"}));
    let peer = first_peer();
    let mut router = router(&rig, 1, std::slice::from_ref(&peer));
    let texts: Vec<_> = (0..200).map(|number| format!("10.0.{number}.0/24")).collect();
    let mut texts: Vec<_> = texts.iter().map(String::as_str).collect();
    texts.push("192.0.2.0/24");
    // More than the client's queue and every buffer of the connection hold.
    let mut rounds = 0;
    while rig.metric("ris_clients_slow_total") == 0 {
        for _ in 0..20 {
            router.send(&announce(&peer, &texts, &[]));
            router.send(&withdraw(&peer, &texts));
            assert_eq!(reads.heard(2), ["+192.0.2.0/24", "-192.0.2.0/24"]);
        }
        rounds += 1;
        assert!(rounds < 1000, "the client is never too slow");
    }
    // What was queued before the last message is still there to read, and then the connection ends.
    let (messages, code) = slow.rest();
    assert_eq!(code, Some(1008));
    let last = messages.last().unwrap();
    assert_eq!(last["type"], "ris_error", "{last}");
    assert!(
        last["data"]["message"].as_str().unwrap().contains("more slowly"),
        "{last}"
    );
    assert_eq!(rig.metric("ris_clients_slow_total"), 1);
    rig.until_metric("ris_clients", 1);
}
