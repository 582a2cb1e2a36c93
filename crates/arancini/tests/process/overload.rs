//! A broker that is away, with `publish.on_full = "spool"` and `"drop"`: the routers are not slowed, and in the end the stream
//! is what they hold.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;

use arancini_bed::NatsServer;
use arancini_collector::config::{Config, OnFull, SinkKind};
use arancini_generate::Scenario;

use crate::support::{Ingest, Rig, Stored, eventually, on_each_ingest, table_of};

/// Of one router's dump, between two looks at what is durable: less than the bridge has room for.
const CHUNK_BYTES: usize = 64 * 1024;

fn configure(config: &mut Config, ingest: Ingest, server: &NatsServer, on_full: OnFull) {
    ingest.set(config);
    config.listen.workers = 1;
    config.publish.sink = Some(SinkKind::Nats);
    config.publish.on_full = on_full;
    config.publish.window_bytes = 512 * 1024;
    config.publish.max_batch_bytes = 16 * 1024;
    config.publish.bridge_batches = 64;
    config.nats.urls = vec![server.url()];
    config.nats.connect_timeout_ms = 500;
    // With them it would not listen before the broker is there.
    config.snapshots.enabled = false;
}

/// Much more than window and bridge hold.
fn scenario() -> Scenario {
    Scenario {
        peers: 2,
        prefixes_per_peer: 10_000,
        churn_rounds: 2,
        ..Scenario::default()
    }
}

fn dropped(rig: &Rig) -> u64 {
    rig.metric("dropped_updates_total{worker=\"0\"}")
}

/// Everything that was decided and not thrown away is durable.
fn until_durable(rig: &Rig) {
    eventually("everything kept is durable", || {
        let durable = rig.telemetry.sink().messages_acknowledged.load(Relaxed) + dropped(rig);
        rig.telemetry.emitted() + rig.metric("events_total") == durable
    });
}

#[test]
fn with_drop_the_router_is_not_slowed_and_its_next_dump_repairs_the_stream() {
    on_each_ingest(|ingest| {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let rig = Rig::start(|config| configure(config, ingest, &server, OnFull::Drop));
        let bytes = scenario().to_bytes();
        let mut router = rig.connect(1);
        router.send(&bytes);
        rig.received(bytes.len());
        assert!(dropped(&rig) > 0, "nothing left it, and not all can wait");
        server.restart();
        until_durable(&rig);
        let before = dropped(&rig);
        drop(router);
        eventually("the session is lost", || rig.metric("sessions") == 0);
        let mut router = rig.connect(1);
        for (chunk, sent) in bytes.chunks(CHUNK_BYTES).zip(1..) {
            router.send(chunk);
            rig.received(bytes.len() + bytes.len().min(sent * CHUNK_BYTES));
            until_durable(&rig);
        }
        assert_eq!(dropped(&rig), before);
        rig.stop_publishing();
        let stored = Stored::from_stream(&server.url());
        let mut table = BTreeMap::new();
        for update in &stored.updates {
            let route = (update.route.peer, update.route.prefix);
            if update.announced {
                table.insert(route, update.as_path.clone());
            } else {
                table.remove(&route);
            }
        }
        assert_eq!(table, table_of(&scenario()));
    });
}

#[test]
fn with_spool_the_router_is_not_slowed_and_a_restart_publishes_the_rest() {
    on_each_ingest(|ingest| {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let spool = tempfile::tempdir().unwrap();
        let start = |server: &NatsServer| {
            Rig::start(|config| {
                configure(config, ingest, server, OnFull::Spool);
                config.collector_name = Some("one".to_owned());
                config.publish.spool_dir = Some(spool.path().to_owned());
                config.publish.drain_deadline_ms = 1000;
            })
        };
        let rig = start(&server);
        let bytes = scenario().to_bytes();
        let mut router = rig.connect(1);
        router.send(&bytes);
        rig.received(bytes.len());
        eventually("it is on disk", || rig.metric("spool_bytes") > 1 << 20);
        rig.stop_within(std::time::Duration::from_secs(1));
        server.restart();
        let rig = start(&server);
        eventually("the spool is empty", || {
            rig.metric("sink_connects_total") > 0
                && rig.metric("spool_batches") == 0
                && std::fs::read_dir(spool.path()).unwrap().count() == 1
        });
        rig.stop_publishing();
        let stored = Stored::from_stream(&server.url());
        assert_eq!(stored.updates.len() as u64, scenario().expected().emitted());
        assert_eq!(stored.table(1), table_of(&scenario()));
    });
}
