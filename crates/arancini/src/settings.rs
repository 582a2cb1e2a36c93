//! Loads the settings that a command needs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arancini_collector::config::{Config, ConfigErrors, FlagValue, load, load_to_ask, service_file};

use crate::exit::MISCONFIGURED;
use crate::terminal::print_problem;

/// Loads the configuration and runs the command with it. If the configuration is wrong, prints every error and returns
/// [`MISCONFIGURED`].
pub(crate) fn with_config(
    file: Option<&Path>,
    flags: &[FlagValue],
    command: impl FnOnce(Config) -> ExitCode,
) -> ExitCode {
    run_with(read(file, flags), command)
}

/// As [`with_config`], for a command that asks a collector or reads what it published. It need not be allowed to read the
/// collector's tokens and private key.
pub(crate) fn with_config_to_ask(
    file: Option<&Path>,
    flags: &[FlagValue],
    command: impl FnOnce(Config) -> ExitCode,
) -> ExitCode {
    let file = file.map_or_else(file_of_service, |file| Some(file.to_owned()));
    run_with(load_to_ask(file.as_deref(), environment(), flags), command)
}

fn run_with(config: Result<Config, ConfigErrors>, command: impl FnOnce(Config) -> ExitCode) -> ExitCode {
    match config {
        Ok(config) => command(config),
        Err(errors) => {
            print_problem(errors);
            ExitCode::from(MISCONFIGURED)
        }
    }
}

/// Loads the configuration from all layers. Without `--config`, a service has the file in the configuration directory that systemd
/// names, if there is one.
pub(crate) fn read(file: Option<&Path>, flags: &[FlagValue]) -> Result<Config, ConfigErrors> {
    let file = file.map_or_else(file_of_service, |file| Some(file.to_owned()));
    load(file.as_deref(), environment(), flags)
}

fn file_of_service() -> Option<PathBuf> {
    service_file(environment())
}

/// Returns the environment without variables that are not valid text, because none of them can be a setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}
