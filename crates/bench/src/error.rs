//! Errors of a measurement.

use std::fmt;
use std::io;

use arancini_collector::replay::ReplayError;

/// Why a measurement failed.
#[derive(Debug)]
pub enum BenchError {
    /// The process to measure did not start.
    Start(String),
    /// The load could not be sent.
    Send(ReplayError),
    /// The collector stopped processing the load.
    Stalled {
        /// How much the collector processed: bytes, or the metric that the bench waited for.
        reached: u64,
        /// How much it should have processed.
        of: u64,
        /// For how long nothing changed.
        seconds: u64,
    },
    /// The collector published a wrong number of updates.
    Wrong {
        /// Updates that the collector published.
        emitted: u64,
        /// Updates that the collector should have published.
        wanted: u64,
    },
    /// The stream can't be read back, or its content is wrong.
    Stream(String),
    /// The system refused an operation.
    Io {
        /// The operation that failed.
        what: String,
        /// The error of the system.
        source: io::Error,
    },
}

impl BenchError {
    /// Returns a function for `map_err` that names the failed operation.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(reason) => write!(f, "the process to measure did not start: {reason}"),
            Self::Send(error) => error.fmt(f),
            Self::Stalled { reached, of, seconds } => write!(
                f,
                "the collector processed {reached} of {of} and then nothing for {seconds} s; check its log and /readyz"
            ),
            Self::Wrong { emitted, wanted } => write!(
                f,
                "the collector published {emitted} updates instead of {wanted}, so its figures are worthless"
            ),
            Self::Stream(what) => write!(f, "the content of the stream is wrong: {what}"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for BenchError {}
