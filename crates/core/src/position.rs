//! The position of a sink: everything that is published later lies behind it.

use serde::{Deserialize, Serialize};

/// A place in the stream that a sink keeps. Snapshots contain it, so names and types stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a JetStream stream.
    Stream {
        /// The stream's name.
        stream: String,
        /// When the stream was created, Unix nanoseconds. Another stream of this name counts anew.
        created_unix_ns: i128,
        /// Last stream sequence that was stored before.
        sequence: u64,
        /// What tells the message with this sequence from every other. If the stream has another message there, it has lost
        /// messages and stored new ones in their places. Not known in snapshots of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// In a directory of segments: the end of each series.
    Segments(Vec<SegmentEnd>),
}

/// The end of a series of segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEnd {
    /// The series' name.
    pub series: String,
    /// Number of its last segment; 0 if the series has none yet.
    pub number: u64,
    /// Bytes written of that segment.
    pub bytes: u64,
}
