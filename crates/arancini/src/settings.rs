//! Loads the settings that a command needs.

use std::path::Path;
use std::process::ExitCode;

use arancini_collector::config::{Config, FlagValue, load};

use crate::exit::MISCONFIGURED;

/// Loads the configuration and runs the command with it. If the configuration is wrong, prints every error and returns
/// [`MISCONFIGURED`].
pub(crate) fn with_config(
    file: Option<&Path>,
    flags: &[FlagValue],
    command: impl FnOnce(Config) -> ExitCode,
) -> ExitCode {
    match load(file, environment(), flags) {
        Ok(config) => command(config),
        Err(errors) => {
            eprintln!("{errors}");
            ExitCode::from(MISCONFIGURED)
        }
    }
}

/// Returns the environment without variables that are not valid text, because none of them can be a setting.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
}
