//! `arancini bench`: generated load, and what a collector makes of it.

mod arguments;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use self::arguments::{CollectorArgs, LoadArgs, Start, up_to};
use arancini_bench::{
    BenchError, Broker, Case, Described, EndlessLoad, Load, LoadSettings, PacedLoad, Report, Subject,
    receive_only, run as run_once, run_latency, run_stages, run_stops, run_sustained, run_with,
};
use arancini_collector::config::{Config, CurationKind, SinkKind};

/// Runs where nothing else is said.
const DEFAULT_RUNS: u16 = 5;

/// Measure a collector under generated load.
///
/// Makes BMP streams in memory, starts a collector as a process of its own, sends the streams from one source address a
/// router, and reports throughput, CPU time, memory, receive calls and switches. Before each run a process that only
/// receives gets the same bytes: that is the limit. Each run has a new collector, and what it publishes is counted: a
/// collector that publishes too much or too little has no figures. Where an argument takes a list, each combination is
/// a case of its own; cases are measured in turns. Settings that have no flag here reach the collector by --config or by
/// the environment.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  arancini bench\n  arancini bench --routers 64 --peers 2 --prefixes 10000 --json\n  \
    arancini bench --sink nats --nats nats://127.0.0.1:4222 --runs 3\n  \
    arancini bench --routers 8 --workers 1,2\n  \
    arancini bench --routers 1,16,256 --peers 1 --prefixes 5000 --receive registered,readiness,epoll\n  \
    arancini bench --to 192.0.2.1:4000 --control 192.0.2.1:8080"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    collector: CollectorArgs,
    /// How often it is measured [default: 5; 1 with --to].
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: Option<u16>,
    /// Where the collector's updates go.
    #[arg(long, default_value = "null")]
    pub sink: SinkKind,
    /// URL of a NATS server, for --sink nats.
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Measure this running collector instead of starting one.
    #[arg(long, value_name = "ADDR", requires = "control", conflicts_with_all = ["sink", "nats", "workers", "receive", "compression", "curation"])]
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

/// Further scenarios, and processes that the bench starts.
#[derive(Debug, Subcommand)]
enum Part {
    /// Where a worker's time goes: nanoseconds of CPU time an element, stage by stage.
    ///
    /// The same bytes go through growing prefixes of the way of a message: framed; parsed; curated; the whole core; the
    /// core and its bridge; a worker of a collector with the sink `null`. A stage is the difference of two neighbours in
    /// the same run, so on a machine that is not quiet a small one can come out below zero. Beside each stands what the
    /// machine can do at best, measured in the last run.
    #[command(after_help = "Example:\n  arancini bench stages --prefixes-per-update 1,10")]
    Stages(ScenarioArgs),
    /// How long a worker's tasks hold it: while tables grow, while a peer goes down, during a stale sweep.
    ///
    /// Five peers with a million routes each dump, the first goes down, then the session is lost and comes back with
    /// empty tables, so that all else is withdrawn too. Of each phase: how long turns of the worker's tasks were, in CPU
    /// time of its thread and by the clock, and how many were above the millisecond that is the goal. Quantiles are
    /// upper bounds of the collector's own histogram.
    #[command(after_help = "Example:\n  arancini bench stops --runs 3")]
    Stops(ScenarioArgs),
    /// How long an update takes from the wire to its acknowledgement by JetStream, at fixed rates.
    ///
    /// Starts a nats-server with file storage. After a dump, single routes change their paths at the rate that is asked
    /// for, whatever the collector does, all routers in turns. Every message carries when it was due to be sent; the
    /// server's acknowledgements are overheard, and the stream is read back. All latencies begin when the message was
    /// due: until the worker read it, until the server had stored it, until its acknowledgement went out. The first
    /// second does not count.
    #[command(
        after_help = "Examples:\n  arancini bench latency --rate 10000,100000,500000\n  \
        arancini bench latency --routers 1000 --peers 1 --prefixes 100 --rate 100000 --receive registered,readiness,epoll"
    )]
    Latency {
        #[command(flatten)]
        common: ScenarioArgs,
        #[command(flatten)]
        stream: StreamArgs,
        /// Updates a second, of all routers together.
        #[arg(long, value_name = "N", value_delimiter = ',', default_value = "100000", value_parser = up_to(10_000_000))]
        rate: Vec<u32>,
        /// How long a batch waits for more, in milliseconds [default: as the collector's settings say].
        #[arg(long, value_name = "MS")]
        linger_ms: Option<u64>,
    },
    /// Churn into JetStream for a while, and all of it read back.
    ///
    /// Starts a nats-server with file storage. After a dump every route changes its path, round after round, as fast as
    /// the collector takes it. When the last update is acknowledged, everything is read back: as many updates as were
    /// sent, no gap and no double in the sequences, and of every route the last word, or there are no figures. The
    /// stream needs some 300 bytes of disk for each update, in the temporary directory.
    #[command(
        after_help = "Examples:\n  arancini bench sustained --compression none,lz4,zstd\n  \
        arancini bench sustained --routers 20 --peers 100 --prefixes 100 --ipv6-percent 0"
    )]
    Sustained {
        #[command(flatten)]
        common: ScenarioArgs,
        #[command(flatten)]
        stream: StreamArgs,
    },
    /// Receive and do nothing else, until standard input ends.
    #[command(hide = true)]
    ReceiveOnly {
        /// Where; the address is printed.
        #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
        listen: SocketAddr,
    },
}

/// What all scenarios take.
#[derive(Debug, Args)]
struct ScenarioArgs {
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    collector: CollectorArgs,
    /// How often it is measured.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RUNS, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Print one JSON object and nothing else.
    #[arg(long)]
    json: bool,
}

/// What scenarios take that end in a stream.
#[derive(Debug, Args)]
struct StreamArgs {
    /// The nats-server to start [default: what ARANCINI_NATS_SERVER names, or nats-server].
    #[arg(long, value_name = "FILE")]
    nats_server: Option<PathBuf>,
    /// How long it lasts.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = up_to(86_400))]
    seconds: u32,
}

/// Runs the bench.
#[must_use]
pub fn run(config: Option<&Path>, args: &BenchArgs) -> ExitCode {
    match &args.part {
        Some(Part::ReceiveOnly { listen }) => match receive_only(*listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::fail(format_args!("{listen} can't be listened on: {error}")),
        },
        Some(Part::Stages(args)) => print(args.stages(config), args.json),
        Some(Part::Stops(args)) => print(args.stops(config), args.json),
        Some(Part::Latency {
            common,
            stream,
            rate,
            linger_ms,
        }) => print(common.latency(config, stream, rate, *linger_ms), common.json),
        Some(Part::Sustained { common, stream }) => print(common.sustained(config, stream), common.json),
        None => args.run(config),
    }
}

/// Prints what was found.
fn print(report: Result<Report, BenchError>, json: bool) -> ExitCode {
    match report {
        Ok(report) if json => println!("{:#}", report.to_json()),
        Ok(report) => print!("{report}"),
        Err(error) => return super::fail(error),
    }
    ExitCode::SUCCESS
}

impl ScenarioArgs {
    fn stages(&self, config: Option<&Path>) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 100_000,
            ..LoadSettings::default()
        };
        self.report("stages", &default, |load, start, case| {
            run_stages(load, case, || start.start(config))
        })
    }

    fn stops(&self, config: Option<&Path>) -> Result<Report, BenchError> {
        let default = LoadSettings {
            peers: 5,
            prefixes: 1_000_000,
            prefixes_per_update: 10,
            churn_rounds: 0,
            ..LoadSettings::default()
        };
        self.report("stops", &default, |load, start, case| {
            run_stops(load, case, &start.start(config)?)
        })
    }

    fn latency(
        &self,
        config: Option<&Path>,
        stream: &StreamArgs,
        rates: &[u32],
        linger_ms: Option<u64>,
    ) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 25_000,
            ..LoadSettings::default()
        };
        let linger = Duration::from_millis(linger_ms.unwrap_or(Config::default().publish.linger_ms));
        let mut loads = Vec::new();
        for mut settings in self.load.loads(&default)? {
            // A message changes one route.
            settings.prefixes_per_update = 1;
            loads.extend(rates.iter().map(|&rate| PacedLoad {
                settings: settings.clone(),
                rate,
                seconds: stream.seconds,
                linger,
            }));
        }
        let starts: Vec<Start> = self
            .collector
            .starts()
            .into_iter()
            .map(|start| start.with_linger(linger_ms))
            .collect();
        let measure = |load: &PacedLoad, start: &Start, case: &mut Case| {
            with_broker(stream, config, start, |broker, subject| {
                run_latency(load, case, broker, subject)
            })
        };
        Ok(Report::new(
            "latency",
            cases(&loads, &starts, self.runs, measure)?,
        ))
    }

    fn sustained(&self, config: Option<&Path>, stream: &StreamArgs) -> Result<Report, BenchError> {
        let default = LoadSettings {
            prefixes: 50_000,
            ..LoadSettings::default()
        };
        let load = |settings| EndlessLoad {
            settings,
            seconds: stream.seconds,
        };
        let loads: Vec<EndlessLoad> = self.load.loads(&default)?.into_iter().map(load).collect();
        let measure = |load: &EndlessLoad, start: &Start, case: &mut Case| {
            with_broker(stream, config, start, |broker, subject| {
                run_sustained(load, case, broker, subject)
            })
        };
        Ok(Report::new(
            "sustained",
            cases(&loads, &self.collector.starts(), self.runs, measure)?,
        ))
    }

    fn report(
        &self,
        scenario: &'static str,
        default: &LoadSettings,
        measure: impl FnMut(&Load, &Start, &mut Case) -> Result<String, BenchError>,
    ) -> Result<Report, BenchError> {
        let loads: Vec<Load> = self.load.loads(default)?.iter().map(LoadSettings::make).collect();
        let starts: Vec<Start> = self
            .collector
            .starts()
            .into_iter()
            .map(Start::without_sink)
            .collect();
        Ok(Report::new(scenario, cases(&loads, &starts, self.runs, measure)?))
    }
}

/// Something with a new server and a new collector that publishes to it.
fn with_broker<T>(
    stream: &StreamArgs,
    config: Option<&Path>,
    start: &Start,
    measure: impl FnOnce(&Broker, &Subject) -> Result<T, BenchError>,
) -> Result<T, BenchError> {
    let scratch = std::env::temp_dir().join(format!("arancini-bench-{}", std::process::id()));
    let broker = Broker::start(stream.nats_server.as_deref(), &scratch)?;
    let start = start
        .clone()
        .with_sink(SinkKind::Nats, Some(&broker.url()), &scratch);
    let subject = start.start(config)?;
    measure(&broker, &subject)
}

/// A case for each load with each way to start the collector, measured in turns.
fn cases<L: Described>(
    loads: &[L],
    starts: &[Start],
    runs: u16,
    mut measure: impl FnMut(&L, &Start, &mut Case) -> Result<String, BenchError>,
) -> Result<Vec<Case>, BenchError> {
    let mut cases: Vec<(&L, &Start, Case)> = Vec::new();
    for load in loads {
        cases.extend(starts.iter().map(|start| (load, start, start.case(load))));
    }
    let count = cases.len();
    for number in 1..=runs {
        for (place, (load, start, case)) in cases.iter_mut().enumerate() {
            let line = measure(load, start, case)?;
            eprintln!("run {number} of {runs}, case {} of {count}, {line}", place + 1);
        }
    }
    Ok(cases.into_iter().map(|(_, _, case)| case).collect())
}

impl BenchArgs {
    fn run(&self, config: Option<&Path>) -> ExitCode {
        let loads = match self.load.loads(&LoadSettings::default()) {
            Ok(loads) => loads,
            Err(error) => return super::fail(error),
        };
        if let Some(directory) = &self.write {
            return self.write(&loads, directory);
        }
        let scratch = std::env::temp_dir().join(format!("arancini-bench-{}", std::process::id()));
        let report = self.measure(config, &loads, &scratch);
        // Best effort: it is in the temporary directory anyway, and most sinks write nothing there.
        let _ = fs::remove_dir_all(&scratch);
        print(report, self.json)
    }

    /// Writes the streams; of several loads the last one's stay.
    fn write(&self, loads: &[LoadSettings], directory: &Path) -> ExitCode {
        for load in loads {
            let load = load.make();
            if let Err(error) = load.write(directory) {
                return super::fail(format_args!("{} can't be written: {error}", directory.display()));
            }
            if self.json {
                println!("{:#}", load.to_json());
            } else {
                println!("{load}");
            }
        }
        ExitCode::SUCCESS
    }

    fn measure(
        &self,
        config: Option<&Path>,
        loads: &[LoadSettings],
        scratch: &Path,
    ) -> Result<Report, BenchError> {
        let loads: Vec<Load> = loads.iter().map(LoadSettings::make).collect();
        let sink = |start: Start| start.with_sink(self.sink, self.nats.as_deref(), scratch);
        let starts: Vec<Start> = self.collector.starts().into_iter().map(sink).collect();
        let runs = match self.to {
            Some(_) => 1,
            None => self.runs.unwrap_or(DEFAULT_RUNS),
        };
        let cases = cases(&loads, &starts, runs, |load, start, case| {
            let run = self.measure_once(config, load, start)?;
            // What an earlier run left in the sink is none of the next one's business.
            let _ = fs::remove_dir_all(scratch);
            case.add_throughput(&run);
            Ok(run.line())
        })?;
        Ok(Report::new("throughput", cases))
    }

    fn measure_once(
        &self,
        config: Option<&Path>,
        load: &Load,
        start: &Start,
    ) -> Result<arancini_bench::Run, BenchError> {
        if let (Some(to), Some(control)) = (self.to, self.control) {
            return run_with(load, &Subject::running(to, control, self.pid));
        }
        let run = run_once(load, || start.start(config))?;
        // A collector with other rules, or with settings of its own, may rightly publish something else.
        let judged =
            config.is_none() && matches!(self.collector.curation, None | Some(CurationKind::Attributes));
        if judged && run.collector.emitted != load.wanted.emitted {
            return Err(BenchError::Wrong {
                emitted: run.collector.emitted,
                wanted: load.wanted.emitted,
            });
        }
        Ok(run)
    }
}
