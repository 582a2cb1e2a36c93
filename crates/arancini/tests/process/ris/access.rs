//! Who may connect, and how.

use std::net::SocketAddr;

use arancini_bed::control::request;
use serde_json::{Value, json};
use tungstenite::http::Response;

use super::client::{Client, router};
use crate::support::{DEADLINE, Rig, router_address};

const TOKEN: &str = "0123456789abcdef0123";

/// The status and the problem of a refused websocket.
fn refused(control: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> (u16, Value) {
    let response: Box<Response<Option<Vec<u8>>>> = match Client::connect_to(control, path, headers) {
        Ok(_) => panic!("{path} {headers:?} is accepted"),
        Err(response) => response,
    };
    let body = response.body().as_deref().unwrap_or_default();
    (
        response.status().as_u16(),
        serde_json::from_slice(body).unwrap_or_default(),
    )
}

#[test]
fn a_client_needs_the_token_that_the_api_needs() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let rig = Rig::start(|config| config.control.token_file = Some(file));
    let control = rig.control();
    for (path, headers) in [
        ("/v1/ws", &[][..]),
        ("/v1/ws", &[("Authorization", "Bearer 0123456789abcdef0124")]),
        // A token in an address would end up in logs.
        ("/v1/ws?token=0123456789abcdef0123", &[]),
    ] {
        assert_eq!(refused(control, path, headers).0, 401, "{path} {headers:?}");
    }
    let header = format!("Bearer {TOKEN}");
    let mut client = Client::connect_to(control, "/v1/ws", &[("Authorization", &header)]).unwrap();
    client.subscribe(json!({}));
}

#[test]
fn only_this_host_and_pages_of_the_port_may_connect() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    assert_eq!(refused(control, "/v1/ws", &[("Host", "evil.example.net")]).0, 403);
    assert_eq!(
        refused(control, "/v1/ws", &[("Origin", "http://evil.example.net")]).0,
        403
    );
    // Python's websocket-client sends such an origin, and BGPalerter a path with a stroke and parameters of its own.
    let own = format!("http://{control}");
    let mut client = Client::connect_to(control, "/v1/ws/?client=a&instance=b", &[("Origin", &own)]).unwrap();
    client.subscribe(json!({}));
}

#[test]
fn a_port_of_its_own_has_the_websocket_and_nothing_else_and_the_control_port_says_where() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    for token_file in [None, Some(file)] {
        let header = format!("Bearer {TOKEN}");
        let headers = [("Authorization", header.as_str())];
        let headers = if token_file.is_some() { &headers[..] } else { &[] };
        let rig = Rig::start(|config| {
            config.control.ris_address = Some(anywhere);
            config.control.token_file.clone_from(&token_file);
        });
        assert_ne!(rig.ris(), rig.control());
        let (status, problem) = refused(rig.control(), "/v1/ws", headers);
        let remedy = problem["remedy"].as_str().unwrap().to_owned();
        assert_eq!((status, remedy.contains("control.ris_address")), (404, true));
        for path in ["/metrics", "/api/v1/routers", "/", "/healthz"] {
            let (status, problem) = refused(rig.ris(), path, headers);
            assert_eq!(
                (status, &problem["detail"]),
                (404, &json!("this port has only RIS Live"))
            );
        }
        if token_file.is_some() {
            assert_eq!(refused(rig.ris(), "/v1/ws", &[]).0, 401);
        }
        let mut client = Client::connect_to(rig.ris(), "/v1/ws", headers).unwrap();
        client.subscribe(json!({}));
        let _router = router(&rig, 1, &[super::client::first_peer()]);
        assert_eq!(client.heard(1), ["connected"]);
    }
}

#[test]
fn what_is_no_websocket_is_told_so() {
    let rig = Rig::start(|_| {});
    let control = rig.control();
    let head = format!("GET /v1/ws HTTP/1.1\r\nHost: {control}\r\n");
    let answer = request(control, &head, DEADLINE).unwrap();
    assert_eq!(answer.status, 426, "{}", answer.body);
    assert!(answer.body.contains("ws://"), "{}", answer.body);
    let (status, problem) = refused(control, "/v1/ws?view=post", &[]);
    assert_eq!((status, &problem["field"]), (400, &json!("view")));
}

#[test]
fn the_number_of_clients_is_bounded_and_may_be_zero() {
    let rig = Rig::start(|config| config.control.ris_clients = 2);
    let mut one = Client::connect(&rig);
    let two = Client::connect(&rig);
    let (status, problem) = refused(rig.control(), "/v1/ws", &[]);
    assert_eq!(status, 503);
    assert!(
        problem["remedy"]
            .as_str()
            .unwrap()
            .contains("control.ris_clients"),
        "{problem}"
    );
    drop(two);
    rig.until_metric("ris_clients", 1);
    let mut two = Client::connect(&rig);
    one.subscribe(json!({}));
    two.subscribe(json!({}));
    assert_eq!(rig.metric("ris_clients"), 2);

    let rig = Rig::start(|config| config.control.ris_clients = 0);
    assert_eq!(refused(rig.control(), "/v1/ws", &[]).0, 404);
}

#[test]
fn more_clients_than_the_port_has_connections_may_listen() {
    let rig = Rig::start(|config| config.control.ris_clients = 100);
    let mut clients: Vec<_> = (0..100).map(|_| Client::subscribed(&rig, json!({}))).collect();
    assert_eq!(rig.metric("ris_clients"), 100);
    let _router = router(&rig, 1, &[super::client::first_peer()]);
    for client in &mut clients {
        assert_eq!(client.heard(1), ["connected"]);
    }
}

#[test]
fn a_collector_that_stops_ends_its_conversations_without_a_panic() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ris::access::stop_with_clients",
            "--ignored",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
#[ignore = "a_collector_that_stops_ends_its_conversations_without_a_panic runs it"]
fn stop_with_clients() {
    // Which thread is the first to notice the end is a matter of luck.
    for _ in 0..10 {
        let rig = Rig::start(|_| {});
        let clients: Vec<_> = (0..60).map(|_| Client::subscribed(&rig, json!({}))).collect();
        drop(rig);
        for client in clients {
            assert_eq!(client.rest().0, Vec::<Value>::new());
        }
    }
}

#[test]
fn the_list_of_hosts_has_the_routers() {
    let rig = Rig::start(|_| {});
    let mut client = Client::subscribed(&rig, json!({}));
    let peer = super::client::first_peer();
    let _one = router(&rig, 1, std::slice::from_ref(&peer));
    let _two = router(&rig, 2, std::slice::from_ref(&peer));
    assert_eq!(client.heard(2), ["connected", "connected"]);
    client.send("request_rrc_list", Value::Null);
    let hosts = [router_address(1).to_string(), router_address(2).to_string()];
    assert_eq!(client.next(), json!({"type": "ris_rrc_list", "data": hosts}));
}
