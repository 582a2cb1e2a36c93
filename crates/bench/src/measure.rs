//! One measurement: sends the load, waits until the collector has processed all of it, and reads what the collector used.

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

/// How often the bench reads the progress of the collector. Each read uses about 0.2 ms of CPU time of the collector.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// A collector without progress for this long has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for gauges, which the collector updates once per second.
const GAUGES_SETTLE: Duration = Duration::from_millis(2500);

/// The progress of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    bytes: u64,
    received: u64,
    emitted: u64,
    /// Messages acknowledged by the sink. The sink `null` acknowledges at once.
    acknowledged: u64,
    events: u64,
}

impl Progress {
    fn of(scrape: &Scrape) -> Self {
        Self {
            // The collector counts bytes last, so all other counters already include what these bytes caused.
            bytes: scrape.sum("received_bytes_total"),
            received: scrape.sum("received_announces_total") + scrape.sum("received_withdraws_total"),
            emitted: scrape.sum("emitted_announces_total") + scrape.sum("emitted_withdraws_total"),
            acknowledged: scrape.sum("sink_messages_acknowledged_total"),
            events: scrape.sum("events_total"),
        }
    }
}

/// Connects, sends a load, and waits until the collector has processed all of it. The connections stay open.
pub(crate) fn send_whole(load: &Load, subject: &Subject) -> Result<Vec<TcpStream>, BenchError> {
    let connections = connect_all(load, subject.address)?;
    let watch = Watch::begin(subject)?;
    send_all(&connections, &load.before(), subject.address)?;
    let begin = send_all(&connections, &load.measured(), subject.address)?;
    watch.until_taken(load.bytes_before() + load.bytes(), begin)?;
    Ok(connections)
}

/// Measures what a collector does and uses from one moment on.
pub(crate) struct Watch<'s> {
    subject: &'s Subject,
    control: SocketAddr,
    scrape: Scrape,
    usage: Usage,
}

impl<'s> Watch<'s> {
    /// Starts the measurement.
    pub(crate) fn begin(subject: &'s Subject) -> Result<Self, BenchError> {
        let control = subject.control_port()?;
        Ok(Self {
            subject,
            control,
            scrape: Scrape::of(control)?,
            usage: subject.usage()?,
        })
    }

    /// Returns by how much a metric has grown since the start.
    pub(crate) fn grown(&self, name: &str) -> Result<u64, BenchError> {
        Ok(Scrape::of(self.control)?
            .sum(name)
            .saturating_sub(self.scrape.sum(name)))
    }

    /// Waits until a metric has grown by this much.
    pub(crate) fn until(&self, name: &str, wanted: u64) -> Result<(), BenchError> {
        let mut patience = Patience::new();
        loop {
            let grown = self.grown(name)?;
            if grown >= wanted {
                return Ok(());
            }
            patience.note(grown, || (grown, wanted))?;
            thread::sleep(CHECK_INTERVAL);
        }
    }

    /// Waits until the collector has received this many bytes and the sink has acknowledged everything published for them.
    /// `begin` is the time at which the first byte was sent.
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
            patience.note(now, || (received, bytes))?;
            thread::sleep(CHECK_INTERVAL);
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

    /// Returns the number of held routes, as soon as it is the wanted number or the gauge has had time to settle.
    fn routes_held(&self, wanted: u64) -> Result<u64, BenchError> {
        let begin = Instant::now();
        loop {
            let routes = Scrape::of(self.control)?.sum("routes");
            if routes == wanted || begin.elapsed() > GAUGES_SETTLE {
                return Ok(routes);
            }
            thread::sleep(CHECK_INTERVAL);
        }
    }
}

/// Gives up if nothing changes for a while.
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

    /// Notes the current state. `reached` returns the progress and the wanted progress, for the error.
    fn note(&mut self, now: T, reached: impl FnOnce() -> (u64, u64)) -> Result<(), BenchError> {
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

/// Sends the load to a collector, and measures until the sink has acknowledged everything published for it.
///
/// # Errors
/// Fails if the load can't be sent, if the collector stops processing it, or if the metrics can't be read.
pub fn measure(load: &Load, subject: &Subject) -> Result<Figures, BenchError> {
    let from_the_start = Watch::begin(subject)?;
    let connections = connect_all(load, subject.address)?;
    let begin = send_all(&connections, &load.before(), subject.address)?;
    from_the_start.until_taken(load.bytes_before(), begin)?;
    let connections = if load.reconnects {
        close(connections).map_err(BenchError::io("the collector did not read the load to its end"))?;
        connect_all(load, subject.address)?
    } else {
        connections
    };

    let watch = Watch::begin(subject)?;
    let begin = send_all(&connections, &load.measured(), subject.address)?;
    let mut figures = watch.until_taken(load.bytes(), begin)?;
    // Routes of other routers are not part of the load. The memory is compared with the time before the dump.
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
/// Fails if the load can't be sent, or if the process has ended.
pub fn measure_limit(load: &Load, subject: &Subject) -> Result<Limit, BenchError> {
    let before = subject.usage()?;
    let connections = connect_all(load, subject.address)?;
    let begin = send_all(&connections, &load.measured(), subject.address)?;
    close(connections).map_err(BenchError::io(
        "the process that only receives did not read the load to its end",
    ))?;
    let elapsed = begin.elapsed();
    Ok(Limit {
        elements: load.wanted.elements,
        bytes: load.bytes(),
        elapsed,
        cpu: subject.usage()?.cpu - before.cpu,
    })
}
