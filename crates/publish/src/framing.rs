//! Where one Cap'n Proto message ends and the next begins, by the standard stream framing alone.
//!
//! A message is a header (segment count - 1, then each segment's size in words, padded to eight bytes) and its
//! segments. Nothing inside a message is looked at.

use thiserror::Error;

const WORD: u64 = 8;
/// Our encoder writes one segment, the event builders a few; anything beyond is not ours.
const MAX_SEGMENTS: u64 = 512;
/// Longer than any message the collector writes.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// Bytes that are not stream framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FramingError {
    /// The bytes end within a message.
    #[error("message cut short at byte {at}")]
    Torn {
        /// Where the message begins.
        at: u64,
    },
    /// No message of ours begins here.
    #[error("no Cap'n Proto message at byte {at}: {what}")]
    Foreign {
        /// Where the message should begin.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Length of the message whose first bytes are `head`; `None` if `head` is too short to tell. `at` is for the error.
pub fn message_length(head: &[u8], at: u64) -> Result<Option<u64>, FramingError> {
    let Some(count) = read_u32(head, 0) else {
        return Ok(None);
    };
    let segments = u64::from(count) + 1;
    if segments > MAX_SEGMENTS {
        return Err(FramingError::Foreign {
            at,
            what: "segment count",
        });
    }
    let header = (4 + 4 * segments).div_ceil(WORD) * WORD;
    let mut words = 0;
    for segment in 0..segments as usize {
        let Some(size) = read_u32(head, 4 + 4 * segment) else {
            return Ok(None);
        };
        words += u64::from(size);
    }
    // A message of ours has a root pointer at least; zeros are what a lost write leaves behind.
    if words == 0 {
        return Err(FramingError::Foreign {
            at,
            what: "empty message",
        });
    }
    let length = header + words * WORD;
    if length > MAX_MESSAGE_BYTES {
        return Err(FramingError::Foreign { at, what: "length" });
    }
    Ok(Some(length))
}

/// The messages of a payload, each with its framing.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Over these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next message; after an error, the end of the last whole one.
    pub fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], FramingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        if rest.is_empty() {
            return None;
        }
        let at = self.at as u64;
        let length = match message_length(rest, at) {
            Ok(length) => length,
            Err(error) => return Some(Err(error)),
        };
        let frame = length.and_then(|length| rest.get(..usize::try_from(length).ok()?));
        let Some(frame) = frame else {
            return Some(Err(FramingError::Torn { at }));
        };
        self.at += frame.len();
        Some(Ok(frame))
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message(words: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 0, 0];
        bytes.extend(words.to_le_bytes());
        bytes.extend(vec![7; words as usize * 8]);
        bytes
    }

    #[test]
    fn finds_each_message() {
        let bytes = [message(1), message(40), message(3)].concat();
        let lengths: Vec<_> = Frames::new(&bytes).map(|frame| frame.unwrap().len()).collect();
        assert_eq!(lengths, [16, 328, 32]);
    }

    #[test]
    fn counts_every_segment_and_the_padding() {
        let mut bytes = vec![1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(vec![9; 40]);
        assert_eq!(message_length(&bytes, 0), Ok(Some(56)));
        assert_eq!(Frames::new(&bytes).count(), 1);
    }

    #[test]
    fn stops_at_a_torn_tail_whatever_its_length() {
        let whole = [message(2), message(5)].concat();
        for cut in 25..whole.len() {
            let mut frames = Frames::new(&whole[..cut]);
            assert!(frames.next().unwrap().is_ok());
            assert_eq!(
                frames.next(),
                Some(Err(FramingError::Torn { at: 24 })),
                "cut at {cut}"
            );
            assert_eq!(frames.position(), 24);
        }
    }

    #[test]
    fn does_not_take_zeros_for_messages() {
        assert!(matches!(
            Frames::new(&[0; 64]).next(),
            Some(Err(FramingError::Foreign { .. }))
        ));
        assert!(matches!(
            Frames::new(&[0xff; 64]).next(),
            Some(Err(FramingError::Foreign { .. }))
        ));
    }
}
