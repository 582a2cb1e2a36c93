//! `arancini demo`: what a user would see, in a minute, with no set-up.

mod ledger;
mod story;

use std::process::ExitCode;

use clap::Args;

/// Show in a minute what Arancini does.
///
/// Starts a collector on free ports with its embedded sink, replays a real router's recording and some churn through TCP,
/// and prints what came in and what was passed on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini demo\n  arancini demo --json")]
pub struct DemoArgs {
    /// Print the summary as one JSON object and nothing else.
    #[arg(long)]
    pub json: bool,
}

/// Runs the demo.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    match story::tell(!args.json) {
        Ok(summary) if args.json => {
            println!("{}", summary.to_json());
            ExitCode::SUCCESS
        }
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => super::fail(format_args!("the demo could not be told to its end: {error}")),
    }
}
