//! Batches that the publisher writes as JSON, read back from a real JetStream.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::NatsServer;
use arancini_client::headers::{HEADER_CONTENT_TYPE, HEADER_MESSAGES};
use arancini_client::{Compression, Format, PayloadForm};
use arancini_publish::{
    FileSettings, NatsSettings, OnFull, Sidecar, SidecarSettings, SinkSettings, SpoolSettings,
};
use async_nats::jetstream::{self, Message};
use futures_util::StreamExt;
use support::{Rig, Worker, assert_whole, kill_in_mid_publish, read_all, run, sequences, settings, update};

const JSON: PayloadForm = PayloadForm {
    format: Format::Json,
    compression: Compression::None,
};
const JSON_ZSTD: PayloadForm = PayloadForm {
    format: Format::Json,
    compression: Compression::Zstd,
};

fn rig(settings: &NatsSettings, form: PayloadForm) -> Rig {
    Rig::of_form(SinkSettings::Nats(Box::new(settings.clone())), form)
}

fn worker(per_batch: u32) -> Worker {
    let mut worker = Worker::new(1, 3);
    worker.per_batch = per_batch;
    worker.record = update;
    worker
}

/// All messages of the stream below `arancini.updates`, as they are on the wire.
fn raw(settings: &NatsSettings) -> Vec<Message> {
    run(async {
        let client = async_nats::connect(&settings.server.urls[0]).await.unwrap();
        let stream = jetstream::new(client)
            .get_stream(&settings.stream.name)
            .await
            .unwrap();
        let config = jetstream::consumer::pull::OrderedConfig {
            filter_subjects: vec!["arancini.updates.>".to_owned()],
            ..Default::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let count = consumer.cached_info().num_pending as usize;
        let messages = consumer.messages().await.unwrap().take(count);
        messages.map(Result::unwrap).collect().await
    })
}

/// The updates of a payload as lines of JSON, to compare all their fields.
fn lines(payload: &[u8]) -> String {
    let mut lines = Vec::new();
    arancini_schema::json::write_lines(arancini_schema::MessageKind::Updates, payload, &mut lines).unwrap();
    String::from_utf8(lines).unwrap()
}

#[test]
fn each_message_is_lines_of_json_and_readers_get_what_was_sent() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let rig = rig(&settings, JSON);
    let mut worker = worker(50);
    for _ in 0..40 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(40);
    assert_eq!(rig.recycled.len(), 40, "the buffers of the workers come back");
    assert_eq!(rig.status.bytes_before_compression.load(Relaxed), 0);
    let messages = raw(&settings);
    assert_eq!(messages.len(), 40);
    for message in messages {
        let headers = message.headers.as_ref().unwrap();
        assert_eq!(
            headers.get(HEADER_CONTENT_TYPE).unwrap().as_str(),
            "application/x-ndjson"
        );
        let text = std::str::from_utf8(&message.payload).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(lines.iter().all(|line| line["type"] == "update"));
        assert_eq!(
            headers.get(HEADER_MESSAGES).unwrap().as_str(),
            lines.len().to_string()
        );
    }
    assert_whole(&settings, &[worker]);
    // The records themselves are those of the worker.
    let first = &read_all(&settings)[0];
    let expected: Vec<u8> = sequences(&first.payload)
        .into_iter()
        .flat_map(|sequence| update(sequence, 4))
        .collect();
    assert_eq!(lines(&first.payload), lines(&expected));
}

#[test]
fn a_batch_that_is_too_large_is_cut_between_lines() {
    for form in [JSON, JSON_ZSTD] {
        let Some(server) = NatsServer::start_with("max_payload: 4096\n") else {
            return;
        };
        let settings = settings(&server);
        let rig = rig(&settings, form);
        let mut worker = worker(400);
        for _ in 0..5 {
            rig.bridge.send(worker.batch()).unwrap();
        }
        rig.until_acknowledged(5);
        assert!(raw(&settings).len() > 5);
        assert_whole(&settings, &[worker]);
    }
}

#[test]
fn one_update_that_is_too_large_is_set_aside_as_cap_n_proto() {
    let Some(server) = NatsServer::start_with("max_payload: 4096\n") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let rig = Rig::with(SidecarSettings {
        form: JSON,
        set_aside: directory.path().to_owned(),
        ..SidecarSettings::new(SinkSettings::Nats(Box::new(settings(&server))))
    });
    let mut worker = worker(1);
    worker.words = 5000;
    let batch = worker.batch();
    let payload = batch.payload.clone();
    rig.bridge.send(batch).unwrap();
    let aside = rig.set_aside.recv().unwrap();
    assert_eq!(sequences(&aside.payload), sequences(&payload));
    assert_eq!(lines(&aside.payload), lines(&payload));
}

#[test]
fn broker_killed_in_mid_publish_loses_doubles_and_reorders_nothing() {
    for form in [JSON, JSON_ZSTD] {
        kill_in_mid_publish(form, 2, worker(20));
    }
}

/// What waits in the spool is published in the form in which it was written, whatever the next life is set to.
#[test]
fn the_spool_of_a_life_with_json_is_published_by_a_life_without() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let nats = settings(&server);
    let directory = tempfile::tempdir().unwrap();
    let start = |form| {
        Rig::with(SidecarSettings {
            form,
            on_full: OnFull::Spool,
            spool: SpoolSettings::new(directory.path().to_owned()),
            ..SidecarSettings::new(SinkSettings::Nats(Box::new(nats.clone())))
        })
    };
    let rig = start(JSON);
    let mut before = worker(10);
    rig.bridge.send(before.batch()).unwrap();
    rig.until_acknowledged(1);
    server.kill();
    for _ in 0..30 {
        rig.bridge.send(before.batch()).unwrap();
    }
    rig.until("taken", |status| status.batches_taken.load(Relaxed) == 31);
    drop(rig.bridge);
    let report = rig.sidecar.drain(Duration::ZERO);
    assert_eq!(report.spooled_batches, 30);
    server.restart();
    let rig = start(PayloadForm::default());
    let mut after = worker(10);
    after.id = 2;
    after.subjects = vec!["arancini.updates.v4_192_0_2_9.1.1_1".into()];
    rig.bridge.send(after.batch()).unwrap();
    rig.until_acknowledged(1);
    assert_whole(&nats, &[before, after]);
    let is_json = |message: &Message| {
        message
            .headers
            .as_ref()
            .unwrap()
            .get(HEADER_CONTENT_TYPE)
            .is_some()
    };
    assert_eq!(raw(&nats).iter().filter(|message| is_json(message)).count(), 31);
}

#[test]
fn only_the_nats_sink_takes_json() {
    let directory = tempfile::tempdir().unwrap();
    let sinks = [
        SinkSettings::File(FileSettings::new(directory.path().to_owned())),
        SinkSettings::Stdout,
        SinkSettings::Null,
    ];
    for sink in sinks {
        let settings = SidecarSettings {
            form: JSON,
            ..SidecarSettings::new(sink)
        };
        let (_bridge, input) = kanal::bounded(1);
        let outcome = Sidecar::spawn(settings, input, Default::default(), Default::default());
        let told = outcome.err().unwrap().to_string();
        assert!(told.contains("publish.format"), "{told}");
    }
}
