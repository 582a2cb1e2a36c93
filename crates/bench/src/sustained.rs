//! The scenario `sustained`: churn into JetStream for a given time, after which the stream is read back and checked.
//!
//! Each router dumps its table, then announces every route again with another path, round after round until the time is
//! over, so every update must be published. The check of the stream is in [`crate::content`].

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::content::{Content, WantedOfRouter};
use crate::described::Described;
use crate::digits::digits;
use crate::error::BenchError;
use crate::figures::Figures;
use crate::load_settings::LoadSettings;
use crate::machine::load_average;
use crate::measure::{Watch, send_whole};
use crate::readback::read_back;
use crate::report::{Case, What};
use crate::rounds::version;
use crate::send::send_one;
use crate::spread::ratio;
use crate::subject::Subject;

/// A load that changes every route again and again.
#[derive(Debug, Clone)]
pub struct EndlessLoad {
    /// The routers and their tables.
    pub settings: LoadSettings,
    /// How long the routes change, in seconds. The round in progress is then sent to its end.
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
        write!(
            f,
            "{}: every route changes again and again for {} s",
            self.settings, self.seconds
        )
    }
}

/// Sends rounds from each router until the time is over. Returns how many rounds each router has sent.
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

/// Runs the load once, checks the stream, and adds the figures to the case.
///
/// # Errors
/// Fails if the collector does not process the load, or if the content of the stream is wrong.
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

    let mut content = Content::default();
    read_back(broker, |message| content.add(message))?;
    let routers = sent.len().max(1) as u64;
    let wanted: Vec<WantedOfRouter> = sent
        .iter()
        .map(|&rounds| WantedOfRouter {
            updates: dump.wanted.routes / routers * u64::from(1 + rounds),
            rounds,
        })
        .collect();
    content.check(&wanted, dump.wanted.routes)?;

    add_figures(
        case,
        &figures,
        &content,
        &ServerUse {
            cpu: broker_cpu,
            stored_bytes: broker.stored_bytes()?,
        },
    );
    case.add(What::new("load_average", "load average before", 2), load_average);
    Ok(format!(
        "load average {load_average:.2}: {} updates in {:.1} s, all read back and checked",
        digits(figures.emitted as f64, 0),
        figures.elapsed.as_secs_f64(),
    ))
}

/// What the server has used for the load.
struct ServerUse {
    cpu: Duration,
    stored_bytes: u64,
}

/// Adds the figures of one run to the case.
fn add_figures(case: &mut Case, figures: &Figures, content: &Content, server: &ServerUse) {
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
        ratio(server.cpu.as_secs_f64(), millions),
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
        ratio(server.stored_bytes as f64, content.updates() as f64),
    );
    add("subjects", "subjects of updates", 0, content.subjects() as f64);
    add(
        "read_back",
        "updates read back and checked",
        0,
        content.updates() as f64,
    );
}

/// Returns how many bytes this many rounds have.
fn bytes_of(rounds: &[Vec<u8>; 2], sent: u32) -> u64 {
    let [first, second] = rounds.each_ref().map(|round| round.len() as u64);
    u64::from(sent.div_ceil(2)) * first + u64::from(sent / 2) * second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_take_turns() {
        let rounds = [vec![0; 10], vec![0; 7]];
        assert_eq!([0, 1, 2, 3].map(|sent| bytes_of(&rounds, sent)), [0, 10, 17, 27]);
        assert_eq!([0, 1, 2].map(version), [1, 2, 1]);
    }
}
