//! The scenario `latency`: how long an update takes from the wire to its acknowledgement, at a fixed rate.
//!
//! The BMP header of every message contains the time at which the message was due to be sent, in microseconds of the wall
//! clock. The collector publishes this time in the update, together with the time at which it received the message. Messages
//! are sent when they are due, whatever the collector does (an open loop). If the sender falls behind, the delay counts as
//! latency; the report also shows how late the sender was.
//!
//! The bench records the acknowledgements that the server sends to the collector. Afterwards it reads the stream back and
//! matches each update with the acknowledgement of its message. Everything runs on one host, so all times are from one clock.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use arancini_schema::decode::Messages;
use arancini_wire::bmp::frame_length;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::described::Described;
use crate::digits::digits;
use crate::error::BenchError;
use crate::load_settings::LoadSettings;
use crate::machine::load_average;
use crate::measure::{Watch, send_whole};
use crate::readback::{RecordedAcks, read_back, unix_ns};
use crate::report::{Case, What};
use crate::spread::{quantile, ratio};
use crate::subject::Subject;

/// The offset of the timestamp in a Route Monitoring message: seconds, then microseconds (RFC 7854 §4.2).
const TIMESTAMP_OFFSET: usize = 6 + 34;
/// How long the sender sleeps when no message is due.
const SENDER_REST: Duration = Duration::from_micros(100);
/// The first part is not counted, because caches, connections and batches are still adapting.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long to wait for the last acknowledgements, after the collector has received all of its own.
const LAST_REPLIES: Duration = Duration::from_millis(300);
/// The delay of the sender is recorded for one of this many messages.
const LATENESS_SAMPLE: u64 = 64;

/// A load sent at a fixed rate.
#[derive(Debug, Clone)]
pub struct PacedLoad {
    /// The routers, their tables and the changes.
    pub settings: LoadSettings,
    /// Messages per second of all routers together; each message changes one route.
    pub rate: u32,
    /// How long the load lasts in seconds, in addition to the warm-up.
    pub seconds: u32,
    /// How long a batch waits for more updates.
    pub linger: Duration,
}

impl Described for PacedLoad {
    fn to_json(&self) -> Value {
        let mut object = self.settings.to_json();
        object["rate"] = json!(self.rate);
        object["seconds"] = json!(self.seconds);
        object["linger_ms"] = json!(self.linger.as_secs_f64() * 1e3);
        object
    }
}

impl std::fmt::Display for PacedLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} updates/s for {} s, linger {} ms",
            self.settings,
            digits(f64::from(self.rate), 0),
            self.seconds,
            self.linger.as_secs_f64() * 1e3,
        )
    }
}

/// The messages of one router, which are sent again and again.
struct Wheel {
    bytes: Vec<u8>,
    /// The end of each message in the bytes.
    ends: Vec<usize>,
    next: usize,
}

impl Wheel {
    /// Makes the messages: two rounds, each of which changes every route.
    fn of(settings: &LoadSettings, router: u16) -> Self {
        let scenario = settings.scenario(router);
        let bytes = [scenario.round(1), scenario.round(2)].concat();
        let mut ends = Vec::new();
        let mut end = 0;
        while let Ok(Some(length)) = frame_length(bytes.get(end..).unwrap_or_default(), usize::MAX) {
            end += length;
            ends.push(end);
        }
        Self { bytes, ends, next: 0 }
    }

    /// Appends the next message, with this time in its header.
    fn append_next(&mut self, due_unix_us: u64, out: &mut Vec<u8>) {
        let begin = self
            .next
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .copied()
            .unwrap_or(0);
        let end = self.ends.get(self.next).copied().unwrap_or(begin);
        self.next = (self.next + 1) % self.ends.len().max(1);
        let start = out.len() + TIMESTAMP_OFFSET;
        out.extend(self.bytes.get(begin..end).unwrap_or_default());
        if let Some(field) = out.get_mut(start..start + 8) {
            let (seconds, micros) = (due_unix_us / 1_000_000, due_unix_us % 1_000_000);
            field[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
            field[4..].copy_from_slice(&(micros as u32).to_be_bytes());
        }
    }
}

/// What the sender has sent.
struct Sent {
    messages: u64,
    bytes: u64,
    took: Duration,
    /// Delays of the sender for a sample of messages: seconds from when a message was due until it was written.
    late: Vec<f64>,
}

/// Sends each message when it is due. The routers take turns.
fn send_paced(connections: &[TcpStream], wheels: &mut [Wheel], load: &PacedLoad) -> std::io::Result<Sent> {
    let mut sent = Sent {
        messages: 0,
        bytes: 0,
        took: Duration::ZERO,
        late: Vec::new(),
    };
    let all = u64::from(load.rate) * (u64::from(load.seconds) + WARM_UP.as_secs());
    let mut buffers = vec![Vec::new(); connections.len()];
    let (begin, begin_unix_ns) = (Instant::now(), unix_ns());
    let due_ns = |message: u64| message * 1_000_000_000 / u64::from(load.rate);
    while sent.messages < all {
        let now_ns = begin.elapsed().as_nanos() as u64;
        let before = sent.messages;
        while sent.messages < all && due_ns(sent.messages) <= now_ns {
            let router = (sent.messages % connections.len() as u64) as usize;
            let due_unix_us = (begin_unix_ns + due_ns(sent.messages)) / 1000;
            wheels[router].append_next(due_unix_us, &mut buffers[router]);
            sent.messages += 1;
        }
        if sent.messages == before {
            thread::sleep(SENDER_REST);
            continue;
        }
        for (mut connection, buffer) in connections.iter().zip(&mut buffers) {
            connection.write_all(buffer)?;
            sent.bytes += buffer.len() as u64;
            buffer.clear();
        }
        let after_ns = begin.elapsed().as_nanos() as u64;
        let noted = (before..sent.messages).filter(|message| message % LATENESS_SAMPLE == 0);
        sent.late
            .extend(noted.map(|message| after_ns.saturating_sub(due_ns(message)) as f64 / 1e9));
    }
    sent.took = begin.elapsed();
    Ok(sent)
}

/// The latencies of all updates, in seconds.
#[derive(Default)]
struct Latencies {
    read: Vec<f64>,
    stored: Vec<f64>,
    acknowledged: Vec<f64>,
}

/// Runs the load once and adds the latencies to the case.
///
/// # Errors
/// Fails if the collector does not process the load, or if the stream does not contain what was sent.
pub fn run_latency(
    load: &PacedLoad,
    case: &mut Case,
    broker: &Broker,
    subject: &Subject,
) -> Result<String, BenchError> {
    let load_average = load_average();
    let dump = load.settings.dump().make();
    let mut wheels = load
        .settings
        .of_each_router(|router| Wheel::of(&load.settings, router));
    let connections = send_whole(&dump, subject)?;

    let acknowledgements = RecordedAcks::begin(broker)?;
    let watch = Watch::begin(subject)?;
    let counts_from_ns = unix_ns() + WARM_UP.as_nanos() as u64;
    let sent = send_paced(&connections, &mut wheels, load).map_err(BenchError::io("can't send the load"))?;
    let figures = watch.until_taken(sent.bytes, Instant::now())?;
    thread::sleep(LAST_REPLIES);
    let mut latencies = Latencies::default();
    let found = collect(broker, &acknowledgements.end(), counts_from_ns, &mut latencies)?;
    // The stream must hold the dump and everything sent since.
    let wanted = dump.wanted.emitted + sent.messages;
    if found != wanted {
        return Err(BenchError::Wrong {
            emitted: found,
            wanted,
        });
    }
    case.add(
        What::new("sent_per_second", "sent, 1/s", 0),
        ratio(sent.messages as f64, sent.took.as_secs_f64()),
    );
    for (key, name, mut values) in [
        ("sender_late", "sender late", sent.late),
        ("read", "wire to worker", latencies.read),
        ("stored", "wire to stored", latencies.stored),
        ("acknowledged", "wire to ack", latencies.acknowledged),
    ] {
        values.sort_unstable_by(f64::total_cmp);
        for (part, at) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
            let what = What::new(format!("{key}_{part}_ms"), format!("{name} {part}, ms"), 3);
            case.add(what, quantile(&values, at) * 1e3);
        }
    }
    for (part, goal) in [("p50", 1.0), ("p99", 5.0)] {
        let beyond = case.last(&format!("acknowledged_{part}_ms")) - load.linger.as_secs_f64() * 1e3;
        let what = What::new(
            format!("beyond_linger_{part}_ms"),
            format!("beyond the linger {part}, ms"),
            3,
        );
        case.add(what.clone(), beyond);
        case.beside(what, "goal", Some(goal));
    }
    case.add(
        What::new("cpu_seconds", "collector, CPU s", 3),
        figures.cpu.as_secs_f64(),
    );
    case.add(What::new("load_average", "load average before", 2), load_average);
    Ok(format!(
        "load average {load_average:.2}: wire to ack p50 {:.3} ms, p99 {:.3} ms; the sender was late by {:.3} ms (p99)",
        case.last("acknowledged_p50_ms"),
        case.last("acknowledged_p99_ms"),
        case.last("sender_late_p99_ms"),
    ))
}

/// Reads the stream back and matches each update with the acknowledgement of its message. Returns the number of updates.
fn collect(
    broker: &Broker,
    acknowledged: &[(u64, u64)],
    counts_from_ns: u64,
    latencies: &mut Latencies,
) -> Result<u64, BenchError> {
    let mut updates = 0;
    let wrong = |error: &dyn std::fmt::Display| BenchError::Stream(error.to_string());
    read_back(broker, |published| {
        if !published.subject.contains(".updates.") {
            return Ok(());
        }
        let place = acknowledged.binary_search_by_key(&published.stream_sequence, |(sequence, _)| *sequence);
        let acknowledged_ns = place
            .ok()
            .and_then(|place| acknowledged.get(place))
            .map(|(_, at)| *at);
        for message in Messages::new(&published.payload) {
            let message = message.map_err(|error| wrong(&error))?;
            let update = message.update().map_err(|error| wrong(&error))?;
            updates += 1;
            let due_ns = update.get_time_bmp_header_ns();
            if due_ns < counts_from_ns {
                continue;
            }
            // Subtract before the conversion: the differences are small, but the times are too large for a float with
            // nanoseconds.
            let since = |at_ns: u64| at_ns.wrapping_sub(due_ns).cast_signed() as f64 / 1e9;
            latencies.read.push(since(update.get_time_received_ns()));
            latencies.stored.push(since(published.stored_unix_ns));
            let Some(at_ns) = acknowledged_ns else {
                return Err(wrong(&"the acknowledgement of a message was not recorded"));
            };
            latencies.acknowledged.push(since(at_ns));
        }
        Ok(())
    })?;
    Ok(updates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_carries_when_it_was_due_and_the_wheel_goes_round() {
        let settings = LoadSettings {
            peers: 1,
            prefixes: 3,
            ipv6_percent: 0,
            ..LoadSettings::default()
        };
        let mut wheel = Wheel::of(&settings, 0);
        assert_eq!(wheel.ends.len(), 6);
        let turn = |wheel: &mut Wheel, due| {
            let mut out = vec![0xff];
            wheel.append_next(due, &mut out);
            let frame = out.split_off(1);
            let time = frame[TIMESTAMP_OFFSET..TIMESTAMP_OFFSET + 8].to_vec();
            (frame, time)
        };
        let (first, time) = turn(&mut wheel, 7_000_009);
        assert_eq!(time, [0, 0, 0, 7, 0, 0, 0, 9]);
        assert_eq!(frame_length(&first, usize::MAX), Ok(Some(first.len())));
        let others: Vec<_> = (0..5).map(|_| turn(&mut wheel, 7_000_009).0).collect();
        assert!(others.iter().all(|other| *other != first));
        assert_eq!(turn(&mut wheel, 7_000_009).0, first);
    }
}
