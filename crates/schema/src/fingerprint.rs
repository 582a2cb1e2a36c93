//! The attribute fingerprint: 64 bits that are equal for equal attributes, in every version and on every machine.
//!
//! The fingerprint is XXH3-64 with seed 0 over the canonical form of the Path Attributes field. The canonical form has all
//! attributes in ascending order of their types (attributes of one type in the order of the field), each with the shortest
//! length field and without unused flags:
//!
//! ```text
//! flags & 0xE0, | 0x10 where the value is longer than 255 octets; type; length (1 octet, with 0x10 2, big-endian); value
//! ```
//!
//! Most senders write the canonical form, and most routes come in the NLRI field. Then the bytes are hashed in place.
//!
//! For a route of the NLRI field, MP_REACH_NLRI and MP_UNREACH_NLRI are left out. For a route of MP_REACH_NLRI, the value of
//! type 14 is the next hop of that attribute, and NEXT_HOP is left out (RFC 4760 §3 says to ignore it). Therefore other
//! routes in the same UPDATE make no difference. Bytes behind the last whole attribute are appended unchanged.
//! [`with_labels`] adds the labels of a route.
//!
//! A change stays unseen with a probability of 2^-64: with 10^9 changes a day, once in 50 million years.

use arancini_wire::bgp::attribute::{
    CommonAttributes, FLAG_EXTENDED_LENGTH, FLAG_OPTIONAL, FLAG_PARTIAL, FLAG_TRANSITIVE, PathAttributes,
    RawAttribute, raw_attributes,
};
use arancini_wire::iana::{AfiSafi, attribute_type as type_code};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::encode::Carrier;

/// The flags of the canonical form. The flag of the length field makes no difference, and the other flags have no meaning.
const FLAGS_THAT_COUNT: u8 = FLAG_OPTIONAL | FLAG_TRANSITIVE | FLAG_PARTIAL;

/// Scratch space of one worker for canonical forms.
#[derive(Debug)]
pub struct Scratch {
    canonical: Vec<u8>,
    /// Type and offset of each attribute, for fields whose attributes are not in order.
    order: Vec<(u8, usize)>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Room for the largest UPDATE: 65,535 bytes have at most 21,845 attributes, which grow by at most one octet each.
    const CAPACITY: usize = 96 * 1024;

    /// Scratch space that grows when it is first used.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            canonical: Vec::new(),
            order: Vec::new(),
        }
    }

    /// Makes scratch space for any UPDATE.
    #[must_use]
    pub fn new() -> Self {
        Self {
            canonical: Vec::with_capacity(Self::CAPACITY),
            order: Vec::new(),
        }
    }
}

/// Computes the fingerprint of a Path Attributes field, for the routes of one carrier.
#[must_use]
pub fn of_attributes(field: &[u8], carrier: Carrier, scratch: &mut Scratch) -> u64 {
    if is_canonical(field, carrier) {
        return xxh3_64(field);
    }
    of_untidy(field, carrier, scratch)
}

/// Writes the canonical form of a Path Attributes field, of which [`of_attributes`] is the hash.
#[must_use]
pub fn canonical<'a>(field: &'a [u8], carrier: Carrier, scratch: &'a mut Scratch) -> &'a [u8] {
    if is_canonical(field, carrier) {
        return field;
    }
    let _ = of_untidy(field, carrier, scratch);
    &scratch.canonical
}

/// Makes a Path Attributes field of its canonical form, and tells the carrier of its routes. Routes of MP_REACH_NLRI belong to
/// this family, which the canonical form leaves out; the MP_REACH_NLRI of the field has no routes.
#[must_use]
pub fn field_of_canonical<'a>(
    canonical: &'a [u8],
    family: AfiSafi,
    scratch: &'a mut Vec<u8>,
) -> (Carrier, &'a [u8]) {
    let reach = raw_attributes(canonical)
        .map_while(Result::ok)
        .find(|attribute| attribute.type_code == type_code::MP_REACH_NLRI);
    let Some(reach) = reach else {
        return (Carrier::UpdateField, canonical);
    };
    let next_hop = reach.value;
    let [high, low] = family.afi.to_be_bytes();
    let value_length = (next_hop.len() + 5) as u16;
    scratch.clear();
    scratch.extend_from_slice(canonical.get(..reach.offset).unwrap_or_default());
    scratch.extend_from_slice(&[reach.flags | FLAG_EXTENDED_LENGTH, type_code::MP_REACH_NLRI]);
    scratch.extend_from_slice(&value_length.to_be_bytes());
    // The length of the next hop has one octet, and a reserved octet follows the next hop.
    scratch.extend_from_slice(&[high, low, family.safi, next_hop.len() as u8]);
    scratch.extend_from_slice(next_hop);
    scratch.push(0);
    let behind = reach.value_offset() + next_hop.len();
    scratch.extend_from_slice(canonical.get(behind..).unwrap_or_default());
    (Carrier::MultiProtocol, scratch)
}

/// Computes [`of_attributes`] for attributes that were read already, which saves one pass over the field.
#[inline]
#[must_use]
pub fn of_parsed(attributes: &PathAttributes<'_>, carrier: Carrier, scratch: &mut Scratch) -> u64 {
    if attributes.is_tidy() && carrier == Carrier::UpdateField {
        return xxh3_64(attributes.field());
    }
    of_attributes(attributes.field(), carrier, scratch)
}

/// A fingerprint, and the canonical form that it is the hash of.
#[derive(Debug, Clone, Copy)]
pub struct Hashed<'a> {
    /// The fingerprint.
    pub fingerprint: u64,
    /// The canonical form of the Path Attributes field.
    pub canonical: &'a [u8],
}

/// Computes [`of_attributes`] and the canonical form for attributes of the common kind, which saves a walk over the field.
#[inline]
#[must_use]
pub fn of_common<'a>(
    field: &'a [u8],
    attributes: &CommonAttributes<'_>,
    carrier: Carrier,
    scratch: &'a mut Scratch,
) -> Hashed<'a> {
    let has_reach = attributes.has(type_code::MP_REACH_NLRI);
    let fingerprint = match carrier {
        Carrier::UpdateField if !has_reach => {
            if !attributes.has_long_as_path {
                return Hashed::of_canonical(field);
            }
            of_common_parts(field, attributes, None, scratch)
        }
        Carrier::MultiProtocol if has_reach && !attributes.has(type_code::NEXT_HOP) => {
            of_common_parts(field, attributes, Some(attributes.mp_reach.next_hop), scratch)
        }
        _ if is_canonical(field, carrier) => return Hashed::of_canonical(field),
        _ => of_untidy(field, carrier, scratch),
    };
    Hashed {
        fingerprint,
        canonical: &scratch.canonical,
    }
}

impl<'a> Hashed<'a> {
    #[inline]
    fn of_canonical(canonical: &'a [u8]) -> Self {
        Self {
            fingerprint: xxh3_64(canonical),
            canonical,
        }
    }
}

/// Writes the canonical form of a field of the common kind, with this next hop in MP_REACH_NLRI, and hashes it.
#[inline]
fn of_common_parts(
    field: &[u8],
    attributes: &CommonAttributes<'_>,
    next_hop: Option<&[u8]>,
    scratch: &mut Scratch,
) -> u64 {
    let canonical = &mut scratch.canonical;
    canonical.clear();
    if attributes.mp_reach.end == 0
        && attributes.has_long_as_path
        && let Some(&[a, b, c, d, _, _, _, length]) = field.first_chunk::<8>()
    {
        // ORIGIN, then the long header of AS_PATH, as most senders write it. One octet goes, and the rest stays together.
        canonical.extend_from_slice(&field[1..]);
        if let Some(place) = canonical.first_chunk_mut() {
            *place = [a, b, c, d, FLAG_TRANSITIVE, type_code::AS_PATH, length];
        }
        return xxh3_64(canonical);
    }
    let part = |from: usize, to: usize| field.get(from..to).unwrap_or_default();
    let (reach, behind) = (&attributes.mp_reach, attributes.behind_reach);
    // MP_REACH_NLRI stands before ORIGIN, in its place, or last.
    let mut from = if reach.start == 0 { reach.end } else { 0 };
    if attributes.has_long_as_path {
        const ORIGIN_OCTETS: usize = 4;
        let path = from + ORIGIN_OCTETS;
        canonical.extend_from_slice(part(from, path));
        let length = field.get(path + 3).copied().unwrap_or_default();
        canonical.extend_from_slice(&[FLAG_TRANSITIVE, type_code::AS_PATH, length]);
        from = path + 4;
    }
    canonical.extend_from_slice(part(from, behind));
    if let Some(next_hop) = next_hop {
        canonical.extend_from_slice(&[FLAG_OPTIONAL, type_code::MP_REACH_NLRI, next_hop.len() as u8]);
        canonical.extend_from_slice(next_hop);
    }
    if reach.start >= behind && reach.end > behind {
        canonical.extend_from_slice(part(behind, reach.start));
        canonical.extend_from_slice(part(reach.end, field.len()));
    } else {
        canonical.extend_from_slice(part(behind, field.len()));
    }
    xxh3_64(canonical)
}

/// Writes the canonical form of a field and hashes it.
fn of_untidy(field: &[u8], carrier: Carrier, scratch: &mut Scratch) -> u64 {
    let Scratch { canonical, .. } = scratch;
    canonical.clear();
    let copy = |canonical: &mut Vec<u8>, from, to| {
        canonical.extend_from_slice(field.get(from..to).unwrap_or_default());
    };
    // Start of the canonical bytes that are not copied yet, and end of the last attribute.
    let (mut pending, mut end) = (0, 0);
    // Many senders write MP_REACH_NLRI first or last and everything else in order. It is moved to its place at the end.
    let (mut reach, mut behind_reach) = (None, None);
    let mut last_type = 0;
    for attribute in raw_attributes(field).map_while(Result::ok) {
        let (kind, start) = (attribute.type_code, attribute.offset);
        end = attribute.value_offset() + attribute.value.len();
        if kind == type_code::MP_REACH_NLRI && reach.is_none() {
            copy(canonical, pending, start);
            pending = end;
            reach = Some(attribute);
            continue;
        }
        if kind < last_type || kind == type_code::MP_REACH_NLRI {
            sort_attributes(field, scratch);
            return of_sorted(field, carrier, scratch);
        }
        if kind > type_code::MP_REACH_NLRI && behind_reach.is_none() {
            behind_reach = Some(canonical.len() + (start - pending));
        }
        last_type = kind;
        if is_left_out(kind, carrier) || attribute.flags & !FLAGS_THAT_COUNT != 0 {
            copy(canonical, pending, start);
            pending = end;
            write(&attribute, carrier, canonical);
        }
    }
    copy(canonical, pending, end);
    if let Some(reach) = reach {
        let before = canonical.len();
        write(&reach, carrier, canonical);
        let written = canonical.len() - before;
        if let Some(behind) = canonical.get_mut(behind_reach.unwrap_or(before)..) {
            behind.rotate_right(written);
        }
    }
    copy(canonical, end, field.len());
    xxh3_64(canonical)
}

/// Computes the fingerprint of a labelled route: XXH3-64 over the label stack as on the wire, with the fingerprint of the
/// attributes as seed. Without labels, this is `fingerprint` itself.
#[must_use]
pub fn with_labels(fingerprint: u64, labels: &[u8]) -> u64 {
    if labels.is_empty() {
        fingerprint
    } else {
        xxh3_64_with_seed(labels, fingerprint)
    }
}

/// Lists the attributes of a field in the order of the canonical form.
#[cold]
fn sort_attributes(field: &[u8], scratch: &mut Scratch) {
    scratch.order.clear();
    for attribute in raw_attributes(field).map_while(Result::ok) {
        scratch.order.push((attribute.type_code, attribute.offset));
    }
    scratch.order.sort_unstable();
}

/// Writes the canonical form of a field whose attributes were sorted, and hashes it.
#[cold]
fn of_sorted(field: &[u8], carrier: Carrier, scratch: &mut Scratch) -> u64 {
    scratch.canonical.clear();
    let mut end = 0;
    for &(_, offset) in &scratch.order {
        let from = field.get(offset..).unwrap_or_default();
        if let Some(Ok(attribute)) = raw_attributes(from).next() {
            end = end.max(offset + attribute.value_offset() + attribute.value.len());
            write(&attribute, carrier, &mut scratch.canonical);
        }
    }
    scratch
        .canonical
        .extend_from_slice(field.get(end..).unwrap_or_default());
    xxh3_64(&scratch.canonical)
}

/// Whether attributes of this type do not belong to the routes of this carrier.
const fn is_left_out(kind: u8, carrier: Carrier) -> bool {
    matches!(
        (kind, carrier),
        (type_code::MP_UNREACH_NLRI, _)
            | (type_code::MP_REACH_NLRI, Carrier::UpdateField)
            | (type_code::NEXT_HOP, Carrier::MultiProtocol)
    )
}

/// Appends the canonical form of one attribute.
fn write(attribute: &RawAttribute<'_>, carrier: Carrier, canonical: &mut Vec<u8>) {
    if is_left_out(attribute.type_code, carrier) {
        return;
    }
    let value = match attribute.type_code {
        type_code::MP_REACH_NLRI => next_hop_of_mp_reach(attribute.value),
        _ => attribute.value,
    };
    let flags = attribute.flags & FLAGS_THAT_COUNT;
    match u8::try_from(value.len()) {
        Ok(length) => canonical.extend_from_slice(&[flags, attribute.type_code, length]),
        Err(_) => {
            let [high, low] = (value.len() as u16).to_be_bytes();
            canonical.extend_from_slice(&[flags | FLAG_EXTENDED_LENGTH, attribute.type_code, high, low]);
        }
    }
    canonical.extend_from_slice(value);
}

/// Whether a field is in canonical form for the routes of its NLRI field. Reads only the headers of the attributes.
#[inline]
fn is_canonical(field: &[u8], carrier: Carrier) -> bool {
    if carrier == Carrier::MultiProtocol {
        return false;
    }
    let (mut rest, mut last_type) = (field, 0);
    while let [flags, kind, length, tail @ ..] = rest {
        let carries_other_routes = matches!(*kind, type_code::MP_REACH_NLRI | type_code::MP_UNREACH_NLRI);
        if flags & !FLAGS_THAT_COUNT != 0 || *kind < last_type || carries_other_routes {
            return false;
        }
        let Some(next) = tail.get(usize::from(*length)..) else {
            return false;
        };
        rest = next;
        last_type = *kind;
    }
    rest.is_empty()
}

/// The next hop field of MP_REACH_NLRI (RFC 4760 §3), behind AFI, SAFI and length. The whole value if it is too short.
fn next_hop_of_mp_reach(value: &[u8]) -> &[u8] {
    value
        .get(3)
        .and_then(|&length| value.get(4..4 + usize::from(length)))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use arancini_wire::bgp::AsWidth;
    use proptest::prelude::*;

    use super::*;

    const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
    const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
    const MED: &[u8] = &[0x80, 4, 4, 0, 0, 0, 9];
    const MP_REACH: &[u8] = &[0x80, 14, 11, 0, 2, 1, 4, 1, 2, 3, 4, 0, 8, 0x20];
    const MP_REACH_OTHER_NLRI: &[u8] = &[0x90, 14, 0, 12, 0, 2, 1, 4, 1, 2, 3, 4, 0, 16, 0x20, 1];
    const MP_UNREACH: &[u8] = &[0x80, 15, 3, 0, 2, 1];

    fn of(parts: &[&[u8]], carrier: Carrier) -> u64 {
        let field = parts.concat();
        let fingerprint = of_attributes(&field, carrier, &mut Scratch::new());
        let mut scratch = Scratch::empty();
        assert_eq!(xxh3_64(canonical(&field, carrier, &mut scratch)), fingerprint);
        fingerprint
    }

    /// Consumers and snapshots keep fingerprints, so these numbers never change.
    #[test]
    fn the_algorithm_is_stable() {
        let field = Carrier::UpdateField;
        assert_eq!(of(&[], field), 0x2d06_8005_38d3_94c2);
        assert_eq!(of(&[], field), xxh3_64(&[]));
        assert_eq!(
            of(&[ORIGIN, NEXT_HOP, MED], field),
            xxh3_64(&[ORIGIN, NEXT_HOP, MED].concat())
        );
        let canonical = [0x40, 1, 1, 0, 0x80, 14, 4, 1, 2, 3, 4];
        assert_eq!(
            of(&[ORIGIN, MP_REACH], Carrier::MultiProtocol),
            xxh3_64(&canonical)
        );
    }

    #[test]
    fn order_and_length_form_make_no_difference() {
        let field = Carrier::UpdateField;
        let sorted = of(&[ORIGIN, NEXT_HOP, MED], field);
        assert_eq!(of(&[MED, ORIGIN, NEXT_HOP], field), sorted);
        let extended_length: &[u8] = &[0x50, 1, 0, 1, 0];
        assert_eq!(of(&[extended_length, NEXT_HOP, MED], field), sorted);
    }

    #[test]
    fn a_route_is_told_from_its_company() {
        let mp = Carrier::MultiProtocol;
        let alone = of(&[ORIGIN, MP_REACH], mp);
        assert_eq!(of(&[ORIGIN, MP_REACH_OTHER_NLRI], mp), alone);
        assert_eq!(of(&[ORIGIN, NEXT_HOP, MP_REACH, MP_UNREACH], mp), alone);
        let alone = of(&[ORIGIN, NEXT_HOP], Carrier::UpdateField);
        assert_eq!(
            of(&[ORIGIN, NEXT_HOP, MP_REACH, MP_UNREACH], Carrier::UpdateField),
            alone
        );
    }

    #[test]
    fn reach_may_stand_anywhere() {
        let large: &[u8] = &[0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        for carrier in [Carrier::UpdateField, Carrier::MultiProtocol] {
            let sorted = of(&[ORIGIN, NEXT_HOP, MED, MP_REACH, large], carrier);
            for place in 0..=4 {
                let mut parts = vec![ORIGIN, NEXT_HOP, MED, large];
                parts.insert(place, MP_REACH);
                assert_eq!(of(&parts, carrier), sorted, "at {place}");
                // The routes of two MP_REACH_NLRI are unknown, but their fingerprint must not depend on other attributes.
                parts.push(MP_REACH_OTHER_NLRI);
                let twice = of(
                    &[ORIGIN, NEXT_HOP, MED, MP_REACH, MP_REACH_OTHER_NLRI, large],
                    carrier,
                );
                assert_eq!(of(&parts, carrier), twice, "twice, at {place}");
            }
        }
    }

    #[test]
    fn what_differs_differs() {
        let field = Carrier::UpdateField;
        let other_med: &[u8] = &[0x80, 4, 4, 0, 0, 0, 8];
        let partial: &[u8] = &[0xa0, 4, 4, 0, 0, 0, 9];
        let base = of(&[ORIGIN, NEXT_HOP, MED], field);
        assert_ne!(of(&[ORIGIN, NEXT_HOP, other_med], field), base);
        assert_ne!(of(&[ORIGIN, NEXT_HOP, partial], field), base);
        assert_ne!(of(&[ORIGIN, NEXT_HOP], field), base);
        assert_ne!(with_labels(base, &[0, 0, 1]), base);
        assert_ne!(with_labels(base, &[0, 0, 1]), with_labels(base, &[0, 1, 1]));
        assert_eq!(with_labels(base, &[]), base);
    }

    proptest! {
        /// Compares with the documented form, written in the plainest way.
        #[test]
        fn the_form_is_as_documented(
            attributes in prop::collection::btree_map(
                16_u8..=255,
                (any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)),
                0..10,
            ),
            tail in prop_oneof![Just(&[][..]), Just(&[0x40_u8][..]), Just(&[0x50_u8, 1, 0][..])],
        ) {
            let (mut field, mut canonical) = (Vec::new(), Vec::new());
            for (type_code, (flags, untidy, value)) in attributes {
                let [high, low] = (value.len() as u16).to_be_bytes();
                let long = high > 0;
                let unused = if untidy { flags & 0x0f } else { 0 };
                match long || untidy {
                    true => field.extend_from_slice(&[flags & 0xe0 | unused | 0x10, type_code, high, low]),
                    false => field.extend_from_slice(&[flags & 0xe0, type_code, low]),
                }
                match long {
                    true => canonical.extend_from_slice(&[flags & 0xe0 | 0x10, type_code, high, low]),
                    false => canonical.extend_from_slice(&[flags & 0xe0, type_code, low]),
                }
                field.extend_from_slice(&value);
                canonical.extend_from_slice(&value);
            }
            field.extend_from_slice(tail);
            canonical.extend_from_slice(tail);
            let mut scratch = Scratch::new();
            let mut attributes = PathAttributes::unread(&field, AsWidth::Four);
            attributes.read();
            for carrier in [Carrier::UpdateField, Carrier::MultiProtocol] {
                prop_assert_eq!(of_parsed(&attributes, carrier, &mut scratch), xxh3_64(&canonical));
                prop_assert_eq!(of_attributes(&field, carrier, &mut scratch), xxh3_64(&canonical));
            }
        }

        #[test]
        fn any_field_has_one(field in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut scratch = Scratch::new();
            let mut attributes = PathAttributes::unread(&field, AsWidth::Four);
            attributes.read();
            for carrier in [Carrier::UpdateField, Carrier::MultiProtocol] {
                prop_assert_eq!(
                    of_parsed(&attributes, carrier, &mut scratch),
                    of_attributes(&field, carrier, &mut scratch)
                );
            }
            let first = of_attributes(&field, Carrier::MultiProtocol, &mut scratch);
            prop_assert_eq!(of_attributes(&field, Carrier::MultiProtocol, &mut scratch), first);
            prop_assert!(scratch.canonical.capacity() <= Scratch::CAPACITY);
        }
    }
}
