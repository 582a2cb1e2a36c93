//! Errors of messages with damaged content.

use std::io;

/// Converts the error of damaged content to an I/O error.
pub(super) fn damaged<E: std::error::Error + Send + Sync + 'static>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
