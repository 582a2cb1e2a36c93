//! Runs the scenario that the command line of the bench selects.

use std::path::Path;
use std::process::ExitCode;

use arancini_bench::receive_only;

use super::command::{BenchArgs, Part};
use super::output::{Format, print};
use crate::exit::fail;

/// Runs the scenario that the command line selects.
#[must_use]
pub fn run(config: Option<&Path>, args: &BenchArgs) -> ExitCode {
    match &args.part {
        Some(Part::ReceiveOnly { listen }) => match receive_only(*listen) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(format_args!("can't listen on {listen}: {error}")),
        },
        Some(Part::Stages(args)) => print(args.stages(config), Format::of(args.json)),
        Some(Part::Stops(args)) => print(args.stops(config), Format::of(args.json)),
        Some(Part::Latency {
            common,
            stream,
            rate,
            linger_ms,
        }) => print(
            common.latency(config, stream, rate, *linger_ms),
            Format::of(common.json),
        ),
        Some(Part::Sustained { common, stream }) => {
            print(common.sustained(config, stream), Format::of(common.json))
        }
        Some(Part::Questions {
            common,
            rate,
            seconds,
            clients,
        }) => print(
            common.questions(config, *rate, *seconds, clients),
            Format::of(common.json),
        ),
        None => args.run(config),
    }
}
