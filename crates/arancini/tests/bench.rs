//! `arancini bench` as a user runs it: the counts in its report must match the load.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};
use std::time::Duration;

use arancini_collector::Collector;
use arancini_collector::config::{Config, SinkKind};
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
    let report = &report["cases"][0];
    assert_eq!(report["load"]["elements"], 7200);
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(run["elements"], 7200);
        assert_eq!(run["bytes"], report["load"]["bytes"]);
        // One of the four groups that take part in churn is announced again unchanged.
        assert_eq!(run["emitted"], 7200 - 300);
        assert_eq!(run["routes"], 6000 - 300);
        assert!(run["cpu_seconds"].as_f64() > Some(0.0), "{run}");
        assert!(run["elements_per_cpu_second"].as_f64() > Some(0.0), "{run}");
        // One system call can return the bytes of several routers.
        assert!(run["receive_calls"].as_u64() >= Some(1), "{run}");
        assert!(run["resident_bytes"].as_u64() > Some(0), "{run}");
        assert!(run["limit"]["seconds"].as_f64() > Some(0.0), "{run}");
    }
    let figure = &report["figures"]["elements_per_second"];
    let of = |name: &str| figure[name].as_f64().unwrap();
    assert!(of("min") <= of("median") && of("median") <= of("max"), "{figure}");
}

/// Runs a scenario and returns its report.
fn scenario(arguments: &[&str]) -> Value {
    let output = bench(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn lists_give_a_case_for_each_combination() {
    let report = scenario(&[
        "--routers=2",
        "--peers=2",
        "--prefixes=200",
        "--prefixes-per-update=1,10",
        "--workers=1,2",
        "--unequal",
        "--runs=1",
        "--json",
    ]);
    let cases = report["cases"].as_array().unwrap();
    let told: Vec<_> = cases
        .iter()
        .map(|case| {
            (
                &case["load"]["prefixes_per_update"],
                case["collector"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[3].0 == 10 && told[3].1.contains("--workers 2"), "{told:?}");
    for (place, case) in cases.iter().enumerate() {
        let workers = if place % 2 == 0 { 1 } else { 2 };
        assert_eq!(
            case["runs"][0]["worker_cpu_seconds"].as_array().unwrap().len(),
            workers
        );
        // The second router is twice as large as the first.
        let ideal = if workers == 1 { 1.0 } else { 2.0 / 3.0 };
        assert_eq!(case["figures"]["ideal_worker_share"]["median"], ideal);
    }
}

#[test]
fn what_is_framed_only_or_held_is_measured_without_the_rest() {
    let small = ["--prefixes=500", "--prefixes-per-update=10", "--runs=1", "--json"];
    let framed = scenario(&[&small[..], &["--framed-only", "--receive=readiness,epoll"]].concat());
    for case in framed["cases"].as_array().unwrap() {
        assert_eq!(case["runs"][0]["elements"], 0);
        assert_eq!(case["runs"][0]["bytes"], case["load"]["bytes"]);
        assert!(case["figures"]["cpu_seconds_per_gb"]["median"].as_f64() > Some(0.0));
    }
    let held = scenario(&[&small[..], &["--held", "--vpn=false,true"]].concat());
    for case in held["cases"].as_array().unwrap() {
        // 4 peers, two rounds, a tenth of 500 prefixes in each round.
        assert_eq!(case["runs"][0]["elements"], 4 * 2 * 50);
        // All routes except the withdrawn ones.
        assert_eq!(case["runs"][0]["routes"], case["load"]["routes"]);
    }
}

#[test]
fn a_real_table_is_sent_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("table.txt");
    std::fs::write(
        &path,
        "192.0.2.0/24 64496\n198.51.100.0/24 64497\n2001:db8::/32 64496\n",
    )
    .unwrap();
    let from = format!("--prefixes-from={}", path.display());
    let report = scenario(&[&from, "--peers=1", "--churn-rounds=0", "--runs=1", "--json"]);
    assert_eq!(report["cases"][0]["runs"][0]["emitted"], 3);
}

#[test]
fn named_loads_are_measured_and_what_comes_before_is_not() {
    let report = scenario(&[
        "--load=full-packed,reconnect,churn",
        "--elements=20000",
        "--routers=2",
        "--runs=1",
        "--json",
    ]);
    let cases = report["cases"].as_array().unwrap();
    let names: Vec<_> = cases.iter().map(|case| &case["load"]["name"]).collect();
    assert_eq!(names, ["full-packed", "reconnect", "churn"]);
    for case in cases {
        let (load, run) = (&case["load"], &case["runs"][0]);
        for key in ["elements", "emitted", "bytes", "routes"] {
            assert_eq!(run[key], load[key], "{key}: {case}");
        }
        assert!(
            load["elements"].as_u64().unwrap().abs_diff(20_000) < 1000,
            "{load}"
        );
    }
    assert_eq!(cases[1]["runs"][0]["emitted"], 0);
    assert_eq!(cases[1]["load"]["elements_before"], cases[0]["load"]["elements"]);
}

#[test]
fn a_full_table_of_ipv6_is_sent_and_all_of_it_is_held() {
    let table =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/tables/libloc6.txt.zst");
    if !table.is_file() {
        println!("skipped: no corpus");
        return;
    }
    let from = format!("--prefixes-from={}", table.display());
    let small = [
        "--peers=1",
        "--prefixes-per-update=200",
        "--churn-rounds=0",
        "--runs=1",
        "--json",
    ];
    let report = scenario(&[&[from.as_str()][..], &small].concat());
    let run = &report["cases"][0]["runs"][0];
    assert!(run["routes"].as_u64() > Some(170_000), "{run}");
    assert_eq!(run["routes"], run["emitted"]);
}

#[test]
fn stages_add_up_to_the_core_and_its_bridge() {
    let report = scenario(&["stages", "--prefixes=500", "--runs=2", "--json"]);
    let figures = &report["cases"][0]["figures"];
    let median = |key: &str| figures[key]["median"].as_f64().unwrap();
    assert!(median("frame_ns") > 0.0 && median("worker_ns") > 0.0, "{figures}");
    assert!(
        figures["table_ns"]["beside"]["value"].as_f64() > Some(0.0),
        "{figures}"
    );
}

#[test]
fn stops_are_counted_phase_by_phase() {
    let report = scenario(&["stops", "--prefixes=2000", "--peers=3", "--runs=1", "--json"]);
    let figures = &report["cases"][0]["figures"];
    for phase in ["growing_tables", "peer_down", "stale_sweep"] {
        let turns = figures[format!("{phase}_turns")]["median"].as_f64();
        assert!(turns > Some(0.0), "{phase}: {figures}");
    }
}

/// Runs a scenario that needs a NATS server, and returns its report; `None` without a server.
fn scenario_with_a_server(arguments: &[&str]) -> Option<Value> {
    let Some(server) = arancini_bed::programs::nats_server() else {
        println!("skipped: no nats-server");
        return None;
    };
    let server = format!("--nats-server={}", server.display());
    Some(scenario(&[arguments, &[&server, "--runs=1", "--json"]].concat()))
}

#[test]
fn latency_is_that_of_every_update_that_was_sent() {
    let load = ["--routers=3", "--peers=2", "--prefixes=50"];
    let arguments = [&["latency", "--rate=300", "--seconds=2"][..], &load].concat();
    let Some(report) = scenario_with_a_server(&arguments) else {
        return;
    };
    let figures = &report["cases"][0]["figures"];
    let median = |key: &str| figures[key]["median"].as_f64().unwrap();
    for part in ["p50", "p99", "p99.9", "max"] {
        // The worker receives a message before the server stores it, and the acknowledgement is sent after that.
        let of = |stage: &str| median(&format!("{stage}_{part}_ms"));
        assert!(
            0.0 < of("read") && of("read") <= of("stored"),
            "{part}: {figures}"
        );
        assert!(of("stored") <= of("acknowledged"), "{part}: {figures}");
    }
    assert!(median("sent_per_second") > 0.0, "{figures}");
}

#[test]
fn sustained_churn_is_read_back_whole() {
    let load = [
        "--routers=2",
        "--peers=2",
        "--prefixes=300",
        "--prefixes-per-update=7",
    ];
    let arguments = [
        &["sustained", "--seconds=1", "--compression=none,zstd"][..],
        &load,
    ]
    .concat();
    let Some(report) = scenario_with_a_server(&arguments) else {
        return;
    };
    let cases = report["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let median = |key: &str| case["figures"][key]["median"].as_f64().unwrap();
        // The stream holds the measured updates and the dump before them.
        assert_eq!(median("read_back"), median("updates") + 2.0 * 2.0 * 300.0);
        // Each router has two peers with two families.
        assert_eq!(median("subjects"), 8.0);
        assert!(median("cpu_per_million") > 0.0 && median("server_cpu_per_million") >= 0.0);
    }
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
    let run = &report["cases"][0]["runs"][0];
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
        // The stream starts with an Initiation of BMP version 3.
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
