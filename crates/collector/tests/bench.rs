//! `arancini bench` as a user runs it: what it counts must be what the load is.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};
use std::time::Duration;

use arancini::Collector;
use arancini::config::{Config, SinkKind};
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_arancini"))
        .arg("bench")
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_self_started_collector_is_measured_and_its_work_is_judged() {
    let load = [
        "--routers",
        "3",
        "--peers",
        "2",
        "--prefixes",
        "1000",
        "--prefixes-per-update",
        "10",
    ];
    let output = bench(&[&load[..], &["--runs", "2", "--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // 3 routers × 2 peers × 1,000 prefixes, and two rounds of churn over a tenth of them.
    assert_eq!(report["load"]["elements"], 7200);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(run["elements"], 7200);
        assert_eq!(run["bytes"], report["load"]["bytes"]);
        // Of four groups that take part in churn, one is announced again unchanged.
        assert_eq!(run["emitted"], 7200 - 300);
        assert_eq!(run["routes"], 6000 - 300);
        assert!(run["cpu_seconds"].as_f64() > Some(0.0), "{run}");
        assert!(run["elements_per_cpu_second"].as_f64() > Some(0.0), "{run}");
        assert!(run["receive_calls"].as_u64() >= Some(3), "{run}");
        assert!(run["resident_bytes"].as_u64() > Some(0), "{run}");
        assert!(run["limit"]["seconds"].as_f64() > Some(0.0), "{run}");
    }
    let figure = &report["figures"]["elements_per_second"];
    let of = |name: &str| figure[name].as_f64().unwrap();
    assert!(of("min") <= of("median") && of("median") <= of("max"), "{figure}");
}

#[test]
fn a_running_collector_is_measured_where_it_is() {
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    config.listen.address = vec![anywhere];
    config.listen.workers = 1;
    config.control.address = anywhere;
    config.publish.sink = Some(SinkKind::Null);
    let collector = Collector::start(&config).unwrap();
    let to = collector.addresses()[0].to_string();
    let control = collector.control_address().unwrap().to_string();
    let pid = std::process::id().to_string();
    let places = ["--to", &to, "--control", &control, "--pid", &pid];
    let output = bench(&[&places[..], &["--prefixes", "1000", "--json"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["elements"], 4800);
    assert_eq!(run["limit"], Value::Null);
    assert!(run["cpu_seconds"].as_f64() > Some(0.0), "{run}");
    assert_eq!(collector.stop(Duration::from_secs(30)).lost_messages, 0);
}

#[test]
fn the_streams_can_be_written_to_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let output = bench(&["--routers", "2", "--prefixes", "10", "--write", path, "--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let load: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(load["elements"], 2 * 4 * (10 + 2));
    for name in ["127.0.1.1.bmp", "127.0.1.2.bmp"] {
        let stream = std::fs::read(directory.path().join(name)).unwrap();
        // BMP version 3, and an Initiation first.
        assert_eq!((stream[0], stream[5]), (3, 4), "{name}");
    }
}

#[test]
fn a_collector_that_does_not_start_is_said_to_and_fails() {
    let output = bench(&[
        "--prefixes",
        "10",
        "--sink",
        "nats",
        "--nats",
        "no-scheme://x",
        "--runs",
        "1",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("did not start"), "{said}");
}
