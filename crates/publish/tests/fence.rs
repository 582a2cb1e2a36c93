//! The fence: late writes of an earlier life, a second collector of the same name, and a fence that is gone.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use arancini_bed::NatsServer;
use arancini_client::Reason;
use arancini_client::headers::{HEADER_EXPECTED_SEQUENCE, HEADER_EXPECTED_SUBJECT, HEADER_MESSAGE_ID};
use arancini_core::Position;
use arancini_publish::{EXIT_FENCED, NatsSettings};
use support::{Rig, Worker, assert_whole, read_all, run, until};

/// Environment variable that gives the server's URL to the child that is fenced off.
const CHILD: &str = "ARANCINI_TEST_FENCED_CHILD";

fn jetstream(server: &NatsServer) -> impl Future<Output = async_nats::jetstream::Context> {
    let url = server.url();
    async move { async_nats::jetstream::new(async_nats::connect(url).await.unwrap()) }
}

#[test]
fn a_late_write_of_a_former_life_is_refused() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let former = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 1);
    former.bridge.send(worker.batch()).unwrap();
    former.until_acknowledged(1);
    assert!(former.status.is_fenced());
    former.finish();
    let late = read_all(&settings).pop().unwrap();
    assert_eq!(
        late.headers.get(HEADER_EXPECTED_SUBJECT).unwrap().as_str(),
        "arancini.fence.arancini"
    );
    assert_eq!(late.headers.get(HEADER_EXPECTED_SEQUENCE).unwrap().as_str(), "1");

    let rig = Rig::nats(settings.clone());
    rig.until("connected", |status| status.position().is_some());
    // The next message of that life, which was still on the way.
    let refused = run(async {
        let stream = jetstream(&server).await;
        let mut headers = late.headers.clone();
        headers.insert(HEADER_MESSAGE_ID, "another");
        let sent = stream.publish_with_headers(late.subject.clone(), headers, late.payload.clone());
        sent.await.unwrap().await.unwrap_err()
    });
    assert!(refused.to_string().contains("wrong last sequence"), "{refused:?}");
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    assert_eq!(rig.status.disconnects.load(Relaxed), 0);
    assert_whole(&settings, std::slice::from_ref(&worker));
}

#[test]
fn a_fence_that_is_gone_is_raised_anew_and_nothing_is_lost() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 3);
    rig.until("connected", |status| status.position().is_some());
    run(async {
        let stream = jetstream(&server).await.get_stream("ARANCINI").await.unwrap();
        stream.purge().await.unwrap();
    });
    for _ in 0..50 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(50);
    assert_eq!(
        rig.status.errors(Reason::Fenced),
        1,
        "the one session that was refused"
    );
    assert_eq!(rig.status.reordered.load(Relaxed), 0);
    assert_whole(&settings, std::slice::from_ref(&worker));
}

#[test]
fn of_two_collectors_with_one_name_the_earlier_one_ends_with_78() {
    let Some(server) = NatsServer::start() else { return };
    let settings = NatsSettings::new(vec![server.url()]);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_child_that_is_fenced_off", "--nocapture"])
        .env(CHILD, server.url())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let has_stream = || {
        run(async {
            let stream = jetstream(&server).await.get_stream("ARANCINI").await;
            stream.is_ok_and(|stream| stream.cached_info().state.messages > 1)
        })
    };
    until("the child publishes", has_stream, String::new);
    let later = Rig::nats(settings);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_FENCED), "{said}");
    // The later collector goes on.
    later.bridge.send(Worker::new(2, 1).batch()).unwrap();
    later.until_acknowledged(1);
    assert!(matches!(later.status.position(), Some(Position::Stream { .. })));
}

/// Runs only in the child process of the other test.
#[test]
fn the_child_that_is_fenced_off() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let rig = Rig::nats(NatsSettings::new(vec![url]));
    let mut worker = Worker::new(1, 1);
    for batches in 1.. {
        rig.bridge.send(worker.batch()).unwrap();
        rig.until_acknowledged(batches);
    }
}
