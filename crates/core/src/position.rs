//! How far a sink is: a place behind which everything lies that is published later.

use serde::{Deserialize, Serialize};

/// A place in what a sink keeps. Written into snapshots, so names and types stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// In a JetStream stream.
    Stream {
        /// The stream's name.
        stream: String,
        /// When the stream was made, Unix nanoseconds: another one of this name counts anew.
        created_unix_ns: i128,
        /// Everything up to this stream sequence was stored before.
        sequence: u64,
    },
    /// In a directory of segments: for each series the last segment and how much of it was written.
    Segments(Vec<SegmentEnd>),
}

/// The end of a series of segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEnd {
    /// The series' name.
    pub series: String,
    /// Number of its last segment; 0 if there is none yet.
    pub number: u64,
    /// Bytes of that segment.
    pub bytes: u64,
}
