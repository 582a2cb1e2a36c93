//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time in nanoseconds since the Unix epoch.
pub(super) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
