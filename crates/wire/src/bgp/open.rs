//! OPEN (RFC 4271 §4.2) with its optional parameters, extended ones too (RFC 9072).

use super::capability::Capabilities;
use super::header::{HEADER_LEN, MessageType, Pdu};
use crate::WireError;

/// Version, AS, hold time, identifier and the length of the optional parameters.
const FIXED_LEN: usize = 10;
/// Where the optional parameters start in the message.
const PARAMETERS_OFFSET: usize = HEADER_LEN + FIXED_LEN;
/// "Non-Extended Optional Parameter Type": says that the extended format follows (RFC 9072 §2).
const EXTENDED_PARAMETERS: u8 = 255;

/// An OPEN whose optional parameters are known to fit together.
#[derive(Debug, Clone, Copy)]
pub struct Open<'a> {
    pdu: &'a [u8],
    fixed: &'a [u8; FIXED_LEN],
    parameters: Parameters<'a>,
}

impl<'a> Open<'a> {
    /// Checks the OPEN that fills `pdu`, BGP header included.
    ///
    /// # Errors
    /// It is not one OPEN, or its optional parameters don't fit into their space.
    pub fn new_checked(pdu: &'a [u8]) -> Result<Self, WireError> {
        let body = Pdu::of_type(pdu, MessageType::Open)?.body;
        let Some((fixed, rest)) = body.split_first_chunk::<FIXED_LEN>() else {
            return Err(WireError::truncated(HEADER_LEN, FIXED_LEN, body.len()));
        };
        let parameters = Parameters::new(fixed[FIXED_LEN - 1], rest)?;
        for parameter in parameters {
            parameter?;
        }
        Ok(Self {
            pdu,
            fixed,
            parameters,
        })
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

    /// The 2-octet AS field: AS_TRANS (23456) where the number needs four, see [`Open::asn`].
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

    /// The AS number: of the 4-octet AS capability where there is one (RFC 6793 §4.1), else the 2-octet field.
    #[must_use]
    pub fn asn(&self) -> u32 {
        self.capabilities()
            .find_map(|capability| match capability {
                Ok(super::Capability::FourOctetAs(asn)) => Some(asn),
                _ => None,
            })
            .unwrap_or_else(|| u32::from(self.my_as()))
    }

    /// All capabilities, however many parameters they are spread over.
    #[must_use]
    pub const fn capabilities(&self) -> Capabilities<'a> {
        Capabilities::new(self.parameters)
    }
}

/// One optional parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) parameter_type: u8,
    pub(super) value: &'a [u8],
    /// Where the value starts in the OPEN.
    pub(super) offset: usize,
}

/// Walks the optional parameters of an OPEN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'a> {
    rest: &'a [u8],
    offset: usize,
    is_extended: bool,
}

impl<'a> Parameters<'a> {
    /// `declared` is the one-octet length field, `rest` what follows it to the end of the message.
    fn new(declared: u8, rest: &'a [u8]) -> Result<Self, WireError> {
        let (declared, rest, offset, is_extended) = match rest {
            // RFC 9072 §2: the first octet decides; the one-octet length is not zero and else not looked at.
            &[EXTENDED_PARAMETERS, l0, l1, ref rest @ ..] if declared != 0 => {
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                (length, rest, PARAMETERS_OFFSET + 3, true)
            }
            _ => (usize::from(declared), rest, PARAMETERS_OFFSET, false),
        };
        if rest.len() < declared {
            return Err(WireError::truncated(offset, declared, rest.len()));
        }
        if rest.len() > declared {
            return Err(WireError::trailing(offset + declared, rest.len() - declared));
        }
        Ok(Self {
            rest,
            offset,
            is_extended,
        })
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = core::mem::take(&mut self.rest);
        let (parameter_type, length, header, rest) = match (rest, self.is_extended) {
            ([], _) => return None,
            (&[kind, length, ref rest @ ..], false) => (kind, usize::from(length), 2, rest),
            (&[kind, l0, l1, ref rest @ ..], true) => {
                (kind, usize::from(u16::from_be_bytes([l0, l1])), 3, rest)
            }
            (short, extended) => {
                let needed = if extended { 3 } else { 2 };
                return Some(Err(WireError::truncated(self.offset, needed, short.len())));
            }
        };
        let offset = self.offset + header;
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return Some(Err(WireError::truncated(offset, length, rest.len())));
        };
        self.rest = rest;
        self.offset = offset + length;
        Some(Ok(Parameter {
            parameter_type,
            value,
            offset,
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bgp::Capability;

    /// An OPEN of AS 64512 around a length field and what follows it.
    pub(in crate::bgp) fn open_bytes(length: u8, parameters: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0xff; 16];
        let total = u16::try_from(29 + parameters.len()).unwrap();
        bytes.extend_from_slice(&total.to_be_bytes());
        bytes.extend_from_slice(&[1, 4, 0xfc, 0, 0, 180, 192, 0, 2, 1, length]);
        bytes.extend_from_slice(parameters);
        bytes
    }

    /// An OPEN with these capabilities in one parameter.
    pub(in crate::bgp) fn open_with(capabilities: &[u8]) -> Vec<u8> {
        let length = u8::try_from(capabilities.len()).unwrap();
        let mut parameters = vec![2, length];
        parameters.extend_from_slice(capabilities);
        open_bytes(length + 2, &parameters)
    }

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
