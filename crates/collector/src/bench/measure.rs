//! One measurement: send the load, wait until all of it was dealt with, read what that cost.

use std::thread;
use std::time::{Duration, Instant};

use super::error::BenchError;
use super::figures::{Figures, Limit};
use super::load::Load;
use super::process::Usage;
use super::scrape::Scrape;
use super::send::{close, send};
use super::subject::Subject;

/// How often the collector is asked how far it is. Each question costs it some 0.2 ms.
const LOOK: Duration = Duration::from_millis(20);
/// A collector that takes nothing for so long has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// Gauges are set once a second; so much later they are as they should be.
const GAUGES_SETTLE: Duration = Duration::from_millis(2500);

/// How far a collector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    received: u64,
    emitted: u64,
    /// What the sink has made durable; the null sink has at once.
    acknowledged: u64,
    events: u64,
}

impl Progress {
    fn of(scrape: &Scrape) -> Self {
        Self {
            received: scrape.sum("received_announces_total") + scrape.sum("received_withdraws_total"),
            emitted: scrape.sum("emitted_announces_total") + scrape.sum("emitted_withdraws_total"),
            acknowledged: scrape.sum("sink_messages_acknowledged_total"),
            events: scrape.sum("events_total"),
        }
    }
}

/// Sends the load to a collector and measures it until all of it is durable in its sink.
///
/// # Errors
/// The load can't be sent, the collector stops taking it, or its figures can't be read.
pub fn measure(load: &Load, subject: &Subject) -> Result<Figures, BenchError> {
    let Some(control) = subject.control else {
        return Err(BenchError::Start("it has no control port".to_owned()));
    };
    let usage = || subject.pid.map_or(Ok(Usage::default()), Usage::of);
    let scrape_before = Scrape::of(control)?;
    let (before, usage_before) = (Progress::of(&scrape_before), usage()?);
    let sent = send(load, subject.address)?;

    let mut progress = before;
    let mut moved = Instant::now();
    let (scrape, elapsed) = loop {
        let scrape = Scrape::of(control)?;
        let now = Progress::of(&scrape);
        let elements = now.received - before.received;
        if elements >= load.wanted.elements && now.acknowledged >= now.emitted + now.events {
            break (scrape, sent.begin.elapsed());
        }
        if now != progress {
            (progress, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(BenchError::Stalled {
                elements,
                of: load.wanted.elements,
                seconds: PATIENCE.as_secs(),
            });
        }
        thread::sleep(LOOK);
    };
    let usage_after = usage()?;
    let after = Progress::of(&scrape);
    let grown = |name| scrape.sum(name) - scrape_before.sum(name);
    Ok(Figures {
        elements: after.received - before.received,
        emitted: after.emitted - before.emitted,
        bytes: grown("received_bytes_total"),
        receive_calls: grown("receive_calls_total"),
        batch_bytes: grown("batch_bytes_total"),
        elapsed,
        cpu: usage_after.cpu - usage_before.cpu,
        system: usage_after.system - usage_before.system,
        voluntary_switches: usage_after
            .voluntary_switches
            .saturating_sub(usage_before.voluntary_switches),
        resident_before_bytes: usage_before.resident_bytes,
        resident_bytes: usage_after.resident_bytes,
        routes: routes_held(load, control, scrape_before.sum("routes"))?,
    })
}

/// The gauge of routes, as soon as it is what it must be or has had the time to be.
fn routes_held(load: &Load, control: std::net::SocketAddr, before: u64) -> Result<u64, BenchError> {
    let begin = Instant::now();
    loop {
        let routes = Scrape::of(control)?.sum("routes").saturating_sub(before);
        if routes == load.wanted.routes || begin.elapsed() > GAUGES_SETTLE {
            return Ok(routes);
        }
        thread::sleep(LOOK);
    }
}

/// Sends the load to a process that only receives.
///
/// # Errors
/// The load can't be sent, or the process is gone.
pub fn measure_limit(load: &Load, subject: &Subject) -> Result<Limit, BenchError> {
    let usage = || subject.pid.map_or(Ok(Usage::default()), Usage::of);
    let before = usage()?;
    let sent = send(load, subject.address)?;
    close(sent.open).map_err(BenchError::io(
        "the process that only receives did not read to the end",
    ))?;
    let elapsed = sent.begin.elapsed();
    Ok(Limit {
        elements: load.wanted.elements,
        bytes: load.bytes(),
        elapsed,
        cpu: usage()?.cpu - before.cpu,
    })
}
