//! `arancini config`: checks, shows and explains the configuration.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use arancini_collector::config;

use crate::exit::MISCONFIGURED;
use crate::output::{print_text, print_words};
use crate::settings::with_config;
use crate::terminal::print_problem;

/// Check or show the configuration, or list all settings.
///
/// Settings come from defaults, a TOML file (--config), environment variables (ARANCINI_SECTION__KEY) and flags. A later
/// layer overrides an earlier one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini config check /etc/arancini/arancini.toml\n  arancini config schema > arancini.toml"
)]
pub struct ConfigArgs {
    /// The action.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The actions on the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report every error in a configuration file, without the environment. Exit code 2 if there is any.
    #[command(after_help = "Example:\n  arancini config check /etc/arancini/arancini.toml")]
    Check {
        /// The configuration file to check.
        file: PathBuf,
    },
    /// Print the effective settings from defaults, file and environment as TOML, with secrets masked.
    #[command(after_help = "Example:\n  arancini --config /etc/arancini/arancini.toml config show")]
    Show,
    /// Print every setting with its explanation and default, as a commented TOML file.
    #[command(after_help = "Example:\n  arancini config schema > arancini.toml")]
    Schema,
}

/// Runs the action.
#[must_use]
pub fn run(file: Option<&Path>, args: &ConfigArgs) -> ExitCode {
    match &args.command {
        ConfigCommand::Check { file } => match config::load(Some(file), [], &[]) {
            Ok(_) => {
                print_words(format_args!("{}: ok", file.display()));
                ExitCode::SUCCESS
            }
            Err(errors) => {
                print_problem(errors);
                ExitCode::from(MISCONFIGURED)
            }
        },
        ConfigCommand::Show => with_config(file, &[], |config| {
            print_text(config::show(&config));
            ExitCode::SUCCESS
        }),
        ConfigCommand::Schema => {
            print_text(config::template());
            ExitCode::SUCCESS
        }
    }
}
