//! Measures the stores of snapshots: writes a generation of many routes to each store, reads it back and compares it.
//!
//! `cargo run --release -p arancini-collector --example store_rate [million routes] [rounds]`
//!
//! The load is one router with ten peers on one worker, with IPv4 and IPv6 as in the other measurements. The store in NATS is
//! a nats-server with file storage on the same host (`$ARANCINI_NATS_SERVER`). The thread that walks the tables also writes
//! the slices to the store. Seconds are wall-clock time; CPU seconds are those of this process.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_collector::snapshots::directory::Directory;
use arancini_collector::snapshots::nats::{Access, NatsStore};
use arancini_collector::snapshots::store::{Manifest, Store};
use arancini_core::position::Position;
use arancini_core::snapshot::{Head, Restore, Walk, read_snapshot};
use arancini_core::{Counters, Now, Router, Settings, Shard};
use arancini_generate::Scenario;
use arancini_publish::NatsSettings;
use arancini_rib::CurationMode;

const PEERS: u32 = 10;
/// The number of routes in one slice, as the workers use it.
const SLICE_ROUTES: usize = 2000;
const PART_BYTES: usize = 256 * 1024;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let argument = |place: usize, default: usize| {
        let text = std::env::args().nth(place);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (millions, rounds) = (argument(1, 10), argument(2, 3).max(1));
    let shard = fill(millions)?;
    let routes: usize = shard.routers().map(Router::routes).sum();
    let sum: u64 = shard.routers().map(sum_of).fold(0, u64::wrapping_add);
    let server = NatsServer::start().ok_or("no nats-server")?;
    let place = tempfile::tempdir()?;
    let settings = NatsSettings::new(vec![server.url()]);
    let nats = NatsStore::new(
        settings,
        "measured".to_owned(),
        "measured".to_owned(),
        Access::Write,
    );
    let stores: [(&str, Box<dyn Store>); 2] = [
        ("local", Box::new(Directory::claim(place.path())?)),
        ("nats", Box::new(nats)),
    ];
    for (_, store) in &stores {
        store.prepare()?;
    }
    for round in 1..=rounds {
        for (name, store) in &stores {
            let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
            let (clock, cpu) = (Instant::now(), cpu_time());
            let manifest = write(&**store, &shard)?;
            let wrote = (clock.elapsed(), cpu_time() - cpu);
            let (clock, cpu) = (Instant::now(), cpu_time());
            let restore = read(&**store, &manifest)?;
            let read = (clock.elapsed(), cpu_time() - cpu);
            store.rest();
            let found = restore.routes();
            let same = restore
                .into_routers()
                .iter()
                .map(sum_of)
                .fold(0, u64::wrapping_add)
                == sum;
            let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
            println!(
                "round {round}, {name}: {routes} routes, {:.1} MB; written in {:.2} s ({:.2} CPU s), read in {:.2} s ({:.2} CPU s), {}; load {}",
                bytes as f64 / 1e6,
                wrote.0.as_secs_f64(),
                wrote.1.as_secs_f64(),
                read.0.as_secs_f64(),
                read.1.as_secs_f64(),
                if found == routes && same {
                    "the same"
                } else {
                    "NOT the same"
                },
                load.split(' ').next().unwrap_or_default(),
            );
        }
    }
    Ok(())
}

fn fill(millions: usize) -> Outcome<Shard> {
    let scenario = Scenario {
        peers: PEERS as u16,
        prefixes_per_peer: (millions * 1_000_000) as u32 / PEERS,
        prefixes_per_update: 100,
        churn_rounds: 0,
        ..Scenario::default()
    };
    let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
    let session = shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 4000, Now::default());
    for chunk in scenario.stream() {
        let received = shard.handle_all_bytes(session, &chunk, Now::default());
        received.map_err(|_| "the generated stream can't be read")?;
        while let Some(batch) = shard.poll_batch() {
            shard.handle_recycled(batch.payload);
        }
    }
    Ok(shard)
}

fn write(store: &dyn Store, shard: &Shard) -> Outcome<Manifest> {
    let generation = store.next_generation()?;
    let mut draft = store.create(generation, 0)?;
    let head = Head {
        collector: "measured".to_owned(),
        worker: 0,
        begun_unix_ns: 0,
        position: Position::Segments(Vec::new()),
    };
    let mut bytes = Vec::with_capacity(2 * PART_BYTES);
    let mut walk = Walk::begin(&head, &mut bytes);
    while shard.poll_snapshot(&mut walk, SLICE_ROUTES, &mut bytes) {
        if bytes.len() >= PART_BYTES {
            draft.write(&bytes)?;
            bytes.clear();
        }
    }
    let end = walk.finish(0, &mut bytes);
    draft.write(&bytes)?;
    let manifest = Manifest {
        generation,
        collector: head.collector,
        completed_unix_ns: 0,
        published_to: None,
        relies_on: None,
        in_spool: Vec::new(),
        files: vec![draft.finish(end.routers, end.routes)?],
    };
    store.complete(&manifest)?;
    Ok(manifest)
}

fn read(store: &dyn Store, manifest: &Manifest) -> Outcome<Restore> {
    let mut restore = Restore::new(CurationMode::Attributes);
    for file in &manifest.files {
        let open = store.open(file)?;
        read_snapshot(open, |kind, payload| restore.load(kind, payload))?;
    }
    Ok(restore)
}

/// Returns a sum over all routes that does not depend on their order.
fn sum_of(router: &Router) -> u64 {
    let mut sum = 0_u64;
    for peer in &router.peers {
        for table in &peer.tables {
            table.for_each(None, |key, fingerprint| {
                let mut hasher = DefaultHasher::new();
                (peer.address(), key, fingerprint).hash(&mut hasher);
                sum = sum.wrapping_add(hasher.finish());
            });
        }
    }
    sum
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
