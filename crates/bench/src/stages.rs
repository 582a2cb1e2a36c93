//! The scenario `stages`: how much CPU time each stage of a worker uses, in nanoseconds per route element.
//!
//! The same bytes pass through more and more of the way of a message. Each part consists of the part before and one more
//! stage; the time of a stage is the difference between the two, taken within one run. The rest is what the loop of a worker
//! does around the stages (readiness, clocks, counters, the runtime): the CPU time of a real worker, minus the core with its
//! bridge, minus a loop that only receives.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use arancini_core::{Batch, Counters, Framer, Next, Now, Settings, Shard};

use crate::cpu::cpu_ns;
use crate::error::BenchError;
use crate::load::Load;
use crate::report::{Case, What};
use crate::slots::slots;
use crate::subject::Subject;
use crate::walk::{Tables, walk};
use crate::{floor, throughput};

/// The number of batches on the bridge, as the collector has it by default.
const BRIDGE_BATCHES: usize = 256;

/// The CPU time of each part of the way in one run, in nanoseconds per element.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Parts {
    receive: f64,
    frame: f64,
    parse: f64,
    table: f64,
    encode: f64,
    bridge: f64,
    worker: f64,
}

/// A stage: its name in JSON, its name in the text, its CPU time, and what limits it.
type Stage = (&'static str, &'static str, fn(&Parts) -> f64, &'static str);

const STAGES: [Stage; 8] = [
    ("receive", "receive", |p| p.receive, "a copy of the bytes"),
    ("frame", "frame", |p| p.frame, "reading the bytes once"),
    ("parse", "parse", |p| p.parse - p.frame, "reading the bytes once"),
    (
        "table",
        "table, fingerprint",
        |p| p.table - p.parse,
        "one prefetched access to random memory",
    ),
    (
        "encode",
        "encode, batch",
        |p| p.encode - p.table,
        "a copy of the published bytes",
    ),
    (
        "bridge",
        "bridge",
        |p| p.bridge - p.encode,
        "a channel of empty batches",
    ),
    (
        "rest",
        "rest: loop, runtime, clocks",
        |p| p.worker - p.bridge - p.receive,
        "none",
    ),
    ("worker", "whole worker", |p| p.worker, "all of the above"),
];

/// Measures all parts once and adds the stages to the case.
///
/// # Errors
/// Fails if a process does not start, or if it does not process the load.
pub fn run_stages(
    load: &Load,
    case: &mut Case,
    start: impl FnOnce() -> Result<Subject, BenchError>,
) -> Result<String, BenchError> {
    let elements = load.wanted.elements.max(1) as f64;
    let mut published = Published::default();
    let mut parts = Parts {
        frame: frame(load),
        parse: walk(load, None),
        table: walk(load, Some(Tables::default())),
        ..Parts::default()
    };
    parts.encode = core(load, |shard, batch| {
        published.bytes += batch.payload.len() as u64;
        published.batches += 1;
        shard.handle_recycled(batch.payload);
    });
    parts.bridge = with_bridge(load);
    let run = throughput::run(load, start)?;
    let limit = run.limit.unwrap_or_default();
    parts.receive = limit.cpu.as_nanos() as f64;
    parts.worker = run
        .collector
        .workers
        .iter()
        .sum::<std::time::Duration>()
        .as_nanos() as f64;
    let parts = parts.per(elements);
    let bytes = load.bytes() as f64 / elements;
    let out = published.bytes as f64 / elements;
    let (copy_ns, read_ns) = (floor::copy_ns_per_byte(), floor::read_ns_per_byte());
    let limits = [
        bytes * copy_ns,
        bytes * read_ns,
        bytes * read_ns,
        floor::random_access_ns(load.wanted.routes as usize * TABLE_ENTRY_BYTES),
        out * copy_ns,
        floor::channel_ns() * published.batches as f64 / elements,
        0.0,
    ];
    let sum: f64 = limits.iter().sum();
    for ((key, name, read, limit), value) in STAGES.into_iter().zip(limits.into_iter().chain([sum])) {
        let what = What::new(format!("{key}_ns"), format!("{name}, ns"), 1);
        case.add(what.clone(), read(&parts));
        case.beside(what, limit, (value > 0.0).then_some(value));
    }
    case.add(What::new("bytes_in", "bytes received", 1), bytes);
    case.add(What::new("bytes_out", "bytes published", 1), out);
    Ok(run.line())
}

/// The size of an IPv4 entry in a table, including its share of free entries.
const TABLE_ENTRY_BYTES: usize = 22;

#[derive(Default)]
struct Published {
    bytes: u64,
    batches: u64,
}

impl Parts {
    fn per(mut self, elements: f64) -> Self {
        for value in [
            &mut self.receive,
            &mut self.frame,
            &mut self.parse,
            &mut self.table,
            &mut self.encode,
            &mut self.bridge,
            &mut self.worker,
        ] {
            *value /= elements;
        }
        self
    }
}

/// Frames the load and reads the first byte of each message. Returns the CPU time in nanoseconds.
fn frame(load: &Load) -> f64 {
    let mut framer = Framer::new(usize::MAX);
    let mut messages = 0_u64;
    let took = cpu_ns(|| {
        for slot in slots(load) {
            // A generated stream can always be framed.
            let _ = framer.feed(slot.bytes, |frame, _| {
                messages += u64::from(frame.first() == Some(&3));
                Next::Message
            });
        }
    });
    black_box(messages);
    took
}

/// Passes the load through the whole core, and each batch to `published`. Returns the CPU time in nanoseconds.
fn core(load: &Load, mut published: impl FnMut(&mut Shard, Batch)) -> f64 {
    let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
    let sessions: Vec<_> = (0_u32..)
        .zip(&load.streams)
        .map(|(number, _)| {
            let router = IpAddr::from(number.to_be_bytes());
            shard.handle_connect(router, 4000, Now::default())
        })
        .collect();
    let mut session = sessions.iter();
    let mut current = sessions.first();
    cpu_ns(|| {
        for slot in slots(load) {
            if slot.is_first {
                current = session.next();
            }
            let mut rest = slot.bytes;
            while !rest.is_empty()
                && let Some(&session) = current
            {
                let Ok(taken) = shard.handle_bytes(session, rest, Now::default()) else {
                    // This can't happen: a generated stream can always be framed.
                    return;
                };
                rest = rest.split_at(taken).1;
                while let Some(batch) = shard.poll_batch() {
                    published(&mut shard, batch);
                }
            }
        }
        shard.handle_flush(Now::default());
        while let Some(batch) = shard.poll_batch() {
            published(&mut shard, batch);
        }
    })
}

/// Passes the load through the core with its bridge: a thread takes the batches and returns their buffers. Returns the CPU
/// time in nanoseconds.
fn with_bridge(load: &Load) -> f64 {
    let (bridge, taken) = kanal::bounded::<Batch>(BRIDGE_BATCHES);
    let (give_back, used) = kanal::bounded::<Vec<u8>>(BRIDGE_BATCHES);
    let drain = thread::spawn(move || {
        while let Ok(batch) = taken.recv() {
            // If the channel is full, the buffer is dropped, as the sidecar does it.
            let _ = give_back.try_send(batch.payload);
        }
    });
    let took = core(load, |shard, batch| {
        // This fails only if the thread has ended.
        let _ = bridge.send(batch);
        if let Ok(Some(buffer)) = used.try_recv() {
            shard.handle_recycled(buffer);
        }
    });
    drop(bridge);
    // The thread can't panic.
    let _ = drain.join();
    took
}

#[cfg(test)]
mod tests {
    use super::*;
    use arancini_schema::fingerprint::Scratch;

    use crate::load_settings::LoadSettings;
    use crate::walk::message;

    #[test]
    fn stages_are_the_differences_of_their_prefixes() {
        let parts = Parts {
            receive: 10.0,
            frame: 20.0,
            parse: 60.0,
            table: 160.0,
            encode: 240.0,
            bridge: 250.0,
            worker: 300.0,
        };
        let halves = parts.per(2.0);
        let stages: Vec<f64> = STAGES.iter().map(|(_, _, read, _)| read(&halves)).collect();
        assert_eq!(stages, [5.0, 10.0, 20.0, 50.0, 40.0, 5.0, 20.0, 150.0]);
    }

    #[test]
    fn a_walk_finds_every_element_and_the_core_publishes_what_is_wanted() {
        let load = LoadSettings {
            prefixes: 200,
            prefixes_per_update: 3,
            ..LoadSettings::default()
        }
        .make();
        let mut scratch = Scratch::new();
        for mut tables in [None, Some(Tables::default())] {
            let mut routes = 0;
            let mut framer = Framer::new(usize::MAX);
            for slot in slots(&load) {
                let framed = framer.feed(slot.bytes, |frame, _| {
                    routes += message(frame, tables.as_mut(), &mut scratch).unwrap_or(0);
                    Next::Message
                });
                assert_eq!(framed, Ok(slot.bytes.len()));
            }
            assert_eq!(routes, load.wanted.elements);
        }
        let mut updates = 0;
        core(&load, |_, batch| {
            if batch.kind == arancini_core::BatchKind::Updates {
                updates += u64::from(batch.messages);
            }
        });
        assert_eq!(updates, load.wanted.emitted);
    }
}
