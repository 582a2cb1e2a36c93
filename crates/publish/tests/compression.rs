//! Batches that the publisher compresses, read back from a real JetStream.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_client::headers::{HEADER_CONTENT_ENCODING, HEADER_MESSAGES};
use arancini_client::tail::{StreamTail, StreamTailError, StreamTailOptions};
use arancini_client::{Compression, PayloadForm, Reason};
use arancini_publish::{FileSettings, NatsSettings, Sidecar, SidecarSettings, SinkSettings};
use support::{Rig, Worker, assert_whole, kill_in_mid_publish, read_all, sequences, settings};

const BOTH: [Compression; 2] = [Compression::Lz4, Compression::Zstd];

fn rig(settings: &NatsSettings, compression: Compression) -> Rig {
    Rig::compressed(SinkSettings::Nats(Box::new(settings.clone())), compression)
}

/// Makes a worker whose batches compress well.
fn worker(per_batch: u32) -> Worker {
    let mut worker = Worker::new(1, 3);
    worker.per_batch = per_batch;
    worker.words = 30;
    worker
}

#[test]
fn readers_get_what_was_sent_in_order_and_headers_say_how() {
    for compression in BOTH {
        let Some(server) = NatsServer::start() else { return };
        let settings = settings(&server);
        let rig = rig(&settings, compression);
        let mut worker = worker(50);
        let mut plain_bytes = 0;
        for _ in 0..200 {
            let batch = worker.batch();
            plain_bytes += batch.payload.len() as u64;
            rig.bridge.send(batch).unwrap();
        }
        rig.until_acknowledged(200);
        let numbers: Vec<_> = (0..200).map(|_| rig.acked.recv().unwrap().number).collect();
        assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
        assert_eq!(rig.recycled.len(), 200, "plain buffers come back");
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Relaxed);
        assert_eq!(count(&rig.status.bytes_before_compression), plain_bytes);
        let sent = count(&rig.status.bytes_after_compression);
        assert!(sent < plain_bytes / 2, "{sent} of {plain_bytes}");
        assert_eq!(count(&rig.status.bytes_acknowledged), sent);
        assert_eq!(count(&rig.status.window_bytes), 0);
        assert_whole(&settings, &[worker]);
        for message in read_all(&settings) {
            let encoding = message.headers.get(HEADER_CONTENT_ENCODING).unwrap();
            assert_eq!(Some(encoding.as_str()), compression.content_encoding());
            let messages = message.headers.get(HEADER_MESSAGES).unwrap().as_str();
            assert_eq!(messages, sequences(&message.payload).len().to_string());
        }
    }
}

#[test]
fn without_compression_there_is_no_such_header() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let rig = rig(&settings, Compression::None);
    let mut worker = worker(50);
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    assert!(
        read_all(&settings)[0]
            .headers
            .get(HEADER_CONTENT_ENCODING)
            .is_none()
    );
    assert_eq!(rig.status.bytes_before_compression.load(Relaxed), 0);
}

#[test]
fn a_batch_is_cut_by_its_compressed_size_only() {
    for compression in BOTH {
        let Some(server) = NatsServer::start_with("max_payload: 4096\n") else {
            return;
        };
        let settings = settings(&server);
        let rig = rig(&settings, compression);
        // The plain batch is larger than max_payload, the compressed one far smaller.
        let mut fitting = worker(40);
        let plain = fitting.batch().payload.len();
        fitting = worker(40);
        assert!(plain > 2 * 4096);
        for _ in 0..20 {
            rig.bridge.send(fitting.batch()).unwrap();
        }
        rig.until_acknowledged(20);
        assert_eq!(read_all(&settings).len(), 20, "one message each");
        assert_whole(&settings, &[fitting]);
        // Even the compressed batch is larger, also before the server has said what it takes.
        let mut large = Worker::new(2, 2);
        large.per_batch = 3000;
        large.words = 30;
        for _ in 0..4 {
            rig.bridge.send(large.batch()).unwrap();
        }
        rig.until_acknowledged(24);
        assert_eq!(rig.status.errors(Reason::TooLarge), 0);
        let messages = read_all(&settings);
        assert!(messages.len() > 24, "{}", messages.len());
    }
}

#[test]
fn broker_killed_in_mid_publish_loses_doubles_and_reorders_nothing() {
    for compression in BOTH {
        kill_in_mid_publish(PayloadForm::compressed(compression), 3, worker(40));
    }
}

#[test]
fn a_smaller_max_payload_after_a_restart_cuts_what_is_compressed_already() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let settings = settings(&server);
    let rig = rig(&settings, Compression::Zstd);
    server.kill();
    let mut worker = worker(3000);
    for _ in 0..10 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until("taken", |status| status.bytes_after_compression.load(Relaxed) > 0);
    server.configure("max_payload: 4096\n");
    server.restart();
    rig.until_acknowledged(10);
    assert_eq!(rig.status.errors(Reason::TooLarge), 0);
    assert_whole(&settings, &[worker]);
    assert!(read_all(&settings).len() > 10);
}

#[test]
fn the_window_counts_compressed_bytes() {
    let Some(server) = NatsServer::prepare("") else {
        return;
    };
    let rig = rig(&settings(&server), Compression::Zstd);
    let mut worker = worker(50);
    for _ in 0..10 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until("all wait in the window", |status| {
        let waiting = status.window_bytes.load(Relaxed);
        status.window_messages.load(Relaxed) == 10 && waiting == status.bytes_after_compression.load(Relaxed)
    });
    let plain = rig.status.bytes_before_compression.load(Relaxed);
    assert!(rig.status.window_bytes.load(Relaxed) < plain / 2);
    drop(rig.bridge);
    let report = rig.sidecar.drain(Duration::ZERO);
    assert_eq!(report.unacknowledged_batches, 10);
    assert_eq!(report.unacknowledged_messages, 500);
}

#[test]
fn a_message_that_cannot_be_read_is_told_and_passed() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let rig = rig(&settings, Compression::Lz4);
    let mut worker = worker(5);
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client);
        for encoding in ["br", "zstd"] {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(HEADER_CONTENT_ENCODING, encoding);
            let payload = "not that".into();
            let sent = stream
                .publish_with_headers("arancini.updates.x", headers, payload)
                .await;
            sent.unwrap().await.unwrap();
        }
    });
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(2);
    runtime.block_on(async {
        let options = StreamTailOptions::default();
        let mut tail = StreamTail::open(settings.source(), options).await.unwrap();
        // The first message is the fence, which a tail skips.
        assert_eq!(tail.next().await.unwrap().unwrap().stream_sequence, 2);
        let unknown = tail.next().await.unwrap_err();
        assert!(
            matches!(unknown, StreamTailError::Message { sequence: 3, .. }),
            "{unknown}"
        );
        assert!(unknown.to_string().contains("\"br\""), "{unknown}");
        let damaged = tail.next().await.unwrap_err();
        assert!(damaged.to_string().contains("damaged zstd"), "{damaged}");
        assert_eq!(tail.next().await.unwrap().unwrap().stream_sequence, 5);
        assert!(tail.next().await.unwrap().is_none());
    });
}

#[test]
fn only_the_nats_sink_takes_compression() {
    let directory = tempfile::tempdir().unwrap();
    let sinks = [
        SinkSettings::File(FileSettings::new(directory.path().to_owned())),
        SinkSettings::Stdout,
        SinkSettings::Null,
    ];
    for sink in sinks {
        let settings = SidecarSettings {
            form: PayloadForm::compressed(Compression::Zstd),
            ..SidecarSettings::new(sink)
        };
        let (_bridge, input) = kanal::bounded(1);
        let outcome = Sidecar::spawn(settings, input, Default::default(), Default::default());
        let told = outcome.err().unwrap().to_string();
        assert!(told.contains("publish.compression"), "{told}");
    }
}
