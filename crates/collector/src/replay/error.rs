//! Errors of a replay, each with its remedy.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A replay failed.
#[derive(Debug)]
pub enum ReplayError {
    /// A file can't be read.
    Read {
        /// The name of the file.
        name: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A file has no content.
    Empty {
        /// The name of the file.
        name: String,
    },
    /// A file is compressed in a way that is not read.
    Compressed {
        /// The name of the file.
        name: String,
        /// The compression.
        compression: &'static str,
        /// The program that writes the content to its standard output.
        program: &'static str,
    },
    /// A capture is damaged in its structure.
    Capture {
        /// The name of the file.
        name: String,
        /// What is wrong.
        problem: &'static str,
        /// The byte of the uncompressed file at which the damage is.
        offset: usize,
    },
    /// A capture contains no BMP.
    NoBmp {
        /// The name of the file.
        name: String,
        /// How many TCP flows the capture contains.
        flows: usize,
    },
    /// The collector can't be reached.
    Connect {
        /// The address of the collector.
        to: SocketAddr,
        /// The chosen source address.
        from: Option<IpAddr>,
        /// The error of the system.
        source: io::Error,
    },
    /// The collector ended the connection.
    Closed {
        /// The address of the collector.
        to: SocketAddr,
        /// How many bytes were sent before.
        after_bytes: u64,
        /// The error of the system.
        source: io::Error,
    },
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { name, source } => {
                write!(
                    f,
                    "can't read {name}: {source}; check the path, and that the file is complete"
                )
            }
            Self::Empty { name } => write!(
                f,
                "{name} is empty, so there is no message in it; check the path, and that the recording had begun"
            ),
            Self::Compressed {
                name,
                compression,
                program,
            } => write!(
                f,
                "{name} is compressed with {compression}, and only Zstandard is read here; pipe it in: {program} {name} | arancini decode -"
            ),
            Self::Capture {
                name,
                problem,
                offset,
            } => {
                write!(
                    f,
                    "{name}: damaged capture, {problem} at byte {offset}; record it again, or convert it with tcpdump -r"
                )
            }
            Self::NoBmp { name, flows } => write!(
                f,
                "{name}: found no BMP in {}; record the connection from its start and with whole packets (tcpdump -s 0)",
                if *flows == 1 {
                    "1 TCP flow".to_owned()
                } else {
                    format!("{flows} TCP flows")
                }
            ),
            Self::Connect {
                to,
                from: None,
                source,
            } => {
                write!(
                    f,
                    "can't connect to {to}: {source}; is the collector running there?"
                )
            }
            Self::Connect {
                to,
                from: Some(from),
                source,
            } => write!(
                f,
                "can't connect from {from} to {to}: {source}; is the collector running there, and is {from} an address of this host?"
            ),
            Self::Closed {
                to,
                after_bytes,
                source,
            } => write!(
                f,
                "{to} closed the connection after {after_bytes} bytes: {source}; the log of the collector names the reason"
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
            Self::Empty { .. } | Self::Compressed { .. } | Self::Capture { .. } | Self::NoBmp { .. } => None,
        }
    }
}
