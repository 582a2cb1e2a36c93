//! Why a measurement came to nothing.

use std::fmt;
use std::io;

use arancini_collector::replay::ReplayError;

/// Why a measurement came to nothing.
#[derive(Debug)]
pub enum BenchError {
    /// A process that was to be measured did not start.
    Start(String),
    /// The load could not be sent.
    Send(ReplayError),
    /// The collector stopped taking the load.
    Stalled {
        /// How much it took: bytes, or what else was waited for.
        reached: u64,
        /// How much it was sent.
        of: u64,
        /// How long nothing moved.
        seconds: u64,
    },
    /// The collector published something else than what curation must emit.
    Wrong {
        /// Updates that it published.
        emitted: u64,
        /// Updates that it had to publish.
        wanted: u64,
    },
    /// What was published can't be read back, or is not what it must be.
    Stream(String),
    /// The system refused something.
    Io {
        /// What was done.
        what: String,
        /// What the system said.
        source: io::Error,
    },
}

impl BenchError {
    /// For `map_err`: the system refused this.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(reason) => write!(f, "the process to be measured did not start: {reason}"),
            Self::Send(error) => error.fmt(f),
            Self::Stalled { reached, of, seconds } => write!(
                f,
                "the collector stopped at {reached} of {of} and took nothing for {seconds} s; \
                 look at its log and at /readyz"
            ),
            Self::Wrong { emitted, wanted } => write!(
                f,
                "the collector published {emitted} updates where {wanted} are right: its figures mean nothing"
            ),
            Self::Stream(what) => write!(f, "the stream: {what}"),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for BenchError {}
