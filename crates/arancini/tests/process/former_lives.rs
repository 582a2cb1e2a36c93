//! What earlier lives published is taken over or resynced, never ignored (`docs/operating.md`, "Restarts"): lives with a
//! clock that was ahead, with other names, and lives that have left nothing but the stream.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arancini_bed::NatsServer;
use arancini_client::StreamSource;
use arancini_client::headers::{HEADER_COLLECTOR, HEADER_LAST_SEQUENCE, HEADER_ROUTER};
use arancini_client::readable::read_sequence;
use arancini_client::records::Records;
use arancini_client::segments::segment_path;
use arancini_client::tail::{AtEnd, Begin, SegmentTail, StreamTail, StreamTailOptions};
use arancini_core::{Batch, Now, Settings, Shard};
use arancini_schema::MessageKind;
use arancini_schema::subject::Subject;
use async_nats::jetstream::{self, stream};

use crate::command::Process;
use crate::consumer::Consumer;
use crate::place::{NAME, NEVER, Place, dump, durable};
use crate::support::{eventually, router_address, runtime, small, table_of};

/// The hold time of routers that do not come back.
const SHORT_HOLD: (&str, &str) = ("ARANCINI_ROUTERS__SESSION_HOLD_MS", "1500");
const OTHER_NAME: (&str, &str) = ("ARANCINI_COLLECTOR_NAME", "two");
const OTHERS_LINE: &str = "other collectors have published routers here; the first dump of such a router is a resync. If \
                           one of them was this collector under an earlier name, start it once with that collector_name \
                           and without snapshots, so that routers that never come back are withdrawn";

async fn context(server: &NatsServer) -> jetstream::Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

/// Makes the stream before the collector does.
async fn create_stream(server: &NatsServer, subjects: &[&str]) {
    let config = stream::Config {
        name: StreamSource::DEFAULT_STREAM.to_owned(),
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        ..stream::Config::default()
    };
    context(server).await.create_stream(config).await.unwrap();
}

/// What a life published whose clock was an hour ahead: a table of router 1, and only events of router 2.
fn published_ahead() -> Vec<Batch> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let ahead = Now {
        monotonic_ns: 1,
        unix_ns: now + 3_600_000_000_000,
    };
    let mut shard = Shard::new(0, Settings::default(), Arc::default());
    let first = shard.handle_connect(router_address(1), 1, ahead);
    shard
        .handle_all_bytes(first, &small(31).to_bytes(), ahead)
        .unwrap();
    let second = shard.handle_connect(router_address(2), 1, ahead);
    for session in [first, second] {
        shard.handle_disconnect(session, "a test", ahead);
    }
    shard.handle_flush(ahead);
    std::iter::from_fn(|| shard.poll_batch()).collect()
}

/// Puts batches into the segments or, under this collector's name, into the stream.
fn store(place: &Place, batches: &[Batch], collector: &str) {
    let Some(server) = &place.server else {
        let directory = place.directory.path().join("segments");
        std::fs::create_dir_all(&directory).unwrap();
        for kind in MessageKind::ALL {
            let of_kind = batches.iter().filter(|batch| batch.kind == kind);
            let payloads: Vec<_> = of_kind.map(|batch| &batch.payload[..]).collect();
            if !payloads.is_empty() {
                std::fs::write(segment_path(&directory, kind, 1), payloads.concat()).unwrap();
            }
        }
        return;
    };
    runtime().block_on(async {
        create_stream(server, &["arancini.>"]).await;
        let context = context(server).await;
        for batch in batches {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(HEADER_COLLECTOR, collector);
            headers.insert(HEADER_ROUTER, batch.router.to_string());
            headers.insert(HEADER_LAST_SEQUENCE, batch.last_sequence.to_string());
            let payload = batch.payload.clone().into();
            let stored = context.publish_with_headers(batch.subject.to_string(), headers, payload);
            stored.await.unwrap().await.unwrap();
        }
    });
}

/// The sequence numbers of all messages of each router.
fn sequences(place: &Place) -> BTreeMap<IpAddr, Vec<u64>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    let mut take = |kind, payload: &[u8]| {
        for record in Records::new(payload) {
            let seen = read_sequence(kind, record.unwrap()).unwrap();
            found.entry(seen.router).or_default().push(seen.last);
        }
    };
    match &place.server {
        None => {
            let directory = place.directory.path().join("segments");
            let mut tail = SegmentTail::open(&directory, Begin::Beginning, AtEnd::Stop).unwrap();
            while let Some(message) = tail.next_present().unwrap() {
                take(message.kind, &message.bytes);
            }
        }
        Some(server) => runtime().block_on(async {
            let source = StreamSource::new(vec![server.url()]);
            let base = source.base.clone();
            let tail = StreamTail::open(source, StreamTailOptions::default()).await;
            let mut tail = tail.unwrap();
            while let Some(message) = tail.next().await.unwrap() {
                if let Some(subject) = Subject::parse(&base, &message.subject) {
                    take(subject.message_kind(), &message.payload);
                }
            }
        }),
    }
    found
}

#[test]
fn a_clock_that_is_set_back_uses_no_sequence_twice() {
    let others = [Place::stream(), Place::stream()].into_iter().flatten();
    let places = std::iter::once(Place::files()).chain(others);
    for (place, collector) in places.zip([NAME, NAME, "another"]) {
        let batches = published_ahead();
        store(&place, &batches, collector);
        let process = place.start("2", NEVER);
        let routers = [dump(&process, 1, &small(32)), dump(&process, 2, &small(32))];
        assert_eq!(process.terminate().code, Some(0));
        drop(routers);
        for (router, mut sequences) in sequences(&place) {
            let batches = batches.iter().filter(|batch| batch.router == router);
            let ahead = batches.map(|batch| batch.last_sequence).max().unwrap();
            assert!(sequences.iter().any(|sequence| *sequence > ahead), "{router}");
            let before = sequences.len();
            sequences.sort_unstable();
            sequences.dedup();
            assert_eq!(sequences.len(), before, "{router}: a sequence is used twice");
            let low = sequences.first().unwrap();
            assert!(*low > ahead - 1_000_000, "{router}: {low} is far below {ahead}");
        }
    }
}

/// The tables of one base were taken for those of the other.
#[test]
fn a_subject_base_that_changes_to_and_fro_leaves_no_ghosts_and_no_holes() {
    let Some(place) = Place::stream() else { return };
    let server = place.server.as_ref().unwrap();
    runtime().block_on(create_stream(server, &["one.>", "two.>"]));
    let mut consumers = [Consumer::default(), Consumer::default()];
    for (base, seed) in [("one", 41), ("two", 41), ("one", 42), ("two", 43)] {
        let process = place.start_with("1", NEVER, &[("ARANCINI_PUBLISH__SUBJECT_BASE", base)]);
        let router = dump(&process, 1, &small(seed));
        let consumer = &mut consumers[usize::from(base == "two")];
        eventually("the consumer of this base holds what the router holds", || {
            durable(&process);
            consumer.read_base(&place, base);
            consumer.table(1) == table_of(&small(seed))
        });
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
    }
}

/// Publishes the tables of routers 1 and 2.
fn publish_two_routers(place: &Place) -> Consumer {
    let process = place.start("2", NEVER);
    let routers = [dump(&process, 1, &small(51)), dump(&process, 2, &small(51))];
    assert_eq!(process.terminate().code, Some(0));
    drop(routers);
    let mut consumer = Consumer::default();
    consumer.read(place);
    consumer
}

/// Router 1 comes back with another table, and router 2 does not come back.
fn one_router_comes_back(place: &Place, process: &Process, consumer: &mut Consumer, left: usize) {
    let router = dump(process, 1, &small(52));
    eventually("the consumer holds what the routers hold", || {
        durable(process);
        consumer.read(place);
        consumer.table(1) == table_of(&small(52)) && consumer.table(2).len() == left
    });
    drop(router);
}

fn restored_from(process: &Process) -> String {
    process.line("tables restored").unwrap()["from"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_collector_that_is_renamed_takes_over_with_its_directory() {
    let Some(place) = Place::stream() else { return };
    let mut consumer = publish_two_routers(&place);
    let process = place.start_with("1", NEVER, &[OTHER_NAME, SHORT_HOLD]);
    let routes = table_of(&small(51)).len() as u64;
    assert_eq!(process.metric("restored_routes"), 2 * routes);
    assert_eq!(
        restored_from(&process),
        "the snapshot and what was published since"
    );
    one_router_comes_back(&place, &process, &mut consumer, 0);
    let ended = process.terminate();
    assert_eq!(ended.count(&["purged"]), 0, "{:#?}", ended.lines);
}

#[test]
fn a_directory_that_is_gone_is_taken_over_from_the_stream() {
    let Some(mut place) = Place::stream() else { return };
    let mut consumer = publish_two_routers(&place);
    place.directory = tempfile::tempdir().unwrap();
    let process = place.start_with("1", NEVER, &[SHORT_HOLD]);
    assert_eq!(restored_from(&process), "everything that was published");
    one_router_comes_back(&place, &process, &mut consumer, 0);
}

#[test]
fn a_directory_that_is_gone_and_a_stream_that_is_not_whole_is_a_resync_also_of_routers_that_stay_away() {
    let Some(mut place) = Place::stream() else { return };
    let mut consumer = publish_two_routers(&place);
    place.directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let stream = context(place.server.as_ref().unwrap()).await;
        let stream = stream.get_stream(StreamSource::DEFAULT_STREAM).await.unwrap();
        let half = stream.cached_info().state.last_sequence / 2;
        stream.purge().sequence(half).await.unwrap();
    });
    let process = place.start_with("1", NEVER, &[SHORT_HOLD]);
    assert_eq!(restored_from(&process), "what is left: every router is resynced");
    one_router_comes_back(&place, &process, &mut consumer, 0);
}

/// A new pod: another name, and nothing but the stream. The routers of another collector may still belong to it, so a router
/// that does not come back is left alone, and the log says how to end it.
#[test]
fn a_renamed_collector_without_its_directory_resyncs_the_routers_that_connect() {
    for place in [Place::stream(), Place::buckets()] {
        let Some(mut place) = place else { return };
        let mut consumer = publish_two_routers(&place);
        place.directory = tempfile::tempdir().unwrap();
        let process = place.start_with("1", NEVER, &[OTHER_NAME, SHORT_HOLD]);
        let line = process.line(OTHERS_LINE).unwrap();
        assert_eq!((&line["collectors"], &line["routers"]), (&NAME.into(), &2.into()));
        one_router_comes_back(&place, &process, &mut consumer, table_of(&small(51)).len());
        let ended = process.terminate();
        assert_eq!(ended.count(&["purged"]), 0, "{:#?}", ended.lines);

        // The remedy.
        place.directory = tempfile::tempdir().unwrap();
        let process = place.start_with("1", NEVER, &[SHORT_HOLD]);
        eventually("the router that stays away is withdrawn", || {
            durable(&process);
            consumer.read(&place);
            consumer.table(2).is_empty()
        });
    }
}

/// Nothing distinguishes this from a first start, so the log says what consumers have to do.
#[test]
fn a_start_that_finds_nothing_says_so() {
    let places = [Some(Place::files()), Place::stream(), Place::buckets()];
    for place in places.into_iter().flatten() {
        let process = place.start("1", NEVER);
        let line = "neither a snapshot nor a published message was found, so this looks like a first start; if an \
                    earlier run has published, that is lost: empty the tables of all consumers";
        assert!(process.line(line).is_some());
        assert_eq!(restored_from(&process), "nothing");
    }
}
