//! Snapshots that are kept in NATS: what is damaged, left over, contended or out of reach there.

use std::collections::BTreeSet;

use arancini_bed::NatsServer;
use arancini_generate::Scenario;
use arancini_schema::update_capnp::RouterEventKind;
use async_nats::jetstream::{self, kv};
use futures_util::TryStreamExt;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;

use crate::command::Process;
use crate::place::{NAME, NEVER, OFTEN, Place, dump, durable};
use crate::support::{Table, eventually, small, table_of};

const BUCKET: &str = "arancini-snapshots";
/// A number that is given to no generation.
const NO_GENERATION: &str = "00000000000000000000";

/// The buckets as any client sees them.
struct Buckets {
    runtime: Runtime,
    context: jetstream::Context,
}

impl Buckets {
    fn of(place: &Place) -> Self {
        let runtime = crate::support::runtime();
        let url = place.server.as_ref().map(NatsServer::url).unwrap();
        let context = runtime.block_on(async { jetstream::new(async_nats::connect(url).await.unwrap()) });
        Self { runtime, context }
    }

    fn keys(&self) -> kv::Store {
        let get = self.context.get_key_value(BUCKET);
        self.runtime.block_on(get).unwrap()
    }

    fn value(&self, key: &str) -> Option<Vec<u8>> {
        let value = self.runtime.block_on(self.keys().get(key)).unwrap();
        value.map(|value| value.to_vec())
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&self.value(NAME).unwrap()).unwrap()
    }

    fn set_index(&self, value: &[u8]) {
        let put = self.keys();
        let put = put.put(NAME, value.to_vec().into());
        self.runtime.block_on(put).unwrap();
    }

    fn current(&self) -> BTreeSet<u64> {
        let index = self.index();
        let generations = index["generations"].as_array().unwrap().iter();
        generations
            .map(|manifest| manifest["generation"].as_u64().unwrap())
            .collect()
    }

    fn objects(&self) -> BTreeSet<String> {
        self.runtime.block_on(async {
            let store = self.context.get_object_store(BUCKET).await.unwrap();
            let infos: Vec<_> = store.list().await.unwrap().try_collect().await.unwrap();
            infos.into_iter().map(|info| info.name).collect()
        })
    }

    /// The names of all objects of one generation.
    fn objects_of(&self, generation: u64) -> Vec<String> {
        let part = format!("/{generation:020}/");
        let objects = self.objects().into_iter();
        objects.filter(|name| name.contains(&part)).collect()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        self.runtime.block_on(async {
            let store = self.context.get_object_store(BUCKET).await.unwrap();
            let mut bytes = Vec::new();
            let mut object = store.get(name).await.unwrap();
            object.read_to_end(&mut bytes).await.unwrap();
            bytes
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        self.runtime.block_on(async {
            let store = self.context.get_object_store(BUCKET).await.unwrap();
            store.put(name, &mut &*bytes).await.unwrap();
        });
    }

    /// Subjects with anything stored of this collector's chunks, or of another's.
    fn chunks(&self, collector: &str) -> BTreeSet<String> {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(format!("OBJ_{BUCKET}")).await.unwrap();
            let filter = format!("$O.{BUCKET}.C.{collector}.>");
            let listed = stream.info_with_subjects(filter).await.unwrap();
            let subjects: Vec<_> = listed.try_collect().await.unwrap();
            subjects.into_iter().map(|(subject, _)| subject).collect()
        })
    }

    /// Generations of which there are chunks.
    fn stored(&self) -> BTreeSet<u64> {
        let chunks = self.chunks(NAME).into_iter();
        chunks
            .map(|subject| subject.split('.').nth(4).unwrap().parse().unwrap())
            .collect()
    }

    /// There are chunks of an object that does not exist.
    fn half_sent(&self) -> bool {
        let objects = self.objects();
        self.chunks(NAME).into_iter().any(|subject| {
            let parts: Vec<_> = subject.split('.').collect();
            !objects.contains(&format!("{NAME}/{}/worker-{}", parts[4], parts[5]))
        })
    }

    fn publish(&self, subject: String, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.runtime.block_on(async {
            let stored = self.context.publish(subject, bytes.into()).await.unwrap();
            stored.await.unwrap();
        });
    }

    fn purge(&self, filter: String) {
        self.runtime.block_on(async {
            let stream = self.context.get_stream(format!("OBJ_{BUCKET}")).await.unwrap();
            stream.purge().filter(filter).await.unwrap();
        });
    }
}

/// One life that ends with a snapshot of the router's table.
fn live(place: &Place, seed: u64) -> Table {
    let scenario = small(seed);
    let process = place.start("2", NEVER);
    let router = dump(&process, 1, &scenario);
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    table_of(&scenario)
}

#[test]
fn any_client_of_object_stores_can_read_a_snapshot() {
    let Some(place) = Place::buckets() else { return };
    live(&place, 21);
    let buckets = Buckets::of(&place);
    let objects = buckets.objects();
    assert_eq!(objects.len(), 2, "one a worker: {objects:?}");
    for name in objects {
        assert!(name.starts_with("one/"), "{name}");
        // Its digest is checked by the client.
        assert!(buckets.read(&name).starts_with(b"ARANSNAP"));
    }
}

#[test]
fn a_damaged_object_is_set_aside_and_the_generation_before_it_is_used() {
    let Some(place) = Place::buckets() else { return };
    live(&place, 22);
    for damage in [
        "flip",
        "cut",
        "later version",
        "its chunks are gone",
        "it is gone",
    ] {
        let table = live(&place, 22);
        let buckets = Buckets::of(&place);
        let before = place.generations();
        let (newest, older) = (before[0], before[1]);
        match damage {
            "its chunks are gone" => buckets.purge(format!("$O.{BUCKET}.C.{NAME}.{newest:020}.>")),
            "it is gone" => buckets.purge(format!("$O.{BUCKET}.M.>")),
            _ => {
                for name in buckets.objects_of(newest) {
                    let mut bytes = buckets.read(&name);
                    let middle = bytes.len() / 2;
                    match damage {
                        "flip" => bytes[middle] ^= 1,
                        "cut" => bytes.truncate(middle),
                        _ => bytes[8] = 99,
                    }
                    buckets.write(&name, &bytes);
                }
            }
        }
        let (code, said) = place.snapshot("verify");
        assert_eq!(code, Some(1), "{damage}: {said}");
        let process = place.start("1", NEVER);
        assert_eq!(process.metric("restored_routes"), table.len() as u64, "{damage}");
        let ended = process.terminate();
        assert_eq!(ended.code, Some(0));
        let (aside, after) = (ended.count(&["set aside"]), place.generations());
        if damage == "it is gone" {
            // All descriptions went, also those of the older one: the stream alone is left.
            assert_eq!((aside, after.len()), (2, 1), "{:#?}", ended.lines);
            live(&place, 22);
        } else {
            assert_eq!(aside, 1, "{damage}: {:#?}", ended.lines);
            assert_eq!(after[1..], [older], "{damage}");
        }
    }
    assert_eq!(Buckets::of(&place).value(&format!("{NAME}.damaged")), None);
}

#[test]
fn an_index_that_can_not_be_read_is_set_aside_and_its_objects_stay_for_a_while() {
    let Some(place) = Place::buckets() else { return };
    let buckets = {
        live(&place, 23);
        Buckets::of(&place)
    };
    for unreadable in [&b"{\"version\":1,\"li"[..], b"{\"version\":2,\"news\":[]}"] {
        let table = live(&place, 23);
        let stored = buckets.stored();
        buckets.set_index(unreadable);
        let (code, said) = place.snapshot("list");
        assert_eq!(code, Some(1), "{said}");
        let process = place.start("1", NEVER);
        assert_eq!(process.metric("restored_routes"), table.len() as u64);
        let ended = process.terminate();
        assert_eq!(ended.code, Some(0));
        assert_eq!(ended.count(&["index", "set aside"]), 1, "{:#?}", ended.lines);
        assert_eq!(
            buckets.value(&format!("{NAME}.damaged")).as_deref(),
            Some(unreadable)
        );
        assert!(buckets.stored().is_superset(&stored));
        live(&place, 23);
        assert_eq!(buckets.stored(), buckets.current(), "two newer ones are there");
    }
}

#[test]
fn what_no_manifest_names_is_removed_and_what_others_have_stays() {
    let Some(place) = Place::buckets() else { return };
    live(&place, 24);
    let buckets = Buckets::of(&place);
    let whole = |collector: &str| format!("{collector}/{NO_GENERATION}/worker-0");
    let chunks = |collector: &str| format!("$O.{BUCKET}.C.{collector}.{NO_GENERATION}.0");
    for collector in [NAME, "other", "onerous"] {
        buckets.write(&whole(collector), b"whole, but of no generation");
        buckets.publish(chunks(collector), b"a chunk of an upload that was killed");
    }
    let process = place.start("1", NEVER);
    let objects = buckets.objects();
    assert!(!objects.contains(&whole(NAME)), "{objects:?}");
    assert_eq!(buckets.stored(), buckets.current());
    for collector in ["other", "onerous"] {
        assert!(objects.contains(&whole(collector)), "{objects:?}");
        assert_eq!(buckets.chunks(collector), [chunks(collector)].into());
    }
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn a_collector_that_is_killed_while_it_uploads_leaves_nothing_behind() {
    let Some(place) = Place::buckets() else { return };
    // Some chunks for each worker.
    let scenario = Scenario {
        prefixes_per_peer: 20_000,
        prefixes_per_update: 100,
        churn_rounds: 0,
        ..small(25)
    };
    for _ in 0..3 {
        let process = place.start("2", OFTEN);
        let router = dump(&process, 1, &scenario);
        let before = process.metric("snapshots_total");
        eventually("a snapshot is complete", || {
            process.metric("snapshots_total") > before
        });
        let buckets = Buckets::of(&place);
        eventually("it is in the middle of an object", || {
            process.freeze();
            let middle = buckets.half_sent();
            if !middle {
                process.thaw();
            }
            middle
        });
        process.kill();
        drop(router);
    }
    let process = place.start("1", NEVER);
    let buckets = Buckets::of(&place);
    assert!(!buckets.half_sent());
    assert_eq!(buckets.stored(), buckets.current());
    assert_eq!(
        process.metric("restored_routes"),
        table_of(&scenario).len() as u64
    );
    assert_eq!(process.terminate().code, Some(0));
}

const IMPATIENT: (&str, &str) = ("ARANCINI_NATS__CONNECT_TIMEOUT_MS", "300");

#[test]
fn a_snapshot_is_given_up_while_the_broker_is_away_and_tried_again() {
    let Some(place) = Place::buckets() else { return };
    let server = place.server.as_ref().unwrap();
    let scenario = small(26);
    let process = place.start_with("2", OFTEN, &[IMPATIENT]);
    let router = dump(&process, 1, &scenario);
    server.stop();
    let failed = process.metric("snapshot_failures_total");
    eventually("snapshots are given up", || {
        process.metric("snapshot_failures_total") > failed
    });
    server.resume();
    let completed = process.metric("snapshots_total");
    eventually("snapshots are taken again", || {
        process.metric("snapshots_total") > completed + 1
    });
    durable(&process);
    process.kill();
    drop(router);
    let process = place.start("1", NEVER);
    assert_eq!(
        process.metric("restored_routes"),
        table_of(&scenario).len() as u64
    );
    assert_eq!(process.terminate().code, Some(0));
}

#[test]
fn a_broker_that_hangs_does_not_hold_up_a_stop() {
    let Some(place) = Place::buckets() else { return };
    let server = place.server.as_ref().unwrap();
    let scenario = small(27);
    let settings = [IMPATIENT, ("ARANCINI_PUBLISH__DRAIN_DEADLINE_MS", "2000")];
    let process = place.start_with("2", NEVER, &settings);
    let router = dump(&process, 1, &scenario);
    server.stop();
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0), "all was acknowledged: {:#?}", ended.lines);
    assert_eq!(ended.count(&["a snapshot was given up"]), 1, "{:#?}", ended.lines);
    drop(router);
    server.resume();
    let process = place.start("1", NEVER);
    assert_eq!(
        process.metric("restored_routes"),
        table_of(&scenario).len() as u64
    );
    assert_eq!(process.terminate().code, Some(0));
}

/// With the sink `nats` the stream's fence ends the first one; here they share nothing but the buckets.
#[test]
fn of_two_collectors_with_one_name_the_later_one_keeps_its_snapshots() {
    let Some(place) = Place::buckets() else { return };
    let url = place.server.as_ref().map(NatsServer::url).unwrap();
    let start = || {
        let settings = [
            ("ARANCINI_COLLECTOR_NAME", NAME),
            ("ARANCINI_SNAPSHOTS__STORE", "nats"),
            ("ARANCINI_SNAPSHOTS__INTERVAL_MS", OFTEN),
        ];
        Process::start(&["--nats", &url, "--sink", "file", "--workers", "1"], &settings)
    };
    let first = start();
    eventually("a snapshot is complete", || first.metric("snapshots_total") > 0);
    let second = start();
    eventually("the later one takes snapshots", || {
        second.metric("snapshots_total") > 1
    });
    let failed = first.metric("snapshot_failures_total");
    eventually("the first one's are given up", || {
        first.metric("snapshot_failures_total") > failed + 1
    });
    let ended = first.terminate();
    assert!(
        ended.count(&["another collector", "collector_name"]) > 0,
        "{:#?}",
        ended.lines
    );
    assert_eq!(second.terminate().code, Some(0));
    let (code, said) = place.snapshot("verify");
    assert_eq!(code, Some(0), "{said}");
}

/// A position is of one stream; the buckets outlive it here.
#[test]
fn buckets_that_outlive_the_stream_lead_to_a_resync() {
    let Some(place) = Place::buckets() else { return };
    let table = live(&place, 28);
    let buckets = Buckets::of(&place);
    let delete = buckets.context.delete_stream("ARANCINI");
    buckets.runtime.block_on(delete).unwrap();
    assert_eq!(buckets.current().len(), 1);
    let process: Process = place.start("1", NEVER);
    // What the snapshot has is in doubt, and stays until the dump is over.
    assert_eq!(process.metric("restored_routes"), table.len() as u64);
    let router = dump(&process, 1, &small(28));
    eventually("the resync is over", || {
        durable(&process);
        place.stored().events_of(1).contains(&RouterEventKind::ResyncEnd)
    });
    assert_eq!(process.terminate().code, Some(0));
    drop(router);
    assert_eq!(place.stored().table(1), table);
}
