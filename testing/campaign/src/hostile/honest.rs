//! The honest router, and a consumer that measures how long its updates take into the stream and out again.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arancini_bed::router::{connect_from, router_address};
use arancini_client::StreamSource;
use arancini_client::tail::{AtEnd, PublishedMessage, StreamTail, StreamTailOptions};
use arancini_judge::{Judge, Rules};
use arancini_schema::decode::Messages;
use arancini_schema::subject::router_token;

use super::spread::percentile;
use crate::book::NumberedBook;
use crate::route::{TABLES, VERSIONS};
use crate::router::Router;

/// Time between two updates of the honest router.
const EVERY: Duration = Duration::from_millis(2);
/// Number of routes that it changes in turn.
const ROUTES: u32 = 500;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A collector that takes nothing for this time has forgotten the honest router.
const WRITE_WITHIN: Duration = Duration::from_secs(60);
/// Time after which the consumer looks whether it should end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Its number, by which it has its address.
pub(super) const HONEST: u8 = 1;

/// What became of the honest router's updates.
#[derive(Debug, Default)]
struct Ledger {
    /// Updates that are not in the stream yet, in their order: route, version, time of sending in Unix nanoseconds.
    under_way: VecDeque<(u32, u32, u64)>,
    sent: u64,
    /// Updates that never came, although later ones did.
    skipped: u64,
    arrived: Vec<Way>,
    /// The last version sent of each route.
    versions: BTreeMap<u32, u32>,
    /// What the judge and the comparison at the end found.
    findings: Vec<String>,
    failure: Option<String>,
}

/// How long each part of the way of an update took.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// From `write` until the worker had received it.
    to_worker: Duration,
    /// From there until the broker stored it.
    to_broker: Duration,
    /// From there until the consumer read it.
    to_consumer: Duration,
}

impl Way {
    /// From the wire into the stream.
    fn to_stream(self) -> Duration {
        self.to_worker + self.to_broker
    }
}

impl Ledger {
    /// Compares what consumers hold with what the router announced. Routes that are still under way count as lost already.
    fn compare(&mut self, judge: &Judge<NumberedBook>) {
        let examples = judge.findings.examples();
        self.findings.extend(
            examples
                .iter()
                .map(|(kind, examples)| format!("{kind}: {examples:?}")),
        );
        if !self.under_way.is_empty() {
            return;
        }
        let wrong = self.versions.iter().filter(|(number, version)| {
            judge.book.held(router_address(HONEST), 0, **number as usize) != **version
        });
        match wrong.count() {
            0 => {}
            count => self
                .findings
                .push(format!("{count} routes that consumers hold otherwise")),
        }
    }
}

/// The honest router and its consumer at work. Dropping the value stops them.
#[derive(Debug)]
pub struct Honest {
    ledger: Arc<Mutex<Ledger>>,
    quiet: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What the honest router noticed of an attack.
#[derive(Debug, Clone, Default)]
pub struct Noticed {
    /// Updates sent.
    pub sent: u64,
    /// Updates that never came.
    pub lost: u64,
    /// Median time of an update from the router's `write` until the broker stored it.
    pub p50: Duration,
    /// 99th percentile of that time.
    pub p99: Duration,
    /// Longest time.
    pub longest: Duration,
    /// 99th percentile of the time until the worker had received the update.
    pub p99_to_worker: Duration,
    /// 99th percentile of the time from the worker until the broker stored the update.
    pub p99_to_broker: Duration,
    /// 99th percentile of the time from the broker until the consumer read the update.
    pub p99_to_consumer: Duration,
    /// Promises that its part of the stream breaks.
    pub findings: Vec<String>,
    /// Why the measurement failed: the session broke, or the stream could not be read.
    pub failure: Option<String>,
}

impl Honest {
    /// Connects the router and begins to send.
    pub fn start(collector: SocketAddr, broker: String) -> io::Result<Self> {
        let mut connection = connect_from(router_address(HONEST), collector, CONNECT_WITHIN)?;
        connection.set_write_timeout(Some(WRITE_WITHIN))?;
        connection.set_nodelay(true)?;
        let mut bytes = Vec::new();
        Router::new(HONEST, 1, 1).begin_session(&mut bytes);
        connection.write_all(&bytes)?;
        let ledger = Arc::<Mutex<Ledger>>::default();
        let (quiet, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let sender = {
            let (ledger, quiet, stop) = (Arc::clone(&ledger), Arc::clone(&quiet), Arc::clone(&stop));
            std::thread::spawn(move || send(connection, &ledger, &quiet, &stop))
        };
        let consumer = {
            let (ledger, stop) = (Arc::clone(&ledger), Arc::clone(&stop));
            std::thread::spawn(move || {
                if let Err(error) = consume(broker, &ledger, &stop) {
                    lock(&ledger).failure.get_or_insert(error.to_string());
                }
            })
        };
        Ok(Self {
            ledger,
            quiet,
            stop,
            threads: vec![sender, consumer],
        })
    }

    /// Number of its updates in the stream.
    #[must_use]
    pub fn arrived(&self) -> usize {
        lock(&self.ledger).arrived.len()
    }

    /// Forgets the times measured so far.
    pub fn begin_measuring(&self) {
        lock(&self.ledger).arrived.clear();
    }

    /// Stops sending and waits for the updates that are on their way.
    pub fn drain(&self, within: Duration) {
        self.quiet.store(true, Relaxed);
        let since = Instant::now();
        while since.elapsed() < within {
            let ledger = lock(&self.ledger);
            if ledger.under_way.is_empty() || ledger.failure.is_some() {
                break;
            }
            drop(ledger);
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends the session and returns what the router noticed.
    #[must_use]
    pub fn end(mut self) -> Noticed {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let ledger = lock(&self.ledger);
        let sorted = |part: fn(Way) -> Duration| {
            let mut times: Vec<Duration> = ledger.arrived.iter().copied().map(part).collect();
            times.sort_unstable();
            times
        };
        let to_stream = sorted(Way::to_stream);
        Noticed {
            sent: ledger.sent,
            lost: ledger.skipped + ledger.under_way.len() as u64,
            p50: percentile(&to_stream, 0.5),
            p99: percentile(&to_stream, 0.99),
            longest: percentile(&to_stream, 1.0),
            p99_to_worker: percentile(&sorted(|way| way.to_worker), 0.99),
            p99_to_broker: percentile(&sorted(|way| way.to_broker), 0.99),
            p99_to_consumer: percentile(&sorted(|way| way.to_consumer), 0.99),
            findings: ledger.findings.clone(),
            failure: ledger.failure.clone(),
        }
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

fn send(mut connection: TcpStream, ledger: &Mutex<Ledger>, quiet: &AtomicBool, stop: &AtomicBool) {
    let Some(table) = TABLES.first() else { return };
    let (mut number, mut version) = (0, 1);
    while !quiet.load(Relaxed) && !stop.load(Relaxed) {
        let mut message = Vec::new();
        table.announce(&[number], version, &mut message);
        {
            let mut ledger = lock(ledger);
            ledger.under_way.push_back((number, version, unix_now()));
            ledger.versions.insert(number, version);
            ledger.sent += 1;
        }
        if let Err(error) = connection.write_all(&message) {
            lock(ledger)
                .failure
                .get_or_insert(format!("its session broke: {error}"));
            return;
        }
        number += 1;
        if number == ROUTES {
            (number, version) = (0, 1 + version % (VERSIONS - 1));
        }
        std::thread::sleep(EVERY);
    }
    // The session stays open until the end, because consumers would notice a lost one.
    while !stop.load(Relaxed) {
        std::thread::sleep(LOOK_EVERY);
    }
}

fn consume(broker: String, ledger: &Mutex<Ledger>, stop: &AtomicBool) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let filter = format!("arancini.updates.{}.>", router_token(router_address(HONEST)));
    runtime.block_on(async {
        let mut tail = loop {
            let options = StreamTailOptions {
                filters: vec![filter.clone()],
                at_end: AtEnd::Follow,
                ..StreamTailOptions::default()
            };
            match StreamTail::open(StreamSource::new(vec![broker.clone()]), options).await {
                Ok(tail) => break tail,
                // The collector may not have made the stream yet.
                Err(_) if !stop.load(Relaxed) => tokio::time::sleep(LOOK_EVERY).await,
                Err(trouble) => return Err(io::Error::other(trouble.to_string())),
            }
        };
        let book = NumberedBook::new([router_address(HONEST)], ROUTES);
        let mut judge = Judge::new(book, Rules::default());
        while !stop.load(Relaxed) {
            let Ok(next) = tokio::time::timeout(LOOK_EVERY, tail.next()).await else {
                continue;
            };
            if let Some(message) = next.map_err(|error| io::Error::other(error.to_string()))? {
                take(&message, ledger);
                let stands = message.subject.strip_prefix("arancini.").unwrap_or_default();
                judge.payload(stands, &message.payload);
            }
        }
        lock(ledger).compare(&judge);
        Ok(())
    })
}

/// Strikes the updates that have come out of the ledger.
fn take(published: &PublishedMessage, ledger: &Mutex<Ledger>) {
    let now = unix_now();
    let mut ledger = lock(ledger);
    for message in Messages::new(&published.payload).flatten() {
        let Ok(update) = message.update() else { continue };
        let version = update.get_multi_exit_disc();
        while let Some((number, sent, at)) = ledger.under_way.pop_front() {
            let address = TABLES
                .first()
                .map(|table| table.name(number).address.to_be_bytes());
            if sent == version && update.get_prefix_addr().ok() == address.as_ref().map(|bytes| &bytes[..]) {
                let between = |begin: u64, end: u64| Duration::from_nanos(end.saturating_sub(begin));
                let received = update.get_time_received_ns();
                ledger.arrived.push(Way {
                    to_worker: between(at, received),
                    to_broker: between(received, published.stored_unix_ns),
                    to_consumer: between(published.stored_unix_ns, now),
                });
                break;
            }
            ledger.skipped += 1;
        }
    }
}

/// The time of the machine, which router, collector, broker and consumer share, in Unix nanoseconds.
fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos() as u64
}
