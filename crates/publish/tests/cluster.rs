//! A stream with three replicas, one of which lags behind.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::{Cable, NatsServer, programs};
use arancini_publish::NatsSettings;
use async_nats::jetstream::{self, stream::Stream};
use support::{Rig, Worker, assert_whole, run};

const FENCE: &str = "arancini.fence.arancini";
/// Of three servers, the one that is asked is the lagging one now and then.
const ROUNDS: usize = 12;
const BATCHES_A_ROUND: usize = 120;

async fn stream(server: &NatsServer) -> Stream {
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    context.get_stream("ARANCINI").await.unwrap()
}

/// Returns a server that has a replica, does not lead the stream, and is not the one that the collector is connected to.
fn follower(servers: &[NatsServer]) -> &NatsServer {
    let leader = run(async {
        let info = stream(&servers[0]).await.cached_info().clone();
        info.cluster.unwrap().leader.unwrap_or_default()
    });
    let number = (2..=servers.len()).find(|number| NatsServer::name_of(*number) != leader);
    &servers[number.unwrap() - 1]
}

/// Waits until the stream has a fence behind this place, and returns its place.
async fn fence_behind(stream: &Stream, place: u64) -> u64 {
    loop {
        if let Ok(fence) = stream.get_last_raw_message_by_subject(FENCE).await
            && fence.sequence > place
        {
            return fence.sequence;
        }
    }
}

/// The stream is asked what it has while a replica has just begun to catch up. The duplicate window is so short that it
/// hides nothing.
#[test]
fn a_replica_that_lags_behind_hides_nothing_that_was_acknowledged() {
    let Some(program) = programs::nats_server() else {
        eprintln!("skipped: no nats-server");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let servers = NatsServer::start_cluster(&program, directory.path(), 3).unwrap();
    let cable = Cable::to(servers[0].port()).unwrap();
    let mut settings = NatsSettings::new(vec![cable.url()]);
    settings.stream.replicas = 3;
    settings.stream.duplicate_window = Duration::from_millis(100);
    settings.max_backoff = Duration::from_millis(400);
    let rig = Rig::nats(settings.clone());
    let mut worker = Worker::new(1, 3);
    worker.words = 200;
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(1);
    for _ in 0..ROUNDS {
        let follower = follower(&servers);
        follower.stop();
        for _ in 0..BATCHES_A_ROUND {
            rig.bridge.send(worker.batch()).unwrap();
        }
        // Messages are on the way, and so are acknowledgements.
        let failures = rig.status.errors(arancini_client::Reason::Unreachable);
        cable.unplug();
        rig.until("the duplicate window is over", |status| {
            status.errors(arancini_client::Reason::Unreachable) > failures + 5
        });
        run(async {
            let stream = stream(&servers[0]).await;
            let before = fence_behind(&stream, 0).await;
            cable.plug();
            tokio::time::timeout(support::PATIENCE, fence_behind(&stream, before))
                .await
                .unwrap();
        });
        follower.resume();
        rig.until_acknowledged(worker.number);
    }
    assert!(
        rig.status.resent.load(Relaxed) > 0,
        "no message was on the way when the connection was cut"
    );
    assert_eq!(rig.losses(), [], "nothing was lost either");
    assert_whole(&settings, &[worker]);
}
