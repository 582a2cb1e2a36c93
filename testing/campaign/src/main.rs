//! `arancini-campaign`: campaigns of crashes, outages, and hostile peers, and a soak.
#![forbid(unsafe_code)]

mod outages;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use arancini_bed::programs;

use crate::outages::{Kind, OutageArguments, print_faults, settings};
use arancini_campaign::collector::Collector;
use arancini_campaign::crash::Campaign;
use arancini_campaign::fault::Fault;
use arancini_campaign::hostile::{self, Attack, Bounds};
use arancini_campaign::interrupt;
use arancini_campaign::network::Places;
use arancini_campaign::outcome::Outcome;
use arancini_campaign::rig::Setup;
use arancini_campaign::soak::Soak;
use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

/// Runs campaigns with real processes: collector, nats-server and routers
#[derive(Debug, Parser)]
#[command(name = "arancini-campaign")]
struct Arguments {
    #[command(subcommand)]
    campaign: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Kills and freezes the collector and the broker under load; judges the whole stream
    Crash(CrashArguments),
    /// Keeps a steady load without faults for an hour; notes memory and lag, judges the whole stream
    Soak(SoakArguments),
    /// Takes the broker away for a minute with each `publish.on_full`; judges the whole stream
    Away(OutageArguments),
    /// Kills and freezes the leader of a stream with three replicas; judges the whole stream
    Cluster(OutageArguments),
    /// Fills the disks of broker, spool, snapshots and segments; judges the whole stream. Needs root
    Disk(OutageArguments),
    /// Cuts the links between routers, collector and broker; judges the whole stream. Needs root
    Link(OutageArguments),
    /// Purges and deletes the stream; judges what is left of it
    Loss(OutageArguments),
    /// Has routes published again on request and after a purge, and restarts the collector; measures and judges all three
    Resync(OutageArguments),
    /// Attacks a collector beside an honest router; prints what each attack costs
    Hostile(HostileArguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SinkArgument {
    Nats,
    File,
}

#[derive(Debug, Args)]
struct CrashArguments {
    /// Seed of routers, faults and moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of faults
    #[arg(long, default_value_t = 35)]
    kills: usize,
    /// Seconds of load, spread between the faults
    #[arg(long, default_value_t = 105)]
    seconds: u64,
    /// Route changes per second, of all routers together
    #[arg(long, default_value_t = 100_000)]
    rate: u32,
    /// Sink of the collector
    #[arg(long, value_enum, default_value = "nats")]
    sink: SinkArgument,
    /// Number of routers
    #[arg(long, default_value_t = 8)]
    routers: u8,
    /// Routes in each of a router's seven tables
    #[arg(long, default_value_t = 5000)]
    routes: u32,
    /// Number of faults after which everything settles and is judged
    #[arg(long, default_value_t = 7)]
    check_every: usize,
    /// The collector's `routers.quiet_period_ms`; each check waits for it
    #[arg(long, default_value_t = 4000)]
    quiet_period_ms: u64,
    /// Milliseconds between two snapshots of the collector
    #[arg(long, default_value_t = 700)]
    snapshot_interval_ms: u64,
    /// Inflict only this kind of fault; may be repeated
    #[arg(long, value_name = "KIND", value_parser = Fault::ALL.map(Fault::name))]
    fault: Vec<String>,
    /// Give the collector a further setting, like `publish.compression=lz4`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Keep data, logs and stream in this directory (default: a temporary one, kept only after a failure)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SoakArguments {
    /// Seed of the routers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of load
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Route changes per second, of all routers together. Nine tenths become updates
    #[arg(long, default_value_t = 340_000)]
    rate: u32,
    /// Number of routers
    #[arg(long, default_value_t = 8)]
    routers: u8,
    /// Routes in each of a router's seven tables
    #[arg(long, default_value_t = 20_000)]
    routes: u32,
    /// The stream keeps this many bytes
    #[arg(long, default_value_t = 2 << 30)]
    max_bytes: u64,
    /// Largest time in seconds that the consumer may need to catch up
    #[arg(long, default_value_t = 10)]
    lag: u64,
    /// Give the collector a further setting, like `publish.compression=lz4`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Keep data, logs and stream in this directory (default: a temporary one, kept only after a failure)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct HostileArguments {
    /// Seconds of each attack
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Run only attacks whose name in the source contains this text, like `wide`; may be repeated
    #[arg(long)]
    only: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments { campaign } = Arguments::parse();
    if let Err(error) = interrupt::listen() {
        eprintln!("arancini-campaign: signals can't be caught: {error}");
        return ExitCode::FAILURE;
    }
    let clean = match campaign {
        Which::Crash(arguments) => crash(&arguments),
        Which::Soak(arguments) => soak(&arguments),
        Which::Away(arguments) => outage(&Kind::AWAY, &arguments),
        Which::Cluster(arguments) => outage(&Kind::CLUSTER, &arguments),
        Which::Disk(arguments) => outage(&Kind::DISK, &arguments),
        Which::Link(arguments) => outage(&Kind::LINK, &arguments),
        Which::Loss(arguments) => outage(&Kind::LOSS, &arguments),
        Which::Resync(arguments) => outage(&Kind::RESYNC, &arguments),
        Which::Hostile(arguments) => hostile(&arguments),
    };
    match clean {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("arancini-campaign: the campaign can't go on: {error}");
            ExitCode::FAILURE
        }
    }
}

fn crash(arguments: &CrashArguments) -> io::Result<bool> {
    let collector = collector()?;
    let with_broker = arguments.sink == SinkArgument::Nats;
    let broker = with_broker.then(broker).transpose()?;
    let temporary = tempfile::Builder::new().prefix("arancini-campaign-").tempdir()?;
    let has_snapshots = Collector::knows_section(&collector, "snapshots");
    if !has_snapshots {
        println!("this collector has no snapshots");
    }
    let campaign = Campaign {
        setup: Setup {
            seed: arguments.seed,
            rate: arguments.rate,
            routers: arguments.routers,
            impatient_every: 4,
            routes: arguments.routes,
            brokers: usize::from(with_broker),
            quiet_period: Duration::from_millis(arguments.quiet_period_ms),
            snapshot_interval_ms: has_snapshots.then_some(arguments.snapshot_interval_ms),
            settings: settings(&arguments.set),
            places: Places::local(),
            collector,
            broker: broker.unwrap_or_default(),
            folder: arguments
                .folder
                .clone()
                .unwrap_or_else(|| temporary.path().to_owned()),
        },
        faults: arguments.kills,
        kinds: if arguments.fault.is_empty() {
            Fault::ALL.to_vec()
        } else {
            arguments
                .fault
                .iter()
                .filter_map(|name| Fault::named(name))
                .collect()
        },
        check_every: arguments.check_every,
        gap: Duration::from_secs(arguments.seconds) / arguments.kills.max(1) as u32,
    };
    let outcome = campaign.run(&mut |line| println!("{line}"));
    report(outcome, &campaign.setup, temporary, arguments.folder.is_some())
}

fn soak(arguments: &SoakArguments) -> io::Result<bool> {
    let (collector, broker) = (collector()?, broker()?);
    let temporary = tempfile::Builder::new().prefix("arancini-campaign-").tempdir()?;
    let mut settings = settings(&arguments.set);
    settings.push(("nats.max_bytes".to_owned(), arguments.max_bytes.to_string()));
    let soak = Soak {
        setup: Setup {
            seed: arguments.seed,
            rate: arguments.rate,
            routers: arguments.routers,
            impatient_every: u8::MAX,
            routes: arguments.routes,
            brokers: 1,
            quiet_period: Duration::from_secs(4),
            snapshot_interval_ms: None,
            settings,
            places: Places::local(),
            collector,
            broker,
            folder: arguments
                .folder
                .clone()
                .unwrap_or_else(|| temporary.path().to_owned()),
        },
        time: Duration::from_secs(arguments.seconds),
        lag: Duration::from_secs(arguments.lag),
        say_every: Duration::from_secs(arguments.seconds / 60),
    };
    let outcome = soak.run(&mut |line| println!("{line}"));
    report(outcome, &soak.setup, temporary, arguments.folder.is_some())
}

/// The program of the collector.
fn collector() -> io::Result<PathBuf> {
    programs::collector().ok_or_else(|| {
        missing("there is no program arancini beside this one: build it, or name it by ARANCINI_BIN")
    })
}

/// The program of the broker.
fn broker() -> io::Result<PathBuf> {
    programs::nats_server().ok_or_else(|| missing("there is no nats-server: name it by ARANCINI_NATS_SERVER"))
}

fn missing(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, what)
}

/// Prints how a campaign went, and returns whether every promise was kept. The data of one that failed are kept.
fn report(
    outcome: io::Result<Outcome>,
    setup: &Setup,
    temporary: TempDir,
    is_kept: bool,
) -> io::Result<bool> {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let _ = temporary.keep();
            println!(
                "the campaign with seed {} ended early; its data and logs are in {}",
                setup.seed,
                setup.folder.display()
            );
            return Err(error);
        }
    };
    print_faults(&outcome);
    println!("{}", outcome.to_json());
    if !outcome.is_clean() {
        println!(
            "the campaign with seed {} failed; its data and logs are in {}",
            setup.seed,
            setup.folder.display()
        );
        if !is_kept {
            let _ = temporary.keep();
        }
    }
    Ok(outcome.is_clean())
}

fn outage(kind: &Kind, arguments: &OutageArguments) -> io::Result<bool> {
    let (collector, broker) = (collector()?, broker()?);
    outages::run(kind, arguments, collector, broker)
}

fn hostile(arguments: &HostileArguments) -> io::Result<bool> {
    let (collector, broker) = (collector()?, broker()?);
    // Ten thousand connections need as many descriptors, in this process and in the collector. The collector inherits
    // the limit.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let temporary = tempfile::Builder::new().prefix("arancini-campaign-").tempdir()?;
    let wanted = |attack: &Attack| {
        let only = &arguments.only;
        only.is_empty()
            || only
                .iter()
                .any(|part| format!("{attack:?}").to_lowercase().contains(part))
    };
    let campaign = hostile::Campaign {
        attack_for: Duration::from_secs(arguments.seconds),
        attacks: Attack::ALL.into_iter().filter(wanted).collect(),
        collector,
        broker,
        folder: temporary.path().to_owned(),
    };
    println!("{}", hostile::HEAD);
    let mut clean = true;
    for attack in &campaign.attacks {
        let outcome = campaign.run(*attack)?;
        let broken = Bounds::PROMISED.broken_by(&outcome);
        println!("{}", outcome.row(&broken));
        clean &= broken.is_empty();
        interrupt::look()?;
    }
    Ok(clean)
}
