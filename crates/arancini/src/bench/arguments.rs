//! What all scenarios of the bench have in common: the load, how the collector is started, how often it is measured.
//!
//! Most take lists: each combination is a case of its own, and the cases are measured in turns.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use arancini_bench::{BenchError, Case, Described, LoadSettings, StartSettings, Subject, read_table};
use arancini_collector::config::{CompressionKind, CurationKind, SinkKind};
use arancini_generate::Scenario;

/// The load.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Routers, each with a source address and a connection of its own; several give a case each.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub routers: Vec<u16>,
    /// Peers of each router.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub peers: Vec<u16>,
    /// Prefixes that each peer announces.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = up_to(Scenario::MOST_PREFIXES))]
    pub prefixes: Vec<u32>,
    /// How many prefixes share an UPDATE.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = up_to(Scenario::MOST_PREFIXES_PER_UPDATE))]
    pub prefixes_per_update: Vec<u32>,
    /// How many of a hundred prefixes are IPv6.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(..=100))]
    pub ipv6_percent: Vec<u32>,
    /// The routes are of VPNs (RFC 4364); `false,true` gives a case each.
    #[arg(long, value_name = "BOOL", value_delimiter = ',', num_args = 0..=1, default_missing_value = "true")]
    pub vpn: Vec<bool>,
    /// The prefixes of a real table, in place of generated ones: a line is a prefix and the AS it comes from; `.zst`
    /// may be compressed. Several files make one table.
    #[arg(long, value_name = "FILE", value_delimiter = ',', conflicts_with_all = ["prefixes", "ipv6_percent"])]
    pub prefixes_from: Vec<PathBuf>,
    /// Rounds of churn after the dump. Each takes a tenth of the tables: half of it changes its path, a quarter is
    /// withdrawn, a quarter is announced again unchanged.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    pub churn_rounds: Option<u32>,
    /// The second router has twice the prefixes of the first, the third three times, and so on.
    #[arg(long)]
    pub unequal: bool,
    /// Measure only what follows the dump: the tables are there already.
    #[arg(long)]
    pub held: bool,
    /// All messages but the Initiation are of a type that nobody knows: the collector frames them and reads past, so
    /// what is measured is receiving.
    #[arg(long)]
    pub framed_only: bool,
    /// What the details of the load follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How the collector is started.
#[derive(Debug, Args)]
pub struct CollectorArgs {
    /// Worker threads of the collector; 0 is one per core; several give a case each.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    pub workers: Vec<u16>,
    /// How it receives [default: as its settings say].
    #[arg(long, value_delimiter = ',')]
    pub receive: Vec<Receive>,
    /// How batches are compressed [default: as its settings say].
    #[arg(long, value_delimiter = ',')]
    pub compression: Vec<CompressionKind>,
    /// What counts as a change of a route [default: attributes].
    #[arg(long)]
    pub curation: Option<CurationKind>,
}

/// A way to receive: a backend and the kernel interface below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Receive {
    /// Multishot receives into slots that the kernel knows.
    Registered,
    /// Wait by io_uring until readable, then receive.
    Readiness,
    /// Wait by epoll until readable, then receive.
    Epoll,
}

/// One way to start the collector.
#[derive(Debug, Clone, Default)]
pub struct Start {
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

pub(super) fn up_to(most: u32) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(most))
}

impl LoadArgs {
    /// All combinations; what is not said is as in `default`.
    pub fn loads(&self, default: &LoadSettings) -> Result<Vec<LoadSettings>, BenchError> {
        let mut table = Vec::new();
        for path in &self.prefixes_from {
            let read = read_table(path);
            table.extend(read.map_err(BenchError::io(format!("{} can't be read", path.display())))?);
        }
        let first = LoadSettings {
            table: table.into(),
            churn_rounds: self.churn_rounds.unwrap_or(default.churn_rounds),
            unequal: self.unequal,
            held: self.held,
            framed_only: self.framed_only,
            seed: self.seed,
            ..default.clone()
        };
        let all = each(vec![first], &self.routers, |load, routers| load.routers = routers);
        let all = each(all, &self.peers, |load, peers| load.peers = peers);
        let all = each(all, &self.prefixes, |load, prefixes| load.prefixes = prefixes);
        let all = each(all, &self.prefixes_per_update, |load, share| {
            load.prefixes_per_update = share;
        });
        let all = each(all, &self.ipv6_percent, |load, percent| {
            load.ipv6_percent = percent
        });
        Ok(each(all, &self.vpn, |load, vpn| load.vpn = vpn))
    }
}

impl CollectorArgs {
    /// All combinations.
    pub fn starts(&self) -> Vec<Start> {
        let all = each(vec![Start::default()], &self.workers, |start, workers| {
            start.flag("--workers", workers);
        });
        let all = each(all, &self.receive, |start, receive| {
            let (backend, driver) = match receive {
                Receive::Registered => ("registered", "io_uring"),
                Receive::Readiness => ("readiness", "io_uring"),
                Receive::Epoll => ("readiness", "epoll"),
            };
            start.setting("ARANCINI_INGEST__BACKEND", backend);
            start.setting("ARANCINI_INGEST__DRIVER", driver);
        });
        let all = each(all, &self.compression, |start, compression| {
            start.setting("ARANCINI_PUBLISH__COMPRESSION", word(compression));
        });
        each(all, self.curation.as_slice(), |start, curation| {
            start.flag("--curation", word(curation));
        })
    }
}

impl Start {
    fn flag(&mut self, name: &str, value: impl ToString) {
        self.arguments.extend([name.to_owned(), value.to_string()]);
    }

    fn setting(&mut self, name: &'static str, value: impl Into<String>) {
        self.environment.push((name, value.into()));
    }

    /// The same with this linger, where one is given.
    pub fn with_linger(mut self, linger_ms: Option<u64>) -> Self {
        if let Some(linger_ms) = linger_ms {
            self.setting("ARANCINI_PUBLISH__LINGER_MS", linger_ms.to_string());
        }
        self
    }

    /// The same with this sink; `data_dir` is for segments.
    pub fn with_sink(mut self, sink: SinkKind, nats: Option<&str>, data_dir: &Path) -> Self {
        self.flag("--sink", word(sink));
        if sink == SinkKind::File {
            self.flag("--data-dir", data_dir.display());
        }
        if let Some(url) = nats {
            self.flag("--nats", url);
        }
        self
    }

    /// The same with the sink `null`.
    pub fn without_sink(self) -> Self {
        self.with_sink(SinkKind::Null, None, Path::new(""))
    }

    /// Starts it.
    pub fn start(&self, config: Option<&Path>) -> Result<Subject, BenchError> {
        Subject::collector(&StartSettings {
            config: config.map(Path::to_owned),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
        })
    }

    /// A case of a load, in words and as an object, with a collector that is started like this.
    pub fn case(&self, load: &impl Described) -> Case {
        let settings = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let words: Vec<String> = settings.chain(self.arguments.iter().cloned()).collect();
        let words = words.join(" ");
        let object = json!({"load": load.to_json(), "collector": words});
        Case::new(format!("load     {load}\ncollector {words}"), object)
    }
}

/// Each of these with each value; without values, these.
fn each<T: Clone, V: Copy>(all: Vec<T>, values: &[V], set: impl Fn(&mut T, V)) -> Vec<T> {
    if values.is_empty() {
        return all;
    }
    let with = |one: T| {
        let set = &set;
        values.iter().map(move |&value| {
            let mut one = one.clone();
            set(&mut one, value);
            one
        })
    };
    all.into_iter().flat_map(with).collect()
}

pub(super) fn word(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
