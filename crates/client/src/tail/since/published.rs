//! What is handed out, and whether it is all.

use arancini_schema::MessageKind;

use crate::headers::BatchId;
use crate::readable::PublishedSequence;

/// Messages that were published together: one batch of a stream, or some records of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// Kind of the messages.
    pub kind: MessageKind,
    /// Records back to back, decompressed.
    pub payload: &'a [u8],
    /// Name of the collector that published them, where it is known.
    pub collector: Option<&'a str>,
    /// The router that they are about and its last sequence number, where they are known.
    pub sequence: Option<PublishedSequence>,
    /// The batch, where it is known.
    pub id: Option<BatchId>,
}

/// Whether everything that was published behind a place was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wholeness {
    /// Everything was handed out.
    Whole,
    /// Some of it is gone, for this reason.
    Gap(String),
}

impl Wholeness {
    /// Returns the first gap of the two, or that both are whole.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self {
            Self::Whole => other,
            Self::Gap(why) => Self::Gap(why),
        }
    }
}
