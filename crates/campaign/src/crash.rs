//! The campaign of crashes: load, faults at seeded moments, and every few faults a check of everything.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arancini_generate::Random;

use crate::broker::Broker;
use crate::client::Client;
use crate::collector::{Collector, Sink};
use crate::fault::{Fault, Step, inflict, plan};
use crate::judge::{Outcome, compare};
use crate::reader::Reader;
use crate::replay::Replay;
use crate::router::Router;

/// All is said and worked off within this, or never.
const SETTLE_WITHIN: Duration = Duration::from_secs(180);
/// Between two looks at whether all is quiet.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many looks with the same figures, all routes there, are quiet.
const QUIET_LOOKS: u32 = 5;
/// With the same figures for so long and other routes than the routers have, the collector is wrong: judge
/// it.
const WRONG_AFTER: Duration = Duration::from_secs(12);
/// A resync ends within so many quiet periods after its router's last word.
const RESYNC_WITHIN_QUIET_PERIODS: u32 = 5;
/// A new router has to connect within this.
const START_WITHIN: Duration = Duration::from_secs(30);
/// The last stop of the collector.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The seed of routers, faults and their moments.
    pub seed: u64,
    /// How many faults.
    pub faults: usize,
    /// Of which kinds; those that need a broker or snapshots are left out where there are none.
    pub kinds: Vec<Fault>,
    /// A check after so many faults.
    pub check_every: usize,
    /// Changes of routes per second, in all.
    pub rate: u32,
    /// Routers.
    pub routers: u8,
    /// Routes of each of a router's tables, half of them held at a time.
    pub routes: u32,
    /// Load between two faults, on average.
    pub gap: Duration,
    /// Whether there is a broker; else the sink is `file`.
    pub with_broker: bool,
    /// A table that its router does not announce again, for its peer is gone, is given up after this. Shorter
    /// than the collector's default, for a campaign waits for it at every check.
    pub quiet_period: Duration,
    /// Milliseconds between two snapshots; the collector's default where absent.
    pub snapshot_interval_ms: Option<u64>,
    /// Further settings, `section.key` and a value.
    pub settings: Vec<(String, String)>,
    /// The collector's program.
    pub collector: PathBuf,
    /// The broker's program.
    pub broker: PathBuf,
    /// Where everything is kept.
    pub folder: PathBuf,
}

struct Rig {
    broker: Option<Broker>,
    collector: Collector,
    clients: Vec<Client>,
    reader: Option<Reader>,
    replay: Replay,
    outcome: Outcome,
    resync_within: Duration,
}

impl Campaign {
    /// Runs it, with a line for each fault and each check.
    ///
    /// # Errors
    /// Where the campaign itself can't go on; what the collector does wrong is in the outcome.
    pub fn run(&self, say: &mut dyn FnMut(&str)) -> io::Result<Outcome> {
        let since = Instant::now();
        let mut rig = Rig::start(self)?;
        let mut random = Random::of(&[self.seed, 3]);
        let mut kinds = self.kinds.clone();
        kinds.retain(|kind| self.with_broker || !kind.needs_broker());
        kinds.retain(|kind| self.snapshot_interval_ms.is_some() || !kind.needs_snapshots());
        let steps = plan(self.seed, self.faults, &kinds, self.gap);
        for (index, step) in steps.iter().enumerate() {
            rig.round(index, *step, &mut random, say)?;
            let is_due = (index + 1) % self.check_every.max(1) == 0 || index + 1 == steps.len();
            if is_due {
                rig.check(say)?;
            }
            if !rig.outcome.is_clean() {
                break;
            }
        }
        if steps.is_empty() {
            std::thread::sleep(self.gap);
            rig.outcome.load_seconds = self.gap.as_secs_f64();
            rig.check(say)?;
        }
        rig.finish(since)
    }

    fn settings(&self) -> Vec<(String, String)> {
        let quiet_ms = self.quiet_period.as_millis().to_string();
        let mut settings = vec![("routers.quiet_period_ms".to_owned(), quiet_ms)];
        if let Some(interval) = self.snapshot_interval_ms {
            settings.push(("snapshots.interval_ms".to_owned(), interval.to_string()));
        }
        settings.extend(self.settings.iter().cloned());
        settings
    }
}

impl Rig {
    fn start(campaign: &Campaign) -> io::Result<Self> {
        let broker = if campaign.with_broker {
            Some(Broker::start(&campaign.broker, &campaign.folder.join("broker"))?)
        } else {
            None
        };
        let sink = broker
            .as_ref()
            .map_or(Sink::File, |broker| Sink::Nats(broker.url()));
        let folder = campaign.folder.join("collector");
        let mut collector = Collector::new(&campaign.collector, &folder, sink, &campaign.settings())?;
        collector.up()?;
        let rate = campaign.rate / u32::from(campaign.routers.max(1));
        let clients: Vec<Client> = (1..=campaign.routers)
            .map(|number| {
                let router = Router::new(number, campaign.routes, campaign.seed);
                let seed = campaign.seed ^ u64::from(number) << 32;
                Client::start(router, collector.address(), rate, seed, number % 4 == 0)
            })
            .collect();
        let addresses = clients.iter().map(|client| client.router().address());
        let replay = Replay::new(addresses.collect::<Vec<_>>(), campaign.routes);
        let mut rig = Self {
            broker,
            collector,
            clients,
            reader: None,
            replay,
            outcome: Outcome {
                seed: campaign.seed,
                sink: if campaign.with_broker { "nats" } else { "file" },
                ..Outcome::default()
            },
            resync_within: campaign.quiet_period * RESYNC_WITHIN_QUIET_PERIODS,
        };
        rig.until("all routers have a session", START_WITHIN, |rig| {
            rig.clients.iter().all(|client| client.sessions() > 0)
        })?;
        Ok(rig)
    }

    fn until(
        &mut self,
        what: &str,
        within: Duration,
        mut is: impl FnMut(&mut Self) -> bool,
    ) -> io::Result<()> {
        let since = Instant::now();
        while !is(self) {
            if let Some(status) = self.collector.ended()? {
                let log = tail(&self.collector.log());
                return Err(io::Error::other(format!(
                    "the collector ended, {status}, before {what}:\n{log}"
                )));
            }
            if since.elapsed() > within {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("never came true: {what}"),
                ));
            }
            std::thread::sleep(LOOK_EVERY / 5);
        }
        Ok(())
    }

    fn round(
        &mut self,
        index: usize,
        step: Step,
        random: &mut Random,
        say: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        let since = Instant::now();
        // The moments are the schedule of the campaign; nothing is waited for.
        while let Some(left @ 1..) = step
            .after
            .checked_sub(since.elapsed())
            .map(|left| left.as_millis())
        {
            std::thread::sleep(LOOK_EVERY.min(Duration::from_millis(left as u64)));
            self.revive()?;
        }
        self.revive()?;
        let at = since.elapsed();
        if let Err(error) = inflict(step.fault, &mut self.collector, self.broker.as_mut(), random) {
            let failure = format!("{}: {error}: {}", step.fault.name(), tail(&self.collector.log()));
            self.outcome.failures.push(failure);
            self.collector.kill()?;
            self.collector.up()?;
        }
        *self.outcome.faults.entry(step.fault).or_default() += 1;
        self.outcome.load_seconds += since.elapsed().as_secs_f64();
        let changes: u64 = self.clients.iter().map(Client::changes).sum();
        let sessions: u64 = self.clients.iter().map(Client::sessions).sum();
        say(&format!(
            "{:>4} {:<26} after {:>5} ms, back after {:>5} ms; changes {changes}, sessions {sessions}",
            index + 1,
            step.fault.name(),
            at.as_millis(),
            (since.elapsed() - at).as_millis(),
        ));
        Ok(())
    }

    /// A collector that ended by itself is started again. That is a finding, unless it could not have its
    /// port: the kernel takes a killed process's io_uring apart, listeners included, when that process is
    /// long reaped.
    fn revive(&mut self) -> io::Result<()> {
        let Some(status) = self.collector.ended()? else {
            return Ok(());
        };
        let log = tail(&self.collector.log());
        if log.ends_with("choose another port") {
            self.outcome.starts_refused += 1;
        } else {
            let failure = format!("the collector ended by itself: {status}: {log}");
            self.outcome.failures.push(failure);
        }
        self.collector.restart()
    }

    /// Lets everything settle, reads what is new, and compares.
    fn check(&mut self, say: &mut dyn FnMut(&str)) -> io::Result<()> {
        let since = Instant::now();
        if let Some(broker) = &mut self.broker {
            broker.until_ready()?;
        }
        self.clients.iter().for_each(|client| client.hold(true));
        let settled = self.settle()?;
        let settled_after = since.elapsed();
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::new(&self.collector)?,
        };
        reader.read(&mut self.replay)?;
        // The end of a resync comes when a table has been quiet.
        let resyncs_since = Instant::now();
        while self.replay.open_resyncs() > 0 && resyncs_since.elapsed() < self.resync_within {
            std::thread::sleep(LOOK_EVERY);
            reader.read(&mut self.replay)?;
        }
        self.reader = Some(reader);
        let difference = compare(&mut self.replay, &self.clients);
        self.outcome.checks += 1;
        self.outcome.updates = self.replay.updates;
        self.outcome.resyncs = self.replay.resyncs;
        self.outcome.difference = difference;
        self.outcome.broken = self.replay.broken;
        self.outcome.examples.clone_from(&self.replay.examples);
        if let Err(what) = settled {
            // Where consumers have it right all the same, the collector's own figures are wrong.
            self.outcome.failures.push(what);
        }
        say(&format!(
            "     check: settled after {} ms; {} updates, {} routes, lost {}, ghosts {}, doubled {}, out of order {}, \
             foreign {}",
            settled_after.as_millis(),
            self.outcome.updates,
            difference.held,
            difference.lost,
            difference.ghosts,
            self.outcome.doubled(),
            self.outcome.broken.out_of_order,
            self.outcome.broken.foreign,
        ));
        self.clients.iter().for_each(|client| client.hold(false));
        Ok(())
    }

    /// Waits until all is said, received, published and acknowledged. `Ok(Err)` says what never came true.
    fn settle(&mut self) -> io::Result<Result<(), String>> {
        let since = Instant::now();
        let mut last = Vec::new();
        let mut same_since = Instant::now();
        let mut looks = 0;
        let mut left = String::from("no look yet");
        while since.elapsed() < SETTLE_WITHIN {
            std::thread::sleep(LOOK_EVERY);
            self.revive()?;
            let Ok(metrics) = self.collector.metrics() else {
                left = "the control port does not answer".to_owned();
                continue;
            };
            let held: u64 = self.clients.iter().map(|client| client.router().held()).sum();
            let conditions = [
                ("routers that have not said all", self.talking(), 0),
                ("bytes in sockets", self.collector.bytes_in_sockets()?, 0),
                ("sessions", metrics.sum("sessions"), self.clients.len() as u64),
                (
                    "batches acknowledged",
                    metrics.sum("sink_batches_acknowledged_total"),
                    metrics.sum("batches_total"),
                ),
                ("routes", metrics.sum("routes"), held),
            ];
            let now: Vec<u64> = conditions
                .iter()
                .map(|(_, is, _)| *is)
                .chain(["received_bytes_total", "batches_total"].map(|name| metrics.sum(name)))
                .collect();
            if now == last {
                looks += 1;
            } else {
                (looks, same_since) = (0, Instant::now());
            }
            last = now;
            let wrong = conditions.iter().find(|(_, is, wanted)| is != wanted);
            match wrong {
                None if looks >= QUIET_LOOKS => return Ok(Ok(())),
                None => {}
                Some((what, is, wanted)) => left = format!("{what}: {is}, not {wanted}"),
            }
            if wrong.is_some() && self.talking() == 0 && same_since.elapsed() > WRONG_AFTER {
                break;
            }
        }
        Ok(Err(format!("never settled: {left}")))
    }

    fn talking(&self) -> u64 {
        self.clients.iter().filter(|client| !client.is_idle()).count() as u64
    }

    fn finish(mut self, since: Instant) -> io::Result<Outcome> {
        self.outcome.changes = self.clients.iter().map(Client::changes).sum();
        self.outcome.sessions = self.clients.iter().map(Client::sessions).sum();
        self.clients.clear();
        match self.collector.terminate(STOP_WITHIN) {
            Ok(Some(status)) if status.success() => {}
            other => self.outcome.failures.push(format!("the last stop: {other:?}")),
        }
        let log = std::fs::read_to_string(self.collector.log()).unwrap_or_default();
        let said = log
            .lines()
            .filter(|line| line.contains("this is a bug") || line.contains("panicked at"));
        self.outcome
            .failures
            .extend(said.take(3).map(|line| format!("the log: {line}")));
        self.outcome.seconds = since.elapsed().as_secs_f64();
        Ok(self.outcome)
    }
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n")
}
