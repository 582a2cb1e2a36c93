//! The command line of `arancini bench`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use arancini_collector::config::SinkKind;
use clap::{Args, Subcommand};

use super::arguments::{CollectorArgs, LoadArgs, up_to};
use super::named_load::NamedLoadArgs;

/// Number of runs if --runs is not given.
pub(super) const DEFAULT_RUNS: u16 = 5;

/// Measure a collector under generated load.
///
/// Generates BMP streams, starts a collector as a separate process, sends the streams from one source address per
/// router, and reports throughput, CPU time, memory, receive calls and context switches. Each run starts a new collector.
/// Before each run, a process that only receives gets the same bytes; its speed is the limit of this host. The published
/// updates are counted: a run that publishes too many or too few fails. If an argument takes a list, each combination is
/// measured as a case of its own, and the cases take turns. Settings without a flag here are passed to the collector with
/// --config or in the environment.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  arancini bench\n  arancini bench --routers 64 --peers 2 --prefixes 10000 --json\n  \
    arancini bench --sink nats --nats nats://127.0.0.1:4222 --runs 3\n  \
    arancini bench --routers 8 --workers 1,2\n  \
    arancini bench --load full-packed --runs 3\n  \
    arancini bench --routers 1,16,256 --peers 1 --prefixes 5000 --receive registered,readiness,epoll\n  \
    arancini bench --to 192.0.2.1:4000 --control 192.0.2.1:8080"
)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(super) part: Option<Part>,
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) named: NamedLoadArgs,
    #[command(flatten)]
    pub(super) collector: CollectorArgs,
    /// Number of runs [default: 5; 1 with --to].
    #[arg(long, value_name = "N", conflicts_with = "to", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub runs: Option<u16>,
    /// Where the collector publishes its updates.
    #[arg(long, default_value = "null")]
    pub sink: SinkKind,
    /// URL of a NATS server, for --sink nats.
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    /// Measure a running collector at this BMP address instead of starting one.
    #[arg(long, value_name = "ADDR", requires = "control", conflicts_with_all = ["sink", "nats", "workers", "receive", "compression", "curation"])]
    pub to: Option<SocketAddr>,
    /// Control port of the running collector.
    #[arg(long, value_name = "ADDR", requires = "to")]
    pub control: Option<SocketAddr>,
    /// Process id of the running collector, if it runs on this host. Without it, CPU time and memory are not measured.
    #[arg(long, value_name = "PID", requires = "to")]
    pub pid: Option<u32>,
    /// Only write the streams to files in this directory, one per router, named after its source address. What is sent before
    /// the measurement goes to a second file, which ends in .before.bmp.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["to", "runs"])]
    pub write: Option<PathBuf>,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Further scenarios, and the helper process that the bench starts.
#[derive(Debug, Subcommand)]
pub(super) enum Part {
    /// Measure how much CPU time each stage of a worker uses, in nanoseconds per route.
    ///
    /// The same bytes pass through more and more of the way of a message: framing; parsing; curation; the whole core; the
    /// core with its bridge; a worker of a collector with the sink `null`. The time of a stage is the difference between
    /// two neighbours in the same run, so on a busy host a short stage can come out below zero. Next to each stage, the
    /// report shows the best that this host can do, measured in the last run.
    #[command(after_help = "Example:\n  arancini bench stages --prefixes-per-update 1,10")]
    Stages(ScenarioArgs),
    /// Measure how long a task holds its worker: while tables grow, during a Peer Down, and during a stale sweep.
    ///
    /// Five peers with a million routes each send their dumps, then the first peer goes down. Then the session is lost and
    /// the router reconnects with empty tables, so that all other routes are withdrawn too. For each phase, the report
    /// shows how long tasks held the worker, in CPU time of its thread and in wall-clock time, and how many turns were
    /// longer than the goal of one millisecond. Quantiles are upper bounds, taken from the collector's own histogram.
    #[command(after_help = "Example:\n  arancini bench stops --runs 3")]
    Stops(ScenarioArgs),
    /// Measure how long an update takes from the wire to its acknowledgement by JetStream, at fixed rates.
    ///
    /// Starts a nats-server with file storage. After a dump, single routes change their path at the given rate, no matter
    /// how fast the collector is; the routers take turns. Every message carries the time at which it was due to be sent.
    /// The bench listens to the acknowledgements of the server and reads the stream back. Three latencies are measured
    /// from the due time: until the worker received the message, until the server stored it, and until the server sent
    /// the acknowledgement. The first second is not counted.
    #[command(
        after_help = "Examples:\n  arancini bench latency --rate 10000,100000,500000\n  \
        arancini bench latency --routers 1000 --peers 1 --prefixes 100 --rate 100000 --receive registered,readiness,epoll"
    )]
    Latency {
        #[command(flatten)]
        common: ScenarioArgs,
        #[command(flatten)]
        stream: StreamArgs,
        /// Updates per second, of all routers together.
        #[arg(long, value_name = "N", value_delimiter = ',', default_value = "100000", value_parser = up_to(10_000_000))]
        rate: Vec<u32>,
        /// How long a batch waits for more updates, in milliseconds [default: the setting of the collector].
        #[arg(long, value_name = "MS")]
        linger_ms: Option<u64>,
    },
    /// Measure sustained churn into JetStream, and verify all of it by reading the stream back.
    ///
    /// Starts a nats-server with file storage. After a dump, every route changes its path, round after round, as fast as the
    /// collector receives. When the last update is acknowledged, the stream is read back. The run fails unless the stream
    /// holds exactly the sent updates, without gaps or duplicates in the sequences, and the last update of every route is
    /// right. The stream needs about 300 bytes per update in the temporary directory.
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
    /// Measure how long questions of the API take while routes change, and what they cost the routers' messages.
    ///
    /// Ten peers with a million routes each send their dumps, and then change every route, round after round, at the given rate.
    /// The tables retain attributes, and the sink is `null`. The first phase has no clients. In each other phase, this many
    /// clients ask one question after the other without a pause: the first searches for an origin AS among all routes, the
    /// others mix exact matches, longest matches and the routes within a /8. The report shows how long the answers took, the
    /// rate of updates beside that of the first phase, and the turns of the workers.
    #[command(after_help = "Example:\n  arancini bench questions --rate 500000 --clients 1,50 --runs 3")]
    Questions {
        #[command(flatten)]
        common: ScenarioArgs,
        /// Updates per second, of all routers together.
        #[arg(long, value_name = "N", default_value = "500000", value_parser = up_to(10_000_000))]
        rate: u32,
        /// How long each phase lasts, in seconds.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = up_to(86_400))]
        seconds: u32,
        /// Number of clients in each phase after the first.
        #[arg(long, value_name = "N", value_delimiter = ',', default_value = "2,50", value_parser = clap::value_parser!(u16).range(1..=64))]
        clients: Vec<u16>,
    },
    /// Receive and discard bytes until standard input ends.
    #[command(hide = true)]
    ReceiveOnly {
        /// The address to listen on, which is printed.
        #[arg(long, value_name = "ADDR", default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
        listen: SocketAddr,
    },
}

/// Arguments that all scenarios share.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) collector: CollectorArgs,
    /// Number of runs.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RUNS, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(super) runs: u16,
    /// Print the report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// Arguments of the scenarios that publish to a stream.
#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    /// The nats-server program to start [default: the value of ARANCINI_NATS_SERVER, else nats-server].
    #[arg(long, value_name = "FILE")]
    pub(super) nats_server: Option<PathBuf>,
    /// How long the measurement lasts, in seconds.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = up_to(86_400))]
    pub(super) seconds: u32,
}
