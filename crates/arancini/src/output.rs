//! The one way in which a command prints its result.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::exit::{FAILED, fail};

/// Prints a line on standard output.
pub(crate) fn print_line(text: impl Display) {
    print_text(format_args!("{text}\n"));
}

/// Prints a text on standard output.
///
/// The reader of the pipe may have closed it, as `| head` does. This is not an error, and the exit code of the command stays
/// what it is. If standard output can't be written for another reason, the command ends here.
pub(crate) fn print_text(text: impl Display) {
    let mut out = io::stdout().lock();
    let printed = write!(out, "{text}").and_then(|()| out.flush());
    if quiet_if_closed(printed).is_err() {
        std::process::exit(i32::from(FAILED));
    }
}

/// Takes a closed pipe for a success, and reports every other error of standard output.
pub(crate) fn quiet_if_closed(written: io::Result<()>) -> Result<(), ExitCode> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(fail(format_args!("can't write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
