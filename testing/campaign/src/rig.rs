//! A collector, its broker and routers under load. A campaign can let everything settle and have it judged at any time.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_judge::Judge;

use crate::book::NumberedBook;
use crate::client::{Client, Conduct};
use crate::collector::{Collector, Sink};
use crate::interrupt;
use crate::network::Places;
use crate::outcome::{Difference, Outcome};
use crate::reader::Reader;
use crate::router::Router;

/// Everything that was sent is published and acknowledged within this time, or the collector is stuck.
const SETTLE_WITHIN: Duration = Duration::from_secs(180);
/// Time between two looks at whether everything is quiet.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Everything is quiet after this many looks with the same figures and all routes present.
const QUIET_LOOKS: u32 = 5;
/// If the figures stay the same for this time and the collector has other routes than the routers, waiting is no use.
const WRONG_AFTER: Duration = Duration::from_secs(12);
/// A resync ends within this many quiet periods after the last message of its router.
const RESYNC_WITHIN_QUIET_PERIODS: u32 = 5;
/// A new router connects within this time.
const START_WITHIN: Duration = Duration::from_secs(30);
/// The collector ends within this time of the last SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(60);

/// What a rig is made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The seed of the routers and of everything that the campaign does.
    pub seed: u64,
    /// Route changes per second, of all routers together.
    pub rate: u32,
    /// Number of routers.
    pub routers: u8,
    /// One of this many routers drops a session that takes nothing for two seconds.
    pub impatient_every: u8,
    /// Routes of each table of a router. The router holds about half of them at a time.
    pub routes: u32,
    /// Number of brokers. With none the sink is `file`, with several they form a cluster.
    pub brokers: usize,
    /// The collector's `routers.quiet_period_ms`. Every check of a campaign waits for it, so it is shorter than the
    /// default.
    pub quiet_period: Duration,
    /// Milliseconds between two snapshots; `None` is the collector's default.
    pub snapshot_interval_ms: Option<u64>,
    /// Further settings of the collector, `section.key` and a value.
    pub settings: Vec<(String, String)>,
    /// Where collector, broker and routers run.
    pub places: Places,
    /// The collector's program.
    pub collector: PathBuf,
    /// The broker's program.
    pub broker: PathBuf,
    /// The folder for data, logs and the broker's store.
    pub folder: PathBuf,
}

impl Setup {
    fn all_settings(&self) -> Vec<(String, String)> {
        let quiet_ms = self.quiet_period.as_millis().to_string();
        let mut settings = vec![("routers.quiet_period_ms".to_owned(), quiet_ms)];
        if let Some(interval) = self.snapshot_interval_ms {
            settings.push(("snapshots.interval_ms".to_owned(), interval.to_string()));
        }
        settings.extend(self.settings.iter().cloned());
        settings
    }

    fn routers(&self, collector: SocketAddr) -> Vec<Client> {
        let start = |number: u8| {
            let router = Router::new(number, self.routes, self.seed).at(self.places.router(number));
            let conduct = Conduct {
                rate: self.rate / u32::from(self.routers.max(1)),
                impatient: number.is_multiple_of(self.impatient_every.max(1)),
                namespace: self.places.routers.clone(),
            };
            Client::start(router, collector, self.seed ^ u64::from(number) << 32, conduct)
        };
        (1..=self.routers).map(start).collect()
    }
}

/// Collector, brokers and routers at work, and the judge of what they publish.
pub struct Rig {
    /// The brokers.
    pub brokers: Vec<NatsServer>,
    /// The collector.
    pub collector: Collector,
    /// The routers.
    pub clients: Vec<Client>,
    /// The outcome so far.
    pub outcome: Outcome,
    /// The judge of what is published.
    pub judge: Judge<NumberedBook>,
    /// Where the judge reads on; `None` begins at the beginning of the stream.
    pub reader: Option<Reader>,
    /// Batches that the collector counted and then threw away.
    pub batches_thrown_away: u64,
    routers_namespace: Option<String>,
    resync_within: Duration,
    since: Instant,
}

impl Rig {
    /// Starts brokers, collector and routers, and waits until every router has a session.
    pub fn start(setup: &Setup) -> io::Result<Self> {
        let places = &setup.places;
        let folder = setup.folder.join("broker");
        let brokers = match setup.brokers {
            0 => Vec::new(),
            1 => vec![NatsServer::start_at(&places.broker, &setup.broker, &folder)?],
            several => NatsServer::start_cluster(&setup.broker, &folder, several)?,
        };
        let sink = if brokers.is_empty() {
            Sink::File
        } else {
            Sink::Nats(brokers.iter().map(NatsServer::url).collect())
        };
        let folder = setup.folder.join("collector");
        let rules = Reader::rules(&sink);
        let settings = setup.all_settings();
        let mut collector = Collector::new_at(places.collector, &setup.collector, &folder, sink, &settings)?;
        collector.up()?;
        let clients = setup.routers(collector.address());
        let addresses: Vec<_> = clients.iter().map(|client| client.router().address()).collect();
        let mut rig = Self {
            brokers,
            collector,
            clients,
            batches_thrown_away: 0,
            routers_namespace: places.routers.clone(),
            reader: None,
            judge: Judge::new(NumberedBook::new(addresses, setup.routes), rules),
            outcome: Outcome {
                seed: setup.seed,
                sink: if setup.brokers > 0 { "nats" } else { "file" },
                ..Outcome::default()
            },
            resync_within: setup.quiet_period * RESYNC_WITHIN_QUIET_PERIODS,
            since: Instant::now(),
        };
        rig.until("all routers have a session", START_WITHIN, |rig| {
            Ok(rig.clients.iter().all(|client| client.sessions() > 0))
        })?;
        Ok(rig)
    }

    /// Lets the load go on for this time. The time is the campaign's schedule, not a wait for a condition.
    pub fn load(&mut self, time: Duration) -> io::Result<()> {
        let since = Instant::now();
        while let Some(left @ 1..) = time.checked_sub(since.elapsed()).map(|left| left.as_millis()) {
            std::thread::sleep(LOOK_EVERY.min(Duration::from_millis(left as u64)));
            interrupt::look()?;
            self.revive()?;
        }
        self.outcome.load_seconds += since.elapsed().as_secs_f64();
        self.revive()
    }

    /// Number of route changes so far.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.clients.iter().map(Client::changes).sum()
    }

    /// Number of sessions so far.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.clients.iter().map(Client::sessions).sum()
    }

    /// Lets all routers stop changing their routes, or go on.
    pub fn hold(&self, hold: bool) {
        self.clients.iter().for_each(|client| client.hold(hold));
    }

    /// Waits until a condition is true.
    ///
    /// # Errors
    /// The collector ended, or the time is over.
    pub fn until(
        &mut self,
        what: &str,
        within: Duration,
        mut is: impl FnMut(&mut Self) -> io::Result<bool>,
    ) -> io::Result<()> {
        let since = Instant::now();
        while !is(self)? {
            interrupt::look()?;
            if let Some(status) = self.collector.ended()? {
                let log = tail(&self.collector.log());
                return Err(io::Error::other(format!(
                    "the collector ended, {status}, before {what}:\n{log}"
                )));
            }
            if since.elapsed() > within {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("not within {} s: {what}", within.as_secs()),
                ));
            }
            std::thread::sleep(LOOK_EVERY / 5);
        }
        Ok(())
    }

    /// Starts a collector again that ended by itself, and notes a failure. It is no failure if the port was not free
    /// yet: the kernel takes a killed process's io_uring apart, listeners included, long after that process is reaped.
    pub fn revive(&mut self) -> io::Result<()> {
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

    /// Lets everything settle, lets the judge read what is new, and compares the tables.
    pub fn check(&mut self, say: &mut dyn FnMut(&str)) -> io::Result<()> {
        let since = Instant::now();
        self.brokers.iter_mut().try_for_each(NatsServer::until_ready)?;
        self.hold(true);
        let settled = self.settle()?;
        let settled_after = since.elapsed();
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::new(&self.collector)?,
        };
        reader.read(&mut self.judge)?;
        // A resync ends when its tables have been quiet.
        let resyncs_since = Instant::now();
        while self.judge.open_resyncs() > 0 && resyncs_since.elapsed() < self.resync_within {
            std::thread::sleep(LOOK_EVERY);
            reader.read(&mut self.judge)?;
        }
        self.reader = Some(reader);
        let mut examples = self.judge.findings.examples();
        let difference = Difference::between(&self.judge.book, &self.clients, &mut examples);
        self.outcome.checks += 1;
        self.outcome.updates = self.judge.updates();
        self.outcome.resyncs = self.judge.resyncs;
        self.outcome.difference = difference;
        self.outcome.findings = self.judge.findings.counts;
        self.outcome.examples = examples;
        if let Err(what) = settled {
            // If consumers hold the right routes all the same, the collector's own figures are wrong.
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
            self.outcome.out_of_order(),
            self.outcome.foreign(),
        ));
        self.hold(false);
        Ok(())
    }

    /// Waits until everything is sent, received, published and acknowledged. `Ok(Err)` says what is still missing.
    fn settle(&mut self) -> io::Result<Result<(), String>> {
        let since = Instant::now();
        let mut last = Vec::new();
        let mut same_since = Instant::now();
        let mut looks = 0;
        let mut left = String::from("no look yet");
        while since.elapsed() < SETTLE_WITHIN {
            std::thread::sleep(LOOK_EVERY);
            interrupt::look()?;
            self.revive()?;
            let Ok(metrics) = self.collector.metrics() else {
                left = "the control port does not answer".to_owned();
                continue;
            };
            let held: u64 = self.clients.iter().map(|client| client.router().held()).sum();
            let in_sockets = self
                .collector
                .bytes_in_sockets(self.routers_namespace.as_deref())?;
            let conditions = [
                ("routers that have not sent everything", self.talking(), 0),
                ("bytes in sockets", in_sockets, 0),
                ("sessions", metrics.sum("sessions"), self.clients.len() as u64),
                (
                    "batches acknowledged",
                    metrics.sum("sink_batches_acknowledged_total"),
                    metrics
                        .sum("batches_total")
                        .saturating_sub(self.batches_thrown_away),
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
            // Behind a link that was cut TCP may hold bytes back for as long as a minute.
            if wrong.is_some() && in_sockets == 0 && self.talking() == 0 && same_since.elapsed() > WRONG_AFTER
            {
                break;
            }
        }
        Ok(Err(format!("did not settle: {left}")))
    }

    fn talking(&self) -> u64 {
        self.clients.iter().filter(|client| !client.is_idle()).count() as u64
    }

    /// Stops routers and collector, and returns the outcome.
    pub fn finish(mut self) -> io::Result<Outcome> {
        self.outcome.changes = self.changes();
        self.outcome.sessions = self.sessions();
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
        self.outcome.seconds = self.since.elapsed().as_secs_f64();
        Ok(self.outcome)
    }
}

/// The last lines of a log.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n")
}
