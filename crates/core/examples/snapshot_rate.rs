//! Measures snapshots: the longest slice of a walk, their size, and how fast they are loaded.
//!
//! `cargo run --release -p arancini-core --example snapshot_rate [million routes] [routes a slice] [rounds]`
//!
//! One router has ten peers, with IPv4 and IPv6 as in the other measurements. Slices are measured in CPU time of the thread, so that
//! other load on the machine does not count; loading is measured in seconds of the clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arancini_core::position::Position;
use arancini_core::snapshot::{Head, Restore, Walk, read_snapshot};
use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::Scenario;
use arancini_rib::CurationMode;

const PEERS: u32 = 10;

fn main() {
    let argument = |place: usize, default: usize| {
        std::env::args()
            .nth(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (millions, slice, rounds) = (argument(1, 10), argument(2, 2000), argument(3, 3).max(1));
    let scenario = Scenario {
        peers: PEERS as u16 as _,
        prefixes_per_peer: (millions * 1_000_000) as u32 / PEERS,
        prefixes_per_update: 100,
        churn_rounds: 0,
        ..Scenario::default()
    };
    let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
    let session = shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 4000, Now::default());
    for chunk in scenario.stream() {
        if shard.handle_all_bytes(session, &chunk, Now::default()).is_err() {
            return println!("the generated stream cannot be read");
        }
        while let Some(batch) = shard.poll_batch() {
            shard.handle_recycled(batch.payload);
        }
    }
    let routes: usize = shard.routers().map(|router| router.routes()).sum();
    for round in 1..=rounds {
        let head = Head {
            collector: "measured".to_owned(),
            worker: 0,
            begun_unix_ns: 0,
            position: Position::Segments(Vec::new()),
        };
        let mut bytes = Vec::with_capacity(routes * 40);
        let mut slices: Vec<f64> = Vec::new();
        let mut walk = Walk::begin(&head, &mut bytes);
        let mut more = true;
        while more {
            let begin = cpu_time();
            more = shard.poll_snapshot(&mut walk, slice, &mut bytes);
            slices.push((cpu_time() - begin).as_secs_f64() * 1e6);
        }
        let last = shard.handle_seal();
        let _ = walk.finish(last, &mut bytes);
        slices.sort_by(f64::total_cmp);
        let at = |part: f64| slices[((slices.len() - 1) as f64 * part) as usize];
        let over = slices.iter().filter(|slice| **slice > 1000.0).count();
        let begin = Instant::now();
        let mut restore = Restore::new(CurationMode::Attributes);
        let read = read_snapshot(&bytes[..], |kind, payload| restore.load(kind, payload));
        let took = begin.elapsed();
        println!(
            "round {round}: {routes} routes, {:.1} bytes each; walk {:.2} CPU s in {} slices, median {:.0} µs, p99.9 {:.0} µs, longest {:.0} µs, {over} over 1 ms; loaded {} in {:.2} s",
            bytes.len() as f64 / routes as f64,
            slices.iter().sum::<f64>() / 1e6,
            slices.len(),
            at(0.5),
            at(0.999),
            at(1.0),
            if read.is_ok() { restore.routes() } else { 0 },
            took.as_secs_f64(),
        );
    }
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
