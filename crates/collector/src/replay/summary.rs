//! Counts of what a replay sent.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arancini_wire::bmp::MessageType;

/// The progress of a replay. Other threads may read it while the replay runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes written to the kernel.
    pub bytes: AtomicU64,
    /// Whole messages written to the kernel.
    pub messages: AtomicU64,
}

/// Counts of messages by type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts {
    counts: [u64; 8],
}

impl MessageCounts {
    /// Counts one message of this type.
    pub(super) fn add(&mut self, kind: MessageType) {
        // All types beyond Route Mirroring share the last counter.
        let index = usize::from(kind.code()).min(self.counts.len() - 1);
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
    }

    /// Adds the counts of another replay.
    fn merge(&mut self, other: &Self) {
        for (own, more) in self.counts.iter_mut().zip(other.counts) {
            *own += more;
        }
    }

    /// Returns the name and the count of each type, in the order of the type numbers. The last entry counts unknown types.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        (0..)
            .zip(self.counts)
            .map(|(code, count)| (MessageType::from_code(code).name(), count))
    }

    /// Returns the number of messages of all types.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Summary of what a replay sent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Summary {
    /// Connections that were opened.
    pub sessions: u64,
    /// Bytes that were sent.
    pub bytes: u64,
    /// Sent bytes that are not part of a whole BMP version 3 message.
    pub unframed_bytes: u64,
    /// Messages that were sent.
    pub messages: MessageCounts,
    /// How long the replay took.
    pub elapsed: Duration,
}

impl Summary {
    /// Adds the summary of another connection.
    pub(super) fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.bytes += other.bytes;
        self.unframed_bytes += other.unframed_bytes;
        self.messages.merge(&other.messages);
    }
}
