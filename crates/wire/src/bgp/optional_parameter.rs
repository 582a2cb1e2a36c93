//! The optional parameters of an OPEN (RFC 4271 §4.2), also in the extended format (RFC 9072).

use super::header::HEADER_LEN;
use crate::error::WireError;

/// Offset of the optional parameters in the OPEN, behind ten octets of fixed fields.
const PARAMETERS_OFFSET: usize = HEADER_LEN + 10;
/// "Non-Extended Optional Parameter Type": the extended format follows (RFC 9072 §2).
const EXTENDED_PARAMETERS: u8 = 255;

/// One optional parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter<'a> {
    pub(super) parameter_type: u8,
    pub(super) value: &'a [u8],
    /// Offset of the value in the OPEN.
    pub(super) offset: usize,
}

/// Iterates over the optional parameters of an OPEN.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters<'a> {
    rest: &'a [u8],
    offset: usize,
    is_extended: bool,
}

impl<'a> Parameters<'a> {
    /// No parameters.
    pub(super) const NONE: Self = Self {
        rest: &[],
        offset: PARAMETERS_OFFSET,
        is_extended: false,
    };

    /// Makes an iterator over the parameters as far as they are in the message, with the error if they do not fill it exactly.
    /// `declared` is the one-octet length field, `rest` all bytes behind that field.
    pub(super) fn readable(declared: u8, rest: &'a [u8]) -> (Self, Option<WireError>) {
        let (declared, rest, offset, is_extended) = match rest {
            // RFC 9072 §2: the first octet decides. The one-octet length only has to be other than zero.
            &[EXTENDED_PARAMETERS, l0, l1, ref rest @ ..] if declared != 0 => {
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                (length, rest, PARAMETERS_OFFSET + 3, true)
            }
            _ => (usize::from(declared), rest, PARAMETERS_OFFSET, false),
        };
        let error = match rest.len() {
            length if length < declared => Some(WireError::truncated(offset, declared, length)),
            length if length > declared => Some(WireError::trailing(offset + declared, length - declared)),
            _ => None,
        };
        let parameters = Self {
            rest: rest.get(..declared).unwrap_or(rest),
            offset,
            is_extended,
        };
        (parameters, error)
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
