//! The width of a terminal, and problems on standard error that fit it.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use crate::fold::{Break, fold};

/// The number of columns of a terminal; `None` if this is none, or does not say it.
pub(crate) fn columns_of(out: impl AsFd + IsTerminal) -> Option<usize> {
    if !out.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&out).ok()?;
    // A terminal that is narrower is taken to be this wide.
    const LEAST: u16 = 20;
    (size.ws_col > 0).then(|| size.ws_col.max(LEAST).into())
}

/// Prints a problem on standard error. On a terminal, a line that is too long goes on in the next one.
pub(crate) fn print_problem(problem: impl Display) {
    let width = columns_of(io::stderr());
    for line in problem.to_string().lines() {
        match width {
            Some(width) => eprintln!("{}", fold(line, width, Break::Words)),
            None => eprintln!("{line}"),
        }
    }
}
