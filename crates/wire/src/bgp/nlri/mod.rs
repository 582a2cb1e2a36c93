//! Network Layer Reachability Information: the routes of an UPDATE, family by family.
//!
//! Prefix-shaped families are decoded to prefixes (route distinguisher and labels beside them), the others keep
//! the bytes of each NLRI. Which of the two, and how NLRI are framed, is [`shape`]; nothing else depends on the family.
//! A field that is not exactly a sequence of NLRI is an error (RFC 7606 §5.3), which names the byte.
//!
//! The hot way for IPv4 and IPv6 unicast is [`decide_add_path`] (or [`count`]) once and then [`Ipv4Prefixes`] or
//! [`Ipv6Prefixes`] over the checked field.

mod labelled;
mod opaque;
mod path_id;
mod prefix;
mod shape;
#[cfg(test)]
mod tests;

pub use path_id::{PathIdDecision, decide_add_path};
pub use prefix::{Ipv4Prefixes, Ipv6Prefixes, PrefixBits};
pub use shape::{Framing, NlriShape, shape};

use crate::WireError;
use crate::iana::AfiSafi;

/// One route as it stands in an NLRI field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nlri<'a> {
    /// Path identifier, where the field carries them (RFC 7911).
    pub path_id: Option<u32>,
    /// The route itself.
    pub route: Route<'a>,
}

/// What a NLRI says, beside its path identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// A route to a prefix.
    Prefix {
        /// Route distinguisher (RFC 4364 §4.2).
        rd: Option<[u8; 8]>,
        /// Labels as on the wire, three octets each (RFC 8277 §2); in a withdrawal the compatibility field.
        labels: &'a [u8],
        /// Bits of the prefix alone, without labels and route distinguisher.
        length: u8,
        /// The prefix.
        prefix: PrefixBits<'a>,
    },
    /// The whole NLRI with its type and length fields, but without the path identifier.
    Opaque(&'a [u8]),
}

/// The routes of an NLRI field. Ends after the first error.
#[inline]
#[must_use]
pub fn iter(family: AfiSafi, field: &[u8], add_path: bool) -> NlriIter<'_> {
    NlriIter {
        shape: shape(family),
        field,
        position: 0,
        add_path,
    }
}

/// How many routes the field holds, if it is exactly a sequence of them; else what is wrong and where.
#[inline]
pub fn count(family: AfiSafi, field: &[u8], add_path: bool) -> Result<usize, WireError> {
    // Nearly all routes are of the first two, which are known without a look at the table of shapes.
    match family {
        AfiSafi::IPV4_UNICAST => prefix::count(field, 32, add_path),
        AfiSafi::IPV6_UNICAST => prefix::count(field, 128, add_path),
        _ => count_shaped(family, field, add_path),
    }
}

fn count_shaped(family: AfiSafi, field: &[u8], add_path: bool) -> Result<usize, WireError> {
    match shape(family) {
        NlriShape::Prefix {
            rd: false,
            labelled: false,
            max_bits,
        } => prefix::count(field, max_bits, add_path),
        _ => {
            let mut routes = 0;
            for nlri in iter(family, field, add_path) {
                nlri?;
                routes += 1;
            }
            Ok(routes)
        }
    }
}

/// See [`iter`].
#[derive(Debug, Clone)]
pub struct NlriIter<'a> {
    shape: NlriShape,
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> NlriIter<'a> {
    /// Byte offset in the field of the NLRI that comes next.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.position
    }

    #[inline]
    fn read(&mut self) -> Result<Nlri<'a>, WireError> {
        let rest = self.field.get(self.position..).unwrap_or_default();
        // The bytes of a family whose framing is not known may hold several NLRI: no path identifier is split off.
        let (path_id, body) = if self.add_path && self.shape != NlriShape::Unframed {
            let (id, body) = path_id::split(rest).map_err(|error| error.at(self.position))?;
            (Some(id), body)
        } else {
            (None, rest)
        };
        let start = self.position + (rest.len() - body.len());
        let (route, consumed) = match self.shape {
            NlriShape::Prefix {
                rd,
                labelled,
                max_bits,
            } => labelled::read(body, rd, labelled, max_bits),
            NlriShape::Opaque { framing } => {
                opaque::length(body, framing).map(|n| (Route::Opaque(&body[..n]), n))
            }
            NlriShape::Unframed => Ok((Route::Opaque(body), body.len())),
        }
        .map_err(|error| error.at(start))?;
        self.position = start + consumed;
        Ok(Nlri { path_id, route })
    }
}

impl<'a> Iterator for NlriIter<'a> {
    type Item = Result<Nlri<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.field.len() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.position = self.field.len();
        }
        Some(item)
    }
}

impl core::iter::FusedIterator for NlriIter<'_> {}
