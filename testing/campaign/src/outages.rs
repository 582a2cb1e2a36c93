//! `arancini-campaign away`, `cluster`, `disk`, `link`, `loss`, `resync`: one scenario after the other.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use arancini_campaign::interrupt;
use arancini_campaign::network::Places;
use arancini_campaign::outage::{AWAY, CLUSTER, DISK, LINK, LOSS, Plan, RESYNC, Scenario};
use arancini_campaign::outcome::Outcome;
use arancini_campaign::rig::Setup;
use clap::Args;

/// A kind of outages and its defaults.
pub struct Kind {
    /// The command.
    pub name: &'static str,
    scenarios: &'static [Scenario],
    rate: u32,
    seconds: u64,
    times: u32,
}

impl Kind {
    pub const AWAY: Self = Self::of("away", AWAY, (200_000, 60, 1));
    pub const CLUSTER: Self = Self::of("cluster", CLUSTER, (50_000, 12, 6));
    pub const DISK: Self = Self::of("disk", DISK, (100_000, 5, 1));
    pub const LINK: Self = Self::of("link", LINK, (100_000, 75, 1));
    pub const LOSS: Self = Self::of("loss", LOSS, (100_000, 0, 3));
    pub const RESYNC: Self = Self::of("resync", RESYNC, (1000, 0, 1));

    const fn of(
        name: &'static str,
        scenarios: &'static [Scenario],
        (rate, seconds, times): (u32, u64, u32),
    ) -> Self {
        Self {
            name,
            scenarios,
            rate,
            seconds,
            times,
        }
    }
}

#[derive(Debug, Args)]
pub struct OutageArguments {
    /// Seed of routers and moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of an outage; the longest where a scenario has several
    #[arg(long)]
    seconds: Option<u64>,
    /// Number of outages, for `cluster`, `loss` and `resync`
    #[arg(long)]
    times: Option<u32>,
    /// Route changes per second, of all routers together
    #[arg(long)]
    rate: Option<u32>,
    /// Number of routers
    #[arg(long, default_value_t = 8)]
    routers: u8,
    /// Routes in each of a router's seven tables
    #[arg(long, default_value_t = 5000)]
    routes: u32,
    /// The collector's `routers.quiet_period_ms`; each check waits for it
    #[arg(long, default_value_t = 4000)]
    quiet_period_ms: u64,
    /// Milliseconds between two snapshots of the collector
    #[arg(long, default_value_t = 700)]
    snapshot_interval_ms: u64,
    /// Largest resident memory of the collector in MiB; more is a failure
    #[arg(long, default_value_t = 256)]
    memory_mib: u64,
    /// Run only this scenario, even one that is known to break a promise; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Give the collector a further setting, like `publish.compression=lz4`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Keep data, logs and stream below this directory (default: a temporary one, kept only after a failure)
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// The settings of `--set`.
pub fn settings(given: &[String]) -> Vec<(String, String)> {
    let split = |setting: &String| {
        let (key, value) = setting.split_once('=').unwrap_or((setting.as_str(), ""));
        (key.to_owned(), value.to_owned())
    };
    given.iter().map(split).collect()
}

/// Prints what is wrong, in words.
pub fn print_faults(outcome: &Outcome) {
    for (kind, examples) in &outcome.examples {
        for example in examples {
            println!("  {kind}: {example}");
        }
    }
    for failure in &outcome.failures {
        println!("  failure: {failure}");
    }
}

/// Runs the scenarios of this kind that the arguments ask for.
pub fn run(
    kind: &Kind,
    arguments: &OutageArguments,
    collector: PathBuf,
    broker: PathBuf,
) -> io::Result<bool> {
    let only = &arguments.only;
    let unknown = |name: &&String| kind.scenarios.iter().all(|scenario| scenario.name != **name);
    if let Some(name) = only.iter().find(unknown) {
        let names: Vec<_> = kind.scenarios.iter().map(|scenario| scenario.name).collect();
        let text = format!("there is no scenario {name}; there are {}", names.join(", "));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut plan = arguments.plan(kind, collector, broker);
    let mut clean = true;
    for scenario in kind.scenarios {
        if only.is_empty() || only.iter().any(|name| name == scenario.name) {
            interrupt::look()?;
            clean &= run_one(kind, scenario, &mut plan, arguments)?;
        }
    }
    Ok(clean)
}

fn run_one(
    kind: &Kind,
    scenario: &Scenario,
    plan: &mut Plan,
    arguments: &OutageArguments,
) -> io::Result<bool> {
    if let Some(reason) = (scenario.unavailable)() {
        println!("skipped: {}: {reason}", scenario.name);
        return Ok(true);
    }
    println!("{}", scenario.name);
    let temporary = tempfile::Builder::new().prefix("arancini-campaign-").tempdir()?;
    let root = arguments.folder.as_deref().unwrap_or_else(|| temporary.path());
    plan.setup.folder = root.join(scenario.name);
    let result = (scenario.run)(plan, &mut |line| println!("{line}"));
    let is_clean = match &result {
        Ok(outcome) => {
            print_faults(outcome);
            println!("{}: {}", scenario.name, outcome.to_json());
            outcome.is_clean()
        }
        Err(error) => {
            println!("{}: the scenario can't go on: {error}", scenario.name);
            false
        }
    };
    if !is_clean {
        println!(
            "seed {} failed; everything but what was on disks in memory is in {}; again:\n  scripts/campaign {} {}",
            arguments.seed,
            plan.setup.folder.display(),
            kind.name,
            again(scenario, arguments).join(" "),
        );
        let _ = temporary.keep();
    }
    Ok(is_clean)
}

/// The arguments of this run, for one scenario.
fn again(scenario: &Scenario, arguments: &OutageArguments) -> Vec<String> {
    let given: Vec<String> = std::env::args().skip(2).collect();
    let mut again = vec!["--only".to_owned(), scenario.name.to_owned()];
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        // The folder of this run is in use.
        if argument == "--only" || argument == "--folder" {
            rest.next();
        } else if !argument.starts_with("--only=") && !argument.starts_with("--folder=") {
            again.push(argument.clone());
        }
    }
    if !given.iter().any(|argument| argument.starts_with("--seed")) {
        again.extend(["--seed".to_owned(), arguments.seed.to_string()]);
    }
    again
}

impl OutageArguments {
    fn plan(&self, kind: &Kind, collector: PathBuf, broker: PathBuf) -> Plan {
        Plan {
            setup: Setup {
                seed: self.seed,
                rate: self.rate.unwrap_or(kind.rate),
                routers: self.routers,
                impatient_every: 4,
                routes: self.routes,
                brokers: 1,
                quiet_period: Duration::from_millis(self.quiet_period_ms),
                snapshot_interval_ms: Some(self.snapshot_interval_ms),
                settings: settings(&self.set),
                places: Places::local(),
                collector,
                broker,
                folder: PathBuf::new(),
            },
            away: Duration::from_secs(self.seconds.unwrap_or(kind.seconds)),
            times: self.times.unwrap_or(kind.times),
            memory_mib: self.memory_mib,
        }
    }
}
