//! Why an export ended before its source did.

use std::io;
use std::path::PathBuf;

use arancini_client::Trouble;
use thiserror::Error;

/// Why an export ended before its source did.
#[derive(Debug, Error)]
pub enum ExportError {
    /// A directory or a segment cannot be read.
    #[error(
        "can't read {path}: {error}; name the data directory of a collector, or the server with --nats URL if the sink is nats"
    )]
    Segments {
        /// The directory or the segment.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The stream cannot be read.
    #[error("{0}")]
    Stream(Trouble),
    /// The file cannot be written.
    #[error("can't write the file: {0}; check the room on its disk")]
    Output(#[from] io::Error),
}
