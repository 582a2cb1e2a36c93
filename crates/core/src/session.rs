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
    /// The router was identified by its sysName, and an Initiation has this other one: what follows is about another router.
    /// Neither that message nor anything behind it is taken.
    OtherName(String),
    /// The session has ended before, or a newer one replaced it.
    Unknown,
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Framing(error) => write!(f, "not a BMP version 3 message: {error}"),
            Self::Terminated => f.write_str("the router sent a Termination message"),
            Self::OtherName(name) => write!(
                f,
                "an Initiation has the sysName {name:?}, but the router of this session was identified by another one"
            ),
            Self::Unknown => f.write_str("the session was replaced by a newer one of the same router"),
        }
    }
}

impl std::error::Error for SessionError {}
