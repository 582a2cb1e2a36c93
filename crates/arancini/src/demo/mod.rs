//! `arancini demo`: shows what the collector does, within a minute and without any set-up.

mod story;
mod ledger;
mod summary;

use std::process::ExitCode;

use clap::Args;

use crate::exit::fail;
use crate::output::print_line;
use story::Narration;

/// Show within a minute what Arancini does.
///
/// Starts a collector on free ports that writes to a temporary directory, sends it the recording of a real router and some
/// churn over TCP, and prints what the routers sent and what the collector published. Needs no set-up.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini demo\n  arancini demo --json")]
pub struct DemoArgs {
    /// Print only the summary, as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    let narration = if args.json {
        Narration::Silent
    } else {
        Narration::Printed
    };
    match story::tell(narration) {
        Ok(summary) if args.json => {
            print_line(summary.to_json());
            ExitCode::SUCCESS
        }
        Ok(summary) => {
            print_line(&summary);
            ExitCode::SUCCESS
        }
        Err(error) => fail(format_args!("the demo failed: {error}")),
    }
}
