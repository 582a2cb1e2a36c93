//! How the collector starts and ends, as the operator and the service manager see it (`docs/operating.md`).

use std::sync::Arc;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_collector::config::SinkKind;
use arancini_collector::ingest::backend::Backend;
use arancini_generate::Scenario;
use rustix::process::Signal;

use crate::command::{Ended, Process, arancini};
use crate::support::{Rig, Stored, Update, eventually, on_each_ingest, router_address, small, table_of};

const STOPPED: &str = "collector stopped";
const NOT_READY: &str = "sink is not ready; retrying";

/// More than a collector in a debug build receives before it is stopped.
fn long(router: u8) -> Scenario {
    Scenario {
        peers: 4,
        prefixes_per_peer: 10_000,
        prefixes_per_update: 2,
        churn_rounds: 30,
        seed: u64::from(router),
        ..Scenario::default()
    }
}

/// Sends long streams and stops the collector while they flow.
fn stopped_under_load(process: Process, routers: u8) -> Ended {
    let collector = process.collector();
    std::thread::scope(|scope| {
        for number in 1..=routers {
            scope.spawn(move || {
                let mut router = crate::support::Router::connect(collector, number);
                for chunk in long(number).stream() {
                    router.try_send(&chunk);
                }
            });
        }
        eventually("updates are published", || process.emitted() > 5000);
        process.terminate()
    })
}

/// Everything decoded is stored, nothing else, and in order.
fn is_whole(ended: &Ended, stored: &Stored, routers: u8) {
    assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
    assert_eq!(ended.number(STOPPED, "emitted"), stored.updates.len() as u64);
    stored.tables();
    let mut known = 0;
    for router in 1..=routers {
        let stored = stored.of(router);
        known += stored.len();
        // As long as this router has sent, if it is the only one; else what it sent at least.
        let mut left = if routers == 1 {
            ended.number(STOPPED, "received_bytes") as usize
        } else {
            usize::MAX
        };
        let sent = long(router).stream().map_while(|mut chunk| {
            chunk.truncate(left);
            left -= chunk.len();
            (!chunk.is_empty()).then_some(chunk)
        });
        let reference = Stored::reference(router, sent);
        let expected = reference.of(router);
        let content = |updates: &[&Update]| -> Vec<_> {
            updates
                .iter()
                .map(|update| {
                    (
                        update.route.clone(),
                        update.announced,
                        update.reason,
                        update.fingerprint,
                    )
                })
                .collect()
        };
        assert!(stored.len() <= expected.len());
        assert!(
            content(&stored) == content(&expected[..stored.len()]),
            "router {router}: not what its stream begins with"
        );
        if routers == 1 {
            assert_eq!(stored.len(), expected.len(), "received and not stored");
        }
    }
    assert_eq!(known, stored.updates.len(), "nobody else sent anything");
}

#[test]
fn only_signals_that_mean_it_stop_the_collector_and_they_drain_it() {
    let process = Process::start(&["--workers", "1"], &[]);
    let mut router = process.connect(1);
    let scenario = small(4);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2] {
        process.signal(signal);
    }
    eventually("SIGHUP is answered in the log", || {
        process
            .line("configuration read again; limits.allow, log.level, and token and certificate of the control port are in use")
            .is_some()
    });
    router.send(&scenario.to_bytes());
    eventually("the router is served as before", || {
        process.emitted() == scenario.expected().emitted()
    });
    process.signal(Signal::QUIT);
    let ended = process.end();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
    assert_eq!(ended.number(STOPPED, "emitted"), scenario.expected().emitted());
    assert_eq!(ended.count(&["not acknowledged"]), 0, "everything is drained");
}

#[test]
fn a_stop_under_load_loses_nothing_that_was_received_in_files() {
    let readiness = ("auto", "readiness");
    let mut ways = vec![(readiness, 1), (("epoll", "readiness"), 1), (readiness, 3)];
    match Backend::registered_refused() {
        None => ways.extend([(("auto", "registered"), 1), (("auto", "registered"), 3)]),
        Some(reason) => println!("skipped: no registered ring: {reason}"),
    }
    for ((driver, backend), routers) in ways {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::start(
            &["--workers", "2", "--data-dir", directory.path().to_str().unwrap()],
            &[
                ("ARANCINI_INGEST__DRIVER", driver),
                ("ARANCINI_INGEST__BACKEND", backend),
            ],
        );
        let ended = stopped_under_load(process, routers);
        is_whole(&ended, &Stored::from_segments(directory.path()), routers);
    }
}

#[test]
fn a_stop_under_load_loses_nothing_that_was_received_in_jetstream() {
    for routers in [1, 3] {
        let Some(server) = NatsServer::start() else { return };
        let process = Process::start(&["--workers", "2", "--nats", &server.url()], &[]);
        let ended = stopped_under_load(process, routers);
        is_whole(&ended, &Stored::from_stream(&server.url()), routers);
    }
}

#[test]
fn what_a_stop_could_not_publish_is_told_with_its_count() {
    let Some(server) = NatsServer::prepare("") else {
        return;
    };
    let process = Process::start(
        &["--nats", &server.url()],
        &[WITHOUT_SNAPSHOTS, ("ARANCINI_PUBLISH__DRAIN_DEADLINE_MS", "300")],
    );
    let expected = small(1).expected().emitted();
    let mut router = process.connect(1);
    router.send(&small(1).to_bytes());
    eventually("it is decoded", || process.emitted() == expected);
    let ended = process.terminate();
    assert_eq!(ended.code, Some(1));
    let lost = ended.number(
        "not acknowledged before publish.drain_deadline_ms: these messages may be missing from the stream",
        "messages",
    );
    // Session opened, Initiation and the Peer Ups are messages too.
    assert_eq!(lost, expected + 4);
    assert_eq!(ended.number(STOPPED, "acknowledged"), 0);
}

/// The window and the bridge are so small that batches wait in every place between the worker and the broker: in the
/// window, on the bridge, in the hands of the task that carries the worker's backlog, in the backlog itself, and open.
#[test]
fn a_stop_counts_the_messages_of_the_batch_in_the_carriers_hands() {
    on_each_ingest(|ingest| {
        let Some(server) = NatsServer::prepare("") else {
            return;
        };
        let rig = Rig::start(|config| {
            ingest.set(config);
            config.listen.workers = 1;
            config.publish.sink = Some(SinkKind::Nats);
            config.publish.window_batches = 1;
            config.publish.bridge_batches = 1;
            config.publish.max_updates = 100;
            config.nats.urls = vec![server.url()];
            // With snapshots the collector would not listen before the broker is there.
            config.snapshots.enabled = false;
        });
        let mut router = rig.connect(1);
        router.send(&small(1).to_bytes());
        eventually("the full bridge is counted", || {
            rig.metric("bridge_full_total") > 0
        });
        let telemetry = Arc::clone(&rig.telemetry);
        let report = rig.stop_losing(Duration::from_millis(300));
        assert_eq!(report.acknowledged_messages, 0);
        let closed_batches = telemetry.core(|core| core.batches.get());
        // Session opened, Initiation and the two Peer Ups are messages too.
        let messages = telemetry.emitted() + 4;
        assert_eq!(
            (report.lost_batches, report.lost_messages),
            (closed_batches, messages)
        );
    });
}

#[test]
fn a_taken_port_is_told_with_whom_to_ask() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = ["--data-dir", directory.path().to_str().unwrap()];
    let process = Process::start(&data_dir, &[]);
    let taken = process.collector().to_string();
    let second = Process::spawn(
        &["--listen", &taken, "--no-control", data_dir[0], data_dir[1]],
        &[],
    )
    .end();
    assert_eq!(second.code, Some(1));
    let port = format!("sport = :{}", process.collector().port());
    assert_eq!(
        second.count(&["the BMP port can't listen on", &taken, "ss -ltnp", &port]),
        1,
        "{:#?}",
        second.lines
    );
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn a_configuration_error_is_told_with_key_place_and_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("arancini.toml");
    std::fs::write(&file, "[publish]\nlinger = 5\n\n[limits]\nmax_sessions = 0\n").unwrap();
    let output = arancini().arg("--config").arg(&file).arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    let place = |line: u32| format!("{}:{line}", file.display());
    let has = |words: &[&str]| {
        said.lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    };
    assert!(has(&[&place(2), "publish.linger", "linger_ms"]), "{said}");
    std::fs::write(&file, "[limits]\nmax_sessions = 0\n").unwrap();
    let output = arancini().arg("--config").arg(&file).arg("run").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&place(2)) && said.contains("limits.max_sessions") && said.contains("write at least 1"),
        "{said}"
    );
}

/// A router's stream goes in while the broker can't take it; then the trouble is mended: all of it is stored.
fn nothing_is_lost(process: Process, url: &str, mend: impl FnOnce()) -> Ended {
    let scenario = small(1);
    let expected = scenario.expected();
    let mut router = process.connect(1);
    router.send(&scenario.to_bytes());
    eventually("it is decoded meanwhile", || {
        process.emitted() == expected.emitted()
    });
    assert_eq!(process.metric("sink_messages_acknowledged_total"), 0);
    mend();
    process.until_ready();
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
    let stored = Stored::from_stream(url);
    assert_eq!(stored.updates.len() as u64, expected.emitted());
    assert_eq!(stored.table(1), table_of(&scenario));
    assert_eq!(stored.updates[0].router, router_address(1));
    ended
}

#[test]
fn routers_can_connect_when_what_was_held_is_restored_and_not_before() {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let url = server.url();
    let ports = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"];
    let stopped = Process::spawn(&[&ports[..], &["--nats", &url]].concat(), &[]);
    let problems = stopped.until_unready("restored");
    assert_eq!(problems["problems"][1]["part"], "restore");
    let ended = stopped.terminate();
    assert_eq!(
        ended.code,
        Some(0),
        "it can be stopped while it waits: {:#?}",
        ended.lines
    );
    assert_eq!(ended.count(&["collector started"]), 0);

    let process = Process::spawn(&[&ports[..], &["--nats", &url]].concat(), &[]);
    process.until_unready("restored");
    server.restart();
    process.until_ready();
    process.collector();
    assert_eq!(process.terminate().code, Some(0));
}

/// Without snapshots nothing has to be restored, and the broker may come later.
const WITHOUT_SNAPSHOTS: (&str, &str) = ("ARANCINI_SNAPSHOTS__ENABLED", "false");

#[test]
fn a_broker_that_is_not_there_yet_is_waited_for() {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let url = server.url();
    let process = Process::start(&["--nats", &url], &[WITHOUT_SNAPSHOTS]);
    let problems = process.until_unready(&server.port().to_string());
    assert_eq!(problems["problems"][0]["part"], "sink");
    assert_ne!(problems["problems"][0]["remedy"], "");
    let ended = nothing_is_lost(process, &url, || server.restart());
    assert_eq!(
        ended.count(&[NOT_READY]),
        1,
        "it is said once: {:#?}",
        ended.lines
    );
}

#[test]
fn a_missing_stream_is_waited_for() {
    let Some(server) = NatsServer::start() else { return };
    let url = server.url();
    let process = Process::start(
        &["--nats", &url],
        &[WITHOUT_SNAPSHOTS, ("ARANCINI_NATS__CREATE_STREAM", "false")],
    );
    let problems = process.until_unready("ARANCINI");
    let remedy = problems["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("arancini stream create"), "{problems}");
    let ended = nothing_is_lost(process, &url, || {
        let created = arancini()
            .args(["stream", "create", "--nats", &url])
            .output()
            .unwrap();
        assert!(created.status.success());
    });
    assert_eq!(
        ended.count(&[NOT_READY, "stream_missing"]),
        1,
        "it is said once: {:#?}",
        ended.lines
    );
}

#[test]
fn wrong_credentials_are_told_once_and_never_shown() {
    let user = |password: &str| format!("authorization {{ user: collector, password: \"{password}\" }}");
    let Some(mut server) = NatsServer::start_with(&user("another-secret")) else {
        return;
    };
    let url = server.url();
    let process = Process::start(
        &["--nats", &url],
        &[
            WITHOUT_SNAPSHOTS,
            ("ARANCINI_NATS__USER", "collector"),
            ("ARANCINI_NATS__PASSWORD", "wrong-secret"),
            ("ARANCINI_LOG__LEVEL", "debug"),
        ],
    );
    process.until_unready("refuses the credentials");
    eventually("it was tried more than once", || {
        process.metric("sink_errors_total{reason=\"authentication\"}") >= 3
    });
    let with_user = format!("nats://collector:wrong-secret@127.0.0.1:{}", server.port());
    let ended = nothing_is_lost(process, &with_user, || {
        server.configure(&user("wrong-secret"));
        server.restart();
    });
    assert_eq!(
        ended.count(&[NOT_READY, "authentication"]),
        1,
        "{:#?}",
        ended.lines
    );
    assert_eq!(ended.count(&["wrong-secret"]), 0, "a secret is in the log");
}
