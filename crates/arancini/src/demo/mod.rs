//! `arancini demo`: shows what the collector does, within a minute and without any set-up.

mod story;
mod ledger;
mod summary;
mod router;
mod serve;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;

use crate::exit::fail;
use crate::output::{print_line, print_words};
use story::Narration;

/// Show within a minute what Arancini does.
///
/// Starts a collector on free ports that writes to a temporary directory, sends it the recording of a real router and some
/// churn over TCP, and prints what the routers sent and what the collector published. Needs no set-up.
///
/// With --serve, the collector stays up instead: made-up routers change their routes, peers go down and up, and the page shows
/// it in a browser, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  arancini demo\n  arancini demo --json\n  arancini demo --serve")]
pub struct DemoArgs {
    /// Print only the summary, as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Stay up with made-up routers, and print the address of the page.
    #[arg(long, conflicts_with = "json")]
    pub serve: bool,
    /// Address of the page [default: a free port of 127.0.0.1].
    #[arg(long, value_name = "ADDR", requires = "serve")]
    pub control: Option<SocketAddr>,
}

/// Runs the demo.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    if args.serve {
        return match serve::serve(args.control) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(format_args!("the demo failed: {error}")),
        };
    }
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
            print_words(&summary);
            ExitCode::SUCCESS
        }
        Err(error) => fail(format_args!("the demo failed: {error}")),
    }
}
