//! Reading a payload back: one message after the other, each checked by the `capnp` crate's reader.
//!
//! The bytes may come from anywhere (a broker, a file cut off in the middle of a write): a wrong length is an error
//! that names its place, never a panic.

use std::fmt;

use capnp::message::{Reader, ReaderOptions};
use capnp::serialize::{NoAllocSliceSegments, read_message_from_flat_slice_no_alloc};

use crate::update_capnp::{malformed_message, peer_event, router_event, statistics_event, update};

/// More segments than this in one message are refused, as by the Cap'n Proto libraries.
const MAX_SEGMENTS: u32 = 512;

/// Why a payload cannot be read on, and where: `offset` counts bytes from the start of the payload to the start of
/// the message concerned.
#[derive(Debug, Clone)]
pub struct DecodeError {
    /// Start of the message that cannot be read.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: DecodeErrorKind,
}

/// What can be wrong with a message.
#[derive(Debug, Clone)]
pub enum DecodeErrorKind {
    /// The payload ends before the message does: it was cut off, or more of it is still to be written.
    Truncated {
        /// Bytes the message needs, as far as that is known.
        needed: u64,
        /// Bytes that were left.
        available: usize,
    },
    /// A segment table no Cap'n Proto library writes: these are other bytes, or damaged ones.
    SegmentTable {
        /// The number of segments it claims.
        segments: u32,
    },
    /// The framing is right, its content is not.
    Content(capnp::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message at byte {}: ", self.offset)?;
        match &self.kind {
            DecodeErrorKind::Truncated { needed, available } => {
                write!(f, "cut off, {needed} bytes needed, {available} left")
            }
            DecodeErrorKind::SegmentTable { segments } => write!(
                f,
                "a segment table of {segments} segments is not Cap'n Proto; was the payload decompressed?"
            ),
            DecodeErrorKind::Content(error) => write!(f, "not a message of this schema: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The messages of a payload, in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// The messages of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { payload, offset: 0 }
    }

    /// Where the next message starts; after a `Truncated` error, where reading can go on once there are more bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    fn read(&self) -> Result<Message<'a>, DecodeErrorKind> {
        let rest = self.payload.get(self.offset..).unwrap_or_default();
        let length = message_length(rest)?;
        let bytes = rest.get(..length).unwrap_or_default();
        let mut unread = bytes;
        let reader = read_message_from_flat_slice_no_alloc(&mut unread, ReaderOptions::new())
            .map_err(DecodeErrorKind::Content)?;
        Ok(Message {
            offset: self.offset,
            bytes,
            reader,
        })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.payload.len() {
            return None;
        }
        let offset = self.offset;
        match self.read() {
            Ok(message) => {
                self.offset += message.bytes.len();
                Some(Ok(message))
            }
            Err(kind) => {
                self.payload = &[];
                Some(Err(DecodeError { offset, kind }))
            }
        }
    }
}

/// Length in bytes of the message at the start of `bytes`, all of which must be there.
///
/// # Errors
///
/// `Truncated` when `bytes` ends before the message does, `SegmentTable` when this is no message.
pub fn message_length(bytes: &[u8]) -> Result<usize, DecodeErrorKind> {
    let truncated = |needed| DecodeErrorKind::Truncated {
        needed,
        available: bytes.len(),
    };
    let number = |word: usize| {
        let field = bytes.get(word * 4..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*field))
    };
    let segments = number(0).ok_or(truncated(8))?.saturating_add(1);
    if segments > MAX_SEGMENTS {
        return Err(DecodeErrorKind::SegmentTable { segments });
    }
    let table = (4 * (u64::from(segments) + 1)).next_multiple_of(8);
    let mut length = table;
    for segment in 1..=segments as usize {
        let words = number(segment).ok_or(truncated(table))?;
        length += 8 * u64::from(words);
    }
    match usize::try_from(length) {
        Ok(length) if length <= bytes.len() => Ok(length),
        _ => Err(truncated(length)),
    }
}

/// One message of a payload. Which struct it holds is known from the subject.
pub struct Message<'a> {
    offset: usize,
    bytes: &'a [u8],
    reader: Reader<NoAllocSliceSegments<'a>>,
}

impl<'a> Message<'a> {
    /// Where the message starts in its payload.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The whole message, segment table included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The message as an `Update`.
    ///
    /// # Errors
    ///
    /// `Content` when its root is no struct.
    pub fn update(&self) -> Result<update::Reader<'_>, DecodeError> {
        self.root()
    }

    /// The message as a `PeerEvent`.
    ///
    /// # Errors
    ///
    /// `Content` when its root is no struct.
    pub fn peer_event(&self) -> Result<peer_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// The message as a `RouterEvent`.
    ///
    /// # Errors
    ///
    /// `Content` when its root is no struct.
    pub fn router_event(&self) -> Result<router_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// The message as a `StatisticsEvent`.
    ///
    /// # Errors
    ///
    /// `Content` when its root is no struct.
    pub fn statistics_event(&self) -> Result<statistics_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// The message as a `MalformedMessage`.
    ///
    /// # Errors
    ///
    /// `Content` when its root is no struct.
    pub fn malformed_message(&self) -> Result<malformed_message::Reader<'_>, DecodeError> {
        self.root()
    }

    fn root<'m, T: capnp::traits::FromPointerReader<'m>>(&'m self) -> Result<T, DecodeError> {
        self.reader.get_root().map_err(|error| DecodeError {
            offset: self.offset,
            kind: DecodeErrorKind::Content(error),
        })
    }
}
