//! Measures the speed of the core alone: it frames, parses, curates, encodes and batches a stream that is in memory.
//!
//! `cargo run --release -p arancini-core --example core_rate [prefixes-per-peer] [rounds] [U]`
//!
//! Prints nanoseconds of CPU time for each element (median of the rounds, minimum and maximum) and bytes for each route held.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::{Counters, Now, Settings, Shard};
use arancini_generate::Scenario;

/// Bytes that a worker receives at once.
const SLOT_BYTES: usize = 256 * 1024;

fn main() {
    let argument = |place: usize, default: usize| {
        std::env::args()
            .nth(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (prefixes, rounds) = (argument(1, 100_000), argument(2, 5).max(1));
    let only = argument(3, 0) as u32;
    for prefixes_per_update in [1, 10] {
        if only != 0 && only != prefixes_per_update {
            continue;
        }
        let mut scenario = Scenario::elements_480k(prefixes_per_update);
        scenario.prefixes_per_peer = prefixes as u32;
        let elements = scenario.expected().elements;
        let stream = scenario.to_bytes();
        let mut dumps: Vec<f64> = Vec::new();
        let mut again: Vec<f64> = Vec::new();
        let mut memory = 0.0;
        for _ in 0..rounds {
            let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
            // First a table that grows from nothing, then the dump again over the warm table.
            dumps.push(first_pass(&mut shard, &stream, elements));
            again.push(pass(&mut shard, &stream, elements));
            memory = bytes_per_route(&shard);
        }
        println!(
            "U={prefixes_per_update:<3} {elements} elements, {:.1} bytes each: first dump {}, again {}; {memory:.1} bytes a route",
            stream.len() as f64 / elements as f64,
            figures(&mut dumps),
            figures(&mut again),
        );
    }
}

/// The pass over an empty table. It is a function of its own, so that a profiler can be told to look at nothing else
/// (`--toggle-collect='core_rate::first_pass*'`).
#[inline(never)]
fn first_pass(shard: &mut Shard, stream: &[u8], elements: u64) -> f64 {
    pass(shard, stream, elements)
}

/// Runs one session that sends the whole stream; returns nanoseconds for each element. It is a function of its own, so that a
/// profiler shows it.
#[inline(never)]
fn pass(shard: &mut Shard, stream: &[u8], elements: u64) -> f64 {
    let begin = cpu_time();
    let session = shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 4000, Now::default());
    for slot in stream.chunks(SLOT_BYTES) {
        if shard.handle_all_bytes(session, slot, Now::default()).is_err() {
            return f64::NAN;
        }
        while let Some(batch) = shard.poll_batch() {
            shard.handle_recycled(batch.payload);
        }
    }
    shard.handle_flush(Now::default());
    while let Some(batch) = shard.poll_batch() {
        shard.handle_recycled(batch.payload);
    }
    (cpu_time() - begin).as_nanos() as f64 / elements as f64
}

/// CPU time of this thread, so that other load on the machine does not count. Set `UNTIMED=1` under valgrind, which has no
/// vDSO.
fn cpu_time() -> Duration {
    if std::env::var_os("UNTIMED").is_some() {
        return Duration::ZERO;
    }
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

fn bytes_per_route(shard: &Shard) -> f64 {
    let tables = shard
        .routers()
        .flat_map(|router| &router.peers)
        .flat_map(|peer| &peer.tables);
    let (bytes, routes) = tables.fold((0, 0), |(bytes, routes), table| {
        (bytes + table.allocated_bytes(), routes + table.routes())
    });
    bytes as f64 / routes.max(1) as f64
}

fn figures(values: &mut [f64]) -> String {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    format!(
        "{median:.0} ns ({:.0}–{:.0}), {:.1} M/s",
        values[0],
        values[values.len() - 1],
        1000.0 / median
    )
}
