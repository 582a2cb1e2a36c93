//! A BMP session as the shell sees it: its name, and why it has to end.

use arancini_wire::WireError;

/// The name of a session within its shard. A name is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub(crate) u64);

/// Why a session has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionError {
    /// The stream cannot be framed any more. The offset counts from the session's first byte.
    Framing(WireError),
    /// The router sent a Termination. "The monitoring station MUST close the TCP session after receiving a Termination
    /// message" (RFC 7854 §4.5), so nothing behind it is taken.
    Terminated,
    /// The session has ended before, or a newer one replaced it.
    Unknown,
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Framing(error) => write!(f, "not a BMP version 3 message: {error}"),
            Self::Terminated => f.write_str("the router sent a Termination message"),
            Self::Unknown => f.write_str("the session was replaced by a newer one of the same router"),
        }
    }
}

impl std::error::Error for SessionError {}
