//! One measurement: send the load, wait until all of it was dealt with, read what that cost.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::BenchError;
use crate::figures::{Figures, Limit};
use crate::load::Load;
use crate::process::Usage;
use crate::scrape::Scrape;
use crate::send::{close, connect_all, send_all};
use crate::subject::Subject;

/// How often the collector is asked how far it is. Each question costs it some 0.2 ms.
const LOOK: Duration = Duration::from_millis(20);
/// A collector that takes nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// Gauges are set once a second; so much later they are as they should be.
const GAUGES_SETTLE: Duration = Duration::from_millis(2500);

/// How far a collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    bytes: u64,
    received: u64,
    emitted: u64,
    /// What the sink has made durable; the null sink has at once.
    acknowledged: u64,
    events: u64,
}

impl Progress {
    fn of(scrape: &Scrape) -> Self {
        Self {
            // Counted last: whoever sees bytes counted sees all that became of them.
            bytes: scrape.sum("received_bytes_total"),
            received: scrape.sum("received_announces_total") + scrape.sum("received_withdraws_total"),
            emitted: scrape.sum("emitted_announces_total") + scrape.sum("emitted_withdraws_total"),
            acknowledged: scrape.sum("sink_messages_acknowledged_total"),
            events: scrape.sum("events_total"),
        }
    }
}

/// Connects, sends a load and waits until all of it was dealt with. The connections stay open.
pub(crate) fn send_whole(load: &Load, subject: &Subject) -> Result<Vec<TcpStream>, BenchError> {
    let connections = connect_all(load, subject.address)?;
    let watch = Watch::begin(subject)?;
    let begin = send_all(&connections, &load.parts(|_| ..), subject.address)?;
    watch.until_taken(load.bytes(), begin)?;
    Ok(connections)
}

/// A collector from a moment on: what it has done and used since.
pub(crate) struct Watch<'s> {
    subject: &'s Subject,
    control: SocketAddr,
    scrape: Scrape,
    usage: Usage,
}

impl<'s> Watch<'s> {
    /// From now on.
    pub(crate) fn begin(subject: &'s Subject) -> Result<Self, BenchError> {
        let control = subject.control_port()?;
        Ok(Self {
            subject,
            control,
            scrape: Scrape::of(control)?,
            usage: subject.usage()?,
        })
    }

    /// How much a metric has grown, and the metrics as they are now.
    pub(crate) fn grown(&self, name: &str) -> Result<u64, BenchError> {
        Ok(Scrape::of(self.control)?
            .sum(name)
            .saturating_sub(self.scrape.sum(name)))
    }

    /// Waits until a metric has grown by so much.
    pub(crate) fn until(&self, name: &str, wanted: u64) -> Result<(), BenchError> {
        let mut patience = Patience::new();
        loop {
            let grown = self.grown(name)?;
            if grown >= wanted {
                return Ok(());
            }
            patience.look(grown, || (grown, wanted))?;
            thread::sleep(LOOK);
        }
    }

    /// Waits until so many bytes were received and all that came of them is durable in the sink. `begin` is when the
    /// first byte was sent.
    pub(crate) fn until_taken(&self, bytes: u64, begin: Instant) -> Result<Figures, BenchError> {
        let before = Progress::of(&self.scrape);
        let mut patience = Patience::new();
        loop {
            let scrape = Scrape::of(self.control)?;
            let now = Progress::of(&scrape);
            let received = now.bytes - before.bytes;
            if received >= bytes && now.acknowledged >= now.emitted + now.events {
                return self.figures(&scrape, begin.elapsed());
            }
            patience.look(now, || (received, bytes))?;
            thread::sleep(LOOK);
        }
    }

    fn figures(&self, scrape: &Scrape, elapsed: Duration) -> Result<Figures, BenchError> {
        let usage = self.subject.usage()?;
        let (before, after) = (Progress::of(&self.scrape), Progress::of(scrape));
        let grown = |name| scrape.sum(name) - self.scrape.sum(name);
        Ok(Figures {
            elements: after.received - before.received,
            emitted: after.emitted - before.emitted,
            bytes: after.bytes - before.bytes,
            receive_calls: grown("receive_calls_total"),
            batch_bytes: grown("batch_bytes_total"),
            elapsed,
            cpu: usage.cpu - self.usage.cpu,
            system: usage.system - self.usage.system,
            workers: usage.workers_since(&self.usage),
            voluntary_switches: usage
                .voluntary_switches
                .saturating_sub(self.usage.voluntary_switches),
            resident_before_bytes: self.usage.resident_bytes,
            resident_bytes: usage.resident_bytes,
            routes: 0,
        })
    }

    /// The gauge of routes, as soon as it is what it must be or has had the time to be.
    fn routes_held(&self, wanted: u64) -> Result<u64, BenchError> {
        let begin = Instant::now();
        loop {
            let routes = Scrape::of(self.control)?.sum("routes");
            if routes == wanted || begin.elapsed() > GAUGES_SETTLE {
                return Ok(routes);
            }
            thread::sleep(LOOK);
        }
    }
}

/// Gives up when nothing moves any more.
struct Patience<T> {
    last: Option<T>,
    moved: Instant,
}

impl<T: PartialEq> Patience<T> {
    fn new() -> Self {
        Self {
            last: None,
            moved: Instant::now(),
        }
    }

    /// `reached` is how far it came, and of how much.
    fn look(&mut self, now: T, reached: impl FnOnce() -> (u64, u64)) -> Result<(), BenchError> {
        if self.last.as_ref() != Some(&now) {
            (self.last, self.moved) = (Some(now), Instant::now());
        } else if self.moved.elapsed() > PATIENCE {
            let (reached, of) = reached();
            return Err(BenchError::Stalled {
                reached,
                of,
                seconds: PATIENCE.as_secs(),
            });
        }
        Ok(())
    }
}

/// Sends the load to a collector and measures it until all of it is durable in its sink.
///
/// # Errors
/// The load can't be sent, the collector stops taking it, or its figures can't be read.
pub fn measure(load: &Load, subject: &Subject) -> Result<Figures, BenchError> {
    let from_the_start = Watch::begin(subject)?;
    let connections = connect_all(load, subject.address)?;
    let before = load.parts(|stream| ..stream.before);
    let bytes = before.iter().map(|part| part.len() as u64).sum();
    let begin = send_all(&connections, &before, subject.address)?;
    from_the_start.until_taken(bytes, begin)?;

    let watch = Watch::begin(subject)?;
    let measured = load.parts(|stream| stream.before..);
    let begin = send_all(&connections, &measured, subject.address)?;
    let mut figures = watch.until_taken(load.bytes(), begin)?;
    // What others hold is none of the load's business; the memory grew for the dump too.
    let others = from_the_start.scrape.sum("routes");
    figures.routes = watch
        .routes_held(load.wanted.routes + others)?
        .saturating_sub(others);
    figures.resident_before_bytes = from_the_start.usage.resident_bytes;
    Ok(figures)
}

/// Sends the load to a process that only receives.
///
/// # Errors
/// The load can't be sent, or the process is gone.
pub fn measure_limit(load: &Load, subject: &Subject) -> Result<Limit, BenchError> {
    let before = subject.usage()?;
    let connections = connect_all(load, subject.address)?;
    let measured = load.parts(|stream| stream.before..);
    let begin = send_all(&connections, &measured, subject.address)?;
    close(connections).map_err(BenchError::io(
        "the process that only receives did not read to the end",
    ))?;
    let elapsed = begin.elapsed();
    Ok(Limit {
        elements: load.wanted.elements,
        bytes: load.bytes(),
        elapsed,
        cpu: subject.usage()?.cpu - before.cpu,
    })
}
