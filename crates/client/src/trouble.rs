//! Troubles: why a connection, a stream or a sink cannot be used, and what an operator does about it.

use std::fmt;

/// Class of a trouble. Metrics use it as a label, so there are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Reason {
    /// The sink has not started yet.
    Starting,
    /// No server answers.
    Unreachable,
    /// TLS fails: unknown CA, missing client certificate, TLS-first mismatch.
    Tls,
    /// The credentials are wrong or missing.
    Authentication,
    /// The account may not publish, subscribe or use the JetStream API.
    Permission,
    /// The stream does not exist, or JetStream is off.
    StreamMissing,
    /// The stream exists, but its settings do not fit.
    StreamMismatch,
    /// The stream or the account has no room.
    StreamFull,
    /// A message is larger than the server or the stream allows.
    TooLarge,
    /// The server does not answer or acknowledge in time.
    Timeout,
    /// The disk or the pipe returns an error.
    Io,
    /// Another collector has raised the fence since this collector raised it.
    Fenced,
    /// Anything else.
    Other,
}

impl Reason {
    /// All reasons, for metrics.
    pub const ALL: [Self; 13] = [
        Self::Starting,
        Self::Unreachable,
        Self::Tls,
        Self::Authentication,
        Self::Permission,
        Self::StreamMissing,
        Self::StreamMismatch,
        Self::StreamFull,
        Self::TooLarge,
        Self::Timeout,
        Self::Io,
        Self::Fenced,
        Self::Other,
    ];

    /// Name of the reason in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::StreamMissing => "stream_missing",
            Self::StreamMismatch => "stream_mismatch",
            Self::StreamFull => "stream_full",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Io => "io",
            Self::Fenced => "fenced",
            Self::Other => "other",
        }
    }
}

/// One thing that is wrong, with its remedy. A trouble holds no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The class.
    pub reason: Reason,
    /// What happened, in one sentence.
    pub cause: String,
    /// What to do, in one sentence.
    pub remedy: String,
}

impl Trouble {
    /// Creates a trouble.
    pub fn new(reason: Reason, cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            reason,
            cause: cause.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.cause, self.remedy)
    }
}

impl std::error::Error for Trouble {}
