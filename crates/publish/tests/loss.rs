//! A stream that loses messages which it had acknowledged, with a real nats-server whose store is restored from an older copy.
#![allow(clippy::unwrap_used)]

mod support;

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::{Backup, Cable, NatsServer};
use arancini_publish::NatsSettings;
use async_nats::jetstream;
use support::{Loss, Rig, Worker, run};

fn settings(cable: &Cable) -> NatsSettings {
    let mut settings = NatsSettings::new(vec![cable.url()]);
    settings.max_backoff = Duration::from_millis(400);
    settings
}

fn router(worker: &Worker) -> IpAddr {
    IpAddr::from([192, 0, 2, worker.id as u8])
}

fn publish(rig: &Rig, worker: &mut Worker) {
    let before = rig.status.batches_acknowledged.load(Relaxed);
    rig.bridge.send(worker.batch()).unwrap();
    rig.until_acknowledged(before + 1);
}

/// Publishes a message of another program that writes to the stream.
fn publish_as_stranger(server: &NatsServer, messages: usize) {
    run(async {
        let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
        for _ in 0..messages {
            context
                .publish("arancini.strange", "x".into())
                .await
                .unwrap()
                .await
                .unwrap();
        }
    });
}

#[test]
fn the_routers_whose_acknowledged_messages_are_gone_are_named_and_no_others() {
    // What others write may fill the places of the lost messages before the collector is back.
    for strangers in [0, 10] {
        let Some(mut server) = NatsServer::start() else {
            return;
        };
        let cable = Cable::to(server.port()).unwrap();
        let rig = Rig::nats(settings(&cable));
        let [mut one, mut two, mut three] = [1, 2, 3].map(|id| Worker::new(id, 2));
        for worker in [&mut one, &mut two, &mut three] {
            publish(&rig, worker);
        }
        let backup = Backup::of(&mut server);
        publish(&rig, &mut two);
        publish(&rig, &mut three);
        publish(&rig, &mut two);
        assert_eq!(
            rig.status.stream_losses.load(Relaxed),
            0,
            "a restart alone loses nothing"
        );
        cable.unplug();
        backup.put_back(&mut server);
        publish_as_stranger(&server, strangers);
        cable.plug();
        publish(&rig, &mut one);
        assert_eq!(rig.losses(), [Loss::Routers(vec![router(&three), router(&two)])]);
        assert_eq!(rig.status.stream_losses.load(Relaxed), 1);

        // What was acknowledged since is there after another restart.
        server.restart();
        publish(&rig, &mut one);
        publish(&rig, &mut two);
        assert_eq!(rig.losses(), []);
        // A second loss reaches back further than the first one: nothing is known of those messages any more.
        backup.put_back(&mut server);
        publish(&rig, &mut one);
        assert_eq!(rig.losses(), [Loss::Everything]);
    }
}
