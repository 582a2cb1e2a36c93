//! The command line of `arancini`. Each command is a module of its own, in the order of `--help`; the modules that the
//! commands share come last.
//!
//! Exit codes: 0 success, 1 the command failed while running, 2 wrong configuration or usage.
#![forbid(unsafe_code)]

pub mod run;
mod stop_signals;
mod service_manager;
pub mod demo;
pub mod replay;
pub mod decode;
pub mod tail;
pub mod show;
pub mod resync;
pub mod bench;
pub mod stream;
pub mod snapshot;
pub mod export;
pub mod doctor;
pub mod config;
pub mod package_files;

mod flags;
mod control_tls;
mod control_port;
mod settings;
mod log;
mod runtime;
mod output;
mod terminal;
mod fold;
mod local_time;
mod units;
mod exit;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand, ValueHint};

use settings::{with_config, with_config_to_ask};

pub use exit::{FAILED, MISCONFIGURED};
pub use log::init as init_log;

/// Collects BMP from routers and publishes one clean, ordered stream of curated route updates.
#[derive(Debug, Parser)]
#[command(name = "arancini", version, propagate_version = true)]
#[command(after_help = "Example:\n  arancini run --nats nats://127.0.0.1:4222\n\n\
    Exit codes: 0 success, 1 the command failed while running, 2 wrong configuration or usage.")]
pub struct Cli {
    /// The configuration file (TOML).
    #[arg(long, global = true, value_name = "FILE", env = "ARANCINI_CONFIG", value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub config: Option<PathBuf>,
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands. The help text of a command is the doc comment of its arguments; a doc comment on a variant would replace it
/// in --help.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Replay(replay::ReplayArgs),
    Decode(decode::DecodeArgs),
    Tail(tail::TailArgs),
    Show(show::ShowArgs),
    Resync(resync::ResyncArgs),
    Bench(Box<bench::BenchArgs>),
    Stream(stream::StreamArgs),
    Snapshot(snapshot::SnapshotArgs),
    Export(export::ExportArgs),
    Doctor(doctor::DoctorArgs),
    Config(config::ConfigArgs),
    PackageFiles(package_files::PackageFilesArgs),
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let code = dispatch(Cli::parse());
    arancini_collector::log_queue::flush();
    code
}

/// Runs the command of a parsed command line.
#[must_use]
pub fn dispatch(cli: Cli) -> ExitCode {
    // An empty variable counts as not set, as it does for settings.
    let file = cli.config.as_deref().filter(|file| !file.as_os_str().is_empty());
    match cli.command {
        Command::Run(args) => run::run(file, &args),
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Tail(args) => with_config_to_ask(file, &args.flags(), |config| tail::run(&config, &args)),
        Command::Show(args) => with_config_to_ask(file, &[], |config| show::run(&config, &args)),
        Command::Resync(args) => with_config_to_ask(file, &[], |config| resync::run(&config, &args)),
        Command::Bench(args) => bench::run(file, &args),
        Command::Stream(args) => {
            with_config_to_ask(file, &args.flags(), |config| stream::run(&config, &args))
        }
        Command::Snapshot(args) => {
            with_config_to_ask(file, &args.flags(), |config| snapshot::run(&config, &args))
        }
        Command::Export(args) => {
            with_config_to_ask(file, &args.flags(), |config| export::run(&config, &args))
        }
        Command::Doctor(args) if args.print_sysctl => doctor::print_sysctl(),
        Command::Doctor(args) => with_config(file, &[], |config| doctor::run(&config, &args)),
        Command::Config(args) => config::run(file, &args),
        Command::PackageFiles(args) => package_files::run(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {

    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_long_help_of_a_command_says_more_than_the_list_of_commands() {
        for name in [
            "run", "demo", "replay", "decode", "tail", "show", "resync", "bench", "snapshot", "export",
            "doctor",
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
