//! Messages that are larger than the broker takes, with a real nats-server: they are set aside, and nothing waits for them.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_client::tail::{AtEnd, Begin, SegmentTail};
use arancini_client::{Compression, PayloadForm, Reason};
use arancini_core::Batch;
use arancini_publish::{NatsSettings, OnFull, SidecarSettings, SinkSettings, SpoolSettings};
use async_nats::jetstream;
use async_nats::jetstream::stream::Config;
use support::{Rig, Worker, message, read_all, run, sequences, settings};

/// What the server of most tests takes.
const MAX_PAYLOAD: &str = "max_payload: 4096\n";
/// A record of this many words is larger than that.
const TOO_MANY_WORDS: u32 = 1000;

fn sidecar(nats: &NatsSettings, directory: &Path) -> SidecarSettings {
    let mut settings = SidecarSettings::new(SinkSettings::Nats(Box::new(nats.clone())));
    settings.set_aside = directory.join("set-aside");
    settings.spool = SpoolSettings::new(directory.join("spool"));
    settings
}

/// Makes a batch of the worker whose records have these numbers of words.
fn batch(worker: &mut Worker, words: &[u32]) -> Batch {
    worker.per_batch = words.len() as u32;
    let mut batch = worker.batch();
    batch.payload = (batch.first_sequence..)
        .zip(words)
        .flat_map(|(sequence, words)| message(sequence, *words))
        .collect();
    batch
}

/// Returns the sequence numbers of the records in the files, as `arancini tail --data-dir` reads them.
fn set_aside(directory: &Path) -> Vec<u64> {
    let segments = directory.join("set-aside/segments");
    let mut tail = SegmentTail::open(&segments, Begin::Beginning, AtEnd::Stop).unwrap();
    let mut all = Vec::new();
    while let Some(message) = tail.next_present().unwrap() {
        all.extend(sequences(&message.bytes));
    }
    all
}

fn published(settings: &NatsSettings) -> Vec<u64> {
    read_all(settings)
        .iter()
        .flat_map(|message| sequences(&message.payload))
        .collect()
}

/// Gives the stream this limit; -1 is none.
fn set_max_msg_size(server: &NatsServer, bytes: i32) {
    run(async {
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let found = context
            .get_stream("ARANCINI")
            .await
            .unwrap()
            .cached_info()
            .config
            .clone();
        let changed = Config {
            max_message_size: bytes,
            ..found
        };
        context.update_stream(changed).await.unwrap();
    });
}

#[test]
fn a_message_larger_than_max_payload_is_set_aside_and_all_others_are_published() {
    for compression in [Compression::None, Compression::Zstd] {
        let Some(server) = NatsServer::start_with("max_payload: 2048\n") else {
            return;
        };
        let (settings, directory) = (settings(&server), tempfile::tempdir().unwrap());
        let rig = Rig::with(SidecarSettings {
            form: PayloadForm::compressed(compression),
            ..sidecar(&settings, directory.path())
        });
        let mut worker = Worker::new(1, 1);
        // Sent before and after the connection is made. Noise does not compress below the limit.
        for round in 1..=2 {
            let mut large = batch(&mut worker, &[4, TOO_MANY_WORDS, 4]);
            let noise = large.payload.len() - 200;
            let mut random = 1_u64;
            for byte in &mut large.payload[200..noise] {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (random >> 56) as u8;
            }
            rig.bridge.send(large).unwrap();
            rig.bridge.send(batch(&mut worker, &[4, 4])).unwrap();
            rig.until_acknowledged(2 * round);
        }
        assert_eq!(published(&settings), [1, 3, 4, 5, 6, 8, 9, 10], "{compression:?}");
        assert_eq!(
            rig.status.errors(Reason::TooLarge),
            0,
            "no connection is given up for it"
        );
        assert_eq!(rig.status.messages_set_aside.load(Relaxed), 2);
        assert_eq!(rig.status.set_aside_without_file.load(Relaxed), 0);
        let told = rig.set_aside.recv().unwrap();
        assert_eq!((sequences(&told.payload), told.messages), (vec![2], 1));
        let report = rig.finish();
        assert_eq!(
            (report.unacknowledged_batches, report.unacknowledged_messages),
            (0, 0)
        );
        assert_eq!((report.acknowledged_messages, report.set_aside_messages), (8, 2));
        assert_eq!(set_aside(directory.path()), [2, 7], "{compression:?}");
    }
}

#[test]
fn a_message_that_fits_to_the_byte_is_published() {
    let Some(server) = NatsServer::start_with(MAX_PAYLOAD) else {
        return;
    };
    let (settings, directory) = (settings(&server), tempfile::tempdir().unwrap());
    let rig = Rig::with(sidecar(&settings, directory.path()));
    let mut worker = Worker::new(1, 1);
    // From 3080 to 4104 bytes: the headers have room beside some of these.
    for words in (384..=512).step_by(8) {
        rig.bridge.send(batch(&mut worker, &[words])).unwrap();
    }
    rig.until_acknowledged(worker.number);
    let (published, aside) = (published(&settings), rig.status.messages_set_aside.load(Relaxed));
    assert_eq!(published, (1..=worker.sequence - aside).collect::<Vec<_>>());
    assert!(published.len() >= 9 && aside >= 1, "{aside} are set aside");
    assert_eq!(rig.status.disconnects.load(Relaxed), 0);
}

#[test]
fn a_message_that_the_stream_refuses_for_its_size_is_set_aside() {
    let Some(server) = NatsServer::start() else { return };
    let (settings, directory) = (settings(&server), tempfile::tempdir().unwrap());
    let rig = Rig::with(sidecar(&settings, directory.path()));
    let mut worker = Worker::new(1, 1);
    rig.bridge.send(batch(&mut worker, &[4])).unwrap();
    rig.until_acknowledged(1);
    set_max_msg_size(&server, 4096);
    rig.bridge.send(batch(&mut worker, &[TOO_MANY_WORDS])).unwrap();
    rig.bridge.send(batch(&mut worker, &[4])).unwrap();
    rig.until_acknowledged(3);
    assert_eq!(
        rig.status.errors(Reason::TooLarge),
        1,
        "the refusal that told of the limit"
    );
    assert_eq!(rig.status.messages_set_aside.load(Relaxed), 1);
    assert_eq!(published(&settings), [1, 3]);
    rig.finish();
    assert_eq!(set_aside(directory.path()), [2]);
}

#[test]
fn a_raised_limit_of_the_stream_is_noticed_without_a_new_connection() {
    let Some(server) = NatsServer::start() else { return };
    let (mut settings, directory) = (settings(&server), tempfile::tempdir().unwrap());
    settings.limits_age = Duration::ZERO;
    let rig = Rig::with(sidecar(&settings, directory.path()));
    let mut worker = Worker::new(1, 1);
    rig.bridge.send(batch(&mut worker, &[4])).unwrap();
    rig.until_acknowledged(1);
    set_max_msg_size(&server, 4096);
    rig.bridge.send(batch(&mut worker, &[TOO_MANY_WORDS])).unwrap();
    rig.until_acknowledged(2);
    assert_eq!(rig.status.messages_set_aside.load(Relaxed), 1);
    let connects = rig.status.connects.load(Relaxed);
    set_max_msg_size(&server, -1);
    rig.bridge.send(batch(&mut worker, &[TOO_MANY_WORDS])).unwrap();
    rig.until_acknowledged(3);
    assert_eq!(rig.status.messages_set_aside.load(Relaxed), 1);
    assert_eq!(rig.status.connects.load(Relaxed), connects);
    assert_eq!(published(&settings), [1, 3]);
    rig.finish();
    assert_eq!(set_aside(directory.path()), [2]);
}

#[test]
fn a_message_too_large_in_the_spool_is_set_aside_by_this_life_and_the_next() {
    let Some(mut server) = NatsServer::prepare(MAX_PAYLOAD) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(&server);
    settings.window.max_bytes = 100;
    let start = || {
        Rig::with(SidecarSettings {
            on_full: OnFull::Spool,
            ..sidecar(&settings, directory.path())
        })
    };
    let mut worker = Worker::new(1, 1);
    let rig = start();
    for words in [4, TOO_MANY_WORDS, 4, TOO_MANY_WORDS] {
        rig.bridge.send(batch(&mut worker, &[words, words])).unwrap();
    }
    rig.until("all are taken", |status| status.batches_taken.load(Relaxed) == 4);
    drop(rig.bridge);
    assert_eq!(rig.sidecar.drain(Duration::ZERO).spooled_batches, 4);
    server.restart();
    let rig = start();
    rig.until("the messages of the earlier run are passed over", |status| {
        status.messages_set_aside.load(Relaxed) == 4
    });
    for words in [TOO_MANY_WORDS, 4] {
        rig.bridge.send(batch(&mut worker, &[words])).unwrap();
    }
    rig.until_acknowledged(2);
    let report = rig.finish();
    assert_eq!((report.unacknowledged_batches, report.spooled_batches), (0, 0));
    assert_eq!(report.set_aside_messages, 1, "those of this life");
    assert_eq!(published(&settings), [1, 2, 5, 6, 10]);
    assert_eq!(set_aside(directory.path()), [3, 4, 7, 8, 9]);
}
