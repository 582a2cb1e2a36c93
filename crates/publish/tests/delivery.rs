//! Delivery into a real JetStream through every kind of trouble: nothing is lost, doubled or reordered.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::{Cable, NatsServer};
use arancini_client::Reason;
use arancini_publish::NatsSettings;
use support::{Rig, Worker, assert_whole, read_all, run, sequences, settings};

#[test]
fn happy_path_keeps_order_content_and_headers() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let rig = Rig::nats(settings.clone());
    let mut workers = [Worker::new(1, 3), Worker::new(2, 5)];
    for _ in 0..200 {
        for worker in &mut workers {
            rig.bridge.send(worker.batch()).unwrap();
        }
    }
    rig.until_acknowledged(400);
    assert!(rig.status.is_ready());
    assert_eq!(rig.status.window_bytes.load(Relaxed), 0);
    let mut last = [0; 3];
    for _ in 0..400 {
        let acked = rig.acked.recv().unwrap();
        assert_eq!(acked.number, last[acked.worker as usize] + 1);
        last[acked.worker as usize] = acked.number;
    }
    assert!(
        rig.recycled.len() > 350,
        "payload buffers come back: {}",
        rig.recycled.len()
    );
    let report = rig.finish();
    assert_eq!(
        (report.acknowledged_batches, report.acknowledged_messages),
        (400, 1200)
    );
    assert_eq!(
        (report.unacknowledged_batches, report.unacknowledged_messages),
        (0, 0)
    );
    assert_whole(&settings, &workers);
    let first = &read_all(&settings)[0];
    let header = |name: &str| first.headers.get(name).unwrap().as_str().to_owned();
    let carried = sequences(&first.payload);
    assert_eq!(
        header("Arancini-Router"),
        first.subject.split('.').nth(2).unwrap()[3..].replace('_', ".")
    );
    assert_eq!(header("Arancini-Messages"), carried.len().to_string());
    assert_eq!(header("Arancini-First-Sequence"), carried[0].to_string());
    assert_eq!(
        header("Arancini-Last-Sequence"),
        carried.last().unwrap().to_string()
    );
    assert_eq!(header("Arancini-Collector"), "arancini");
    assert!(!header("Arancini-Schema").is_empty());
}

/// Publishes while `trouble` happens again and again, then checks the stream.
fn through(
    server: &mut NatsServer,
    settings: NatsSettings,
    rounds: u64,
    mut trouble: impl FnMut(&mut NatsServer),
) -> Rig {
    let rig = Rig::nats(settings);
    let mut workers = vec![Worker::new(1, 3), Worker::new(2, 4)];
    for worker in &mut workers {
        worker.words = 200;
    }
    let total = 4000;
    let (bridge, mut sending) = (rig.bridge.clone(), workers);
    let sender = std::thread::spawn(move || {
        for _ in 0..total {
            for worker in &mut sending {
                bridge.send(worker.batch()).unwrap();
            }
        }
        sending
    });
    for round in 1..=rounds {
        rig.until_acknowledged(2 * total * round / (rounds + 2));
        trouble(server);
    }
    let workers = sender.join().unwrap();
    rig.until_acknowledged(2 * total);
    assert_whole(&support::settings(server), &workers);
    rig
}

#[test]
fn broker_killed_in_mid_publish_loses_doubles_and_reorders_nothing() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let settings = settings(&server);
    let rig = through(&mut server, settings, 3, |server| {
        server.kill();
        server.restart();
    });
    assert!(rig.status.disconnects.load(Relaxed) >= 3);
    assert!(rig.status.resent.load(Relaxed) > 0);
}

#[test]
fn connection_cut_in_mid_publish_loses_doubles_and_reorders_nothing() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let cable = Cable::to(server.port()).unwrap();
    let mut settings = settings(&server);
    settings.server.urls = vec![cable.url()];
    let rig = through(&mut server, settings, 8, |_| cable.cut());
    assert!(rig.status.resent.load(Relaxed) > 0);
}

#[test]
fn outage_beyond_the_duplicate_window_asks_the_stream_what_it_has() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let cable = Cable::to(server.port()).unwrap();
    let mut settings = settings(&server);
    settings.server.urls = vec![cable.url()];
    settings.stream.duplicate_window = Duration::from_millis(500);
    let rig = through(&mut server, settings, 2, |_| {
        cable.unplug();
        // The time must pass on the server's own clock. After it the server would accept every double.
        std::thread::sleep(Duration::from_secs(1));
        cable.plug();
    });
    assert!(rig.status.connects.load(Relaxed) >= 3);
    assert_eq!(
        rig.status.duplicates.load(Relaxed),
        0,
        "nothing was left to the message ids"
    );
}

#[test]
fn broker_that_stops_answering_is_noticed_by_its_missing_acks() {
    let Some(mut server) = NatsServer::start() else {
        return;
    };
    let mut settings = settings(&server);
    settings.window.ack_timeout_ns = 300_000_000;
    settings.server.connect_timeout = Duration::from_millis(500);
    let rig = through(&mut server, settings, 1, |server| {
        server.stop();
        std::thread::sleep(Duration::from_millis(1200));
        server.resume();
    });
    assert!(rig.status.errors(Reason::Timeout) > 0, "{:?}", rig.status);
}

#[test]
fn broker_absent_at_start_is_waited_for() {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let settings = settings(&server);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    for _ in 0..100 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until("told", |status| status.errors(Reason::Unreachable) > 1);
    let trouble = rig.status.trouble().unwrap();
    assert_eq!(trouble.reason, Reason::Unreachable);
    assert!(trouble.cause.contains("refuses connections"), "{trouble}");
    server.restart();
    rig.until_acknowledged(100);
    assert!(rig.status.is_ready());
    assert_whole(&settings, &[worker]);
}

#[test]
fn missing_stream_is_told_and_waited_for() {
    let Some(server) = NatsServer::start() else { return };
    let mut settings = settings(&server);
    settings.create_stream = false;
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    for _ in 0..50 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until("told", |status| status.errors(Reason::StreamMissing) > 1);
    let trouble = rig.status.trouble().unwrap();
    assert!(trouble.remedy.contains("arancini stream create"), "{trouble}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(arancini_publish::nats::stream::create(&settings))
        .unwrap();
    assert_eq!(
        runtime
            .block_on(arancini_publish::nats::stream::check(&settings))
            .unwrap(),
        []
    );
    rig.until_acknowledged(50);
    assert_whole(&settings, std::slice::from_ref(&worker));
    let report = runtime
        .block_on(arancini_publish::nats::stream::show(&settings))
        .unwrap();
    assert_eq!(
        (report.messages, report.storage, report.duplicate_window_seconds),
        (1 + 50, "file", 120),
        "the fence among them"
    );
}

#[test]
fn stream_deleted_in_mid_publish_is_made_again() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    run(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client)
            .delete_stream("ARANCINI")
            .await
            .unwrap();
    });
    for _ in 0..20 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(21);
    let kept: Vec<_> = read_all(&settings)
        .iter()
        .flat_map(|message| sequences(&message.payload))
        .collect();
    assert_eq!(kept, (4..=63).collect::<Vec<_>>());
    assert!(rig.status.errors(Reason::StreamMissing) > 0);
}

#[test]
fn full_stream_is_told_and_goes_on_when_there_is_room() {
    let Some(server) = NatsServer::start() else { return };
    let settings = settings(&server);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let context = runtime.block_on(async {
        let client = async_nats::connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client)
    });
    let config = |max_messages| async_nats::jetstream::stream::Config {
        name: "ARANCINI".to_owned(),
        subjects: vec!["arancini.>".to_owned()],
        discard: async_nats::jetstream::stream::DiscardPolicy::New,
        max_messages,
        ..Default::default()
    };
    runtime.block_on(context.create_stream(config(10))).unwrap();
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    for _ in 0..40 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until("told", |status| status.errors(Reason::StreamFull) > 1);
    let trouble = rig.status.trouble().unwrap();
    assert_eq!(trouble.reason, Reason::StreamFull, "{trouble}");
    runtime.block_on(context.update_stream(config(-1))).unwrap();
    rig.until_acknowledged(40);
    assert_whole(&settings, &[worker]);
}

#[test]
fn batches_beyond_max_payload_are_split_between_messages() {
    let Some(server) = NatsServer::start_with("max_payload: 4096\n") else {
        return;
    };
    let settings = settings(&server);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 2);
    worker.per_batch = 40;
    worker.words = 50;
    for _ in 0..20 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(20);
    for _ in 0..20 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(40);
    assert_eq!(
        rig.status.errors(Reason::TooLarge),
        0,
        "split before the first publish, connected or not"
    );
    assert_eq!(rig.status.messages_acknowledged.load(Relaxed), 1600);
    assert_whole(&settings, &[worker]);
    assert!(read_all(&settings).len() > 40);
    let numbers: Vec<_> = (0..40).map(|_| rig.acked.recv().unwrap().number).collect();
    assert_eq!(
        numbers,
        (1..=40).collect::<Vec<_>>(),
        "one acknowledgement for all parts of a batch"
    );
}

#[test]
fn window_and_bridge_bound_what_waits_and_drain_reports_it() {
    let Some(server) = NatsServer::prepare("") else {
        return;
    };
    let mut settings = settings(&server);
    settings.window.max_bytes = 10_000;
    let rig = Rig::nats(settings);
    let mut worker = Worker::new(1, 2);
    let batch_bytes = worker.batch().payload.len() as u64;
    let mut sent = 0;
    // Nothing more is taken when the window, the bridge and the one batch between them are full.
    while let Ok(()) = rig.bridge.send_timeout(worker.batch(), Duration::from_secs(2)) {
        sent += 1;
        assert!(sent < 1000, "nothing bounds the window");
    }
    let waiting = rig.status.window_bytes.load(Relaxed);
    assert!((10_000..10_000 + batch_bytes).contains(&waiting), "{waiting}");
    assert_eq!(rig.status.batches_acknowledged.load(Relaxed), 0);
    drop(rig.bridge);
    let report = rig.sidecar.drain(Duration::from_millis(200));
    assert_eq!(report.acknowledged_batches, 0);
    assert_eq!(report.unacknowledged_batches, sent);
    assert_eq!(report.unacknowledged_messages, sent * 3);
}
