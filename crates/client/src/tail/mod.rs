//! Tails: reading back what was published, from the stream ([`StreamTail`]) or from segment files ([`SegmentTail`]), and
//! everything that was published behind a known place ([`since`]).

mod options;
mod segments;
pub mod since;
mod stream;

pub use options::{AtEnd, Begin};
pub use segments::{SegmentMessage, SegmentTail};
pub use stream::{PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};
