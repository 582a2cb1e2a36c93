//! One route of an NLRI field, as it is on the wire.

use super::prefix::PrefixBits;

/// One NLRI of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nlri<'a> {
    /// Path identifier, if the field has path identifiers (RFC 7911).
    pub path_id: Option<u32>,
    /// The route.
    pub route: Route<'a>,
}

/// An NLRI without its path identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// A route to a prefix.
    Prefix {
        /// Route distinguisher (RFC 4364 §4.2).
        rd: Option<[u8; 8]>,
        /// Label stack as on the wire, three octets per label (RFC 8277 §2). In a withdrawal, the compatibility field.
        labels: &'a [u8],
        /// Length of the prefix in bits, without labels and route distinguisher.
        length: u8,
        /// The prefix.
        prefix: PrefixBits<'a>,
    },
    /// The whole NLRI with its type and length fields, without the path identifier.
    Opaque(&'a [u8]),
}
