//! `arancini config`: check, show or explain the configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::MISCONFIGURED;
use arancini_collector::config;

/// Check, show or explain the configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say what is wrong with a file; the environment is left out. Exit code 2 if anything is.
    #[command(after_help = "Example:\n  arancini config check /etc/arancini.toml")]
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print the effective settings (defaults, file, environment) as TOML, with secrets masked.
    #[command(after_help = "Example:\n  arancini --config /etc/arancini.toml config show")]
    Show,
    /// Print every setting with its explanation and default, as a commented TOML file.
    #[command(after_help = "Example:\n  arancini config schema > arancini.toml")]
    Schema,
}

/// Does it.
#[must_use]
pub fn run(file: Option<&Path>, args: &ConfigArgs) -> ExitCode {
    match &args.command {
        ConfigCommand::Check { file } => match config::load(Some(file), [], &[]) {
            Ok(_) => {
                println!("{}: ok", file.display());
                ExitCode::SUCCESS
            }
            Err(errors) => {
                eprintln!("{errors}");
                ExitCode::from(MISCONFIGURED)
            }
        },
        ConfigCommand::Show => super::with_config(file, &[], |config| {
            print!("{}", config::show(&config));
            ExitCode::SUCCESS
        }),
        ConfigCommand::Schema => {
            print!("{}", config::template());
            ExitCode::SUCCESS
        }
    }
}
