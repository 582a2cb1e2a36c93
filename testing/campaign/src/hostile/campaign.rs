//! Runs attacks, each against a collector and a broker of its own.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_bed::control::Metrics;
use arancini_bed::host::Host;
use arancini_bed::router::router_address;

use super::attack::{Attack, Target};
use super::honest::{HONEST, Honest};
use super::outcome::Outcome;
use super::witness::Witness;
use crate::collector::{Collector, Sink};

/// At the beginning the honest router's updates come through within this time.
const START_WITHIN: Duration = Duration::from_secs(60);
/// After the attack the last updates come through within this time.
const DRAIN_WITHIN: Duration = Duration::from_secs(120);
/// Number of updates that come through before anything is measured.
const WARM_UPDATES: usize = 200;
/// Shorter than the default, so that a campaign does not wait half a minute for clients that send no message.
const HANDSHAKE_TIMEOUT_MS: &str = "3000";

/// After the attack, the control port answers again within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Time in which the publish window was full, in seconds.
const WINDOW_FULL: &str = "sink_window_full_seconds_total";

/// Counters that rise when a client misbehaves.
const COUNTERS: [&str; 19] = [
    "connections_refused_total{reason=\"not_allowed\"}",
    "connections_refused_total{reason=\"too_many_sessions\"}",
    "connections_refused_total{reason=\"too_many_from_source\"}",
    "connections_ended_total{reason=\"closed\"}",
    "connections_ended_total{reason=\"failed\"}",
    "connections_ended_total{reason=\"framing\"}",
    "connections_ended_total{reason=\"terminated\"}",
    "connections_ended_total{reason=\"replaced\"}",
    "connections_ended_total{reason=\"handshake_timeout\"}",
    "connections_ended_total{reason=\"idle_timeout\"}",
    "connections_ended_total{reason=\"unfinished_message\"}",
    "connections_ended_total{reason=\"proxy_header\"}",
    "connections_ended_total{reason=\"health_check\"}",
    "malformed_messages_total",
    "peer_limit_exceeded_total",
    "treated_as_withdraw_total",
    "discarded_attributes_total",
    "bridge_full_total",
    "log_lines_dropped_total",
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
        if attack.leaves_log_unread() {
            collector = collector.with_unread_log();
        }
        collector.up()?;
        // The control port answers before routers can connect.
        until("the collector is ready", START_WITHIN, || {
            matches!(collector.not_ready(), Ok(None))
        })?;
        let honest = Honest::start(collector.address(), broker.url())?;
        until("the honest router's updates come through", START_WITHIN, || {
            honest.arrived() >= WARM_UPDATES
        })?;
        let before = collector.metrics()?;
        honest.begin_measuring();
        let witness = Witness::start(broker.url());

        let stop = Arc::<AtomicBool>::default();
        let target = Target {
            routers: collector.address(),
            control: collector.control(),
            honest: router_address(HONEST),
        };
        let attacker = {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || attack.run(&target, &stop))
        };
        let since = Instant::now();
        // An attack does not end by itself.
        std::thread::sleep(self.attack_for);
        let strikes = {
            stop.store(true, Relaxed);
            attacker.join().unwrap_or_default()
        };
        let witnessed = witness.end()?;
        honest.drain(DRAIN_WITHIN);
        let took = since.elapsed();
        let mut after = None;
        let _ = until("the control port answers", ANSWER_WITHIN, || {
            after = collector.metrics().ok();
            after.is_some()
        });
        let noticed = honest.end();
        let peak_memory_kib = collector.process().and_then(|process| process.peak_memory_kib());
        let longest_turn = after
            .as_ref()
            .and_then(|after| after.exact("worker_longest_turn_cpu_seconds"))
            .ok_or_else(|| io::Error::other("the control port does not tell the longest turn"))?;
        let died = collector.ended()?.map(|status| status.to_string());
        let window_full = after.as_ref().map_or(0.0, |after| {
            let full = |metrics: &Metrics| metrics.exact(WINDOW_FULL).unwrap_or_default();
            (full(after) - full(&before)) / took.as_secs_f64()
        });
        let counters = after.map_or_else(Vec::new, |after| rose(&before, &after));
        // The stream of an attack may be large, and nobody reads it again.
        drop((collector, broker));
        let _ = std::fs::remove_dir_all(folder.join("broker"));
        Ok(Outcome {
            attack,
            strikes,
            peak_memory_kib: peak_memory_kib.unwrap_or_default(),
            longest_turn: Duration::from_secs_f64(longest_turn),
            window_full,
            witnessed,
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

fn until(what: &str, within: Duration, mut is: impl FnMut() -> bool) -> io::Result<()> {
    let since = Instant::now();
    while !is() {
        if since.elapsed() > within {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("not within {} s: {what}", within.as_secs()),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
