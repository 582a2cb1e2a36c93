//! Everything that was published behind a place, up to the present end, and whether that is all there was.
//!
//! A collector restores its tables with this: from a snapshot, and from what was published since. A consumer that keeps
//! snapshots of its own can do the same.

mod published;
mod events;
mod segments;
mod stream;

pub use published::{Published, Wholeness};
pub use segments::{SegmentDamage, read_segment, segment_sequences, segments_since};
pub use stream::{LateWrites, Since, StreamPosition, stream_since};
