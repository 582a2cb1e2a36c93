//! Exit codes, and the one way in which a command reports its failure.

use std::fmt::Display;
use std::process::ExitCode;

use crate::terminal::print_problem;

/// Exit code of a command that failed while it ran.
pub const FAILED: u8 = 1;
/// Exit code for a wrong configuration or a wrong command line.
pub const MISCONFIGURED: u8 = 2;
/// Exit code of a collector that a second signal ended, as shells report a process ended by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints why a command failed, and returns [`FAILED`].
pub(crate) fn fail(reason: impl Display) -> ExitCode {
    print_problem(format_args!("arancini: {reason}"));
    ExitCode::from(FAILED)
}
