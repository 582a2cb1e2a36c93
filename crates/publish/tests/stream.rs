//! Settings of the stream, and following it, with a real nats-server.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use arancini_bed::{Cable, NatsServer};
use arancini_client::Reason;
use arancini_client::tail::{AtEnd, Begin, StreamTail, StreamTailError, StreamTailOptions};
use arancini_publish::NatsSettings;
use arancini_publish::nats::stream::{Severity, check, create, show};
use async_nats::jetstream::stream::{Config, PersistenceMode, RetentionPolicy, StorageType};
use support::{PATIENCE, Rig, Worker, run, sequences};

#[test]
fn made_shown_checked() {
    let Some(server) = NatsServer::start() else { return };
    let mut settings = NatsSettings::new(vec![server.url()]);
    let trouble = run(check(&settings)).unwrap_err();
    assert_eq!(trouble.reason, Reason::StreamMissing);
    settings.stream.max_bytes = Some(1 << 30);
    settings.stream.max_age = Some(Duration::from_secs(3600));
    let made = run(create(&settings)).unwrap();
    assert_eq!(
        made,
        run(create(&settings)).unwrap(),
        "making it twice changes nothing"
    );
    assert_eq!(made.subjects, ["arancini.>"]);
    assert_eq!(
        (made.storage, made.retention, made.discard),
        ("file", "limits", "old")
    );
    assert_eq!(
        (
            made.max_bytes,
            made.max_age_seconds,
            made.duplicate_window_seconds
        ),
        (1 << 30, 3600, 120)
    );
    assert_eq!(run(check(&settings)).unwrap(), []);
    assert_eq!(run(show(&settings)).unwrap().messages, 0);
    settings.stream.max_bytes = None;
    settings.stream.max_age = None;
    let names: Vec<_> = run(check(&settings))
        .unwrap()
        .into_iter()
        .map(|deviation| deviation.setting)
        .collect();
    assert_eq!(names, ["max_bytes", "max_age"]);
}

#[test]
fn a_stream_that_does_not_fit_is_named_with_its_remedy() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    run(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let config = Config {
            name: "ARANCINI".to_owned(),
            subjects: vec!["other.>".to_owned()],
            storage: StorageType::Memory,
            ..Config::default()
        };
        context.create_stream(config).await.unwrap();
    });
    let deviations = run(check(&settings)).unwrap();
    assert!(
        deviations
            .iter()
            .any(|deviation| deviation.setting == "subjects" && deviation.severity == Severity::Refused)
    );
    assert!(
        deviations
            .iter()
            .any(|deviation| deviation.setting == "storage" && deviation.severity == Severity::Warned)
    );
    let rig = Rig::nats(settings.clone());
    rig.until("told", |status| status.errors(Reason::StreamMismatch) > 0);
    let trouble = rig.status.trouble().unwrap();
    assert!(
        trouble.cause.contains("subjects = other.>") && trouble.remedy.contains("nats stream edit"),
        "{trouble}"
    );

    let mut second = settings;
    second.stream.name = "SECOND".to_owned();
    second.stream.base = "other.here".to_owned();
    let trouble = run(create(&second)).unwrap_err();
    assert_eq!(trouble.reason, Reason::StreamMismatch, "{trouble}");
}

/// Starts a server that has the stream with these settings.
fn server_with(config: Config) -> Option<NatsServer> {
    let server = NatsServer::start()?;
    run(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let config = Config {
            name: "ARANCINI".to_owned(),
            subjects: vec!["arancini.>".to_owned()],
            ..config
        };
        context.create_stream(config).await.unwrap();
    });
    Some(server)
}

#[test]
fn a_stream_that_would_lose_what_it_acknowledges_is_refused_with_the_reason() {
    for (config, setting, reason) in [
        (
            Config {
                retention: RetentionPolicy::WorkQueue,
                ..Config::default()
            },
            "retention = workqueue",
            "once one consumer has it",
        ),
        (
            Config {
                retention: RetentionPolicy::Interest,
                ..Config::default()
            },
            "retention = interest",
            "at once without consumers",
        ),
        (
            Config {
                max_messages_per_subject: 5,
                ..Config::default()
            },
            "max_msgs_per_subject = 5",
            "from the middle of the stream",
        ),
        (
            Config {
                persist_mode: Some(PersistenceMode::Async),
                ..Config::default()
            },
            "persist_mode = async",
            "before it has written them",
        ),
    ] {
        let Some(server) = server_with(config) else { return };
        let settings = NatsSettings::new(vec![server.url()]);
        let rig = Rig::nats(settings.clone());
        rig.bridge.send(Worker::new(1, 1).batch()).unwrap();
        rig.until("refused", |status| status.errors(Reason::StreamMismatch) > 0);
        let trouble = rig.status.trouble().unwrap();
        assert!(
            trouble.cause.contains(setting) && trouble.cause.contains(reason),
            "{trouble}"
        );
        assert_eq!(run(show(&settings)).unwrap().messages, 0, "nothing is published");
        let listed = run(check(&settings)).unwrap();
        assert!(
            listed
                .iter()
                .any(|deviation| deviation.severity == Severity::Refused
                    && deviation.reason.contains(reason)),
            "{listed:?}"
        );
    }
}

#[test]
fn a_stream_that_weakens_a_promise_is_warned_of_and_used() {
    let memory = Config {
        storage: StorageType::Memory,
        duplicate_window: Duration::from_secs(1),
        ..Config::default()
    };
    let Some(server) = server_with(memory) else { return };
    let rig = Rig::nats(NatsSettings::new(vec![server.url()]));
    rig.bridge.send(Worker::new(1, 1).batch()).unwrap();
    rig.until_acknowledged(1);
    let warnings: Vec<String> = rig
        .status
        .warnings()
        .into_iter()
        .map(|warning| warning.cause)
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("storage = memory, but should have file: a restart of the server loses"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("duplicate_window = 1 s"), "{warnings:?}");
}

#[test]
fn without_jetstream_it_says_so() {
    let Some(server) = NatsServer::prepare("") else {
        return;
    };
    let path = server.directory().join("nats.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    let without: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("jetstream"))
        .collect();
    std::fs::write(path, without.join("\n")).unwrap();
    let mut server = server;
    server.restart();
    let trouble = run(create(&NatsSettings::new(vec![server.url()]))).unwrap_err();
    assert!(trouble.remedy.contains("-js"), "{trouble}");
}

/// The ordered consumer of async-nats replaced its consumer by itself, behind the last sequence of the former stream. The tail then
/// waited without a word until the new stream had as many messages.
#[test]
fn a_stream_that_is_deleted_and_created_again_is_told_and_read_from_its_beginning() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    run(async {
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let source = settings.source();
        let publish = async |messages: u64| {
            for number in 0..messages {
                let payload = format!("{number}").into();
                let sent = context.publish("arancini.updates.test", payload);
                sent.await.unwrap().await.unwrap();
            }
        };
        let config = || async_nats::jetstream::stream::Config {
            name: source.stream.clone(),
            subjects: vec!["arancini.>".to_owned()],
            ..Default::default()
        };
        context.create_stream(config()).await.unwrap();
        publish(5).await;
        let mut tail = StreamTail::open(
            source.clone(),
            StreamTailOptions {
                at_end: AtEnd::Follow,
                ..StreamTailOptions::default()
            },
        )
        .await
        .unwrap();
        let read = async |tail: &mut StreamTail| {
            let next = tokio::time::timeout(PATIENCE, tail.next()).await;
            next.expect("the tail says something")
                .map(|message| message.unwrap().stream_sequence)
        };
        for sequence in 1..=5 {
            assert_eq!(read(&mut tail).await.unwrap(), sequence);
        }
        context.delete_stream(&source.stream).await.unwrap();
        context.create_stream(config()).await.unwrap();
        publish(2).await;
        let problem = read(&mut tail).await.unwrap_err();
        assert!(
            matches!(&problem, StreamTailError::Recreated { stream } if *stream == source.stream),
            "{problem}"
        );
        assert!(problem.to_string().contains("arancini resync"), "{problem}");
        assert_eq!(tail.missing_until(), 0);
        for sequence in 1..=2 {
            assert_eq!(read(&mut tail).await.unwrap(), sequence, "of the new stream");
        }
    });
}

#[test]
fn the_tail_filters_begins_anywhere_and_survives_a_cut() {
    let Some(server) = NatsServer::start() else { return };
    let cable = Cable::to(server.port()).unwrap();
    let settings = NatsSettings::new(vec![server.url()]);
    let rig = Rig::nats(settings.clone());
    let mut workers = [Worker::new(1, 1), Worker::new(2, 1)];
    let mut publish = |batches: u64| {
        for _ in 0..batches {
            workers
                .iter_mut()
                .for_each(|worker| rig.bridge.send(worker.batch()).unwrap());
        }
    };
    publish(20);
    rig.until_acknowledged(40);
    let mut through_cable = settings.clone();
    through_cable.server.urls = vec![cable.url()];
    let open = |options: StreamTailOptions| StreamTail::open(through_cable.source(), options);
    run(async {
        let filter = "arancini.updates.v4_192_0_2_2.>".to_owned();
        let options = StreamTailOptions {
            filters: vec![filter],
            at_end: AtEnd::Follow,
            ..StreamTailOptions::default()
        };
        let mut one_router = open(options).await.unwrap();
        let sequence = StreamTailOptions {
            begin: Begin::Sequence(31),
            ..StreamTailOptions::default()
        };
        let mut late = open(sequence).await.unwrap();
        let mut new = open(StreamTailOptions {
            begin: Begin::New,
            ..StreamTailOptions::default()
        })
        .await
        .unwrap();
        assert!(
            new.next().await.unwrap().is_none(),
            "nothing new, and it is not followed"
        );
        let mut from = Vec::new();
        while let Some(message) = late.next().await.unwrap() {
            from.push(message.stream_sequence);
        }
        assert_eq!(from, (31..=41).collect::<Vec<_>>(), "the first one is the fence");
        let mut read = Vec::new();
        for batch in 1..=40 {
            if batch == 10 {
                cable.cut();
            }
            if batch == 15 {
                publish(20);
            }
            let next = tokio::time::timeout(PATIENCE, one_router.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert!(next.subject.contains("v4_192_0_2_2"));
            read.extend(sequences(&next.payload));
        }
        assert_eq!(read, (1..=120).collect::<Vec<_>>());
    });
}
