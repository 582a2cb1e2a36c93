//! The common header of every BMP message (RFC 7854 §4.1): version, length, type.

use crate::error::WireError;
pub use crate::iana::bmp::MessageType;

/// Length of the common header in bytes.
pub const COMMON_HEADER_LEN: usize = 6;
/// The only BMP version that this crate reads.
pub const VERSION: u8 = 3;

/// Reads the length of the message that starts at `bytes`, header included; `None` if the header is incomplete.
///
/// # Errors
/// The version is not 3 (reported at the first byte), or the length is shorter than the header or longer than
/// `max_length`. The caller cannot skip such a message, because nobody knows where the next message starts.
#[inline]
pub fn frame_length(bytes: &[u8], max_length: usize) -> Result<Option<usize>, WireError> {
    match bytes.first() {
        None => return Ok(None),
        Some(&VERSION) => {}
        Some(&other) => return Err(WireError::invalid(0, "BMP version", u64::from(other))),
    }
    let Some(&[_, a, b, c, d, _]) = bytes.first_chunk::<COMMON_HEADER_LEN>() else {
        return Ok(None);
    };
    let declared = u32::from_be_bytes([a, b, c, d]);
    match usize::try_from(declared) {
        Ok(length) if length >= COMMON_HEADER_LEN && length <= max_length => Ok(Some(length)),
        _ => Err(WireError::invalid(1, "BMP message length", u64::from(declared))),
    }
}

/// Splits a frame of exactly one message into its type and the bytes after the common header.
pub(super) fn split_frame(frame: &[u8]) -> Result<(MessageType, &[u8]), WireError> {
    let Some(length) = frame_length(frame, usize::MAX)? else {
        return Err(WireError::truncated(0, COMMON_HEADER_LEN, frame.len()));
    };
    if frame.len() < length {
        return Err(WireError::truncated(0, length, frame.len()));
    }
    if frame.len() > length {
        return Err(WireError::trailing(length, frame.len() - length));
    }
    match frame.split_first_chunk::<COMMON_HEADER_LEN>() {
        Some((&[.., code], body)) => Ok((MessageType::from_code(code), body)),
        None => Err(WireError::truncated(0, COMMON_HEADER_LEN, frame.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::WireErrorKind;

    #[test]
    fn length_is_unknown_until_the_header_is_whole() {
        assert_eq!(frame_length(&[], 100), Ok(None));
        assert_eq!(frame_length(&[3, 0, 0, 0, 6], 100), Ok(None));
        assert_eq!(frame_length(&[3, 0, 0, 0, 6, 4], 100), Ok(Some(6)));
        assert_eq!(frame_length(&[3, 0, 0, 0, 100, 4, 9], 100), Ok(Some(100)));
    }

    #[test]
    fn a_foreign_version_is_refused_at_the_first_byte() {
        assert_eq!(
            frame_length(&[4], 100),
            Err(WireError::invalid(0, "BMP version", 4))
        );
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [0, 5, 101, 255] {
            assert_eq!(
                frame_length(&[3, 0, 0, 0, length, 0], 100),
                Err(WireError::invalid(1, "BMP message length", u64::from(length)))
            );
        }
    }

    #[test]
    fn a_frame_is_exactly_one_message() {
        assert_eq!(
            split_frame(&[3, 0, 0, 0, 7, 5, 9]),
            Ok((MessageType::Termination, [9].as_slice()))
        );
        assert_eq!(
            split_frame(&[3, 0, 0, 0, 7, 5]),
            Err(WireError::truncated(0, 7, 6))
        );
        assert_eq!(
            split_frame(&[3, 0, 0, 0, 6, 5, 9]).map_err(|error| error.kind),
            Err(WireErrorKind::TrailingBytes { count: 1 })
        );
    }
}
