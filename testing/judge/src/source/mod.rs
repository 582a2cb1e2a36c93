//! Where a judge reads a stream from: NATS, or segment files. Both go on where they stopped.

mod compression;
mod segments;
mod stream;

pub use segments::SegmentDirectory;
pub use stream::PublishedStream;
