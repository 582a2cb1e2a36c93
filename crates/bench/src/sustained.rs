//! Churn into JetStream for as long as one wants, and then everything is read back.
//!
//! Each router dumps its table, then announces every route again with another path, round after round until the time is
//! over: everything has to be published. Judged is what the stream holds: as many updates as were sent, sequences of each
//! router without a gap and without a double, rising within each subject, and of each route the last word it was
//! announced with.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use arancini_client::headers::{HEADER_FIRST_SEQUENCE, HEADER_LAST_SEQUENCE};
use arancini_client::tail::PublishedMessage;
use arancini_schema::decode::Messages;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::error::BenchError;
use crate::load::{Described, LoadSettings};
use crate::machine::load_average;
use crate::measure::{Watch, send_whole};
use crate::readback::read_back;
use crate::report::{Case, What, digits};
use crate::send::send_one;
use crate::spread::ratio;
use crate::subject::Subject;
use arancini_generate::Scenario;

/// A load that goes on.
#[derive(Debug, Clone)]
pub struct EndlessLoad {
    /// Whose tables.
    pub settings: LoadSettings,
    /// How long they change; the round that is under way then is sent to its end.
    pub seconds: u32,
}

impl Described for EndlessLoad {
    fn to_json(&self) -> Value {
        let mut object = self.settings.to_json();
        object["seconds"] = json!(self.seconds);
        object
    }
}

impl std::fmt::Display for EndlessLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: all of it changes for {} s", self.settings, self.seconds)
    }
}

/// Sends rounds of each router until the time is over; how many each has sent.
fn send_rounds(
    connections: &[TcpStream],
    rounds: &[[Vec<u8>; 2]],
    subject: &Subject,
    lasts: Duration,
) -> Result<Vec<u32>, BenchError> {
    let begin = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> = connections
            .iter()
            .zip(rounds)
            .map(|(connection, rounds)| {
                scope.spawn(move || {
                    let mut sent = 0;
                    while begin.elapsed() < lasts {
                        send_one(connection, &rounds[sent as usize % 2], subject.address)?;
                        sent += 1;
                    }
                    Ok(sent)
                })
            })
            .collect();
        senders
            .into_iter()
            .map(|sender| {
                sender
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// The version of the paths in a round, counted from 0.
const fn version(round: u32) -> u32 {
    round % 2 + 1
}

/// One run.
///
/// # Errors
/// The collector does not take the load, or the stream does not hold what it must.
pub fn run_sustained(
    load: &EndlessLoad,
    case: &mut Case,
    broker: &Broker,
    subject: &Subject,
) -> Result<String, BenchError> {
    let load_average = load_average();
    let dump = load.settings.dump().make();
    let rounds = load.settings.of_each_router(|router| {
        let scenario = load.settings.scenario(router);
        [0, 1].map(|round| scenario.round(version(round)))
    });
    let connections = send_whole(&dump, subject)?;

    let (watch, broker_before) = (Watch::begin(subject)?, broker.usage()?);
    let begin = Instant::now();
    let lasts = Duration::from_secs(u64::from(load.seconds));
    let sent = send_rounds(&connections, &rounds, subject, lasts)?;
    let bytes = rounds.iter().zip(&sent);
    let bytes = bytes.map(|(of_router, sent)| bytes_of(of_router, *sent)).sum();
    let figures = watch.until_taken(bytes, begin)?;
    let broker_cpu = broker.usage()?.cpu - broker_before.cpu;

    let mut found = Found::default();
    read_back(broker, |message| found.add(message))?;
    let routers = sent.len().max(1) as u64;
    let wanted: Vec<(u64, u32)> = sent
        .iter()
        .map(|sent| (dump.wanted.routes / routers * u64::from(1 + sent), *sent))
        .collect();
    found.judge(&wanted, dump.wanted.routes)?;

    let millions = figures.emitted as f64 / 1e6;
    let mut add = |key: &str, name: &str, decimals, value| case.add(What::new(key, name, decimals), value);
    add(
        "updates_per_second",
        "updates/s acknowledged",
        0,
        ratio(figures.emitted as f64, figures.elapsed.as_secs_f64()),
    );
    add("seconds", "seconds", 1, figures.elapsed.as_secs_f64());
    add("updates", "updates", 0, figures.emitted as f64);
    add(
        "cpu_per_million",
        "collector, CPU s/million",
        3,
        ratio(figures.cpu.as_secs_f64(), millions),
    );
    add(
        "server_cpu_per_million",
        "server, CPU s/million",
        3,
        ratio(broker_cpu.as_secs_f64(), millions),
    );
    add(
        "payload_per_update",
        "payload, bytes/update",
        1,
        ratio(figures.batch_bytes as f64, figures.emitted as f64),
    );
    add(
        "stored_per_update",
        "files of the server, bytes/update",
        1,
        ratio(broker.stored_bytes()? as f64, found.updates as f64),
    );
    add(
        "subjects",
        "subjects of updates",
        0,
        found.last_of_subject.len() as f64,
    );
    add(
        "read_back",
        "updates read back, all right",
        0,
        found.updates as f64,
    );
    add("load_average", "load average before", 2, load_average);
    Ok(format!(
        "load average {load_average:.2}: {} updates in {:.1} s, all read back",
        digits(figures.emitted as f64, 0),
        figures.elapsed.as_secs_f64(),
    ))
}

/// How many bytes so many rounds are.
fn bytes_of(rounds: &[Vec<u8>; 2], sent: u32) -> u64 {
    let [first, second] = rounds.each_ref().map(|round| round.len() as u64);
    u64::from(sent.div_ceil(2)) * first + u64::from(sent / 2) * second
}

/// What the stream holds.
#[derive(Default)]
struct Found {
    hasher: RandomState,
    updates: u64,
    /// Of each router.
    sequences: HashMap<Vec<u8>, Sequences>,
    /// The last sequence of each subject of updates.
    last_of_subject: HashMap<String, u64>,
    /// Of each router, and of each route by the hash of its peer and prefix: the AS that tells the round.
    last_word: HashMap<Vec<u8>, HashMap<u64, u32>>,
}

/// Sequence numbers of a router.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sequences {
    updates: u64,
    count: u64,
    first: u64,
    last: u64,
    /// Sum and sum of squares, wrapping: of numbers without gap or double they follow from the first and the last.
    sum: u64,
    squares: u64,
}

impl Sequences {
    fn add(&mut self, sequence: u64) {
        if self.count == 0 || sequence < self.first {
            self.first = sequence;
        }
        self.last = self.last.max(sequence);
        self.count += 1;
        self.sum = self.sum.wrapping_add(sequence);
        self.squares = self.squares.wrapping_add(sequence.wrapping_mul(sequence));
    }

    /// Whether each number from the first to the last is there once.
    fn is_whole(&self) -> bool {
        if self.count == 0 || self.last - self.first + 1 != self.count {
            return self.count == 0;
        }
        let mut every = Self::default();
        (self.first..=self.last).for_each(|sequence| every.add(sequence));
        (every.sum, every.squares) == (self.sum, self.squares)
    }
}

impl Found {
    fn add(&mut self, published: &PublishedMessage) -> Result<(), BenchError> {
        let wrong = |error: &dyn std::fmt::Display| BenchError::Stream(error.to_string());
        let subject = published.subject.as_str();
        let mut tokens = subject.split('.').skip(1);
        let (kind, router) = (
            tokens.next().unwrap_or_default(),
            tokens.next().unwrap_or_default(),
        );
        let of_router = self.sequences.entry(router.as_bytes().to_vec()).or_default();
        if kind != "updates" {
            // Events have a batch each.
            let header = |name| published.headers.get(name)?.as_str().parse::<u64>().ok();
            let range = header(HEADER_FIRST_SEQUENCE).zip(header(HEADER_LAST_SEQUENCE));
            let (first, last) = range.ok_or_else(|| wrong(&"a message without sequences"))?;
            (first..=last).for_each(|sequence| of_router.add(sequence));
            return Ok(());
        }
        let routes = self.last_word.entry(router.as_bytes().to_vec()).or_default();
        let mut last = self.last_of_subject.get(subject).copied().unwrap_or(0);
        for message in Messages::new(&published.payload) {
            let message = message.map_err(|error| wrong(&error))?;
            let update = message.update().map_err(|error| wrong(&error))?;
            let sequence = update.get_sequence();
            if sequence <= last {
                return Err(wrong(&format_args!("{subject}: {sequence} comes behind {last}")));
            }
            last = sequence;
            of_router.add(sequence);
            of_router.updates += 1;
            self.updates += 1;
            let unreadable = |error| wrong(&error);
            let route = (
                update.get_peer_addr().map_err(unreadable)?,
                update.get_prefix_addr().map_err(unreadable)?,
                update.get_prefix_len(),
            );
            let path = update.get_as_path().map_err(unreadable)?;
            let told = if update.get_announced() {
                path.iter().nth(1)
            } else {
                None
            };
            routes.insert(self.hasher.hash_one(route), told.unwrap_or(0));
        }
        match self.last_of_subject.get_mut(subject) {
            Some(known) => *known = last,
            None => drop(self.last_of_subject.insert(subject.to_owned(), last)),
        }
        Ok(())
    }

    /// `wanted`: of each router how many updates there must be, and how many rounds it sent. Routers are told apart by
    /// their subjects, whose order is not that of the routers, so each finds one that fits.
    fn judge(&self, wanted: &[(u64, u32)], routes: u64) -> Result<(), BenchError> {
        let wrong = |what: String| Err(BenchError::Stream(what));
        for (router, sequences) in &self.sequences {
            let router = String::from_utf8_lossy(router);
            if !sequences.is_whole() {
                return wrong(format!("{router}: sequences with gaps or doubles: {sequences:?}"));
            }
        }
        let mut updates: Vec<u64> = self
            .sequences
            .values()
            .map(|of_router| of_router.updates)
            .collect();
        let mut must: Vec<u64> = wanted.iter().map(|(updates, _)| *updates).collect();
        updates.sort_unstable();
        must.sort_unstable();
        if updates != must {
            return wrong(format!(
                "updates of each router: {updates:?} where {must:?} are right"
            ));
        }
        let held: usize = self.last_word.values().map(HashMap::len).sum();
        if held as u64 != routes {
            return wrong(format!("{held} routes where {routes} are right"));
        }
        for (router, of_router) in &self.last_word {
            let updates = self
                .sequences
                .get(router)
                .map_or(0, |sequences| sequences.updates);
            let sent = wanted
                .iter()
                .find(|(must, _)| *must == updates)
                .map_or(0, |(_, sent)| *sent);
            let Some(round) = sent.checked_sub(1) else {
                continue;
            };
            let must = Scenario::VERSION_AS + version(round);
            if let Some(other) = of_router.values().find(|told| **told != must) {
                let router = String::from_utf8_lossy(router);
                return wrong(format!(
                    "{router}: a route ends with AS {other} in its path where {must} is right"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_double_are_found_even_where_the_count_is_right() {
        let of = |numbers: &[u64]| {
            let mut sequences = Sequences::default();
            numbers.iter().for_each(|number| sequences.add(*number));
            sequences.is_whole()
        };
        assert!(of(&[]) && of(&[7]) && of(&[5, 3, 4]) && of(&[u64::MAX - 1, u64::MAX]));
        assert!(!of(&[3, 5]) && !of(&[3, 4, 4]) && !of(&[3, 3, 5]));
        // Count, first, last and sum are right.
        assert!(!of(&[1, 2, 2, 5, 5, 6]) && !of(&[1, 3, 3, 4, 4, 6]));
    }

    #[test]
    fn rounds_take_turns() {
        let rounds = [vec![0; 10], vec![0; 7]];
        assert_eq!([0, 1, 2, 3].map(|sent| bytes_of(&rounds, sent)), [0, 10, 17, 27]);
        assert_eq!([0, 1, 2].map(version), [1, 2, 1]);
    }
}
