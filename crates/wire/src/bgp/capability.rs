//! Capabilities in an OPEN (RFC 5492).

use super::optional_parameter::Parameters;
use crate::error::WireError;
use crate::iana::AfiSafi;
use crate::iana::bgp_message::CapabilityCode;

/// Type of the optional parameter that holds capabilities (RFC 5492 §4).
const CAPABILITIES_PARAMETER: u8 = 2;

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability<'a> {
    /// Support of a family (RFC 4760 §8).
    MultiProtocol(AfiSafi),
    /// Route refresh (RFC 2918).
    RouteRefresh,
    /// Next hops of another address family (RFC 8950 §4).
    ExtendedNextHop(ExtendedNextHops<'a>),
    /// Messages up to 65535 bytes (RFC 8654).
    ExtendedMessage,
    /// Role of the speaker in the session (RFC 9234 §4.1).
    Role(u8),
    /// Graceful restart (RFC 4724 §3); the value is not decoded.
    GracefulRestart(&'a [u8]),
    /// 4-octet AS numbers, with the speaker's own AS number (RFC 6793 §3).
    FourOctetAs(u32),
    /// Path identifiers (RFC 7911 §4).
    AddPath(AddPathFamilies<'a>),
    /// Enhanced route refresh (RFC 7313).
    EnhancedRouteRefresh,
    /// Long-lived graceful restart (RFC 9494 §3); the value is not decoded.
    LongLivedGracefulRestart(&'a [u8]),
    /// Host name of the speaker (draft-walton-bgp-hostname-capability).
    Fqdn {
        /// Host name.
        host: &'a [u8],
        /// Domain name.
        domain: &'a [u8],
    },
    /// A capability that this crate does not decode.
    Unknown {
        /// Capability code.
        code: u8,
        /// Bytes of the value.
        value: &'a [u8],
    },
}

impl<'a> Capability<'a> {
    /// Reads a capability. Its value starts at `offset`, for errors.
    fn new(code: u8, value: &'a [u8], offset: usize) -> Result<Self, WireError> {
        let damaged = || {
            // The length octet stands right before the value.
            WireError::invalid(offset - 1, "capability length", value.len() as u64)
        };
        Ok(match (CapabilityCode::from_code(code), value) {
            (CapabilityCode::MultiProtocol, &[a, b, _, safi]) => {
                Self::MultiProtocol(AfiSafi::new(u16::from_be_bytes([a, b]), safi))
            }
            (CapabilityCode::RouteRefresh, []) => Self::RouteRefresh,
            (CapabilityCode::ExtendedNextHop, value) => {
                Self::ExtendedNextHop(ExtendedNextHops(exact_chunks(value).ok_or_else(damaged)?))
            }
            (CapabilityCode::ExtendedMessage, []) => Self::ExtendedMessage,
            (CapabilityCode::Role, &[role]) => Self::Role(role),
            (CapabilityCode::GracefulRestart, value) => Self::GracefulRestart(value),
            (CapabilityCode::FourOctetAs, &[a, b, c, d]) => {
                Self::FourOctetAs(u32::from_be_bytes([a, b, c, d]))
            }
            (CapabilityCode::AddPath, value) => {
                Self::AddPath(AddPathFamilies(exact_chunks(value).ok_or_else(damaged)?))
            }
            (CapabilityCode::EnhancedRouteRefresh, []) => Self::EnhancedRouteRefresh,
            (CapabilityCode::LongLivedGracefulRestart, value) => Self::LongLivedGracefulRestart(value),
            (CapabilityCode::Fqdn, value) => {
                let (host, domain) = split_names(value).ok_or_else(damaged)?;
                Self::Fqdn { host, domain }
            }
            (CapabilityCode::Unknown(code), value) => Self::Unknown { code, value },
            _ => return Err(damaged()),
        })
    }
}

/// Splits `value` into elements of `N` bytes; `None` if bytes are left over.
fn exact_chunks<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    match value.as_chunks() {
        (chunks, []) => Some(chunks),
        _ => None,
    }
}

/// Splits host and domain name, each behind its length. Ignores bytes behind the names.
fn split_names(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = value.split_first()?;
    let (host, rest) = rest.split_at_checked(usize::from(length))?;
    let (&length, rest) = rest.split_first()?;
    Some((host, rest.get(..usize::from(length))?))
}

/// Families with the address family that their next hops may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedNextHops<'a>(&'a [[u8; 6]]);

impl<'a> ExtendedNextHops<'a> {
    /// Iterates over the families, each with the AFI of its next hops. The SAFI has two octets on the wire; entries with a
    /// SAFI above 255 are left out.
    pub fn iter(&self) -> impl Iterator<Item = (AfiSafi, u16)> + use<'a> {
        self.0.iter().filter_map(|&[a, b, high, safi, c, d]| {
            let family = AfiSafi::new(u16::from_be_bytes([a, b]), safi);
            (high == 0).then_some((family, u16::from_be_bytes([c, d])))
        })
    }
}

/// Send/Receive octet of the Add-Path capability: the speaker can receive path identifiers.
pub const ADD_PATH_RECEIVE: u8 = 1;
/// Send/Receive octet of the Add-Path capability: the speaker can send path identifiers.
pub const ADD_PATH_SEND: u8 = 2;

/// Families with the speaker's support of path identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddPathFamilies<'a>(&'a [[u8; 4]]);

impl<'a> AddPathFamilies<'a> {
    /// Iterates over the families, each with its Send/Receive octet: [`ADD_PATH_RECEIVE`], [`ADD_PATH_SEND`] or both (3).
    /// Entries with another value are left out (RFC 7911 §4).
    pub fn iter(&self) -> impl Iterator<Item = (AfiSafi, u8)> + use<'a> {
        self.0
            .iter()
            .map(|&[a, b, safi, mode]| (AfiSafi::new(u16::from_be_bytes([a, b]), safi), mode))
            .filter(|&(_, mode)| matches!(mode, 1..=3))
    }
}

/// Iterates over all capabilities of an OPEN.
///
/// A damaged capability is an error and is skipped by its length. If the length itself is wrong, the iteration continues
/// with the next optional parameter.
#[derive(Debug, Clone)]
pub struct Capabilities<'a> {
    parameters: Parameters<'a>,
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Capabilities<'a> {
    pub(super) const fn new(parameters: Parameters<'a>) -> Self {
        Self {
            parameters,
            rest: &[],
            offset: 0,
        }
    }
}

impl<'a> Iterator for Capabilities<'a> {
    type Item = Result<Capability<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.rest.is_empty() {
            // A parameter that does not fit ends the capabilities; Open::new_checked refuses such an OPEN.
            let parameter = self.parameters.next()?.ok()?;
            if parameter.parameter_type == CAPABILITIES_PARAMETER {
                self.rest = parameter.value;
                self.offset = parameter.offset;
            }
        }
        let rest = core::mem::take(&mut self.rest);
        let &[code, length, ref rest @ ..] = rest else {
            return Some(Err(WireError::truncated(self.offset, 2, rest.len())));
        };
        let offset = self.offset + 2;
        let length = usize::from(length);
        let Some((value, rest)) = rest.split_at_checked(length) else {
            return Some(Err(WireError::truncated(offset, length, rest.len())));
        };
        self.rest = rest;
        self.offset = offset + length;
        Some(Capability::new(code, value, offset))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_opens::{open_bytes, open_with};
    use super::*;

    /// The capabilities of an OPEN, whose parameters begin behind 29 octets.
    fn capabilities(open: &[u8]) -> Capabilities<'_> {
        Capabilities::new(Parameters::readable(open[28], &open[29..]).0)
    }

    fn first(value: &[u8], check: impl FnOnce(Result<Capability<'_>, WireError>)) {
        let bytes = open_with(value);
        check(capabilities(&bytes).next().unwrap());
    }

    #[test]
    fn each_capability_is_read() {
        first(&[1, 4, 0, 2, 0, 1], |found| {
            assert_eq!(found, Ok(Capability::MultiProtocol(AfiSafi::IPV6_UNICAST)));
        });
        first(&[65, 4, 0, 1, 0, 0], |found| {
            assert_eq!(found, Ok(Capability::FourOctetAs(65536)));
        });
        first(&[9, 1, 3], |found| {
            assert_eq!(found, Ok(Capability::Role(3)));
        });
        first(&[64, 2, 0x40, 120], |found| {
            assert_eq!(found, Ok(Capability::GracefulRestart(&[0x40, 120])));
        });
        first(&[73, 5, 2, b'r', b'1', 1, b'x'], |found| {
            let fqdn = Capability::Fqdn {
                host: b"r1",
                domain: b"x",
            };
            assert_eq!(found, Ok(fqdn));
        });
        first(&[200, 1, 7], |found| {
            let unknown = Capability::Unknown {
                code: 200,
                value: &[7],
            };
            assert_eq!(found, Ok(unknown));
        });
    }

    #[test]
    fn lists_are_walked() {
        first(&[69, 12, 0, 1, 1, 3, 0, 2, 1, 1, 0, 1, 4, 9], |found| {
            let Ok(Capability::AddPath(families)) = found else {
                panic!("{found:?}");
            };
            let families: Vec<_> = families.iter().collect();
            // Mode 9 doesn't exist: left out.
            assert_eq!(families, [(AfiSafi::IPV4_UNICAST, 3), (AfiSafi::IPV6_UNICAST, 1)]);
        });
        first(&[5, 6, 0, 1, 0, 1, 0, 2], |found| {
            let Ok(Capability::ExtendedNextHop(families)) = found else {
                panic!("{found:?}");
            };
            let families: Vec<_> = families.iter().collect();
            assert_eq!(families, [(AfiSafi::IPV4_UNICAST, 2)]);
        });
    }

    #[test]
    fn a_damaged_capability_is_skipped_by_its_length() {
        let bytes = open_with(&[65, 3, 0, 1, 0, 6, 0]);
        let found: Vec<_> = capabilities(&bytes).collect();
        assert_eq!(
            found,
            [
                Err(WireError::invalid(32, "capability length", 3)),
                Ok(Capability::ExtendedMessage)
            ]
        );
    }

    #[test]
    fn a_wrong_length_costs_no_other_parameter() {
        let bytes = open_bytes(9, &[2, 3, 65, 9, 0, 2, 2, 6, 0]);
        let found: Vec<_> = capabilities(&bytes).collect();
        assert_eq!(
            found,
            [
                Err(WireError::truncated(33, 9, 1)),
                Ok(Capability::ExtendedMessage)
            ]
        );
    }
}
