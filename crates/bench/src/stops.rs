//! The scenario `stops`: how long a task holds its worker while tables grow, while a large peer goes down, and during a stale
//! sweep.
//!
//! A turn is the time from when a task runs until it waits again. Nothing else on the same worker runs during a turn. The
//! collector measures its turns itself (`arancini_worker_turn_cpu_seconds`), so quantiles are upper bounds of its buckets.
//! The goal is about CPU time. The wall-clock time is shown too, and includes the effect of other load on the host.

use std::net::TcpStream;
use std::sync::Arc;

use crate::error::BenchError;
use crate::load::{Load, Stream};
use crate::load_settings::{LoadSettings, Wanted, source_address};
use crate::machine::load_average;
use crate::measure::{Watch, send_whole};
use crate::report::{Case, What};
use crate::scrape::{Histogram, Scrape};
use crate::send::{connect_all, send_all};
use crate::subject::Subject;
use arancini_generate::{PeerDown, Piece, Scenario, peer_down};

/// The goal: no turn is longer than this.
const MOST_SECONDS: f64 = 0.001;

/// The turns so far, and the longest of them.
struct Turns {
    cpu: Histogram,
    wall: Histogram,
    longest_cpu: f64,
}

impl Turns {
    fn of(subject: &Subject) -> Result<Self, BenchError> {
        let scrape = Scrape::of(subject.control_port()?)?;
        Ok(Self {
            cpu: scrape.histogram("worker_turn_cpu_seconds"),
            wall: scrape.histogram("worker_turn_seconds"),
            longest_cpu: scrape.seconds("worker_longest_turn_cpu_seconds"),
        })
    }

    /// Returns the turns since an earlier reading. The longest turn is exact if it is the longest since the start; otherwise it
    /// is the upper bound of its bucket.
    fn since(&self, before: &Self) -> Self {
        let cpu = self.cpu.since(&before.cpu);
        Self {
            longest_cpu: cpu.quantile(1.0).min(self.longest_cpu),
            wall: self.wall.since(&before.wall),
            cpu,
        }
    }

    fn add_to(&self, case: &mut Case, phase: &str) {
        let key = phase.replace(' ', "_");
        let what =
            |name: &str, words: &str| What::new(format!("{key}_{name}"), format!("{phase}: {words}"), 0);
        case.add(what("turns", "turns"), self.cpu.count() as f64);
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let figure = what(&format!("cpu_{name}_us"), &format!("CPU {name}, µs ≤"));
            case.add(figure, self.cpu.quantile(quantile) * 1e6);
        }
        case.add(
            what("cpu_longest_us", "CPU longest, µs ≤"),
            self.longest_cpu * 1e6,
        );
        let above = what("cpu_above_1_ms", "CPU above 1 ms");
        case.add(above.clone(), self.cpu.above(MOST_SECONDS) as f64);
        case.beside(above, "goal", Some(0.0));
        case.add(
            what("wall_p99_us", "wall p99, µs ≤"),
            self.wall.quantile(0.99) * 1e6,
        );
        case.add(
            what("wall_above_1_ms", "wall above 1 ms"),
            self.wall.above(MOST_SECONDS) as f64,
        );
    }
}

/// Runs the three phases: the tables grow, the first peer of the first router goes down, and every router reconnects with
/// empty tables.
///
/// # Errors
/// Fails if the collector does not process what it is sent.
pub fn run_stops(load: &Load, case: &mut Case, subject: &Subject) -> Result<String, BenchError> {
    let load_average = load_average();
    let mut before = Turns::of(subject)?;
    let mut phase = |case: &mut Case, name: &str| -> Result<(), BenchError> {
        let now = Turns::of(subject)?;
        now.since(&before).add_to(case, name);
        before = now;
        Ok(())
    };
    let connections = send_whole(load, subject)?;
    phase(case, "growing tables")?;

    let watch = Watch::begin(subject)?;
    let first_router = load.settings.scenario(0);
    let of_its_peer = first_router.expected().elements / u64::from(first_router.peers);
    let down = peer_down(&first_router.peer(0), &PeerDown::RemoteSilent);
    let first: Vec<&TcpStream> = connections.iter().take(1).collect();
    send_all(&first, &[&[Piece::new(down)]], subject.address)?;
    watch.until("synthetic_withdraws_total", of_its_peer)?;
    phase(case, "peer down")?;

    let watch = Watch::begin(subject)?;
    drop(connections);
    let empty = load.settings.empty();
    let back = connect_all(&empty, subject.address)?;
    send_all(&back, &empty.measured(), subject.address)?;
    watch.until("synthetic_withdraws_total", load.wanted.routes - of_its_peer)?;
    phase(case, "stale sweep")?;
    case.add(What::new("load_average", "load average before", 2), load_average);
    Ok(format!(
        "load average {load_average:.2}: turns above 1 ms of CPU time: {} while tables grew, {} during the Peer Down, {} during the \
         stale sweep",
        case.last("growing_tables_cpu_above_1_ms"),
        case.last("peer_down_cpu_above_1_ms"),
        case.last("stale_sweep_cpu_above_1_ms"),
    ))
}

impl LoadSettings {
    /// Returns a load with the same routers and peers but with empty tables, as routers send it after they have lost
    /// everything.
    fn empty(&self) -> Load {
        let streams = self.of_each_router(|router| Stream {
            from: source_address(router),
            before: Vec::new(),
            measured: vec![Piece::new(
                Scenario {
                    prefixes_per_peer: 0,
                    table: Arc::default(),
                    churn_rounds: 0,
                    ..self.scenario(router)
                }
                .to_bytes(),
            )],
        });
        Load {
            settings: self.clone(),
            streams,
            reconnects: false,
            wanted: Wanted::default(),
        }
    }
}
