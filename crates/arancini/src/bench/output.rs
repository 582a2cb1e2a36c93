//! Prints the report of a bench.

use std::process::ExitCode;

use arancini_bench::{BenchError, Report};

use crate::exit::fail;
use crate::output::{print_line, print_text};

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Text for people.
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// Returns the format that the flag `--json` selects.
    pub(super) const fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Prints a report, or why there is none.
pub(super) fn print(report: Result<Report, BenchError>, format: Format) -> ExitCode {
    match report {
        Ok(report) if format == Format::Json => print_line(format_args!("{:#}", report.to_json())),
        Ok(report) => print_text(&report),
        Err(error) => return fail(error),
    }
    ExitCode::SUCCESS
}
