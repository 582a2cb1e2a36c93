//! NOTIFICATION (RFC 4271 §4.5, RFC 4486, RFC 9003): why a BGP session ended.

use super::header::{HEADER_LEN, Pdu};
use crate::error::WireError;
use crate::iana::bgp_message::{CeaseSubcode, ErrorCode, MessageType};

/// A NOTIFICATION.
#[derive(Debug, Clone, Copy)]
pub struct Notification<'a> {
    pdu: &'a [u8],
    code: u8,
    subcode: u8,
    data: &'a [u8],
}

impl<'a> Notification<'a> {
    /// Reads the NOTIFICATION that fills `pdu`, BGP header included.
    ///
    /// # Errors
    /// `pdu` is not exactly one NOTIFICATION, or code and subcode are missing.
    pub fn new_checked(pdu: &'a [u8]) -> Result<Self, WireError> {
        match Pdu::of_type(pdu, MessageType::Notification)?.body {
            &[code, subcode, ref data @ ..] => Ok(Self {
                pdu,
                code,
                subcode,
                data,
            }),
            short => Err(WireError::truncated(HEADER_LEN, 2, short.len())),
        }
    }

    /// The whole message, header included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.pdu
    }

    /// Error code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// Error subcode.
    #[must_use]
    pub const fn subcode(&self) -> u8 {
        self.subcode
    }

    /// Name of the code; `unknown` for a number without a name.
    #[must_use]
    pub const fn code_name(&self) -> &'static str {
        ErrorCode::from_code(self.code).name()
    }

    /// Name of the subcode if the code is Cease; `None` for other codes, whose subcodes have no names here.
    #[must_use]
    pub const fn cease_name(&self) -> Option<&'static str> {
        match ErrorCode::from_code(self.code) {
            ErrorCode::Cease => Some(CeaseSubcode::from_code(self.subcode).name()),
            _ => None,
        }
    }

    /// Data behind the subcode.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Message of the operator who shut the session down (RFC 9003 §2).
    #[must_use]
    pub fn shutdown_communication(&self) -> Option<&'a [u8]> {
        match (
            ErrorCode::from_code(self.code),
            CeaseSubcode::from_code(self.subcode),
        ) {
            (ErrorCode::Cease, CeaseSubcode::AdministrativeShutdown | CeaseSubcode::AdministrativeReset) => {
                let (&length, rest) = self.data.split_first()?;
                rest.get(..usize::from(length))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn notification(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; 16];
        bytes.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
        bytes.push(3);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_shutdown_says_why() {
        let bytes = notification(&[6, 2, 2, b'h', b'i']);
        let view = Notification::new_checked(&bytes).unwrap();
        assert_eq!(view.code_name(), "cease");
        assert_eq!(view.cease_name(), Some("administrative_shutdown"));
        assert_eq!(view.shutdown_communication(), Some(b"hi".as_slice()));
        assert_eq!(view.as_bytes(), bytes);
    }

    #[test]
    fn a_communication_longer_than_the_message_is_none() {
        let bytes = notification(&[6, 2, 9, b'h', b'i']);
        let view = Notification::new_checked(&bytes).unwrap();
        assert_eq!(view.shutdown_communication(), None);
        assert_eq!(view.data(), [9, b'h', b'i']);
    }

    #[test]
    fn a_notification_without_code_is_refused() {
        assert_eq!(
            Notification::new_checked(&notification(&[6])).unwrap_err(),
            WireError::truncated(19, 2, 1)
        );
    }
}
