//! Measures what it costs to retain attributes (`rib.attributes`): processor time and memory of both modes, side by side.
//!
//! `cargo run --release -p arancini-core --example attribute_sets <named load | file.bmp[.zst]> [elements] [rounds]`
//!
//! Prints nanoseconds of CPU time for each element (median of the rounds), bytes for each route held, and how many sets there are.
//! With `retain` or `fingerprint` in the environment variable `ONLY`, only this mode runs, for a profiler
//! (`--toggle-collect='attribute_sets::measured*'`, with `UNTIMED=1`).

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::{Counters, KeptAttributes, Now, SessionId, Settings, Shard};
use arancini_generate::{LoadName, NamedLoad, Piece};

/// Bytes that a worker receives at once.
const SLOT_BYTES: usize = 256 * 1024;

/// What a router sends before the measurement, and what is measured.
struct Load {
    before: Vec<Piece>,
    measured: Vec<Piece>,
    reconnects: bool,
}

fn main() {
    let argument = |place| std::env::args().nth(place);
    let number = |place, otherwise: u64| {
        argument(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let Some(load) = argument(1).and_then(|name| load_of(&name, number(2, 1_000_000))) else {
        eprintln!("name a load, or a file that exists");
        return;
    };
    let only = std::env::var("ONLY").unwrap_or_default();
    for (name, attributes) in [
        ("fingerprint", KeptAttributes::Fingerprint),
        ("retain", KeptAttributes::Retain { most_bytes: 1 << 30 }),
    ] {
        if only.is_empty() || only == name {
            run(name, attributes, &load, number(3, 3).max(1));
        }
    }
}

fn load_of(name: &str, elements: u64) -> Option<Load> {
    if let Some(known) = LoadName::ALL.into_iter().find(|load| load.name() == name) {
        let load = NamedLoad {
            name: known,
            sys_name: "router".to_owned(),
            elements,
            prefixes_per_update: None,
            seed: 1,
        };
        let load = load.make();
        return Some(Load {
            before: load.before,
            measured: load.measured,
            reconnects: load.reconnects,
        });
    }
    let bytes = std::fs::read(name).ok()?;
    let bytes = if name.ends_with(".zst") {
        zstd::decode_all(&bytes[..]).ok()?
    } else {
        bytes
    };
    Some(Load {
        before: Vec::new(),
        measured: vec![Piece::new(bytes)],
        reconnects: false,
    })
}

fn run(name: &str, attributes: KeptAttributes, load: &Load, rounds: u64) {
    let mut times = Vec::new();
    let mut memory = String::new();
    for _ in 0..rounds {
        let settings = Settings {
            attributes,
            ..Settings::default()
        };
        let counters = Arc::new(Counters::default());
        let mut shard = Shard::new(0, settings, Arc::clone(&counters));
        let router = IpAddr::from([192, 0, 2, 1]);
        let mut session = shard.handle_connect(router, 4000, Now::default());
        send(&mut shard, session, &load.before);
        if load.reconnects {
            shard.handle_disconnect(session, "", Now::default());
            session = shard.handle_connect(router, 4001, Now::default());
        }
        let before = counters.received_announces.total() + counters.received_withdraws.total();
        let time = measured(&mut shard, session, &load.measured);
        let elements = counters.received_announces.total() + counters.received_withdraws.total() - before;
        times.push(time.as_nanos() as f64 / elements.max(1) as f64);
        memory = memory_of(&shard);
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    println!(
        "{name:<12} {median:.0} ns an element (at least {:.0}); {memory}",
        times[0]
    );
}

/// The measured part, as a function of its own for profilers.
#[inline(never)]
fn measured(shard: &mut Shard, session: SessionId, pieces: &[Piece]) -> Duration {
    send(shard, session, pieces)
}

/// Sends pieces, and returns the time that the shard took.
fn send(shard: &mut Shard, session: SessionId, pieces: &[Piece]) -> Duration {
    let mut time = Duration::ZERO;
    let mut take = |bytes: &[u8]| -> Result<(), Infallible> {
        let begin = cpu_time();
        let now = Now {
            unix_ns: 1_700_000_000_000_000_000,
            monotonic_ns: 1,
        };
        if shard.handle_all_bytes(session, bytes, now).is_err() {
            eprintln!("the session ended");
        }
        while let Some(batch) = shard.poll_batch() {
            shard.handle_recycled(batch.payload);
        }
        time += cpu_time() - begin;
        Ok(())
    };
    for piece in pieces {
        let Ok(()) = piece.each_chunk(SLOT_BYTES, &mut take);
    }
    time
}

fn memory_of(shard: &Shard) -> String {
    let tables = shard
        .routers()
        .flat_map(|router| &router.peers)
        .flat_map(|peer| &peer.tables);
    let (bytes, routes) = tables.fold((0, 0), |(bytes, routes), table| {
        (bytes + table.allocated_bytes(), routes + table.routes())
    });
    let each = |bytes: usize| bytes as f64 / routes.max(1) as f64;
    let mut text = format!("{routes} routes, {:.1} bytes each", each(bytes));
    if let Some(sets) = shard.attribute_sets() {
        let figures = sets.figures();
        let number = figures.sets.max(1) as f64;
        text += &format!(
            " and {:.1} of sets; {} sets, {:.3} a route, {:.0} bytes each, {:.0} of them attributes",
            each(sets.allocated_bytes()),
            figures.sets,
            figures.sets as f64 / routes.max(1) as f64,
            sets.allocated_bytes() as f64 / number,
            figures.octet_bytes as f64 / number,
        );
    }
    text
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
