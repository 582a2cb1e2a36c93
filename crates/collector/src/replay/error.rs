//! What can go wrong with a replay, and what to do.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A replay failed.
#[derive(Debug)]
pub enum ReplayError {
    /// A file can't be read.
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A capture is damaged where its structure has to be known.
    Capture {
        /// The file.
        name: String,
        /// What is wrong.
        problem: &'static str,
        /// At which byte of the (uncompressed) file.
        offset: usize,
    },
    /// A capture has no BMP in it.
    NoBmp {
        /// The file.
        name: String,
        /// How many TCP flows it has.
        flows: usize,
    },
    /// The collector can't be reached.
    Connect {
        /// The collector.
        to: SocketAddr,
        /// The chosen source address.
        from: Option<IpAddr>,
        /// Why.
        source: io::Error,
    },
    /// The collector ended the connection.
    Closed {
        /// The collector.
        to: SocketAddr,
        /// Bytes given to the kernel before.
        after_bytes: u64,
        /// What the kernel said.
        source: io::Error,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { name, source } => {
                write!(
                    f,
                    "{name} can't be read: {source}; check the path and that the file is whole"
                )
            }
            Self::Capture {
                name,
                problem,
                offset,
            } => {
                write!(
                    f,
                    "{name}: {problem} at byte {offset}; record it again or convert it with tcpdump -r"
                )
            }
            Self::NoBmp { name, flows } => write!(
                f,
                "{name}: no BMP in its {flows} TCP flows; record the connection from its start, whole packets (tcpdump -s 0)"
            ),
            Self::Connect {
                to,
                from: None,
                source,
            } => {
                write!(
                    f,
                    "no connection to {to}: {source}; is the collector running there?"
                )
            }
            Self::Connect {
                to,
                from: Some(from),
                source,
            } => write!(
                f,
                "no connection from {from} to {to}: {source}; is the collector running there, and {from} an address of this host?"
            ),
            Self::Closed {
                to,
                after_bytes,
                source,
            } => write!(
                f,
                "{to} ended the connection after {after_bytes} bytes: {source}; the collector's log says why"
            ),
        }
    }
}

impl std::error::Error for ReplayError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Connect { source, .. } | Self::Closed { source, .. } => {
                Some(source)
            }
            Self::Capture { .. } | Self::NoBmp { .. } => None,
        }
    }
}
