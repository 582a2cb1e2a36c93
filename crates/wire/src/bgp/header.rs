//! The BGP message header (RFC 4271 §4.1; RFC 8654 for messages above 4096 bytes): marker, length, type.

use crate::error::{WireError, WireErrorKind};
pub use crate::iana::bgp_message::MessageType;

/// Length of the BGP message header in bytes.
pub const HEADER_LEN: usize = 19;
/// Length of the marker in bytes.
const MARKER_LEN: usize = 16;

/// One BGP message with a checked length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pdu<'a> {
    bytes: &'a [u8],
    /// Message type, as a number.
    pub message_type: u8,
    /// All bytes behind the header.
    pub body: &'a [u8],
    /// Offset of the message, as [`Pdus`] counts it; else 0.
    pub offset: usize,
}

impl<'a> Pdu<'a> {
    /// Splits the first message off `bytes`.
    ///
    /// # Errors
    /// The header is incomplete, or the length is shorter than the header or longer than `bytes`.
    #[inline]
    pub fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), WireError> {
        let Some(&[.., l0, l1, message_type]) = bytes.first_chunk::<HEADER_LEN>() else {
            return Err(WireError::truncated(0, HEADER_LEN, bytes.len()));
        };
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if length < HEADER_LEN {
            return Err(WireError::invalid(
                MARKER_LEN,
                "BGP message length",
                length as u64,
            ));
        }
        let Some((message, rest)) = bytes.split_at_checked(length) else {
            return Err(WireError::truncated(0, length, bytes.len()));
        };
        let pdu = Self {
            bytes: message,
            message_type,
            body: message.get(HEADER_LEN..).unwrap_or_default(),
            offset: 0,
        };
        Ok((pdu, rest))
    }

    /// Reads the message that fills `bytes`.
    ///
    /// # Errors
    /// Those of [`Pdu::split`], or bytes follow the message.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (pdu, rest) = Self::split(bytes)?;
        if rest.is_empty() {
            Ok(pdu)
        } else {
            Err(WireError::trailing(pdu.bytes.len(), rest.len()))
        }
    }

    /// Reads the message of this type that fills `bytes`.
    pub(super) fn of_type(bytes: &'a [u8], wanted: MessageType) -> Result<Self, WireError> {
        let pdu = Self::new_checked(bytes)?;
        if pdu.kind() == wanted {
            Ok(pdu)
        } else {
            Err(WireError::invalid(
                HEADER_LEN - 1,
                "BGP message type",
                u64::from(pdu.message_type),
            ))
        }
    }

    /// Splits the first message off `bytes` as far as `bytes` hold it. The error says that its end is missing.
    ///
    /// # Errors
    /// The header is incomplete, or the length is shorter than the header.
    pub(crate) fn split_readable(bytes: &'a [u8]) -> Result<(Self, &'a [u8], Option<WireError>), WireError> {
        match Self::split(bytes) {
            Ok((pdu, rest)) => Ok((pdu, rest, None)),
            Err(error) => match (error.kind, bytes.get(HEADER_LEN..), bytes.get(HEADER_LEN - 1)) {
                (WireErrorKind::Truncated { .. }, Some(body), Some(&message_type)) => {
                    let pdu = Self {
                        bytes,
                        message_type,
                        body,
                        offset: 0,
                    };
                    Ok((pdu, &[], Some(error)))
                }
                _ => Err(error),
            },
        }
    }

    /// Message type.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> MessageType {
        MessageType::from_code(self.message_type)
    }

    /// The whole message, header included.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the marker is all ones. No reader depends on the marker: inside BMP it does not show where a message starts.
    #[must_use]
    pub fn marker_is_valid(&self) -> bool {
        self.bytes.first_chunk() == Some(&[0xff; MARKER_LEN])
    }
}

/// Iterates over BGP messages that stand back to back. A message that cannot be framed is one error, and ends the
/// iteration.
#[derive(Debug, Clone)]
pub struct Pdus<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Pdus<'a> {
    /// Makes an iterator over `bytes`. Offsets count from the start of an enclosing slice in which `bytes` start at `offset`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }
}

impl<'a> Iterator for Pdus<'a> {
    type Item = Result<Pdu<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        match Pdu::split(self.rest) {
            Ok((pdu, rest)) => {
                self.rest = rest;
                self.offset = offset + pdu.bytes.len();
                Some(Ok(Pdu { offset, ..pdu }))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error.at(offset)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEEPALIVE: [u8; 19] = {
        let mut bytes = [0xff; 19];
        bytes[16] = 0;
        bytes[17] = 19;
        bytes[18] = 4;
        bytes
    };

    #[test]
    fn a_message_is_split_off() {
        let mut bytes = KEEPALIVE.to_vec();
        bytes.push(7);
        let (pdu, rest) = Pdu::split(&bytes).unwrap();
        assert_eq!(pdu.kind(), MessageType::Keepalive);
        assert_eq!((pdu.body, rest), ([].as_slice(), [7].as_slice()));
        assert!(pdu.marker_is_valid());
        assert_eq!(Pdu::new_checked(&bytes).unwrap_err(), WireError::trailing(19, 1));
    }

    #[test]
    fn a_bad_marker_is_said_but_not_refused() {
        let mut bytes = KEEPALIVE;
        bytes[3] = 0;
        assert!(!Pdu::new_checked(&bytes).unwrap().marker_is_valid());
    }

    #[test]
    fn lengths_are_checked_at_both_ends() {
        let mut bytes = KEEPALIVE;
        bytes[17] = 18;
        assert_eq!(
            Pdu::split(&bytes).unwrap_err(),
            WireError::invalid(16, "BGP message length", 18)
        );
        bytes[16] = 0xff;
        bytes[17] = 0xff;
        assert_eq!(
            Pdu::split(&bytes).unwrap_err(),
            WireError::truncated(0, 65535, 19)
        );
        assert_eq!(
            Pdu::split(&bytes[..18]).unwrap_err(),
            WireError::truncated(0, 19, 18)
        );
    }
}
