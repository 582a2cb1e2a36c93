//! OPEN (RFC 4271 §4.2): the start of a BGP session.

use super::capability::{Capabilities, Capability};
use super::header::{HEADER_LEN, Pdu};
use super::optional_parameter::Parameters;
use crate::error::WireError;
use crate::iana::bgp_message::MessageType;

/// Length of version, AS, hold time, identifier and the length of the optional parameters.
const FIXED_LEN: usize = 10;

/// An OPEN.
#[derive(Debug, Clone, Copy)]
pub struct Open<'a> {
    pdu: &'a [u8],
    fixed: &'a [u8; FIXED_LEN],
    parameters: Parameters<'a>,
}

impl<'a> Open<'a> {
    /// Reads the OPEN that fills `pdu`, BGP header included.
    ///
    /// # Errors
    /// `pdu` is not exactly one OPEN, or the optional parameters do not fit into their space.
    pub fn new_checked(pdu: &'a [u8]) -> Result<Self, WireError> {
        Pdu::of_type(pdu, MessageType::Open)?;
        let (open, error) = Self::readable(pdu);
        error.map_or(Ok(open), Err)
    }

    /// The OPEN in `pdu` as far as it can be read, and the first error in it.
    ///
    /// `pdu` starts with a BGP header, which is not looked at. Fields that are not there are zero, and an OPEN that is a header
    /// only has no capability.
    pub(crate) fn readable(pdu: &'a [u8]) -> (Self, Option<WireError>) {
        let body = pdu.get(HEADER_LEN..).unwrap_or_default();
        let Some((fixed, rest)) = body.split_first_chunk::<FIXED_LEN>() else {
            let open = Self {
                pdu,
                fixed: &[0; FIXED_LEN],
                parameters: Parameters::NONE,
            };
            return (
                open,
                Some(WireError::truncated(HEADER_LEN, FIXED_LEN, body.len())),
            );
        };
        let (parameters, error) = Parameters::readable(fixed[FIXED_LEN - 1], rest);
        let open = Self {
            pdu,
            fixed,
            parameters,
        };
        (open, error.or_else(|| parameters.filter_map(Result::err).next()))
    }

    /// The whole message, header included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.pdu
    }

    /// BGP version.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.fixed[0]
    }

    /// The 2-octet AS field: AS_TRANS (23456) if the AS number needs four octets, see [`Open::asn`].
    #[must_use]
    pub const fn my_as(&self) -> u16 {
        u16::from_be_bytes([self.fixed[1], self.fixed[2]])
    }

    /// Hold time in seconds.
    #[must_use]
    pub const fn hold_time(&self) -> u16 {
        u16::from_be_bytes([self.fixed[3], self.fixed[4]])
    }

    /// BGP identifier.
    #[must_use]
    pub const fn bgp_id(&self) -> u32 {
        u32::from_be_bytes([self.fixed[5], self.fixed[6], self.fixed[7], self.fixed[8]])
    }

    /// AS number: from the 4-octet AS capability (RFC 6793 §4.1) if there is one, else from the 2-octet field.
    #[must_use]
    pub fn asn(&self) -> u32 {
        self.capabilities()
            .find_map(|capability| match capability {
                Ok(Capability::FourOctetAs(asn)) => Some(asn),
                _ => None,
            })
            .unwrap_or_else(|| u32::from(self.my_as()))
    }

    /// All capabilities of all parameters.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities<'a> {
        Capabilities::new(self.parameters)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_opens::{open_bytes, open_with};
    use super::*;

    #[test]
    fn the_fixed_fields_are_read() {
        let bytes = open_bytes(0, &[]);
        let open = Open::new_checked(&bytes).unwrap();
        assert_eq!(open.version(), 4);
        assert_eq!(open.my_as(), 64512);
        assert_eq!(open.hold_time(), 180);
        assert_eq!(open.bgp_id(), 0xc000_0201);
        assert_eq!(open.asn(), 64512);
        assert_eq!(open.capabilities().count(), 0);
    }

    #[test]
    fn the_four_octet_as_wins() {
        let bytes = open_with(&[65, 4, 0, 1, 0, 0]);
        assert_eq!(Open::new_checked(&bytes).unwrap().asn(), 65536);
    }

    #[test]
    fn capabilities_spread_over_parameters_are_all_found() {
        // Two capability parameters and, between them, one of another type.
        let bytes = open_bytes(10, &[2, 2, 2, 0, 1, 0, 2, 2, 6, 0]);
        let open = Open::new_checked(&bytes).unwrap();
        let found: Vec<_> = open.capabilities().map(Result::unwrap).collect();
        assert_eq!(found, [Capability::RouteRefresh, Capability::ExtendedMessage]);
    }

    #[test]
    fn extended_parameters_are_read() {
        let bytes = open_bytes(255, &[255, 0, 5, 2, 0, 2, 6, 0]);
        let open = Open::new_checked(&bytes).unwrap();
        let found: Vec<_> = open.capabilities().map(Result::unwrap).collect();
        assert_eq!(found, [Capability::ExtendedMessage]);
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        let error = |bytes: &[u8]| Open::new_checked(bytes).unwrap_err();
        assert_eq!(error(&open_bytes(4, &[2, 2])), WireError::truncated(29, 4, 2));
        assert_eq!(error(&open_bytes(0, &[2, 0])), WireError::trailing(29, 2));
        assert_eq!(error(&open_bytes(3, &[2, 9, 1])), WireError::truncated(31, 9, 1));
        assert_eq!(error(&open_bytes(1, &[2])), WireError::truncated(29, 2, 1));
        assert_eq!(error(&open_bytes(0, &[])[..25]), WireError::truncated(0, 29, 25));
    }
}
