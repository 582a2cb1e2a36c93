//! A collector that is restarted continues where it was (`docs/operating.md`, "Restarts"): with both sinks and both stores of snapshots,
//! stopped or killed, and with what routers changed meanwhile.

use arancini_bed::NatsServer;
use arancini_bed::port::Port;
use arancini_client::StreamSource;
use arancini_generate::{Scenario, initiation};
use arancini_schema::update_capnp::RouterEventKind;

use crate::command::Process;
use crate::place::{NEVER, OFTEN, Place, dump, durable};
use crate::support::{Table, eventually, runtime, small, table_of};

#[test]
fn a_restart_with_another_number_of_workers_holds_the_same() {
    Place::each(|place| {
        let scenario = small(1);
        let process = place.start("4", NEVER);
        let routers = [1, 2, 3].map(|number| dump(&process, number, &scenario));
        assert_eq!(process.terminate().code, Some(0));
        drop(routers);
        let before = place.stored();
        assert_eq!(place.generations().len(), 1);

        // Fewer workers, more, one: the state is the routers', not the workers'.
        for workers in ["2", "3", "1"] {
            let process = place.start(workers, NEVER);
            let routes = table_of(&scenario).len() as u64;
            assert_eq!(process.metric("restored_routes"), 3 * routes);
            let routers = [1, 2, 3].map(|number| dump(&process, number, &scenario));
            // The churn of the scenario goes to and fro, and ends where it began.
            assert_eq!(process.terminate().code, Some(0));
            drop(routers);
        }
        let after = place.stored();
        for number in [1, 2, 3] {
            assert_eq!(after.table(number), before.table(number));
            let events = after.events_of(number);
            assert_eq!(
                events
                    .iter()
                    .filter(|kind| **kind == RouterEventKind::Back)
                    .count(),
                3
            );
        }
    });
}

#[test]
fn a_stopped_collector_publishes_nothing_for_a_dump_that_is_as_it_was() {
    Place::each(|place| {
        let scenario = Scenario {
            churn_rounds: 0,
            ..small(3)
        };
        let process = place.start("2", NEVER);
        let router = dump(&process, 1, &scenario);
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
        let process = place.start("2", NEVER);
        let router = dump(&process, 1, &scenario);
        assert_eq!(process.emitted(), 0);
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
    });
}

/// Killed with a snapshot, and with none at all: then the whole stream is the tail.
#[test]
fn a_killed_collector_publishes_exactly_what_changed_while_it_was_down() {
    Place::each(|place| {
        for interval in [NEVER, OFTEN] {
            let (first, second) = (small(5), small(6));
            let process = place.start("2", interval);
            let router = dump(&process, 1, &first);
            if interval == OFTEN {
                let before = process.metric("snapshots_total");
                eventually("a snapshot is complete", || {
                    process.metric("snapshots_total") > before + 1
                });
            }
            process.kill();
            drop(router);
            let process = place.start("1", interval);
            assert!(process.metric("restored_routes") > 0);
            // Another table, with some routes in common: the rest is withdrawn once the dump is over.
            let router = dump(&process, 1, &second);
            let wanted = table_of(&second);
            eventually("what is not there any more is withdrawn", || {
                durable(&process);
                place.stored().table(1) == wanted
            });
            process.kill();
            drop(router);
        }
    });
}

#[test]
fn a_damaged_snapshot_is_set_aside_and_the_stream_makes_it_good() {
    for place in [Some(Place::files()), Place::stream()].into_iter().flatten() {
        let scenario = small(7);
        let process = place.start("2", NEVER);
        let router = dump(&process, 1, &scenario);
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
        for damage in ["flip", "cut", "later version"] {
            let mut damaged = 0;
            for entry in std::fs::read_dir(place.snapshots()).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|extension| extension == "snapshot") {
                    let mut bytes = std::fs::read(&path).unwrap();
                    let middle = bytes.len() / 2;
                    match damage {
                        "flip" => bytes[middle] ^= 1,
                        "cut" => bytes.truncate(middle),
                        _ => bytes[8] = 99,
                    }
                    std::fs::write(&path, bytes).unwrap();
                    damaged += 1;
                }
            }
            assert!(damaged > 0);
            let process = place.start("2", NEVER);
            assert_eq!(
                process.metric("restored_routes"),
                table_of(&scenario).len() as u64
            );
            let ended = process.terminate();
            assert_eq!(ended.code, Some(0));
            assert!(ended.count(&["set aside"]) > 0, "{:#?}", ended.lines);
        }
    }
}

#[test]
fn a_stream_that_was_made_anew_is_a_resync() {
    let Some(mut place) = Place::stream() else { return };
    let scenario = small(8);
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &scenario);
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    place.server = Some(NatsServer::start().unwrap());
    let process = place.start("1", NEVER);
    // The routes of the snapshot: consumers that followed the old stream hold them.
    assert_eq!(
        process.metric("restored_routes"),
        table_of(&scenario).len() as u64
    );
    let router = dump(&process, 1, &scenario);
    eventually("the resync is over", || {
        durable(&process);
        place.stored().events_of(1).contains(&RouterEventKind::ResyncEnd)
    });
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    let stored = place.stored();
    assert_eq!(stored.table(1), table_of(&scenario));
    let events = stored.events_of(1);
    let begin = events
        .iter()
        .position(|kind| *kind == RouterEventKind::ResyncBegin);
    let end = events.iter().position(|kind| *kind == RouterEventKind::ResyncEnd);
    assert!(begin.is_some() && begin < end, "{events:?}");
}

#[test]
fn a_second_collector_in_the_same_directory_says_what_to_do() {
    let place = Place::files();
    let process = place.start("1", NEVER);
    let directory = place.directory.path().to_str().unwrap();
    let second = Process::spawn(
        &["--data-dir", directory, "--listen", "127.0.0.1:0", "--no-control"],
        &[],
    );
    let ended = second.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.count(&["snapshots.directory"]) > 0, "{:#?}", ended.lines);
    assert!(
        ended.count(&["another collector uses this directory", "--data-dir"]) > 0,
        "{:#?}",
        ended.lines
    );
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn snapshots_can_be_listed_verified_and_exported() {
    let scenario = small(9);
    Place::each(|place| {
        let process = place.start("2", NEVER);
        let router = dump(&process, 1, &scenario);
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
        let routes = table_of(&scenario).len();
        let (code, said) = place.snapshot("list");
        assert_eq!(code, Some(0));
        assert!(said.contains(&format!("1 router, {routes} routes")), "{said}");
        assert!(
            said.contains(", completed at 20") && said.contains(" +00:00\n"),
            "{said}"
        );
        let (code, said) = place.snapshot("verify");
        assert_eq!((code, said.matches("whole").count()), (Some(0), 2), "{said}");
        let (code, said) = place.snapshot("export");
        assert_eq!((code, said.lines().count()), (Some(0), routes));
        let first: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
        assert!(first["prefix"].as_str().unwrap().contains('/'), "{first}");
    });
}

/// `arancini export --snapshot` has the routes that `arancini snapshot export` has printed, in JSON and in MRT.
fn exports_are_the_snapshot(place: &Place, printed: &str) {
    let directory = place.directory.path();
    let file = directory.join("table.mrt");
    let export = |format: &str, output: &std::path::Path| {
        let mut command = crate::command::arancini();
        command.args(["export", "--snapshot", "--format", format, "--data-dir"]);
        let output = command
            .arg(directory)
            .arg("--output")
            .arg(output)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    export("mrt", &file);
    let decoded = crate::command::arancini()
        .arg("decode")
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        decoded.status.success(),
        "{}",
        String::from_utf8_lossy(&decoded.stderr)
    );
    let decoded = String::from_utf8(decoded.stdout).unwrap();
    let routes = |lines: &str, routers: bool| {
        let route = |line| {
            let mut route: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            route.retain(|name, _| {
                let is_of_router = ["routerAddr", "attributeFingerprint"].contains(&name.as_str());
                let is_of_route = [
                    "peerAddr", "peerAsn", "ribView", "afi", "safi", "prefix", "origin", "asPath", "nextHop",
                ];
                routers && is_of_router || is_of_route.contains(&name.as_str()) || name.contains("ommunities")
            });
            serde_json::Value::Object(route).to_string()
        };
        let mut routes: Vec<String> = lines.lines().map(route).collect();
        routes.sort();
        routes
    };
    assert_eq!(
        routes(&export("json", std::path::Path::new("-")), true),
        routes(printed, true)
    );
    assert_eq!(routes(&decoded, false), routes(printed, false));
}

#[test]
fn a_snapshot_of_retained_attributes_is_exported_with_them_and_restored() {
    let scenario = small(9);
    let place = Place::files();
    let retain = [("ARANCINI_RIB__ATTRIBUTES", "retain")];
    let process = place.start_with("2", NEVER, &retain);
    let router = dump(&process, 1, &scenario);
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    let (code, said) = place.snapshot("verify");
    assert_eq!((code, said.matches("whole").count()), (Some(0), 2), "{said}");
    let (code, said) = place.snapshot("export");
    assert_eq!((code, said.lines().count()), (Some(0), table_of(&scenario).len()));
    for line in said.lines() {
        let route: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            route["asPath"].is_array() && route["nextHop"].is_string(),
            "{route}"
        );
    }
    exports_are_the_snapshot(&place, &said);
    let process = place.start_with("1", NEVER, &retain);
    assert_eq!(process.metric("routes_without_attributes"), 0);
    assert!(process.metric("attribute_sets") > 0);
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn a_file_that_is_cut_off_does_not_verify() {
    let place = Place::files();
    let process = place.start("2", NEVER);
    assert_eq!(process.terminate().code, Some(0));
    let mut files = std::fs::read_dir(place.snapshots())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let file = files
        .find(|path| path.to_str().unwrap().ends_with("worker-0.snapshot"))
        .unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.pop();
    std::fs::write(&file, bytes).unwrap();
    let (code, said) = place.snapshot("verify");
    assert_eq!((code, said.contains("cut off")), (Some(1), true), "{said}");
}

/// What waits in the spool counts as published: it is restored like the stream's tail.
#[test]
fn what_is_in_the_spool_of_a_killed_collector_is_restored_and_published_once() {
    let Some(mut place) = Place::stream() else { return };
    let spool = [
        ("ARANCINI_PUBLISH__ON_FULL", "spool"),
        ("ARANCINI_PUBLISH__MAX_BATCH_BYTES", "16384"),
        ("ARANCINI_PUBLISH__WINDOW_BYTES", "65536"),
    ];
    let (first, second) = (small(11), small(12));
    let process = place.start_with("2", OFTEN, &spool);
    let router = dump(&process, 1, &first);
    if let Some(server) = &mut place.server {
        server.stop();
    }
    drop(router);
    let mut router = process.connect(1);
    let before = process.metric("received_bytes_total");
    let sent = router.send(&second.to_bytes()) as u64;
    eventually("the second table is read", || {
        process.metric("received_bytes_total") == before + sent
    });
    eventually("some of it is in the spool", || {
        process.metric("spool_batches") > 0
    });
    process.kill();
    drop(router);
    if let Some(server) = &mut place.server {
        server.resume();
    }
    let process = place.start_with("1", OFTEN, &spool);
    let router = dump(&process, 1, &second);
    let wanted = table_of(&second);
    eventually("the stream is what the router holds", || {
        place.stored().table(1) == wanted
    });
    process.kill();
    drop(router);
}

/// Found by a campaign: io_uring lets go of a killed process' listener a moment later, and the next life said that the
/// address was in use.
#[test]
fn a_collector_that_is_killed_can_be_started_on_its_port_at_once() {
    let place = Place::files();
    // Nobody else gets the port between two lives.
    let port = Port::reserve().unwrap();
    let listen = format!("127.0.0.1:{}", port.number());
    for _ in 0..6 {
        place.start_at(&listen).kill();
    }
}

/// Found by a campaign: with a broker that stands still a snapshot waited for its acknowledgements for ever, and the process
/// with it.
#[test]
fn a_stop_does_not_wait_for_a_snapshot_whose_acknowledgements_never_come() {
    let Some(mut place) = Place::stream() else { return };
    let deadline = [("ARANCINI_PUBLISH__DRAIN_DEADLINE_MS", "300")];
    let process = place.start_with("1", "1", &deadline);
    let server = place.server.as_mut().unwrap();
    server.stop();
    let mut router = process.connect(1);
    router.send(&small(1).to_bytes());
    // All that was decided is in the window by now, so what is walked next can't become durable.
    eventually("nothing becomes durable", || {
        process.metric("sink_window_messages") > 0 && process.metric("snapshot_routes") == 0
    });
    let ended = process.terminate();
    assert_eq!(ended.code, Some(1), "{:?}", ended.lines);
    server.resume();
}

/// Found by a campaign: whoever read the stream afterwards never heard of what had been published before.
#[test]
fn a_stream_that_is_deleted_or_purged_while_the_collector_runs_is_filled_anew() {
    for purged in [false, true] {
        let Some(place) = Place::stream() else { return };
        let process = place.start("2", NEVER);
        let mut first = dump(&process, 1, &small(1));
        let url = place.server.as_ref().unwrap().url();
        runtime().block_on(async {
            let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
            if purged {
                let stream = context.get_stream(StreamSource::DEFAULT_STREAM).await.unwrap();
                stream.purge().await.unwrap();
            } else {
                context.delete_stream("ARANCINI").await.unwrap();
            }
        });
        // That a second router opens a session is published, which shows what happened.
        let mut second = process.connect(2);
        second.send(&initiation("second", "test"));
        first.is_closed();
        second.is_closed();
        let router = dump(&process, 1, &small(1));
        eventually("the stream is what the router holds", || {
            place.stored().table(1) == table_of(&small(1))
        });
        let resync = |(_, kind): &(_, RouterEventKind)| *kind == RouterEventKind::ResyncBegin;
        assert!(place.stored().events.iter().any(resync));
        process.kill();
        drop(router);
    }
}

/// Found by a campaign: a snapshot taken after the purge looked as if nothing were missing.
#[test]
fn a_stream_that_was_purged_before_the_last_snapshot_is_a_resync() {
    let Some(place) = Place::stream() else { return };
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &small(1));
    let url = place.server.as_ref().unwrap().url();
    runtime().block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
        let stream = context.get_stream("ARANCINI").await.unwrap();
        stream.purge().await.unwrap();
    });
    // Nothing is published in between, so this life does not notice.
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    let process = place.start("2", NEVER);
    let router = dump(&process, 1, &small(1));
    eventually("the stream is what the router holds", || {
        place.stored().table(1) == table_of(&small(1))
    });
    process.kill();
    drop(router);
}

/// Consumers that take no notice of `resync-begin` and `resync-end` held routes for ever that were gone.
#[test]
fn a_consumer_that_applies_updates_alone_is_right_after_a_start_without_the_beginning_of_the_stream() {
    let Some(place) = Place::stream() else { return };
    let (first, second) = (small(5), small(6));
    let process = place.start("2", NEVER);
    let router = dump(&process, 1, &first);
    process.kill();
    drop(router);
    let before = place.stored();
    runtime().block_on(async {
        let server = place.server.as_ref().unwrap();
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        // The first message is the event of the session.
        let stream = context.get_stream("ARANCINI").await.unwrap();
        stream.purge().sequence(2).await.unwrap();
    });
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &second);
    eventually("the resync is over", || {
        durable(&process);
        place.stored().events_of(1).contains(&RouterEventKind::ResyncEnd)
    });
    let after = place.stored();
    let mut held = Table::new();
    for update in before.of(1).into_iter().chain(after.of(1)) {
        let route = (update.route.peer, update.route.prefix);
        if update.announced {
            held.insert(route, update.as_path.clone());
        } else {
            held.remove(&route);
        }
    }
    assert_eq!(held, table_of(&second));
    // The collector cannot know that it knew all of them.
    assert!(after.resyncs.iter().all(|event| !event.all_withdrawn));
    process.kill();
    drop(router);
}
