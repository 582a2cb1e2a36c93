//! An NLRI field of any family: counts and reads its routes.

use super::route::{Nlri, Route};
use super::shape::{NlriShape, shape};
use super::{labelled, opaque, path_id, prefix};
use crate::error::WireError;
use crate::iana::AfiSafi;

/// Iterates over the routes of an NLRI field. Ends after the first error.
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

/// Counts the routes of an NLRI field.
///
/// # Errors
/// The field is not exactly a sequence of NLRI.
#[inline]
pub fn count(family: AfiSafi, field: &[u8], add_path: bool) -> Result<usize, WireError> {
    // Nearly all routes are of the first two families, which need no look at the table of shapes.
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

/// The iterator that [`iter`] returns.
#[derive(Debug, Clone)]
pub struct NlriIter<'a> {
    shape: NlriShape,
    field: &'a [u8],
    position: usize,
    add_path: bool,
}

impl<'a> NlriIter<'a> {
    /// Byte offset of the next NLRI in the field.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.position
    }

    #[inline]
    fn read(&mut self) -> Result<Nlri<'a>, WireError> {
        let rest = self.field.get(self.position..).unwrap_or_default();
        // A field of a family whose NLRI have an unknown length may hold several NLRI, so no path identifier is split off.
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
            NlriShape::Opaque { length_field } => {
                opaque::length(body, length_field).map(|n| (Route::Opaque(&body[..n]), n))
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
