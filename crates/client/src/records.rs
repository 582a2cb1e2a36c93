//! Records: the Cap'n Proto messages of a payload or of a segment file, each with its segment table.
//!
//! A record is a segment table (the number of segments minus one, then each segment's size in words, padded to eight
//! bytes) and the segments. This module only finds where one record ends and the next begins; it does not look inside
//! them. [`arancini_schema::decode`] reads their content.

use thiserror::Error;

const WORD: u64 = 8;
/// The collector's encoder writes one segment and its event builders a few. More segments than this are foreign bytes.
const MAX_SEGMENTS: u64 = 512;
/// Longer than any message that the collector writes.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// Why no record can be read at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The bytes end within a record.
    #[error("the record at byte {at} is cut short")]
    Torn {
        /// Where the record begins.
        at: u64,
    },
    /// The bytes are not a record of a collector.
    #[error("no Cap'n Proto message at byte {at}: impossible {what}")]
    Foreign {
        /// Where the record should begin.
        at: u64,
        /// The part of the segment table that no collector writes.
        what: &'static str,
    },
}

/// Returns the length of the record that begins with `head`; `None` if `head` is too short to tell. `at` is the record's
/// place, for the error.
///
/// # Errors
/// [`RecordError::Foreign`]: no record of a collector begins with `head`.
pub fn record_length(head: &[u8], at: u64) -> Result<Option<u64>, RecordError> {
    let Some(count) = read_u32(head, 0) else {
        return Ok(None);
    };
    let segments = u64::from(count) + 1;
    if segments > MAX_SEGMENTS {
        return Err(RecordError::Foreign {
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
    // Every record has a root pointer at least. A run of zeros is what a lost write leaves behind.
    if words == 0 {
        return Err(RecordError::Foreign { at, what: "length 0" });
    }
    let length = header + words * WORD;
    if length > MAX_MESSAGE_BYTES {
        return Err(RecordError::Foreign { at, what: "length" });
    }
    Ok(Some(length))
}

/// The records of some bytes, in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// Iterates over these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next record. After an error this is the end of the last whole record.
    pub fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        if rest.is_empty() {
            return None;
        }
        let at = self.at as u64;
        let length = match record_length(rest, at) {
            Ok(length) => length,
            Err(error) => return Some(Err(error)),
        };
        let record = length.and_then(|length| rest.get(..usize::try_from(length).ok()?));
        let Some(record) = record else {
            return Some(Err(RecordError::Torn { at }));
        };
        self.at += record.len();
        Some(Ok(record))
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
    fn finds_each_record() {
        let bytes = [message(1), message(40), message(3)].concat();
        let lengths: Vec<_> = Records::new(&bytes).map(|record| record.unwrap().len()).collect();
        assert_eq!(lengths, [16, 328, 32]);
    }

    #[test]
    fn counts_every_segment_and_the_padding() {
        let mut bytes = vec![1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend(vec![9; 40]);
        assert_eq!(record_length(&bytes, 0), Ok(Some(56)));
        assert_eq!(Records::new(&bytes).count(), 1);
    }

    #[test]
    fn stops_at_a_torn_tail_whatever_its_length() {
        let whole = [message(2), message(5)].concat();
        for cut in 25..whole.len() {
            let mut records = Records::new(&whole[..cut]);
            assert!(records.next().unwrap().is_ok());
            assert_eq!(
                records.next(),
                Some(Err(RecordError::Torn { at: 24 })),
                "cut at {cut}"
            );
            assert_eq!(records.position(), 24);
        }
    }

    #[test]
    fn does_not_take_zeros_for_records() {
        assert!(matches!(
            Records::new(&[0; 64]).next(),
            Some(Err(RecordError::Foreign { .. }))
        ));
        assert!(matches!(
            Records::new(&[0xff; 64]).next(),
            Some(Err(RecordError::Foreign { .. }))
        ));
    }
}
