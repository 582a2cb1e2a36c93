//! `arancini-simulator`: runs one seed or many.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::thread::available_parallelism;

use arancini_simulator::campaign::Campaign;
use arancini_simulator::{Fault, Plan, run, shrink};
use clap::{Parser, ValueEnum};

/// Runs the collector's core under seeded routers, network, broker and clock, and judges the stream.
///
/// Example: `arancini-simulator --seeds 100000`, then with a seed that failed: `arancini-simulator --seed 4711 --trace`.
#[derive(Debug, Parser)]
#[command(name = "arancini-simulator")]
struct Arguments {
    /// Run this seed only, and shrink it if it fails
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
    /// Number of seeds
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// First seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Number of steps in each run
    #[arg(long, default_value_t = Plan::STEPS)]
    steps: u32,
    /// Steps to leave out, separated by commas; a shrunk run names them
    #[arg(long, value_delimiter = ',')]
    without: Vec<u32>,
    /// Take this safeguard out
    #[arg(long)]
    fault: Option<Fault>,
    /// Let tables retain the attributes of routes (`rib.attributes = "retain"`)
    #[arg(long)]
    retain: bool,
    /// Request resyncs, of tables that retain the attributes of all their routes
    #[arg(long)]
    resyncs: bool,
    /// Let each broker lose messages, with tables that retain the attributes of all their routes
    #[arg(long)]
    losses: bool,
    /// Print the names of the safeguards that can be taken out, one per line, and exit
    #[arg(long)]
    list_faults: bool,
    /// Number of threads (default: one for each core)
    #[arg(long)]
    threads: Option<usize>,
    /// Print each step of a single seed
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list_faults {
        for name in Fault::ALL.iter().filter_map(ValueEnum::to_possible_value) {
            println!("{}", name.get_name());
        }
        return ExitCode::SUCCESS;
    }
    match arguments.seed {
        Some(seed) => single(&arguments, seed),
        None => many(&arguments),
    }
}

fn single(arguments: &Arguments, seed: u64) -> ExitCode {
    let plan = Plan {
        seed,
        steps: arguments.steps,
        without: arguments.without.iter().copied().collect(),
        fault: arguments.fault,
        retain: arguments.retain,
        resyncs: arguments.resyncs,
        losses: arguments.losses,
        trace: arguments.trace,
    };
    match run(&plan) {
        Ok(report) => {
            println!("seed {seed}: {report:?}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {seed}: {violation}");
            let quiet = Plan { trace: false, ..plan };
            let shrunk = shrink(&quiet, &violation);
            if shrunk != quiet {
                println!("shorter: {}", shrunk.command());
            }
            ExitCode::FAILURE
        }
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let campaign = Campaign {
        first_seed: arguments.first,
        seeds: arguments.seeds,
        steps: arguments.steps,
        fault: arguments.fault,
        retain: arguments.retain,
        resyncs: arguments.resyncs,
        losses: arguments.losses,
    };
    let cores = || available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = arguments.threads.unwrap_or_else(cores);
    let outcome = campaign.run(threads);
    let seconds = outcome.elapsed.as_secs_f64();
    println!(
        "{} runs in {seconds:.1} s on {threads} threads, {:.0} runs/s: {} with a violation",
        outcome.runs,
        outcome.runs as f64 / seconds,
        outcome.failures,
    );
    println!("in all: {:?}", outcome.sum);
    for (seed, violation) in &outcome.examples {
        println!("seed {seed}: {violation}");
    }
    if let Some((seed, _)) = outcome.examples.first() {
        let plan = Plan {
            steps: arguments.steps,
            retain: arguments.retain,
            resyncs: arguments.resyncs,
            losses: arguments.losses,
            ..Plan::of_seed(*seed).with_fault(arguments.fault)
        };
        println!("again, and shorter: {}", plan.command());
    }
    if outcome.failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
