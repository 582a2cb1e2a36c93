//! The scenario `questions`: how long questions of the API take while all tables are held and routes change at a fixed rate,
//! and what the questions cost the routers' messages.
//!
//! After the dump, every route changes its path round after round, at a fixed rate. The first phase has no clients, so that the
//! rate and the turns of the other phases can be compared with it. In each other phase, clients ask one question after the
//! other, without a pause.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::asking::{Asked, Kind, ask_while, prefixes_of};
use crate::described::Described;
use crate::digits::digits;
use crate::error::BenchError;
use crate::load_settings::LoadSettings;
use crate::machine::load_average;
use crate::measure::{Watch, send_whole};
use crate::report::{Case, What};
use crate::rounds::version;
use crate::scrape::{Histogram, Scrape};
use crate::send::send_one;
use crate::spread::{quantile, ratio};
use crate::subject::Subject;

/// The goal: no turn is longer than this.
const MOST_SECONDS: f64 = 0.001;
/// How often the sender writes what is due.
const SENDER_REST: Duration = Duration::from_millis(1);

/// A load that changes routes at a fixed rate while clients ask.
#[derive(Debug, Clone)]
pub struct AskedLoad {
    /// The routers and their tables.
    pub settings: LoadSettings,
    /// Routes that change in a second, of all routers together.
    pub rate: u32,
    /// How long each phase lasts, in seconds.
    pub seconds: u32,
    /// The number of clients in each phase after the first.
    pub clients: Vec<u16>,
}

impl Described for AskedLoad {
    fn to_json(&self) -> Value {
        let mut object = self.settings.to_json();
        object["rate"] = json!(self.rate);
        object["seconds"] = json!(self.seconds);
        object["clients"] = json!(self.clients);
        object
    }
}

impl std::fmt::Display for AskedLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} updates/s for {} s, then beside {:?} clients",
            self.settings,
            digits(f64::from(self.rate), 0),
            self.seconds,
            self.clients,
        )
    }
}

/// The changes of one router, which are sent again and again.
struct Changes {
    bytes: Vec<u8>,
    /// How many bytes were sent of them, in this turn through them.
    sent: usize,
}

impl Changes {
    /// Two rounds, each of which changes every route.
    fn of(settings: &LoadSettings, router: u16) -> Self {
        let scenario = settings.scenario(router);
        let bytes = [0, 1].map(|round| scenario.round(version(round))).concat();
        Self { bytes, sent: 0 }
    }

    /// Sends this many bytes more.
    fn send(
        &mut self,
        connection: &TcpStream,
        mut count: usize,
        subject: &Subject,
    ) -> Result<(), BenchError> {
        while count > 0 {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            let piece = rest.get(..count).unwrap_or(rest);
            send_one(connection, piece, subject.address)?;
            count -= piece.len();
            self.sent = (self.sent + piece.len()) % self.bytes.len();
        }
        Ok(())
    }
}

/// Changes routes of all routers at the rate of the load. Returns how many bytes were sent.
fn send_changes(
    connections: &[TcpStream],
    changes: &mut [Changes],
    load: &AskedLoad,
    subject: &Subject,
) -> Result<u64, BenchError> {
    let in_two_rounds: usize = changes.iter().map(|changes| changes.bytes.len()).sum();
    let routes = 2 * load.settings.dump().wanted().routes;
    let bytes_per_second = f64::from(load.rate) * ratio(in_two_rounds as f64, routes as f64);
    let routers = connections.len().max(1) as f64;
    let (begin, lasts) = (Instant::now(), Duration::from_secs(u64::from(load.seconds)));
    thread::scope(|scope| {
        let senders: Vec<_> = connections
            .iter()
            .zip(changes)
            .map(|(connection, changes)| {
                scope.spawn(move || {
                    let mut sent = 0;
                    while begin.elapsed() < lasts {
                        let due = (begin.elapsed().as_secs_f64() * bytes_per_second / routers) as usize;
                        changes.send(connection, due - sent, subject)?;
                        sent = due;
                        thread::sleep(SENDER_REST);
                    }
                    Ok(sent as u64)
                })
            })
            .collect();
        let mut sent = 0;
        for sender in senders {
            sent += sender
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(sent)
    })
}

/// The turns of the workers so far.
fn turns(subject: &Subject) -> Result<Histogram, BenchError> {
    Ok(Scrape::of(subject.control_port()?)?.histogram("worker_turn_cpu_seconds"))
}

/// Runs all phases and adds their figures to the case.
///
/// # Errors
/// Fails if the collector does not process what it is sent, or does not answer.
pub fn run_questions(load: &AskedLoad, case: &mut Case, subject: &Subject) -> Result<String, BenchError> {
    let load_average = load_average();
    let connections = send_whole(&load.settings.dump().make(), subject)?;
    let mut changes = load
        .settings
        .of_each_router(|router| Changes::of(&load.settings, router));
    let prefixes = prefixes_of(changes.iter().map(|changes| changes.bytes.as_slice()));
    let mut alone = 0.0;
    let mut worst_share = 1.0_f64;
    for clients in [0].into_iter().chain(load.clients.iter().copied()) {
        let turns_before = turns(subject)?;
        let watch = Watch::begin(subject)?;
        let begin = Instant::now();
        // The clients ask until the collector has taken everything, and their last answers do not count as its time.
        let (asked, figures) = ask_while(subject.control_port()?, clients, &prefixes, || {
            let sent = send_changes(&connections, &mut changes, load, subject)?;
            watch.until_taken(sent, begin)
        })?;
        let rate = ratio(figures.elements as f64, figures.elapsed.as_secs_f64());
        if clients == 0 {
            alone = rate;
        }
        worst_share = worst_share.min(ratio(rate, alone));
        let phase = Phase { clients, rate, alone };
        phase.add_to(case, &asked, &turns(subject)?.since(&turns_before));
    }
    case.add(What::new("load_average", "load average before", 2), load_average);
    Ok(format!(
        "load average {load_average:.2}: {} updates/s without clients, at least {:.1} % of that beside clients",
        digits(alone, 0),
        100.0 * worst_share,
    ))
}

/// One phase: the number of clients, and the rate of updates in this phase and without clients.
struct Phase {
    clients: u16,
    rate: f64,
    alone: f64,
}

impl Phase {
    fn add_to(&self, case: &mut Case, asked: &[Asked], turns: &Histogram) {
        let clients = self.clients;
        let what = |name: &str, words: &str, decimals| {
            What::new(
                format!("{clients}_clients_{name}"),
                format!("{clients} clients: {words}"),
                decimals,
            )
        };
        case.add(what("updates_per_second", "updates/s", 0), self.rate);
        if clients > 0 {
            case.add(
                what("rate_share", "updates/s, % of those without clients", 1),
                100.0 * ratio(self.rate, self.alone),
            );
        }
        case.add(
            what("turn_longest_us", "longest turn, CPU µs ≤", 0),
            turns.quantile(1.0) * 1e6,
        );
        let above = what("turns_above_1_ms", "turns above 1 ms of CPU time", 0);
        case.add(above, turns.above(MOST_SECONDS) as f64);
        case.add(what("turns", "turns", 0), turns.count() as f64);
        for kind in Kind::ALL {
            let mut took: Vec<f64> = asked
                .iter()
                .filter(|asked| asked.kind == kind && asked.status == 200)
                .map(|asked| asked.took.as_secs_f64() * 1e3)
                .collect();
            if took.is_empty() {
                continue;
            }
            took.sort_by(f64::total_cmp);
            let of_kind = |name: &str, words: &str, decimals| {
                what(
                    &format!("{}_{name}", kind.key()),
                    &format!("{}: {words}", kind.name()),
                    decimals,
                )
            };
            case.add(of_kind("answers", "answers", 0), took.len() as f64);
            for (name, share) in [("p50", 0.5), ("p99", 0.99), ("longest", 1.0)] {
                case.add(
                    of_kind(&format!("{name}_ms"), &format!("{name}, ms"), 2),
                    quantile(&took, share),
                );
            }
        }
        let refused = asked.iter().filter(|asked| asked.status != 200).count();
        if clients > 0 {
            case.add(what("refused", "refused with 503", 0), refused as f64);
        }
    }
}
