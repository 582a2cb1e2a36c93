//! The command line: one module a command. Exit codes: 0 done, 1 failed while running, 2 wrong configuration or usage.

pub mod bench;
pub mod config;
pub mod decode;
pub mod demo;
pub mod doctor;
mod log;
pub mod replay;
pub mod run;
pub mod snapshot;
pub mod stream;
pub mod tail;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use arancini_collector::config::{Config, FlagValue, load};

pub use log::init as init_log;

/// Exit code of a command that failed while it ran.
pub const FAILED: u8 = 1;
/// Exit code for a configuration that can't be used.
pub const MISCONFIGURED: u8 = 2;

/// Collects BMP from routers and publishes one clean, ordered stream of curated route updates.
#[derive(Debug, Parser)]
#[command(name = "arancini", version, propagate_version = true)]
#[command(after_help = "Example:\n  arancini run --nats nats://127.0.0.1:4222\n\n\
    Exit codes: 0 done, 1 failed while running, 2 wrong configuration or usage.")]
pub struct Cli {
    /// The configuration file (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "ARANCINI_CONFIG")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. What a command is for stands above its arguments: a comment here would take the place of that in --help.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Replay(replay::ReplayArgs),
    Decode(decode::DecodeArgs),
    Tail(tail::TailArgs),
    Bench(Box<bench::BenchArgs>),
    Stream(stream::StreamArgs),
    Snapshot(snapshot::SnapshotArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    dispatch(Cli::parse())
}

/// Does what a command line says.
#[must_use]
pub fn dispatch(cli: Cli) -> ExitCode {
    let file = cli.config.as_deref();
    match cli.command {
        Command::Run(args) => with_config(file, &args.flags(), run::run),
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Tail(args) => with_config(file, &args.flags(), |config| tail::run(&config, &args)),
        Command::Bench(args) => bench::run(file, &args),
        Command::Stream(args) => with_config(file, &args.flags(), |config| stream::run(&config, &args)),
        Command::Snapshot(args) => with_config(file, &args.flags(), |config| snapshot::run(&config, &args)),
        Command::Doctor(args) if args.print_sysctl => doctor::print_sysctl(),
        Command::Doctor(args) => with_config(file, &[], |config| doctor::run(&config, &args)),
        Command::Config(args) => config::run(file, &args),
    }
}

/// Loads the configuration and goes on, or says what is wrong with it and ends with [`MISCONFIGURED`].
fn with_config(file: Option<&Path>, flags: &[FlagValue], go_on: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match load(file, environment(), flags) {
        Ok(config) => go_on(config),
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::from(MISCONFIGURED)
        }
    }
}

/// Runs a short command that waits for the network, on a runtime of its own.
fn block_on<T>(command: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => {
            eprintln!(
                "the system gives no resources for a runtime: {error}; check the limit of open files (ulimit -n)"
            );
            std::process::exit(i32::from(FAILED))
        }
    }
}

/// Says what went wrong and gives the exit code for it.
fn fail(reason: impl std::fmt::Display) -> ExitCode {
    eprintln!("arancini: {reason}");
    ExitCode::from(FAILED)
}

/// The environment, without what is not text: no setting can be in there.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}

/// A flag that sets a setting, where it was given.
fn flag(
    section: &'static str,
    key: &'static str,
    flag: &'static str,
    text: Option<String>,
) -> Option<FlagValue> {
    text.map(|text| FlagValue {
        section,
        key,
        text,
        flag,
    })
}

/// A flag that can be given several times.
fn list_flag(
    section: &'static str,
    key: &'static str,
    name: &'static str,
    items: &[String],
) -> Option<FlagValue> {
    flag(section, key, name, (!items.is_empty()).then(|| items.join(",")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_long_help_of_a_command_says_more_than_the_list_of_commands() {
        for name in [
            "run", "demo", "replay", "decode", "tail", "bench", "snapshot", "doctor",
        ] {
            let command = Cli::command();
            let command = command.find_subcommand(name);
            let long = command
                .and_then(clap::Command::get_long_about)
                .map(ToString::to_string);
            assert!(
                long.as_ref().is_some_and(|text| text.lines().count() > 1),
                "{name}: {long:?}"
            );
        }
    }
}
