//! `arancini tail` shows the table of a router: the core decodes the stream, a real sink stores the updates, and the printed
//! updates lead to the same table.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_client::records::Records;
use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::{Ending, Expected, Scenario};
use arancini_publish::{
    FileSettings, Hooks, NatsSettings, Sidecar, SidecarSettings, SinkSettings, SinkStatus,
};
use serde_json::Value;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Decodes and curates the scenario as the session of one router, and stores the updates.
fn publish(scenario: &Scenario, sink: SinkSettings) {
    let (bridge, batches) = kanal::bounded(16);
    let status = Arc::new(SinkStatus::default());
    let sidecar = Sidecar::spawn(SidecarSettings::new(sink), batches, status, Hooks::default()).unwrap();
    let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
    let now = Now {
        monotonic_ns: 1,
        unix_ns: 1_767_225_600_000_000_000,
    };
    let session = shard.handle_connect(ROUTER, 30_000, now);
    for chunk in scenario.stream() {
        shard.handle_all_bytes(session, &chunk, now).unwrap();
        while shard.needs_sweep() {
            shard.handle_sweep(1000, now);
        }
        while let Some(batch) = shard.poll_batch() {
            bridge.send(batch).unwrap();
        }
    }
    shard.handle_flush(now);
    while let Some(batch) = shard.poll_batch() {
        bridge.send(batch).unwrap();
    }
    drop(bridge);
    let report = sidecar.drain(Duration::from_secs(60));
    assert_eq!(report.unacknowledged_messages, 0);
}

fn arancini(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arancini"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARANCINI_") {
            command.env_remove(name);
        }
    }
    let output = command.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Runs a command and returns its lines of JSON.
fn lines(arguments: &[&str]) -> Vec<Value> {
    arancini(arguments)
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// A table: peer and prefix, each with AS path, next hop, origin, MED and communities, all as text.
type Table = BTreeMap<(String, String), String>;

/// Applies updates as a consumer does. A withdraw of an unknown route is an error.
fn table_of(updates: &[Value]) -> Table {
    let mut table = Table::new();
    for update in updates {
        let text = |name: &str| update[name].as_str().unwrap_or_default().to_owned();
        let key = (text("peerAddr"), text("prefix"));
        if update["announced"] == true {
            let route = format!(
                "{} {} {} {} {}",
                update["asPath"],
                text("nextHop"),
                text("origin"),
                update["multiExitDisc"],
                update["communities"]
            );
            assert_ne!(
                table.insert(key.clone(), route.clone()),
                Some(route),
                "announced twice: {key:?}"
            );
        } else {
            assert!(
                table.remove(&key).is_some(),
                "withdraw of an unknown route: {key:?}"
            );
        }
    }
    table
}

fn expected_table(expected: &Expected) -> Table {
    let routes = expected.routes.iter().map(|route| {
        let attributes = &route.attributes;
        let next_hop: IpAddr = if route.prefix.address.is_ipv4() {
            attributes.next_hop_v4.into()
        } else {
            attributes.next_hop_v6.into()
        };
        let origin = ["IGP", "EGP", "INCOMPLETE"][attributes.origin as usize];
        let med = attributes.multi_exit_disc.map_or(Value::Null, Value::from);
        let communities: Vec<_> = attributes
            .communities
            .iter()
            .map(|(asn, value)| format!("{asn}:{value}"))
            .collect();
        let communities = if communities.is_empty() {
            Value::Null
        } else {
            Value::from(communities)
        };
        let path = Value::from(attributes.as_path.clone());
        let prefix = format!("{}/{}", route.prefix.address, route.prefix.length);
        (
            (route.peer.to_string(), prefix),
            format!("{path} {next_hop} {origin} {med} {communities}"),
        )
    });
    routes.collect()
}

fn check(scenario: &Scenario, updates: &[Value]) {
    let expected = scenario.expected();
    assert_eq!(updates.len() as u64, expected.emitted());
    assert_eq!(
        updates
            .iter()
            .filter(|update| update["synthetic"] == true)
            .count() as u64,
        expected.synthetic
    );
    assert_eq!(table_of(updates), expected_table(&expected));
}

fn scenarios() -> [Scenario; 3] {
    let small = Scenario {
        peers: 5,
        prefixes_per_peer: 400,
        churn_rounds: 12,
        ..Scenario::default()
    };
    [
        small.clone(),
        Scenario {
            prefixes_per_update: 10,
            seed: 7,
            ..small.clone()
        },
        Scenario {
            prefixes_per_update: 200,
            ipv6_percent: 100,
            ending: Ending::PeersDown,
            ..small
        },
    ]
}

fn segments(data_dir: &Path) -> SinkSettings {
    SinkSettings::File(FileSettings::new(data_dir.join("segments")))
}

#[test]
fn a_segment_directory_replays_to_the_routers_table() {
    for scenario in scenarios() {
        let directory = tempfile::tempdir().unwrap();
        publish(&scenario, segments(directory.path()));
        let data_dir = directory.path().to_str().unwrap();
        check(
            &scenario,
            &lines(&["tail", "--data-dir", data_dir, "--no-follow", "--json"]),
        );
    }
}

#[test]
fn filters_and_text_agree_with_json() {
    let scenario = Scenario::default();
    let directory = tempfile::tempdir().unwrap();
    publish(&scenario, segments(directory.path()));
    let data_dir = directory.path().to_str().unwrap();
    let tail =
        |flags: &[&str]| lines(&[&["tail", "--data-dir", data_dir, "--no-follow", "--json"], flags].concat());
    let all = tail(&[]);
    let v6 = tail(&["--family", "2/1"]);
    assert!(!v6.is_empty());
    assert!(v6.len() < all.len());
    assert_eq!(v6, tail(&["--covered", "::/0"]));
    let one = all[0]["prefix"].as_str().unwrap();
    let same: Vec<_> = all
        .iter()
        .filter(|update| update["prefix"] == one)
        .cloned()
        .collect();
    assert_eq!(tail(&["--prefix", one]), same);
    assert!(tail(&["--router", "192.0.2.2"]).is_empty());
    assert_eq!(tail(&["--router", "192.0.2.1"]).len(), all.len());
    let kinds = tail(&["--all"]);
    assert!(kinds.iter().any(|message| message["type"] != "update"));
    assert_eq!(
        kinds.iter().filter(|message| message["type"] == "update").count(),
        all.len()
    );

    let text = arancini(&["tail", "--data-dir", data_dir, "--no-follow"]).stdout;
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), all.len());
    assert!(
        text.lines()
            .next()
            .unwrap()
            .starts_with("2026-01-01T00:00:00.000Z 192.0.2.1 "),
        "{text:.200}"
    );
}

#[test]
fn a_stream_replays_to_the_routers_table() {
    for scenario in scenarios() {
        let Some(server) = NatsServer::start() else { return };
        let url = server.url();
        arancini(&["stream", "create", "--nats", &url]);
        publish(
            &scenario,
            SinkSettings::Nats(Box::new(NatsSettings::new(vec![url.clone()]))),
        );
        arancini(&["stream", "check", "--nats", &url]);
        let shown = String::from_utf8(arancini(&["stream", "show", "--nats", &url]).stdout).unwrap();
        assert!(shown.contains("arancini.>"), "{shown}");
        check(
            &scenario,
            &lines(&["tail", "--nats", &url, "--no-follow", "--json"]),
        );
        let router = lines(&[
            "tail",
            "--nats",
            &url,
            "--no-follow",
            "--json",
            "--router",
            "192.0.2.1",
            "--family",
            "1/1",
        ]);
        assert!(router.iter().all(|update| update["afi"] == 1));
    }
}

/// Runs a command. Returns its exit code and what it wrote to standard error.
fn code_and_told(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arancini"));
    let output = command.args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_export_of_segments_is_what_tail_prints_and_keeps_an_existing_file() {
    let directory = tempfile::tempdir().unwrap();
    publish(&Scenario::default(), segments(directory.path()));
    let data_dir = directory.path().to_str().unwrap();
    let tail = |flags: &[&str]| {
        arancini(&[&["tail", "--data-dir", data_dir, "--no-follow", "--json"], flags].concat()).stdout
    };
    let source = ["export", "--data-dir", data_dir, "--format", "json", "--output"];
    assert_eq!(arancini(&[&source[..], &["-"]].concat()).stdout, tail(&[]));
    let of = |flags: &[&str]| arancini(&[&source[..], &["-"], flags].concat()).stdout;
    assert_eq!(of(&["--router", "192.0.2.1"]), tail(&[]));
    assert_eq!(of(&["--router", "::ffff:192.0.2.1"]), tail(&[]));
    assert!(of(&["--router", "192.0.2.2"]).is_empty());
    assert!(
        of(&["--since", "10m"]).is_empty(),
        "all were received on 2026-01-01"
    );
    let sorted = |lines: Vec<u8>| {
        let mut lines: Vec<String> = String::from_utf8(lines)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(of(&["--all"])), sorted(tail(&["--all"])));

    let path = directory.path().join("updates.json");
    let path = path.to_str().unwrap();
    arancini(&[&source[..], &[path]].concat());
    assert_eq!(std::fs::read(path).unwrap(), tail(&[]));
    std::fs::write(path, "mine").unwrap();
    let (code, told) = code_and_told(&[&source[..], &[path]].concat());
    assert_eq!(code, Some(1));
    assert!(
        told.contains("exists already") && told.contains("--force"),
        "{told}"
    );
    assert_eq!(std::fs::read(path).unwrap(), b"mine");
    arancini(&[&source[..], &[path, "--force"]].concat());
    assert_eq!(std::fs::read(path).unwrap(), tail(&[]));

    let elsewhere = directory.path().join("nothing");
    let elsewhere = elsewhere.to_str().unwrap();
    let (code, told) = code_and_told(&[
        "export",
        "--data-dir",
        elsewhere,
        "--format",
        "json",
        "--output",
        "-",
    ]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("can't read") && told.contains("--data-dir") | told.contains("--nats"),
        "{told}"
    );
}

/// Starts an export whose standard output the test reads.
fn exporting(source: &[&str]) -> std::process::Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arancini"));
    command.args(["export", "--format", "json", "--output", "-"]);
    command.args(source);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn an_export_into_a_pipe_that_is_closed_ends_quietly() {
    let directory = tempfile::tempdir().unwrap();
    publish(&Scenario::default(), segments(directory.path()));
    let mut export = exporting(&["--data-dir", directory.path().to_str().unwrap()]);
    drop(export.stdout.take());
    let ended = export.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && told.is_empty(), "{told}");
}

/// Publishes the first update of the stream again and again, as small messages: more than a reader takes ahead.
async fn publish_many(url: &str) {
    let client = async_nats::connect(url).await.unwrap();
    let context = async_nats::jetstream::new(client.clone());
    let stream = context.get_stream("ARANCINI").await.unwrap();
    let message = stream.get_last_raw_message_by_subject("arancini.updates.>");
    let message = message.await.unwrap();
    let update = Records::new(&message.payload).next().unwrap().unwrap().to_vec();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Arancini-Collector", "elsewhere");
    for _ in 0..5000 {
        let publish =
            client.publish_with_headers(message.subject.clone(), headers.clone(), update.clone().into());
        publish.await.unwrap();
    }
    // The answer comes behind the messages.
    let publish = context.publish_with_headers(message.subject.clone(), headers, update.into());
    publish.await.unwrap().await.unwrap();
}

/// Removes all messages but the last one.
async fn purge(url: &str) {
    let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
    let stream = context.get_stream("ARANCINI").await.unwrap();
    let last = stream.cached_info().state.last_sequence;
    stream.purge().sequence(last).await.unwrap();
}

#[test]
fn messages_that_are_removed_while_a_stream_is_exported_are_told() {
    let Some(server) = NatsServer::start() else { return };
    let url = server.url();
    arancini(&["stream", "create", "--nats", &url]);
    publish(
        &Scenario::default(),
        SinkSettings::Nats(Box::new(NatsSettings::new(vec![url.clone()]))),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    runtime.block_on(publish_many(&url));
    let mut export = exporting(&["--nats", &url]);
    // The export has begun, and waits because nobody empties the pipe.
    export.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    runtime.block_on(purge(&url));
    let ended = export.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("were removed while the export read it"), "{told}");
}

/// Publishes messages into the stream that are not as a collector publishes them.
async fn publish_strange(url: &str) {
    let client = async_nats::connect(url).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut newer = async_nats::HeaderMap::new();
    newer.insert("Arancini-Collector", "elsewhere");
    newer.insert("Arancini-Schema", "60000");
    let mut damaged = async_nats::HeaderMap::new();
    damaged.insert("Arancini-Collector", "elsewhere");
    let subject = "arancini.updates.v4_192_0_2_1.64512.1_1";
    let publish = |subject: &'static str, headers, payload: &'static [u8]| {
        context.publish_with_headers(subject, headers, payload.into())
    };
    for (subject, headers, payload) in [
        ("arancini.weather", async_nats::HeaderMap::new(), &b"rain"[..]),
        (subject, async_nats::HeaderMap::new(), b"no batch"),
        (subject, damaged, b"no batch of a collector"),
        (subject, newer, b""),
    ] {
        publish(subject, headers, payload).await.unwrap().await.unwrap();
    }
}

#[test]
fn an_export_of_a_stream_has_what_collectors_published_and_tells_what_is_strange() {
    let Some(server) = NatsServer::start() else { return };
    let url = server.url();
    arancini(&["stream", "create", "--nats", &url]);
    let of_stream = ["export", "--nats", &url, "--format", "json", "--output"];
    assert!(arancini(&[&of_stream[..], &["-"]].concat()).stdout.is_empty());
    publish(
        &Scenario::default(),
        SinkSettings::Nats(Box::new(NatsSettings::new(vec![url.clone()]))),
    );
    let published = arancini(&["tail", "--nats", &url, "--no-follow", "--json"]).stdout;
    assert_eq!(arancini(&[&of_stream[..], &["-"]].concat()).stdout, published);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(publish_strange(&url));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("updates.json");
    let path = path.to_str().unwrap();
    let (code, told) = code_and_told(&[&of_stream[..], &[path]].concat());
    assert_eq!(code, Some(1));
    assert_eq!(std::fs::read(path).unwrap(), published, "what is good is kept");
    for sentence in [
        "on arancini.weather, is not exported: no collector has published it",
        "on arancini.updates.v4_192_0_2_1.64512.1_1, is not exported: no collector has published it",
        "on arancini.updates.v4_192_0_2_1.64512.1_1, part 1",
        "has schema 60000, and this program knows the fields of schema",
    ] {
        assert_eq!(told.matches(sentence).count(), 1, "{sentence}: {told}");
    }

    let (code, told) = code_and_told(&[
        "export", "--nats", &url, "--stream", "NONE", "--format", "json", "--output", "-",
    ]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("there is no stream NONE; the server has ARANCINI; name one of them (--stream"),
        "{told}"
    );
}
