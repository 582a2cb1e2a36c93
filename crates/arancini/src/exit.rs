//! Exit codes, and the one way in which a command reports its failure.

use std::fmt::Display;
use std::net::IpAddr;
use std::process::ExitCode;

use crate::terminal::print_problem;

/// Exit code of a command that failed while it ran.
pub const FAILED: u8 = 1;
/// Exit code for a wrong configuration or a wrong command line.
pub const MISCONFIGURED: u8 = 2;
/// Exit code of a collector that a second signal ended, as shells report a process ended by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Says that the filter by router found nothing. That is an answer, so the exit code stays 0.
pub(crate) fn tell_nothing_of(router: IpAddr, place: impl Display) {
    print_problem(format_args!(
        "arancini: nothing of the router {router} was found in {place}; `arancini show routers` lists the routers that a running \
         collector knows, and other filters may have left out what there is"
    ));
}

/// Prints why a command failed, and returns [`FAILED`].
pub(crate) fn fail(reason: impl Display) -> ExitCode {
    print_problem(format_args!("arancini: {reason}"));
    ExitCode::from(FAILED)
}
