//! Failures of the buckets, with cause and remedy.

use std::fmt::{self, Display};

use arancini_client::{Reason, Trouble};

/// Why a bucket cannot be used.
#[derive(Debug)]
pub enum BucketError {
    /// The server does not answer now, or refuses.
    Trouble(Trouble),
    /// What is stored is not what was written.
    Damaged(String),
}

impl Display for BucketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trouble(trouble) => trouble.fmt(f),
            Self::Damaged(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for BucketError {}

impl From<Trouble> for BucketError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// Explains why the server refuses a request for `what`.
pub(super) fn refused(bucket: &str, what: &str, error: &dyn Display) -> Trouble {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    if ["maximum", "insufficient", "resource limits"]
        .iter()
        .any(|part| lower.contains(part))
    {
        return Trouble::new(
            Reason::StreamFull,
            format!("the bucket {bucket} has no room for {what} ({text})"),
            "raise the limits of the account or of the streams KV_… and OBJ_… of the bucket",
        );
    }
    Trouble::new(
        Reason::Timeout,
        format!("the bucket {bucket} does not answer for {what} ({text})"),
        "look at the server's log, and check that the user has the permissions that docs/nats.md lists",
    )
}

/// The trouble of a bucket that does not exist.
pub(super) fn missing(stream: &str) -> Trouble {
    Trouble::new(
        Reason::StreamMissing,
        format!("there is no stream {stream}, which holds snapshots"),
        "set nats.create_stream = true and start the collector, or correct snapshots.bucket",
    )
}
