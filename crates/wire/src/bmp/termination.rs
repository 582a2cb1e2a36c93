//! Termination (RFC 7854 §4.5): why the router ends the BMP session.

use super::header::COMMON_HEADER_LEN;
use super::tlv::Tlvs;
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

    /// All TLVs of the message.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.information, COMMON_HEADER_LEN)
    }

    /// Why the router ends the session; `None` if the message has no valid reason.
    #[must_use]
    pub fn reason(&self) -> Option<TerminationReason> {
        match self.tlvs().find_value(TerminationTlv::Reason.code())? {
            &[a, b] => Some(TerminationReason::from_code(u16::from_be_bytes([a, b]))),
            _ => None,
        }
    }

    /// The first free text.
    #[must_use]
    pub fn string(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(TerminationTlv::String.code())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_frames::{body, frame};
    use super::*;

    #[test]
    fn the_reason_is_read() {
        let frame = frame(5, &[0, 1, 0, 2, 0, 3, 0, 0, 0, 2, b'o', b'k']);
        let message = Termination::new(body(&frame));
        assert_eq!(message.reason(), Some(TerminationReason::RedundantConnection));
        assert_eq!(message.string(), Some(b"ok".as_slice()));
    }
}
