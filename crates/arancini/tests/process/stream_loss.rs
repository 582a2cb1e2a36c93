//! The stream loses messages that it had acknowledged while the collector lives: its store is put back from a copy, as after a
//! power failure before the server had synced its files.

use std::net::{IpAddr, Ipv6Addr};

use arancini_bed::{Backup, NatsServer};
use arancini_client::StreamSource;
use arancini_client::tables::{Held, Nlri, Tables, UnreadableRecord};
use arancini_client::tail::{StreamTail, StreamTailOptions};
use arancini_generate::{Prefix, Scenario};
use arancini_schema::decode::Message;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::{RouterEventKind, update};

use crate::command::Process;
use crate::place::{NEVER, Place, dump, durable};
use crate::support::{Router, Table, eventually, router_address, runtime, small, table_of};

/// What a consumer keeps of a route here.
struct AsPath(Vec<u32>);

impl Held for AsPath {
    fn of_announce(_: &Message<'_>, update: update::Reader<'_>) -> Result<Self, UnreadableRecord> {
        Ok(Self(update.get_as_path()?.iter().collect()))
    }
}

/// Returns a router's table as a consumer has it that reads the stream from the beginning and follows resyncs.
fn consumed(server: &NatsServer, router: u8) -> Table {
    let tables: Tables<AsPath> = runtime().block_on(async {
        let mut tables = Tables::default();
        let source = StreamSource::new(vec![server.url()]);
        let mut tail = StreamTail::open(source, StreamTailOptions::default())
            .await
            .unwrap();
        while let Some(message) = tail.next().await.unwrap() {
            let kind = Subject::parse("arancini", &message.subject).map(|subject| subject.message_kind());
            if let Some(kind) = kind {
                tables.take(kind, &message.payload).unwrap();
            }
        }
        tables
    });
    let held = tables.router(router_address(router));
    let routes = held
        .into_iter()
        .flat_map(|router| router.tables())
        .flat_map(|table| table.routes().map(move |route| (table.key(), route)));
    let address = |bytes| IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical();
    routes
        .map(|(table, (key, route))| {
            let Nlri::Prefix { address: at, length } = key.nlri else {
                panic!("no prefix: {key:?}")
            };
            let prefix = Prefix::new(address(at), length);
            ((address(table.peer.address), prefix), route.held.0.clone())
        })
        .collect()
}

/// The tables that a router announces before the backup and after it.
fn before_and_after() -> [Scenario; 2] {
    let before = Scenario {
        churn_rounds: 0,
        ..small(2)
    };
    let after = Scenario {
        seed: 3,
        ..before.clone()
    };
    [before, after]
}

/// Has a router announce one table and then another, and takes the backup between the two. When the store is put back, the
/// stream loses the second table, and the withdraws of the first. Returns the backup, and the router that is still connected.
fn dumps_around_a_backup(place: &mut Place, process: &Process, number: u8) -> (Backup, Router) {
    let [before, after] = before_and_after();
    let mut router = dump(process, number, &before);
    let backup = Backup::of(place.server.as_mut().unwrap());
    router.is_read();
    let router = dump(process, number, &after);
    let wanted = table_of(&after);
    eventually("what is not there any more is withdrawn", || {
        durable(process);
        place.stored().table(number) == wanted
    });
    (backup, router)
}

#[test]
fn routers_of_which_the_stream_lost_acknowledged_messages_are_resynced_and_no_others() {
    let Some(mut place) = Place::stream() else { return };
    let process = place.start("2", NEVER);
    let untouched = dump(&process, 1, &small(1));
    let [_, second] = before_and_after();
    let wanted = table_of(&second);
    let (backup, mut router) = dumps_around_a_backup(&mut place, &process, 2);
    backup.put_back(place.server.as_mut().unwrap());
    router.is_closed();
    assert_eq!(process.metric("stream_losses_total"), 1);
    let again = dump(&process, 2, &second);
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        consumed(server, 2) == wanted
    });
    let stored = place.stored();
    assert!(stored.events_of(2).contains(&RouterEventKind::ResyncBegin));
    assert!(!stored.events_of(1).contains(&RouterEventKind::ResyncBegin));
    assert_eq!(consumed(server, 1), table_of(&small(1)));
    assert_eq!(
        process.metric("sessions"),
        2,
        "the other router's session goes on"
    );
    let ended = process.terminate();
    let lines = ["the stream lost its newest messages"];
    assert_eq!(
        (ended.code, ended.count(&lines)),
        (Some(0), 1),
        "{:#?}",
        ended.lines
    );
    drop((untouched, again));
}

/// The session of such a router ended, and the router dumped a table that the collector had.
#[test]
fn with_retained_attributes_a_router_of_which_messages_were_lost_is_resynced_and_its_session_goes_on() {
    let Some(mut place) = Place::stream() else { return };
    let retained = [("ARANCINI_RIB__ATTRIBUTES", "retain")];
    let process = place.start_with("2", NEVER, &retained);
    let untouched = dump(&process, 1, &small(1));
    let [first, second] = before_and_after();
    let (backup, mut router) = dumps_around_a_backup(&mut place, &process, 2);
    backup.put_back(place.server.as_mut().unwrap());
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        consumed(server, 2) == table_of(&second)
    });
    let stored = place.stored();
    assert!(stored.events_of(2).contains(&RouterEventKind::ResyncEnd));
    assert!(!stored.events_of(1).contains(&RouterEventKind::ResyncBegin));
    assert_eq!(process.metric("loss_resyncs_total{way=\"attributes\"}"), 1);
    assert_eq!(process.metric("loss_resyncs_total{way=\"dump\"}"), 0);
    assert_eq!(process.metric("connections_ended_total{reason=\"resync\"}"), 0);
    assert_eq!(process.metric("sessions"), 2);
    // What the router says next is published as ever.
    router.send(&first.to_bytes());
    eventually("changes of the router reach the stream", || {
        let held = consumed(server, 2);
        table_of(&first)
            .iter()
            .all(|(route, path)| held.get(route) == Some(path))
    });
    let ended = process.terminate();
    let lines = ["resync begun because messages of the router were lost"];
    assert_eq!(
        (ended.code, ended.count(&lines)),
        (Some(0), 1),
        "{:#?}",
        ended.lines
    );
    drop(untouched);
}

/// What others write fills the places of the lost messages, so the stream is not shorter than the snapshot says.
#[test]
fn a_start_notices_that_the_stream_lost_what_the_snapshot_lies_behind() {
    let Some(mut place) = Place::stream() else { return };
    let process = place.start("1", NEVER);
    let [_, second] = before_and_after();
    let (backup, router) = dumps_around_a_backup(&mut place, &process, 1);
    assert_eq!(
        process.terminate().code,
        Some(0),
        "with a snapshot behind the dump"
    );
    drop(router);
    let server = place.server.as_mut().unwrap();
    backup.put_back(server);
    runtime().block_on(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        for _ in 0..500 {
            let sent = context.publish("arancini.strange", "x".into()).await.unwrap();
            sent.await.unwrap();
        }
    });
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &second);
    let server = place.server.as_ref().unwrap();
    eventually("the stream is what the router holds", || {
        consumed(server, 1) == table_of(&second)
    });
    drop(router);
}

/// What waited in the spool was lost without a word: the collector was ready, its snapshot had these routes, and it ended with 0.
#[test]
fn a_spool_that_is_removed_while_the_collector_runs_is_noticed_and_resynced() {
    for removed in ["directory", "files"] {
        let Some(mut place) = Place::stream() else { return };
        let [before, after] = before_and_after();
        let spool = [
            ("ARANCINI_PUBLISH__ON_FULL", "spool"),
            ("ARANCINI_PUBLISH__MAX_BATCH_BYTES", "16384"),
            ("ARANCINI_PUBLISH__WINDOW_BYTES", "65536"),
        ];
        let process = place.start_with("2", NEVER, &spool);
        drop(dump(&process, 1, &before));
        place.server.as_mut().unwrap().stop();
        let mut router = process.connect(1);
        let read = process.metric("received_bytes_total");
        let sent = router.send(&after.to_bytes()) as u64;
        eventually("some of the second table is in the spool", || {
            process.metric("received_bytes_total") == read + sent && process.metric("spool_batches") > 0
        });
        let directory = place.directory.path().join("spool");
        if removed == "directory" {
            std::fs::remove_dir_all(&directory).unwrap();
        } else {
            for entry in std::fs::read_dir(&directory).unwrap() {
                std::fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        eventually("the loss is noticed", || {
            process.metric("spool_damaged_total") > 0
        });
        let line = "the spool is not in place, so the sink is not ready; retrying";
        eventually("it is said", || process.line(line).is_some());
        assert_eq!(process.line(line).unwrap()["reason"], "io");
        router.is_closed();
        place.server.as_mut().unwrap().resume();
        process.until_ready();
        let mut router = process.connect(1);
        router.send(&after.to_bytes());
        let server = place.server.as_ref().unwrap();
        let wanted = table_of(&after);
        eventually("the stream is what the router holds", || {
            consumed(server, 1) == wanted
        });
        // What was lost is repaired: the last snapshot is true, and the stop is whole.
        let ended = process.terminate();
        assert_eq!(ended.count(&["last snapshot written"]), 1, "{:#?}", ended.lines);
        assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
        drop(router);
        let process = place.start_with("1", NEVER, &spool);
        assert_eq!(process.metric("restored_routes"), wanted.len() as u64);
        process.kill();
    }
}

/// The last snapshot listed the routes that waited in the spool as published, so consumers never got them.
#[test]
fn a_spool_that_is_lost_between_two_runs_makes_a_resync_of_all_routers() {
    const LOST: &str = "the spool has lost batches that the last run left in it; all routers are resynced";
    for removed in ["nothing", "directory", "files", "setting"] {
        let Some(mut place) = Place::stream() else { return };
        let [before, after] = before_and_after();
        let spool = [
            ("ARANCINI_PUBLISH__MAX_BATCH_BYTES", "16384"),
            ("ARANCINI_PUBLISH__WINDOW_BYTES", "65536"),
            ("ARANCINI_PUBLISH__DRAIN_DEADLINE_MS", "1000"),
            ("ARANCINI_PUBLISH__ON_FULL", "spool"),
        ];
        let process = place.start_with("2", NEVER, &spool);
        drop(dump(&process, 1, &before));
        place.server.as_mut().unwrap().stop();
        let mut router = process.connect(1);
        let read = process.metric("received_bytes_total");
        let sent = router.send(&after.to_bytes()) as u64;
        eventually("some of the second table is in the spool", || {
            process.metric("received_bytes_total") == read + sent && process.metric("spool_batches") > 0
        });
        let ended = process.terminate();
        assert_eq!(ended.count(&["last snapshot written"]), 1, "{:#?}", ended.lines);
        assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
        let directory = place.directory.path().join("spool");
        match removed {
            "directory" => std::fs::remove_dir_all(&directory).unwrap(),
            "files" => {
                for entry in std::fs::read_dir(&directory).unwrap() {
                    std::fs::remove_file(entry.unwrap().path()).unwrap();
                }
            }
            _ => {}
        }
        place.server.as_mut().unwrap().resume();
        let settings = if removed == "setting" { &spool[..3] } else { &spool };
        let process = place.start_with("2", NEVER, settings);
        let is_said = process.line(LOST).is_some();
        assert_eq!(is_said, removed != "nothing", "{removed}");
        let mut router = process.connect(1);
        router.send(&after.to_bytes());
        let server = place.server.as_ref().unwrap();
        let wanted = table_of(&after);
        eventually("the stream is what the router holds", || {
            consumed(server, 1) == wanted
        });
        assert_eq!(process.terminate().code, Some(0));
    }
}

#[test]
fn an_empty_spool_that_is_removed_costs_nothing() {
    let Some(place) = Place::stream() else { return };
    let process = place.start_with("1", NEVER, &[("ARANCINI_PUBLISH__ON_FULL", "spool")]);
    let _router = dump(&process, 1, &small(1));
    let directory = place.directory.path().join("spool");
    std::fs::remove_dir_all(&directory).unwrap();
    let problem = process.until_unready("while the collector runs");
    let remedy = problem["problems"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("leave the files"), "{problem}");
    process.until_ready();
    assert!(directory.join("LOCK").exists());
    assert_eq!(process.metric("sessions"), 1);
    assert_eq!(process.metric("spool_damaged_total"), 0);
    assert_eq!(process.terminate().code, Some(0));
}
