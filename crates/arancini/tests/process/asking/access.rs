//! Who may ask.

use std::net::{Ipv4Addr, SocketAddr};

use arancini_bed::control::request;

use super::world::World;
use crate::command::{Process, arancini};
use crate::support::{DEADLINE, Rig, router_address};

#[test]
fn every_path_that_shows_data_is_closed_to_foreign_names() {
    let world = World::new();
    let control = world.rig.control();
    let status = |path: &str, host: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
        request(control, &head, DEADLINE).unwrap().status
    };
    let description = world.ask("openapi.json");
    let router = router_address(1).to_string();
    let paths = description["paths"].as_object().unwrap().keys();
    let paths = paths.map(|path| {
        let path = path.replace("{router}", &router).replace("{peer}", "192.0.2.1");
        path.replace("{prefix}", "10.0.0.0/8")
    });
    for path in paths.chain(["/api/v1/openapi.json".to_owned(), "/api/nothing".to_owned()]) {
        assert_eq!(status(&path, "evil.example.net"), 403, "{path}");
    }
    // Probes and Prometheus ask under any name. The files of the page hold no data.
    for path in [
        "/metrics",
        "/healthz",
        "/readyz",
        "/",
        "/help",
        "/page/app/main.js",
    ] {
        assert_eq!(status(path, "evil.example.net"), 200, "{path}");
    }
}

#[test]
fn the_api_answers_only_with_the_token_and_under_known_names() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    let rig = Rig::start(|config| {
        // All addresses of this host, as a collector that others ask.
        config.control.address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        config.control.token_file = Some(file.path().to_owned());
        config.control.host_names = vec!["bmp.example.net".to_owned()];
    });
    let control = SocketAddr::from((Ipv4Addr::LOCALHOST, rig.control().port()));
    let ask = |path: &str, headers: &str| {
        let answer = request(control, &format!("GET {path} HTTP/1.1\r\n{headers}"), DEADLINE).unwrap();
        assert!(
            answer.head.contains("x-content-type-options: nosniff"),
            "{}",
            answer.head
        );
        assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
        assert!(answer.head.contains("frame-ancestors 'none'"), "{}", answer.head);
        answer
    };
    let with = |token: &str, host: &str| format!("Host: {host}\r\nAuthorization: Bearer {token}\r\n");
    let status = |headers: &str| ask("/api/v1/routers", headers).status;
    assert_eq!(status(&with(TOKEN, "127.0.0.1")), 200);
    assert_eq!(status(&with(TOKEN, "bmp.example.net:8080")), 200);
    assert_eq!(status(&with(TOKEN, "evil.example.net")), 403);
    assert_eq!(
        status(&(with(TOKEN, "127.0.0.1") + "Origin: http://evil.example.net\r\n")),
        403
    );
    assert_eq!(status(&with("wrong", "127.0.0.1")), 401);
    let refused = ask("/api/v1/routers", "Host: 127.0.0.1\r\n");
    assert!(
        refused.head.contains("www-authenticate: Bearer"),
        "{}",
        refused.head
    );
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"token\"}"), 2);
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"host\"}"), 1);
    assert_eq!(rig.metric("api_requests_denied_total{reason=\"origin\"}"), 1);
    assert_eq!(rig.metric("api_questions_total"), 2);
    // Probes and Prometheus ask without a token, under any name.
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(ask(path, "Host: collector-7.internal\r\n").status, 200, "{path}");
    }

    let show = |more: &[&str]| {
        let control = format!("http://{control}");
        let output = arancini()
            .args(["show", "--control", &control, "workers"])
            .args(more)
            .output();
        output.unwrap()
    };
    assert!(
        show(&["--token-file", file.path().to_str().unwrap()])
            .status
            .success()
    );
    let refused = show(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("control.token_file")
    );
}

#[test]
fn a_token_that_can_be_guessed_keeps_the_collector_from_starting() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let path = file.path().to_str().unwrap();
    let ended = Process::spawn(
        &["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"],
        &[("ARANCINI_CONTROL__TOKEN_FILE", path)],
    )
    .end();
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.count(&["control.token_file", "openssl rand"]),
        1,
        "{:?}",
        ended.lines
    );
}
