//! The campaign of hostile clients: what each attack costs the collector, and what an honest router beside it notices.

mod attack;
mod bytes;
mod honest;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub use attack::Attack;
pub use honest::Noticed;

use arancini_bed::NatsServer;
use arancini_bed::control::Metrics;
use arancini_bed::host::Host;

use crate::collector::{Collector, Sink};
use honest::Honest;

/// At the beginning the honest router's updates come through within this time.
const START_WITHIN: Duration = Duration::from_secs(60);
/// After the attack the last updates come through within this time.
const DRAIN_WITHIN: Duration = Duration::from_secs(120);
/// Number of updates that come through before anything is measured.
const WARM_UPDATES: usize = 200;
/// Shorter than the default, so that a campaign does not wait half a minute for clients that send no message.
const HANDSHAKE_TIMEOUT_MS: &str = "3000";

/// Counters that rise when a client misbehaves.
const COUNTERS: [&str; 14] = [
    "connections_refused_total{reason=\"not_allowed\"}",
    "connections_refused_total{reason=\"too_many_sessions\"}",
    "connections_refused_total{reason=\"too_many_from_source\"}",
    "connections_ended_total{reason=\"closed\"}",
    "connections_ended_total{reason=\"failed\"}",
    "connections_ended_total{reason=\"framing\"}",
    "connections_ended_total{reason=\"replaced\"}",
    "connections_ended_total{reason=\"handshake_timeout\"}",
    "connections_ended_total{reason=\"idle_timeout\"}",
    "malformed_messages_total",
    "peer_limit_exceeded_total",
    "treated_as_withdraw_total",
    "discarded_attributes_total",
    "bridge_full_total",
];

/// A campaign to run.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// How long each attack goes on.
    pub attack_for: Duration,
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// The collector's program.
    pub collector: PathBuf,
    /// The broker's program.
    pub broker: PathBuf,
    /// The folder for data, logs and the broker's store.
    pub folder: PathBuf,
}

/// The outcome of an attack.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attack.
    pub attack: Attack,
    /// Number of connections, messages or sessions of the attack.
    pub strikes: u64,
    /// Largest resident memory of the collector, in KiB.
    pub peak_memory_kib: u64,
    /// What the honest router noticed.
    pub noticed: Noticed,
    /// Counters that rose during the attack.
    pub counters: Vec<(&'static str, u64)>,
    /// Whether the collector ended by itself.
    pub died: Option<String>,
}

impl Outcome {
    /// Whether the honest router lost nothing and the collector lives.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.noticed.lost == 0 && self.noticed.failure.is_none() && self.died.is_none()
    }

    /// A row of the report.
    #[must_use]
    pub fn row(&self) -> String {
        let counters: Vec<String> = self
            .counters
            .iter()
            .map(|(name, by)| {
                let short = name
                    .replace("_total", "")
                    .replace("{reason=\"", " ")
                    .replace("\"}", "");
                format!("`{short}` {by}")
            })
            .collect();
        let ms = |duration: Duration| format!("{:.1}", duration.as_secs_f64() * 1000.0);
        format!(
            "| {} | {} | {} | {} | {} | {} | {} of {} | {} |",
            self.attack.name(),
            self.strikes,
            self.peak_memory_kib / 1024,
            ms(self.noticed.p50),
            ms(self.noticed.p99),
            ms(self.noticed.longest),
            self.noticed.lost,
            self.noticed.sent,
            counters.join(", "),
        )
    }
}

/// The head of the report.
pub const HEAD: &str = "| attack | strikes | peak memory, MiB | p50, ms | p99, ms | longest, ms | lost | counters that rose |\n\
                        |---|---|---|---|---|---|---|---|";

impl Campaign {
    /// Runs one attack against a collector and a broker of its own.
    ///
    /// # Errors
    /// The campaign itself can't go on.
    pub fn run(&self, attack: Attack) -> io::Result<Outcome> {
        let folder = self.folder.join(format!("{attack:?}"));
        let broker = NatsServer::start_at(&Host::local(), &self.broker, &folder.join("broker"))?;
        let settings: Vec<(String, String)> = [("limits.handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS)]
            .iter()
            .chain(attack.settings())
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let sink = Sink::Nats(vec![broker.url()]);
        let mut collector = Collector::new(&self.collector, &folder.join("collector"), sink, &settings)?;
        collector.up()?;
        // The control port answers before routers can connect.
        until("the collector is ready", || {
            matches!(collector.not_ready(), Ok(None))
        })?;
        let honest = Honest::start(collector.address(), broker.url())?;
        until("the honest router's updates come through", || {
            honest.arrived() >= WARM_UPDATES
        })?;
        let before = collector.metrics()?;
        honest.begin_measuring();

        let stop = Arc::<AtomicBool>::default();
        let attacker = {
            let (stop, to) = (Arc::clone(&stop), collector.address());
            std::thread::spawn(move || attack.run(to, &stop))
        };
        // An attack does not end by itself.
        std::thread::sleep(self.attack_for);
        let during = collector.metrics();
        stop.store(true, Relaxed);
        let strikes = attacker.join().unwrap_or_default();
        honest.drain(DRAIN_WITHIN);
        let after = collector.metrics().or(during);
        let noticed = honest.end();
        let peak_memory_kib = collector.process().and_then(|process| process.peak_memory_kib());
        let died = collector.ended()?.map(|status| status.to_string());
        let counters = after.map_or_else(|_| Vec::new(), |after| rose(&before, &after));
        // The stream of an attack may be large, and nobody reads it again.
        drop((collector, broker));
        let _ = std::fs::remove_dir_all(folder.join("broker"));
        Ok(Outcome {
            attack,
            strikes,
            peak_memory_kib: peak_memory_kib.unwrap_or_default(),
            noticed,
            counters,
            died,
        })
    }
}

fn rose(before: &Metrics, after: &Metrics) -> Vec<(&'static str, u64)> {
    let value = |metrics: &Metrics, name| metrics.sample(name).unwrap_or_default();
    let by = COUNTERS.map(|name| (name, value(after, name).saturating_sub(value(before, name))));
    by.into_iter().filter(|(_, by)| *by > 0).collect()
}

fn until(what: &str, mut is: impl FnMut() -> bool) -> io::Result<()> {
    let since = Instant::now();
    while !is() {
        if since.elapsed() > START_WITHIN {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("not within {} s: {what}", START_WITHIN.as_secs()),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
