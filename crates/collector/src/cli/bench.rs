//! `arancini bench`: generated load, and what a collector makes of it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::bench::{
    BenchError, Load, LoadSettings, Report, Run, StartSettings, Subject, measure, measure_limit, receive_only,
};
use crate::config::{CurationKind, SinkKind};
use crate::generate::Scenario;

/// Runs where nothing else is said.
const DEFAULT_RUNS: u16 = 5;

/// Measure a collector under generated load.
///
/// Makes BMP streams in memory, starts a collector as a process of its own, sends the streams from one source address a
/// router, and reports throughput, CPU time, memory, receive calls and switches. Before each run a process that only
/// receives gets the same bytes: that is the limit. Each run has a new collector, and what it publishes is counted: a
/// collector that publishes too much or too little has no figures. Settings that have no flag here reach the collector by
/// --config or by the environment.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  arancini bench\n  arancini bench --routers 64 --peers 2 --prefixes 10000 --json\n  \
    arancini bench --sink nats --nats nats://127.0.0.1:4222 --runs 3\n  \
    ARANCINI_INGEST__BACKEND=registered arancini bench --routers 16\n  \
    arancini bench --to 192.0.2.1:4000 --control 192.0.2.1:8080"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,
    /// Routers, each with a source address and a connection of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub routers: u16,
    /// Peers of each router.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub peers: u16,
    /// Prefixes that each peer announces.
    #[arg(long, value_name = "N", default_value_t = 250_000, value_parser = up_to(Scenario::MOST_PREFIXES))]
    pub prefixes: u32,
    /// How many prefixes share an UPDATE.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = up_to(Scenario::MOST_PREFIXES_PER_UPDATE))]
    pub prefixes_per_update: u32,
    /// How many of a hundred prefixes are IPv6.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=100))]
    pub ipv6_percent: u32,
    /// Rounds of churn after the dump. Each takes a tenth of the tables: half of it changes its path, a quarter is
    /// withdrawn, a quarter is announced again unchanged.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(..=1000))]
    pub churn_rounds: u32,
    /// What the details of the load follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How often it is measured [default: 5; 1 with --to].
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: Option<u16>,
    /// Where the collector's updates go.
    #[arg(long, default_value = "null")]
    pub sink: SinkKind,
    /// URL of a NATS server, for --sink nats.
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Worker threads of the collector; 0 is one per core.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: u16,
    /// What counts as a change of a route [default: attributes].
    #[arg(long)]
    pub curation: Option<CurationKind>,
    /// Measure this running collector instead of starting one.
    #[arg(long, value_name = "ADDR", requires = "control", conflicts_with_all = ["sink", "nats", "workers", "curation"])]
    pub to: Option<SocketAddr>,
    /// The control port of that collector.
    #[arg(long, value_name = "ADDR", requires = "to")]
    pub control: Option<SocketAddr>,
    /// Its process, where it runs on this host: without, CPU time and memory are not measured.
    #[arg(long, value_name = "PID", requires = "to")]
    pub pid: Option<u32>,
    /// Only write the streams to files, one a router, named after its source address.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "runs"])]
    pub write: Option<PathBuf>,
    /// Print one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Processes that the bench starts.
#[derive(Debug, Subcommand)]
enum Part {
    /// Receive and do nothing else, until standard input ends.
    #[command(hide = true)]
    ReceiveOnly {
        /// Where; the address is printed.
        #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
        listen: SocketAddr,
    },
}

fn up_to(most: u32) -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(most))
}

/// Runs the bench.
#[must_use]
pub fn run(config: Option<&Path>, args: &BenchArgs) -> ExitCode {
    if let Some(Part::ReceiveOnly { listen }) = &args.part {
        return match receive_only(*listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::fail(format_args!("{listen} can't be listened on: {error}")),
        };
    }
    let load = args.load().make();
    if let Some(directory) = &args.write {
        if let Err(error) = load.write(directory) {
            return super::fail(format_args!("{} can't be written: {error}", directory.display()));
        }
        if args.json {
            println!("{:#}", load.to_json());
        } else {
            println!("{load}");
        }
        return ExitCode::SUCCESS;
    }
    let scratch = std::env::temp_dir().join(format!("arancini-bench-{}", std::process::id()));
    let report = args.measure_all(config, &load, &scratch);
    // Best effort: it is in the temporary directory anyway, and most sinks write nothing there.
    let _ = fs::remove_dir_all(&scratch);
    match report {
        Ok(report) if args.json => println!("{:#}", report.to_json()),
        Ok(report) => print!("{report}"),
        Err(error) => return super::fail(error),
    }
    ExitCode::SUCCESS
}

impl BenchArgs {
    fn load(&self) -> LoadSettings {
        LoadSettings {
            routers: self.routers,
            peers: self.peers,
            prefixes: self.prefixes,
            prefixes_per_update: self.prefixes_per_update,
            ipv6_percent: self.ipv6_percent,
            churn_rounds: self.churn_rounds,
            seed: self.seed,
        }
    }

    fn measure_all<'l>(
        &self,
        config: Option<&Path>,
        load: &'l Load,
        scratch: &Path,
    ) -> Result<Report<'l>, BenchError> {
        let mut report = Report::new(load);
        let runs = match self.to {
            Some(_) => 1,
            None => self.runs.unwrap_or(DEFAULT_RUNS),
        };
        for number in 1..=runs {
            let run = self.measure_once(config, load, &scratch.join(number.to_string()))?;
            if !self.json {
                eprintln!("run {number} of {runs}, {}", Report::line(&run));
            }
            report.add(run);
        }
        Ok(report)
    }

    fn measure_once(&self, config: Option<&Path>, load: &Load, data_dir: &Path) -> Result<Run, BenchError> {
        let load_average = load_average();
        if let (Some(to), Some(control)) = (self.to, self.control) {
            let collector = measure(load, &Subject::running(to, control, self.pid))?;
            return Ok(Run {
                load_average,
                limit: None,
                collector,
            });
        }
        let limit = Some(measure_limit(load, &Subject::receive_only()?)?);
        let collector = measure(load, &Subject::collector(&self.start(config, data_dir))?)?;
        // A collector with other rules, or with settings of its own, may rightly publish something else.
        let judged = config.is_none() && matches!(self.curation, None | Some(CurationKind::Attributes));
        if judged && collector.emitted != load.wanted.emitted {
            return Err(BenchError::Wrong {
                emitted: collector.emitted,
                wanted: load.wanted.emitted,
            });
        }
        Ok(Run {
            load_average,
            limit,
            collector,
        })
    }

    fn start(&self, config: Option<&Path>, data_dir: &Path) -> StartSettings {
        let mut arguments = vec!["--workers".to_owned(), self.workers.to_string()];
        let mut add = |flag: &str, value: String| arguments.extend([flag.to_owned(), value]);
        add("--sink", word(self.sink));
        if self.sink == SinkKind::File {
            add("--data-dir", data_dir.display().to_string());
        }
        if let Some(url) = &self.nats {
            add("--nats", url.clone());
        }
        if let Some(curation) = self.curation {
            add("--curation", word(curation));
        }
        StartSettings {
            config: config.map(Path::to_owned),
            arguments,
        }
    }
}

fn word(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The load average of the last minute.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|first| first.parse().ok()).unwrap_or(0.0)
}
