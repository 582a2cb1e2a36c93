//! Measures the speed of the core alone: it frames, parses, curates, encodes and batches a stream that is in memory.
//!
//! `cargo run --release -p arancini-core --example core_rate [prefixes-per-peer] [rounds] [U]` measures generated tables with
//! churn: first as a dump into an empty table, then once more.
//! `cargo run --release -p arancini-core --example core_rate LOAD [elements] [rounds]` measures a named load, as `arancini bench
//! --load` has it. What a load sends before is not measured.
//!
//! Prints nanoseconds of CPU time for each element (median of the rounds, minimum and maximum) and bytes for each route held.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::{Counters, Now, SessionId, Settings, Shard};
use arancini_generate::{LoadName, NamedLoad, Piece, Scenario};

/// Bytes that a worker receives at once.
const SLOT_BYTES: usize = 256 * 1024;

fn main() {
    let argument = |place: usize, default: usize| {
        std::env::args()
            .nth(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let first = std::env::args().nth(1).unwrap_or_default();
    match LoadName::ALL.into_iter().find(|load| load.name() == first) {
        Some(load) => measure_load(load, argument(2, 1_000_000) as u64, argument(3, 5).max(1)),
        None if first.parse::<u32>().is_err() && !first.is_empty() => {
            let loads = LoadName::ALL.map(LoadName::name).join(", ");
            eprintln!("core_rate: there is no load {first:?}; give a number of prefixes, or one of {loads}");
            std::process::exit(2);
        }
        None => measure_scenario(
            argument(1, 100_000) as u32,
            argument(2, 5).max(1),
            argument(3, 0) as u32,
        ),
    }
}

/// Measures generated tables with `only` prefixes in an UPDATE, or with 1 and 10 if that is 0.
fn measure_scenario(prefixes: u32, rounds: usize, only: u32) {
    for prefixes_per_update in [1, 10] {
        if only != 0 && only != prefixes_per_update {
            continue;
        }
        let mut scenario = Scenario::elements_480k(prefixes_per_update);
        scenario.prefixes_per_peer = prefixes;
        let elements = scenario.expected().elements;
        let stream = scenario.to_bytes();
        let mut dumps: Vec<f64> = Vec::new();
        let mut again: Vec<f64> = Vec::new();
        let mut memory = 0.0;
        for _ in 0..rounds {
            let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
            // First a table that grows from nothing, then the dump again over the warm table.
            let session = connect(&mut shard);
            dumps.push(first_pass(&mut shard, session, &stream, elements));
            let session = connect(&mut shard);
            again.push(pass(&mut shard, session, &stream, elements));
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

/// Measures a named load of about so many elements.
fn measure_load(name: LoadName, elements: u64, rounds: usize) {
    let load = NamedLoad {
        name,
        sys_name: "router".to_owned(),
        elements,
        prefixes_per_update: None,
        seed: 1,
    }
    .make();
    let (before, measured) = (bytes_of(&load.before), bytes_of(&load.measured));
    let elements = load.counts.elements();
    let mut times: Vec<f64> = Vec::new();
    let mut memory = 0.0;
    for _ in 0..rounds {
        let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
        let mut session = connect(&mut shard);
        let _unmeasured = pass(&mut shard, session, &before, elements);
        if load.reconnects {
            shard.handle_disconnect(session, "the load reconnects", Now::default());
            session = connect(&mut shard);
        }
        times.push(first_pass(&mut shard, session, &measured, elements));
        memory = bytes_per_route(&shard);
    }
    println!(
        "{} {elements} elements, {:.1} bytes each: {}; {memory:.1} bytes a route",
        name.name(),
        measured.len() as f64 / elements as f64,
        figures(&mut times),
    );
}

fn bytes_of(pieces: &[Piece]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        let Ok(()) = piece.each_chunk(1 << 20, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok::<_, Infallible>(())
        });
    }
    bytes
}

fn connect(shard: &mut Shard) -> SessionId {
    shard.handle_connect(IpAddr::from([192, 0, 2, 1]), 4000, Now::default())
}

/// The pass that counts: over an empty table, or the measured part of a load. It is a function of its own, so that a profiler can be told to look at nothing else
/// (`--toggle-collect='core_rate::first_pass*'`).
#[inline(never)]
fn first_pass(shard: &mut Shard, session: SessionId, stream: &[u8], elements: u64) -> f64 {
    pass(shard, session, stream, elements)
}

/// Has a session send the whole stream; returns nanoseconds for each element. It is a function of its own, so that a
/// profiler shows it.
#[inline(never)]
fn pass(shard: &mut Shard, session: SessionId, stream: &[u8], elements: u64) -> f64 {
    let begin = cpu_time();
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
