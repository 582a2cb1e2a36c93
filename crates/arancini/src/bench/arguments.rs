//! Arguments that all scenarios of the bench share: the load, and how the collector is started.
//!
//! Most arguments take lists. Each combination of values is a case of its own.

use std::path::PathBuf;

use arancini_bench::{BenchError, LoadSettings, read_table};
use arancini_collector::config::{CompressionKind, CurationKind};
use arancini_generate::Scenario;
use clap::{Args, ValueEnum};

use super::start::Start;
use crate::flags::word;

/// The generated load.
#[derive(Debug, Args)]
pub struct LoadArgs {
    /// Number of routers, each with its own source address and connection; a list measures one case per value.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub routers: Vec<u16>,
    /// Number of peers per router.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub peers: Vec<u16>,
    /// Number of prefixes that each peer announces.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = up_to(Scenario::MOST_PREFIXES))]
    pub prefixes: Vec<u32>,
    /// Number of prefixes in each UPDATE.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = up_to(Scenario::MOST_PREFIXES_PER_UPDATE))]
    pub prefixes_per_update: Vec<u32>,
    /// Percentage of prefixes that are IPv6.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(..=100))]
    pub ipv6_percent: Vec<u32>,
    /// Send VPN routes (RFC 4364); `false,true` measures both.
    #[arg(long, value_name = "BOOL", value_delimiter = ',', num_args = 0..=1, default_missing_value = "true")]
    pub vpn: Vec<bool>,
    /// Take the prefixes from files instead of generating them. Each line holds a prefix and its origin AS. A file ending
    /// in `.zst` is decompressed. Several files are joined to one table.
    #[arg(long, value_name = "FILE", value_delimiter = ',', conflicts_with_all = ["prefixes", "ipv6_percent"])]
    pub prefixes_from: Vec<PathBuf>,
    /// Rounds of churn after the dump. Each round covers a tenth of the tables: half of these routes change their path, a
    /// quarter is withdrawn, and a quarter is announced again unchanged.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=1000))]
    pub churn_rounds: Option<u32>,
    /// Give the second router twice the prefixes of the first, the third router three times, and so on.
    #[arg(long)]
    pub unequal: bool,
    /// Measure only the churn after the dump, when the tables are already filled.
    #[arg(long)]
    pub held: bool,
    /// Give all messages except the Initiation an unknown type. The collector frames these messages and skips them, so
    /// only receiving and framing are measured.
    #[arg(long)]
    pub framed_only: bool,
    /// Seed from which the details of the load are derived.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

/// How the collector is started.
#[derive(Debug, Args)]
pub struct CollectorArgs {
    /// Number of worker threads of the collector; 0 starts one per core. A list measures one case per value.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1")]
    pub workers: Vec<u16>,
    /// How the collector receives [default: the setting of the collector].
    #[arg(long, value_delimiter = ',')]
    pub receive: Vec<Receive>,
    /// How batches are compressed [default: the setting of the collector].
    #[arg(long, value_delimiter = ',')]
    pub compression: Vec<CompressionKind>,
    /// What counts as a change of a route [default: attributes].
    #[arg(long)]
    pub curation: Option<CurationKind>,
}

/// A receive backend with its kernel interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Receive {
    /// Multishot receives of io_uring into registered slots.
    Registered,
    /// Wait with io_uring until a socket is readable, then receive.
    Readiness,
    /// Wait with epoll until a socket is readable, then receive.
    Epoll,
}

/// Returns a parser for numbers from 1 to `most`.
pub(super) fn up_to(most: u32) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(most))
}

impl LoadArgs {
    /// Returns all combinations of the load arguments. Arguments that are not given have the value in `default`.
    pub fn loads(&self, default: &LoadSettings) -> Result<Vec<LoadSettings>, BenchError> {
        let mut table = Vec::new();
        for path in &self.prefixes_from {
            let read = read_table(path);
            table.extend(read.map_err(BenchError::io(format!("can't read {}", path.display())))?);
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
    /// Returns all combinations of the ways to start the collector.
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

/// Combines each item with each value. Without values, returns the items unchanged.
pub(super) fn each<T: Clone, V: Copy>(all: Vec<T>, values: &[V], set: impl Fn(&mut T, V)) -> Vec<T> {
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
