//! `arancini demo`: what a user would see, in a minute, with no set-up.

use std::process::ExitCode;

use clap::Args;

/// Show in a minute what Arancini does.
///
/// Starts a collector on free ports, replays a real capture and some churn through TCP, and prints what came in and what
/// was passed on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini demo\n  arancini demo --json")]
pub struct DemoArgs {
    /// Print the summary as one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo.
#[must_use]
pub fn run(_args: &DemoArgs) -> ExitCode {
    eprintln!("the demo is not in this build yet");
    ExitCode::from(super::FAILED)
}
