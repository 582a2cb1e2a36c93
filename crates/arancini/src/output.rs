//! The one way in which a command prints its result. Text for people is folded to the width of the terminal; data is not.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::exit::{FAILED, fail};
use crate::fold::{Break, fold};
use crate::terminal::columns_of;

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

/// Prints text for people. On a terminal, a line that is too long goes on in the next one.
pub(crate) fn print_words(text: impl Display) {
    print_folded(&text.to_string(), Break::Words);
}

/// Prints a command that a person may copy. On a terminal, a command that is too long goes on behind a backslash.
pub(crate) fn print_command(command: impl Display) {
    print_folded(&command.to_string(), Break::Command);
}

fn print_folded(text: &str, breaks: Break) {
    let width = terminal_width();
    for line in text.lines() {
        match width {
            Some(width) => print_line(fold(line, width, breaks)),
            None => print_line(line),
        }
    }
}

/// The number of columns of the terminal that standard output is; `None` if it is none, or does not say it.
pub(crate) fn terminal_width() -> Option<usize> {
    columns_of(io::stdout())
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
