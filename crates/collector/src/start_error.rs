//! Why a collector does not start.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::control::BindError;

/// Why the collector could not start.
#[derive(Debug)]
pub enum StartError {
    /// The collector can't listen on a port.
    Bind(BindError),
    /// The token of the control port can't be used.
    Token(String),
    /// The certificate of the control port can't be used.
    Tls(String),
    /// The sink could not be set up.
    Sink(String),
    /// This host does not support the receive backend that the settings name.
    Backend(io::Error),
    /// A worker's thread or runtime could not be made.
    Worker(io::Error),
    /// The directory of the snapshots can't be used.
    Snapshots(PathBuf, io::Error),
    /// The collector was told to stop before it had started.
    Cancelled,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Token(error) | Self::Tls(error) => f.write_str(error),
            Self::Sink(error) => f.write_str(error),
            Self::Backend(error) => write!(
                f,
                "this host does not support ingest.backend = \"registered\": {error}; it needs io_uring of Linux 6.12 or later, and no sandbox or kernel.io_uring_disabled may refuse it: set ingest.backend = \"auto\""
            ),
            Self::Snapshots(directory, error) => {
                write!(
                    f,
                    "snapshots can't be written to {}: {error}",
                    directory.display()
                )?;
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) {
                    f.write_str(
                        "; give the collector's user write permission there, or choose another directory with --data-dir",
                    )?;
                }
                Ok(())
            }
            Self::Cancelled => f.write_str("the collector was stopped before it had started"),
            Self::Worker(error) => write!(
                f,
                "a worker can't start: {error}; if this host refuses io_uring, set ingest.driver = \"epoll\""
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_snapshots_without_permission_is_told_with_the_remedy() {
        let error = StartError::Snapshots("d".into(), io::ErrorKind::PermissionDenied.into());
        assert_eq!(
            error.to_string(),
            "snapshots can't be written to d: permission denied; give the collector's user write permission there, or \
             choose another directory with --data-dir"
        );
    }
}
