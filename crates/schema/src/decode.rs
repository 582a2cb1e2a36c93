//! The reader of a payload: one message after the other, each checked by the reader of the `capnp` crate.
//!
//! The bytes may come from anywhere, such as a broker, or a file that a write left incomplete. A wrong length is an error
//! with its offset, never a panic.

use std::fmt;

use capnp::message::{Reader, ReaderOptions};
use capnp::serialize::{NoAllocSliceSegments, read_message_from_flat_slice_no_alloc};

use crate::update_capnp::{malformed_message, peer_event, router_event, statistics_event, update};

/// Most segments of one message, as in the Cap'n Proto libraries.
const MAX_SEGMENTS: u32 = 512;

/// An error in a payload, with the offset of the message.
#[derive(Debug, Clone)]
pub struct DecodeError {
    /// Offset of the message in the payload, in bytes.
    pub offset: usize,
    /// What is wrong with the message.
    pub kind: DecodeErrorKind,
}

/// The kinds of errors in a message.
#[derive(Debug, Clone)]
pub enum DecodeErrorKind {
    /// The payload ends before the message does. It was cut off, or it is still being written.
    Truncated {
        /// Number of bytes that the message needs, as far as known.
        needed: u64,
        /// Number of bytes that are left in the payload.
        available: usize,
    },
    /// The message has a segment table that no Cap'n Proto library writes. The bytes are damaged, or no message.
    SegmentTable {
        /// Number of segments in the table.
        segments: u32,
    },
    /// The framing is correct, but the content is not.
    Content(capnp::Error),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message at byte {}: ", self.offset)?;
        match &self.kind {
            DecodeErrorKind::Truncated { needed, available } => {
                write!(f, "cut off: it needs {needed} bytes, {available} left")
            }
            DecodeErrorKind::SegmentTable { segments } => write!(
                f,
                "a segment table of {segments} segments is not Cap'n Proto; decompress the payload first if it is compressed"
            ),
            DecodeErrorKind::Content(error) => write!(f, "not a message of this schema: {error}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Iterates over the messages of a payload in order. Ends after the first error.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// Makes an iterator over the messages of `payload`.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { payload, offset: 0 }
    }

    /// Offset of the next message. After a `Truncated` error, reading can continue there when there are more bytes.
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

/// Reads the length of the message at the start of `bytes`, in bytes.
///
/// # Errors
///
/// `Truncated` if `bytes` ends before the message does, `SegmentTable` if this is no message.
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

/// One message of a payload. The subject says which struct it holds.
pub struct Message<'a> {
    offset: usize,
    bytes: &'a [u8],
    reader: Reader<NoAllocSliceSegments<'a>>,
}

impl<'a> Message<'a> {
    /// Offset of the message in its payload.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The whole message, segment table included.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads the message as an `Update`.
    ///
    /// # Errors
    ///
    /// `Content` if the root of the message is no struct.
    pub fn update(&self) -> Result<update::Reader<'_>, DecodeError> {
        self.root()
    }

    /// Reads the message as a `PeerEvent`.
    ///
    /// # Errors
    ///
    /// `Content` if the root of the message is no struct.
    pub fn peer_event(&self) -> Result<peer_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// Reads the message as a `RouterEvent`.
    ///
    /// # Errors
    ///
    /// `Content` if the root of the message is no struct.
    pub fn router_event(&self) -> Result<router_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// Reads the message as a `StatisticsEvent`.
    ///
    /// # Errors
    ///
    /// `Content` if the root of the message is no struct.
    pub fn statistics_event(&self) -> Result<statistics_event::Reader<'_>, DecodeError> {
        self.root()
    }

    /// Reads the message as a `MalformedMessage`.
    ///
    /// # Errors
    ///
    /// `Content` if the root of the message is no struct.
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
