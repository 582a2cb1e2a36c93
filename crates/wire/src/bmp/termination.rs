//! Termination (RFC 7854 §4.5): the router says why it ends the session.

use super::Tlvs;
use super::header::COMMON_HEADER_LEN;
pub use crate::iana::bmp::TerminationReason;
use crate::iana::bmp::TerminationTlv;

/// A Termination message.
#[derive(Debug, Clone, Copy)]
pub struct Termination<'a> {
    information: &'a [u8],
}

impl<'a> Termination<'a> {
    pub(super) const fn new(information: &'a [u8]) -> Self {
        Self { information }
    }

    /// All that the router says.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.information, COMMON_HEADER_LEN)
    }

    /// Why the session ends.
    #[must_use]
    pub fn reason(&self) -> Option<TerminationReason> {
        match self.tlvs().find_value(TerminationTlv::Reason.code())? {
            &[a, b] => Some(TerminationReason::from_code(u16::from_be_bytes([a, b]))),
            _ => None,
        }
    }

    /// Free text, the first there is.
    #[must_use]
    pub fn string(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(TerminationTlv::String.code())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::frame;
    use super::super::{Message, TerminationReason};

    #[test]
    fn the_reason_is_read() {
        let frame = frame(5, &[0, 1, 0, 2, 0, 3, 0, 0, 0, 2, b'o', b'k']);
        let Message::Termination(message) = Message::new_checked(&frame).unwrap() else {
            panic!("not a Termination");
        };
        assert_eq!(message.reason(), Some(TerminationReason::RedundantConnection));
        assert_eq!(message.string(), Some(b"ok".as_slice()));
    }
}
