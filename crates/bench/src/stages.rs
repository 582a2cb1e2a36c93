//! Where our own time goes: the same bytes through growing prefixes of the way of a message, in nanoseconds an element.
//!
//! Each prefix is the one before and one stage more; a stage is the difference of the two, taken within one run. What
//! the worker's loop does around (readiness, clocks, counters, the runtime) is the rest: the CPU time of a real worker
//! less the core with its bridge and less a loop that only receives. Parsing and the table are called here as the core
//! calls them, since the core itself can't be stopped half-way.

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use arancini_core::{Batch, Counters, Framer, Now, Settings, Shard};
use arancini_rib::{CuratedTable, CurationMode, KeyShape, RouteKey};
use arancini_schema::encode::Carrier;
use arancini_schema::fingerprint::{self, Scratch};
use arancini_wire::WireError;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bgp::nlri::{Ipv4Prefixes, Ipv6Prefixes, decide_add_path};
use arancini_wire::bgp::{AsWidth, MessageType, Update};
use arancini_wire::bmp::{Message, PeerIdentity};
use arancini_wire::iana::AfiSafi;

use crate::cpu::cpu_ns;
use crate::error::BenchError;
use crate::load::Load;
use crate::report::{Case, What};
use crate::subject::Subject;
use crate::{floor, throughput};

/// What a worker receives at once, as its default is.
const SLOT_BYTES: usize = 256 * 1024;
/// Batches on the bridge, as the default is.
const BRIDGE_BATCHES: usize = 256;

/// What one run measured, in nanoseconds of CPU time an element.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Prefixes {
    receive: f64,
    frame: f64,
    parse: f64,
    table: f64,
    encode: f64,
    bridge: f64,
    worker: f64,
}

/// A stage: its name, what it costs, what limits it.
type Stage = (&'static str, &'static str, fn(&Prefixes) -> f64, &'static str);

const STAGES: [Stage; 8] = [
    ("receive", "receive", |p| p.receive, "a copy of the bytes"),
    ("frame", "frame", |p| p.frame, "reading the bytes once"),
    ("parse", "parse", |p| p.parse - p.frame, "reading the bytes once"),
    (
        "table",
        "table, fingerprint",
        |p| p.table - p.parse,
        "one access to random memory, known ahead",
    ),
    (
        "encode",
        "encode, batch",
        |p| p.encode - p.table,
        "a copy of what is published",
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

/// One run of all prefixes.
///
/// # Errors
/// A process does not start, or the load can't be read.
pub fn run_stages(
    load: &Load,
    case: &mut Case,
    start: impl FnOnce() -> Result<Subject, BenchError>,
) -> Result<String, BenchError> {
    let elements = load.wanted.elements.max(1) as f64;
    let mut published = Published::default();
    let mut prefixes = Prefixes {
        frame: frame(load),
        parse: walk(load, None),
        table: walk(load, Some(Tables::default())),
        ..Prefixes::default()
    };
    prefixes.encode = core(load, |shard, batch| {
        published.bytes += batch.payload.len() as u64;
        published.batches += 1;
        shard.handle_recycled(batch.payload);
    });
    prefixes.bridge = with_bridge(load);
    let run = throughput::run(load, start)?;
    let limit = run.limit.unwrap_or_default();
    prefixes.receive = limit.cpu.as_nanos() as f64;
    prefixes.worker = run
        .collector
        .workers
        .iter()
        .sum::<std::time::Duration>()
        .as_nanos() as f64;
    let prefixes = prefixes.per(elements);
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
        case.add(what.clone(), read(&prefixes));
        case.beside(what, limit, (value > 0.0).then_some(value));
    }
    case.add(What::new("bytes_in", "bytes received", 1), bytes);
    case.add(What::new("bytes_out", "bytes published", 1), out);
    Ok(run.line())
}

/// An IPv4 entry with its share of free places.
const TABLE_ENTRY_BYTES: usize = 22;

#[derive(Default)]
struct Published {
    bytes: u64,
    batches: u64,
}

impl Prefixes {
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

/// Hands out all streams, cut as a worker receives them, each with whether it is a new stream.
fn slots(load: &Load) -> impl Iterator<Item = (bool, &[u8])> {
    load.streams.iter().flat_map(|stream| {
        let slots = stream.bytes.chunks(SLOT_BYTES).enumerate();
        slots.map(|(number, slot)| (number == 0, slot))
    })
}

/// Frames, and nothing else. Each message's first byte is looked at.
fn frame(load: &Load) -> f64 {
    let mut framer = Framer::new(usize::MAX);
    let mut messages = 0_u64;
    let took = cpu_ns(|| {
        for (_, slot) in slots(load) {
            // A generated stream can be framed.
            let _ = framer.feed(slot, |frame| {
                messages += u64::from(frame.first() == Some(&3));
                true
            });
        }
    });
    black_box(messages);
    took
}

/// The tables of a walk. Most messages are of the same one as the message before, as in the core.
#[derive(Default)]
struct Tables {
    all: Vec<(PeerIdentity, AfiSafi, CuratedTable)>,
    last: usize,
}

impl Tables {
    fn of(&mut self, peer: PeerIdentity, family: AfiSafi) -> &mut CuratedTable {
        let is = |(known, of, _): &(PeerIdentity, AfiSafi, CuratedTable)| (*known, *of) == (peer, family);
        if !self.all.get(self.last).is_some_and(is) {
            let place = self.all.iter().position(is);
            self.last = place.unwrap_or(self.all.len());
        }
        if self.last == self.all.len() {
            let shape = if family == AfiSafi::IPV4_UNICAST {
                KeyShape::Ipv4
            } else {
                KeyShape::Ipv6
            };
            let table = CuratedTable::new(shape, CurationMode::Attributes);
            self.all.push((peer, family, table));
        }
        &mut self.all[self.last].2
    }
}

/// Frames, parses, and with tables curates too.
fn walk(load: &Load, mut tables: Option<Tables>) -> f64 {
    let mut scratch = Scratch::new();
    let mut framer = Framer::new(usize::MAX);
    let mut routes = 0_u64;
    let took = cpu_ns(|| {
        for (begins, slot) in slots(load) {
            if begins && let Some(tables) = &mut tables {
                // Routers have the same peers: each needs tables of its own.
                *tables = Tables::default();
            }
            let _ = framer.feed(slot, |frame| {
                routes += message(frame, tables.as_mut(), &mut scratch).unwrap_or(0);
                true
            });
        }
    });
    black_box(routes);
    took
}

/// One message; the number of its routes.
fn message(frame: &[u8], mut tables: Option<&mut Tables>, scratch: &mut Scratch) -> Result<u64, WireError> {
    let Message::RouteMonitoring(message) = Message::new_checked(frame)? else {
        return Ok(0);
    };
    let header = message.peer();
    let mut routes = 0;
    for pdu in message.pdus() {
        let pdu = pdu?;
        if pdu.kind() != MessageType::Update {
            continue;
        }
        let update = Update::new_checked(pdu.body)?;
        debug_assert_eq!(pdu.body.len() + HEADER_LEN, message.update_pdu().len());
        if update.end_of_rib().is_some() {
            continue;
        }
        let mut attributes = PathAttributes::unread(update.attributes(), AsWidth::Four);
        attributes.read();
        let reach = attributes.mp_reach.map(|mp| (mp.family, mp.nlri));
        let unreach = attributes.mp_unreach.map(|mp| (mp.family, mp.nlri));
        let fields = [
            (
                Some((AfiSafi::IPV4_UNICAST, update.withdrawn())),
                false,
                Carrier::UpdateField,
            ),
            (unreach, false, Carrier::MultiProtocol),
            (
                Some((AfiSafi::IPV4_UNICAST, update.nlri())),
                true,
                Carrier::UpdateField,
            ),
            (reach, true, Carrier::MultiProtocol),
        ];
        for (field, announces, carrier) in fields {
            let Some((family, field)) = field.filter(|(_, field)| !field.is_empty()) else {
                continue;
            };
            routes += decide_add_path(family, field, false, false)?.routes as u64;
            let Some(tables) = tables.as_deref_mut() else {
                each_key(family, field, |key| {
                    black_box(key);
                });
                continue;
            };
            let table = tables.of(header.identity(), family);
            if announces {
                let fingerprint = fingerprint::of_parsed(&attributes, carrier, scratch);
                each_key(family, field, |key| {
                    black_box(table.announce(&key, fingerprint));
                });
            } else {
                each_key(family, field, |key| {
                    black_box(table.withdraw(&key));
                });
            }
        }
    }
    Ok(routes)
}

/// The routes of a field, of the two families that a scenario without VPNs has.
fn each_key(family: AfiSafi, field: &[u8], mut each: impl FnMut(RouteKey<'_>)) {
    if family == AfiSafi::IPV4_UNICAST {
        for (_, length, address) in Ipv4Prefixes::new(field, false) {
            each(RouteKey::Ipv4 {
                address,
                length,
                path_id: None,
            });
        }
    } else {
        for (_, length, address) in Ipv6Prefixes::new(field, false) {
            each(RouteKey::Ipv6 {
                address,
                length,
                path_id: None,
            });
        }
    }
}

/// The whole core: what it published goes to `published`.
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
        for (begins, slot) in slots(load) {
            if begins {
                current = session.next();
            }
            let mut rest = slot;
            while !rest.is_empty()
                && let Some(&session) = current
            {
                let Ok(taken) = shard.handle_bytes(session, rest, Now::default()) else {
                    // Can't be: a generated stream can be framed.
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

/// The core with its bridge: batches go to a thread that does nothing with them, and their buffers come back.
fn with_bridge(load: &Load) -> f64 {
    let (bridge, taken) = kanal::bounded::<Batch>(BRIDGE_BATCHES);
    let (give_back, used) = kanal::bounded::<Vec<u8>>(BRIDGE_BATCHES);
    let drain = thread::spawn(move || {
        while let Ok(batch) = taken.recv() {
            // Full: then it is dropped, as the sidecar does.
            let _ = give_back.try_send(batch.payload);
        }
    });
    let took = core(load, |shard, batch| {
        // Fails only when the thread is gone.
        let _ = bridge.send(batch);
        if let Ok(Some(buffer)) = used.try_recv() {
            shard.handle_recycled(buffer);
        }
    });
    drop(bridge);
    // It can't panic.
    let _ = drain.join();
    took
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoadSettings;

    #[test]
    fn stages_are_the_differences_of_their_prefixes() {
        let prefixes = Prefixes {
            receive: 10.0,
            frame: 20.0,
            parse: 60.0,
            table: 160.0,
            encode: 240.0,
            bridge: 250.0,
            worker: 300.0,
        };
        let halves = prefixes.per(2.0);
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
            for (_, slot) in slots(&load) {
                let framed = framer.feed(slot, |frame| {
                    routes += message(frame, tables.as_mut(), &mut scratch).unwrap_or(0);
                    true
                });
                assert_eq!(framed, Ok(slot.len()));
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
