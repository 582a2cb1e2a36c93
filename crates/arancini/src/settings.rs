//! Loads the settings that a command needs.

use std::path::Path;
use std::process::ExitCode;

use arancini_collector::config::{Config, ConfigErrors, FlagValue, load, service_file};

use crate::exit::MISCONFIGURED;
use crate::terminal::print_problem;

/// Loads the configuration and runs the command with it. If the configuration is wrong, prints every error and returns
/// [`MISCONFIGURED`].
pub(crate) fn with_config(
    file: Option<&Path>,
    flags: &[FlagValue],
    command: impl FnOnce(Config) -> ExitCode,
) -> ExitCode {
    match read(file, flags) {
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
    let of_service = if file.is_none() {
        service_file(environment())
    } else {
        None
    };
    load(file.or(of_service.as_deref()), environment(), flags)
}

/// Returns the environment without variables that are not valid text, because none of them can be a setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}
