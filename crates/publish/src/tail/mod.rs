//! Reads back what was published: from the stream ([`StreamTail`]) or from a segment directory ([`SegmentTail`]).

mod acknowledgements;
mod segments;
mod since;
mod stream;

pub use acknowledgements::Acknowledgements;
pub use segments::{SegmentMessage, SegmentTail};
pub use since::{Published, Wholeness, segments_since, stream_since};
pub use stream::{PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Begin {
    /// With the oldest that is kept.
    #[default]
    Beginning,
    /// With what comes from now on.
    New,
    /// With this stream sequence (streams only; a segment directory begins at the beginning).
    Sequence(u64),
}
