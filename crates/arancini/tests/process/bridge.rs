//! A sink that takes nothing, with `publish.on_full = "block"`: the waiting batches are bounded, TCP slows the routers, and
//! nothing is lost.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::Ordering::Relaxed;

use arancini_bed::NatsServer;
use arancini_collector::config::{Config, SinkKind};
use arancini_core::BatchSettings;
use arancini_generate::{Attributes, Open, Prefix, Scenario, Update, initiation, peer_up, route_monitoring};
use socket2::SockRef;

use crate::support::{Ingest, Rig, Stored, eventually, on_each_ingest, table_of};

const WINDOW_BYTES: usize = 512 * 1024;
const BRIDGE_BATCHES: usize = 8;
const BATCH_BYTES: usize = 16 * 1024;
/// Small, so that what TCP itself holds is little beside the stream.
const SOCKET_BUFFER: u32 = 64 * 1024;
/// How often in a row the router's socket must be full before that counts as being stopped.
const FULL_IN_A_ROW: u32 = 200;

fn configure(config: &mut Config, ingest: Ingest, server: &NatsServer) {
    ingest.set(config);
    config.ingest.slot_bytes = 16 * 1024;
    config.listen.workers = 1;
    config.listen.receive_buffer_bytes = SOCKET_BUFFER;
    config.publish.sink = Some(SinkKind::Nats);
    config.publish.window_bytes = WINDOW_BYTES;
    config.publish.bridge_batches = BRIDGE_BATCHES;
    config.publish.max_batch_bytes = BATCH_BYTES;
    config.publish.ack_timeout_ms = 1000;
    config.nats.urls = vec![server.url()];
    config.nats.connect_timeout_ms = 500;
    // With them it would not listen before the broker is there.
    config.snapshots.enabled = false;
}

/// Some 8 MB of BMP, much more than may wait anywhere.
fn scenario() -> Scenario {
    Scenario {
        peers: 2,
        prefixes_per_peer: 20_000,
        churn_rounds: 2,
        ..Scenario::default()
    }
}

/// Payload bytes that are decided and not durable.
fn waiting(rig: &Rig) -> u64 {
    // In this order: what becomes durable in between makes the difference larger, never smaller than it is.
    let durable = rig.telemetry.sink().bytes_acknowledged.load(Relaxed);
    rig.telemetry.core(|core| core.batch_bytes.get()) - durable
}

/// The most that may wait: the window, the bridge, the batch in the sidecar's hand, what one full slot came to, and open
/// batches of both peers and families.
fn bound() -> u64 {
    let slot_comes_to = 20 * 16 * 1024;
    (WINDOW_BYTES + (BRIDGE_BATCHES + 2 + 4) * BATCH_BYTES + slot_comes_to) as u64
}

/// Sends until the collector stops taking it, lets it go on, and compares what is stored in the end.
fn block_and_go_on(ingest: Ingest, server: &mut NatsServer, go_on: impl FnOnce(&mut NatsServer)) {
    let rig = Rig::start(|config| configure(config, ingest, server));
    let bytes = scenario().to_bytes();
    let mut router = rig.connect(1);
    SockRef::from(&router.stream)
        .set_send_buffer_size(SOCKET_BUFFER as usize)
        .unwrap();
    router.stream.set_nonblocking(true).unwrap();
    let (mut sent, mut full) = (0, 0);
    eventually("the router is stopped", || {
        match router.stream.write(&bytes[sent..]) {
            Ok(written) => {
                sent += written;
                full = 0;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => full += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(
            sent < bytes.len(),
            "the collector took everything, though nothing left it"
        );
        assert!(waiting(&rig) <= bound(), "{} bytes wait", waiting(&rig));
        full >= FULL_IN_A_ROW
    });
    eventually("the full bridge is counted", || {
        rig.metric("bridge_full_total") > 0
    });
    let window = rig.metric("sink_window_bytes");
    // Whether there is room is asked before a batch is taken.
    assert!(
        window <= (WINDOW_BYTES + BATCH_BYTES) as u64,
        "{window} bytes in the window"
    );
    assert!(rig.telemetry.core(|core| core.received_bytes.get()) <= sent as u64);

    go_on(server);
    router.stream.set_nonblocking(false).unwrap();
    router.send(&bytes[sent..]);
    rig.received(bytes.len());
    let expected = scenario().expected();
    assert_eq!(rig.telemetry.emitted(), expected.emitted());
    rig.stop_publishing();
    let stored = Stored::from_stream(&server.url());
    assert_eq!(stored.updates.len() as u64, expected.emitted());
    assert_eq!(stored.table(1), table_of(&scenario()));
}

#[test]
fn a_broker_that_hangs_stops_the_routers_and_loses_nothing() {
    on_each_ingest(|ingest| {
        let Some(mut server) = NatsServer::start() else {
            return;
        };
        // The stream is there and the first batches went through, then nothing more does.
        {
            let rig = Rig::start(|config| configure(config, ingest, &server));
            eventually("the stream is there", || rig.telemetry.sink().is_ready());
            rig.stop_publishing();
        }
        server.stop();
        block_and_go_on(ingest, &mut server, |server| server.resume());
    });
}

#[test]
fn a_broker_that_is_absent_stops_the_routers_and_loses_nothing() {
    on_each_ingest(|ingest| {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        block_and_go_on(ingest, &mut server, NatsServer::restart);
    });
}

/// UPDATEs of 100 routes that share 8 kB of communities: a slot of them becomes some 20 MB of updates.
fn amplified() -> (Vec<u8>, usize) {
    const MESSAGES: u8 = 24;
    const ROUTES: u8 = 100;
    let peer = Scenario::default().peer(0);
    let open = Open::new(64_500, Ipv4Addr::new(192, 0, 2, 9));
    let mut bytes = [initiation("r1", ""), peer_up(&peer, peer.address, &open, &open)].concat();
    let mut attributes = Attributes::new(&[64_500], Ipv4Addr::new(192, 0, 2, 9), Ipv6Addr::LOCALHOST);
    attributes.communities = (0..2000).map(|value| (64_500, value)).collect();
    for message in 0..MESSAGES {
        let prefix = |route| Prefix::new(Ipv4Addr::new(10, message, route, 0).into(), 24);
        let update = Update::announce((0..ROUTES).map(prefix), attributes.clone());
        bytes.extend(route_monitoring(&peer, &update.to_bytes()));
    }
    (bytes, usize::from(MESSAGES) * usize::from(ROUTES))
}

/// What one slot becomes is no more than the closed batches' bound and one message's updates, however much it could be; and
/// all of it is published, in order, once there is room.
#[test]
fn a_slot_that_becomes_more_than_there_is_room_for_waits_as_it_came() {
    on_each_ingest(|ingest| {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let rig = Rig::start(|config| {
            configure(config, ingest, &server);
            config.ingest.slot_bytes = 256 * 1024;
            config.listen.receive_buffer_bytes = 4 << 20;
        });
        let (bytes, routes) = amplified();
        let mut router = rig.connect(1);
        let sender = std::thread::spawn(move || {
            router.send(&bytes);
            (router, bytes.len())
        });
        eventually("the full bridge is counted", || {
            rig.metric("bridge_full_total") > 0
        });
        let of_slot = BatchSettings::default().max_closed_bytes + 100 * 12 * 1024;
        assert!(
            waiting(&rig) <= bound() + of_slot as u64,
            "{} bytes wait",
            waiting(&rig)
        );
        server.restart();
        let (_router, sent) = sender.join().unwrap();
        rig.received(sent);
        assert_eq!(rig.telemetry.emitted(), routes as u64);
        rig.stop_publishing();
        let stored = Stored::from_stream(&server.url());
        assert_eq!(stored.updates.len(), routes);
        assert_eq!(stored.table(1).len(), routes);
    });
}
