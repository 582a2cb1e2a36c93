//! Routes of families whose NLRI is kept as bytes: their keys, and their way through a table.
//!
//! Some octets of such an NLRI are attributes of the route (`docs/interop.md`). They belong to the fingerprint, not to the
//! key.

use arancini_rib::{CuratedTable, Curation, Keep, RouteKey};
use arancini_schema::fingerprint;
use arancini_wire::bgp::nlri::{self, OpaqueBuffer, OpaqueNlri, Route, split_opaque};
use arancini_wire::iana::AfiSafi;

use crate::keeping::Keeping;
use crate::sections::Section;

/// The key of a route whose NLRI was kept as bytes, in a snapshot or in a published update.
pub(crate) fn opaque_key(family: AfiSafi, nlri: &[u8], path_id: Option<u32>) -> RouteKey<'_> {
    let mut buffer = OpaqueBuffer::new();
    RouteKey::opaque(split_opaque(family, nlri, &mut buffer).key, nlri, path_id)
}

/// Announces each route of a field to its table. Hands out the route's key, no labels, its fingerprint with the attributes in
/// its NLRI mixed in, and what consumers have to hear.
// Not inlined: the buffer must not be a part of the stack frame of the families that nearly all routes are of.
#[inline(never)]
pub(crate) fn announce_opaque(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    fingerprint: u64,
    keeping: &mut impl Keeping,
    mut route: impl FnMut(RouteKey<'_>, &[u8], u64, Curation),
) {
    let mut buffer = OpaqueBuffer::new();
    for nlri in nlri::iter(section.family, section.field, section.add_path).flatten() {
        let Route::Opaque(octets) = nlri.route else {
            continue;
        };
        let OpaqueNlri { key, attributes } = split_opaque(section.family, octets, &mut buffer);
        let fingerprint = fingerprint::with_labels(fingerprint, attributes);
        let key = RouteKey::opaque(key, octets, nlri.path_id);
        let curation = keeping.announce(rib, &key, fingerprint, attributes);
        route(key, &[], fingerprint, curation);
    }
}

/// Withdraws each route of a field whose key `counts` accepts from its table. Attributes in the NLRI of a withdrawn route mean nothing.
#[inline(never)]
pub(crate) fn withdraw_opaque(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    keep: &mut impl Keep,
    mut counts: impl FnMut(&RouteKey<'_>) -> bool,
    mut route: impl FnMut(RouteKey<'_>, Curation),
) {
    let mut buffer = OpaqueBuffer::new();
    for nlri in nlri::iter(section.family, section.field, section.add_path).flatten() {
        let Route::Opaque(octets) = nlri.route else {
            continue;
        };
        let OpaqueNlri { key, .. } = split_opaque(section.family, octets, &mut buffer);
        let key = RouteKey::opaque(key, octets, nlri.path_id);
        if counts(&key) {
            let curation = rib.withdraw(&key, keep);
            route(key, curation);
        }
    }
}
