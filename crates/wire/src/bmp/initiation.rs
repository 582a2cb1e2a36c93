//! Initiation (RFC 7854 §4.3): the router's name and description.

use super::header::COMMON_HEADER_LEN;
use super::tlv::Tlvs;
use crate::iana::bmp::InitiationTlv;

/// An Initiation message.
#[derive(Debug, Clone, Copy)]
pub struct Initiation<'a> {
    information: &'a [u8],
}

impl<'a> Initiation<'a> {
    pub(super) const fn new(information: &'a [u8]) -> Self {
        Self { information }
    }

    /// All TLVs of the message.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.information, COMMON_HEADER_LEN)
    }

    /// The router's name. The RFC requires it, but not every sender sends it.
    #[must_use]
    pub fn sys_name(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(InitiationTlv::SysName.code())
    }

    /// Description of the router's hardware and software.
    #[must_use]
    pub fn sys_descr(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(InitiationTlv::SysDescr.code())
    }

    /// The first free text.
    #[must_use]
    pub fn string(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(InitiationTlv::String.code())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_frames::{body, frame};
    use super::*;

    #[test]
    fn name_and_description_are_found_in_any_order() {
        let frame = frame(4, &[0, 2, 0, 2, b'r', b'1', 0, 1, 0, 1, b'X', 0, 9, 0, 0]);
        let message = Initiation::new(body(&frame));
        assert_eq!(message.sys_name(), Some(b"r1".as_slice()));
        assert_eq!(message.sys_descr(), Some(b"X".as_slice()));
        assert_eq!(message.string(), None);
        assert_eq!(message.tlvs().count(), 3);
    }
}
