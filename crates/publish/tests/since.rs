//! What a restart reads of the stream, and how it notices that the stream has lost messages (`arancini_client::tail::since`).
#![allow(clippy::unwrap_used)]

mod support;

use arancini_bed::NatsServer;
use arancini_client::headers::message_identity;
use arancini_client::tail::since::{LateWrites, Since, StreamPosition, Wholeness, stream_since};
use arancini_publish::NatsSettings;
use async_nats::jetstream;
use support::{Rig, Worker, run};

/// A snapshot holds routes that were published behind its position. If only those are lost, the position is still there.
#[test]
fn a_stream_that_lost_what_a_snapshot_relies_on_is_not_whole() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 1);
    for _ in 0..4 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(4);
    rig.finish();
    run(async {
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let stream = context.get_stream("ARANCINI").await.unwrap();
        let info = stream.cached_info();
        let (created_unix_ns, last) = (info.created.unix_timestamp_nanos(), info.state.last_sequence);
        let mut places = Vec::new();
        for sequence in [last - 2, last] {
            let found = stream.get_raw_message(sequence).await.unwrap();
            places.push(StreamPosition {
                created_unix_ns,
                sequence,
                message: message_identity(&found.headers).map(str::to_owned),
            });
        }
        let [position, end] = [places[0].clone(), places[1].clone()];
        let behind = StreamPosition {
            sequence: last + 1,
            ..end.clone()
        };
        let replaced = StreamPosition {
            message: position.message.clone(),
            ..end.clone()
        };
        let recreated = StreamPosition {
            created_unix_ns: 1,
            ..end.clone()
        };
        let gap = |text: &str| Wholeness::Gap(format!("stream ARANCINI {text}"));
        for (relies_on, payloads, expected) in [
            (end, 2, Wholeness::Whole),
            (
                behind,
                4,
                gap(&format!(
                    "ends at sequence {last}, but it had stored sequence {}",
                    last + 1
                )),
            ),
            (
                replaced,
                4,
                gap(&format!(
                    "has another message at sequence {last} than before, so it has lost what it had stored"
                )),
            ),
            (recreated, 4, gap("was deleted and created again")),
        ] {
            let since = Since {
                position: Some(position.clone()),
                relies_on: Some(relies_on),
                stored: last,
                late: LateWrites::Fenced,
            };
            let mut taken = 0;
            let read = stream_since(&settings.source(), &since, |_| taken += 1).await;
            assert_eq!((taken, read.unwrap()), (payloads, expected));
        }
    });
}

/// What a stranger publishes on the collector's subjects can be anything. It made the next start a resync of all routers.
#[test]
fn messages_of_strangers_are_passed_over() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 1);
    let stranger = |payload: &'static str| {
        let url = server.url();
        run(async move {
            let context = jetstream::new(async_nats::connect(url).await.unwrap());
            let subject = "arancini.updates.v4_192_0_2_1.64512.1_1";
            context
                .publish(subject, payload.into())
                .await
                .unwrap()
                .await
                .unwrap();
        });
    };
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    stranger("hello");
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(2);
    stranger("");
    let since = Since {
        position: None,
        relies_on: None,
        stored: 0,
        late: LateWrites::Fenced,
    };
    let mut taken = Vec::new();
    let read = run(stream_since(&settings.source(), &since, |published| {
        taken.push((
            published.collector.map(str::to_owned),
            published.payload.is_empty(),
        ));
    }));
    assert_eq!(read.unwrap(), Wholeness::Whole);
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(
        taken
            .iter()
            .all(|(collector, empty)| collector.is_some() && !empty)
    );
    rig.finish();
}
