//! The attributes that nearly all routes have, in the order that nearly all senders use, read in a straight line.
//!
//! [`CommonAttributes::read`] accepts a field only if each attribute is one that it knows, well-formed, with the flags that the
//! RFCs require, in ascending order of types (MP_REACH_NLRI may stand anywhere), and not doubled. [`PathAttributes`] reads
//! any other field. It finds the same values in an accepted field, and no fault (`an_accepted_field_reads_the_same`).
//!
//! [`PathAttributes`]: super::PathAttributes

use super::mp_reach::MP_HEADER_OCTETS;
use crate::iana::{AfiSafi, attribute_type as code};

/// Longest field that is accepted, in octets, without the routes in it. It bounds what a route becomes.
pub const MOST_COMMON_OCTETS: usize = 448;

/// The attributes of an UPDATE of the common kind.
///
/// A value without its attribute is zero or empty; [`has`](Self::has) tells. All numbers are as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonAttributes<'a> {
    /// One bit for each type code that is there.
    present: u64,
    /// ORIGIN: 0 to 2.
    pub origin: u8,
    /// The AS numbers of AS_PATH, which is one AS_SEQUENCE or empty.
    pub as_path: &'a [[u8; 4]],
    /// NEXT_HOP.
    pub next_hop: [u8; 4],
    /// MULTI_EXIT_DISC.
    pub multi_exit_disc: [u8; 4],
    /// LOCAL_PREF.
    pub local_preference: [u8; 4],
    /// AGGREGATOR: AS number, then BGP identifier.
    pub aggregator: [u8; 8],
    /// COMMUNITIES.
    pub communities: &'a [[u8; 4]],
    /// ORIGINATOR_ID.
    pub originator_id: [u8; 4],
    /// CLUSTER_LIST.
    pub cluster_list: &'a [[u8; 4]],
    /// EXTENDED_COMMUNITIES.
    pub extended_communities: &'a [[u8; 8]],
    /// LARGE_COMMUNITY.
    pub large_communities: &'a [[u8; 12]],
    /// MP_REACH_NLRI.
    pub mp_reach: CommonReach<'a>,
    /// AS_PATH has a length field of two octets, although one would do.
    pub has_long_as_path: bool,
    /// Where the first attribute with a type above MP_REACH_NLRI's stands in the field, or the field's end.
    pub behind_reach: usize,
}

/// MP_REACH_NLRI with a next hop of one IPv4 address, or of one or two IPv6 addresses. Each address may stand behind a route
/// distinguisher, as in VPN families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonReach<'a> {
    /// Family of the routes.
    pub family: AfiSafi,
    /// Next hop as on the wire: 4, 16 or 32 octets, or with route distinguishers 12, 24 or 48 (RFC 4364 §4.3.2, RFC 4659 §3.2.1).
    pub next_hop: &'a [u8],
    /// NLRI field.
    pub nlri: &'a [u8],
    /// Where the attribute starts in the field.
    pub start: usize,
    /// Where the attribute ends in the field.
    pub end: usize,
}

impl<'a> CommonReach<'a> {
    /// The first address of the next hop, without a route distinguisher, and what follows it.
    #[inline]
    #[must_use]
    pub fn address(&self) -> &'a [u8] {
        match self.next_hop.len() {
            12 | 24 | 48 => self.next_hop.get(8..).unwrap_or_default(),
            _ => self.next_hop,
        }
    }
}

/// An attribute is known by the first three octets of its usual form: flags, type, length. They are compared as one number.
const fn head(flags: u8, code: u8, length: u8) -> u32 {
    flags as u32 | (code as u32) << 8 | (length as u32) << 16
}

/// The first three octets; 0 if there are fewer.
#[inline(always)]
fn next_head(rest: &[u8]) -> u32 {
    // Four octets are one load. Only an ATOMIC_AGGREGATE at the end of the field is shorter.
    match rest.first_chunk::<4>() {
        Some(word) => u32::from_le_bytes(*word) & 0x00ff_ffff,
        None => 0,
    }
}

/// Whether an attribute with this head is of this type and has these flags, whatever its length.
#[inline(always)]
const fn is(next: u32, flags: u8, code: u8) -> bool {
    next as u16 == head(flags, code, 0) as u16
}

/// Whether an attribute with this head is MP_REACH_NLRI, with a length field of one octet or two.
#[inline(always)]
const fn is_reach(next: u32) -> bool {
    const EXTENDED_LENGTH: u16 = 0x10;
    next as u16 & !EXTENDED_LENGTH == head(0x80, code::MP_REACH_NLRI, 0) as u16
}

/// Splits off an attribute with a value of `N` octets.
#[inline(always)]
fn fixed<const N: usize>(rest: &[u8]) -> Option<([u8; N], &[u8])> {
    let (value, rest) = rest.get(3..)?.split_first_chunk::<N>()?;
    Some((*value, rest))
}

/// Splits off an attribute whose value is a list of members with `N` octets each: at least one.
#[inline(always)]
fn list<const N: usize>(rest: &[u8], next: u32) -> Option<(&[[u8; N]], &[u8])> {
    let (value, rest) = rest.get(3..)?.split_at_checked((next >> 16) as usize)?;
    match value.as_chunks() {
        (members @ [_, ..], []) => Some((members, rest)),
        _ => None,
    }
}

impl<'a> CommonAttributes<'a> {
    /// No attributes.
    pub const NONE: Self = Self {
        present: 0,
        origin: 0,
        as_path: &[],
        next_hop: [0; 4],
        multi_exit_disc: [0; 4],
        local_preference: [0; 4],
        aggregator: [0; 8],
        communities: &[],
        originator_id: [0; 4],
        cluster_list: &[],
        extended_communities: &[],
        large_communities: &[],
        mp_reach: CommonReach {
            family: AfiSafi::new(0, 0),
            next_hop: &[],
            nlri: &[],
            start: 0,
            end: 0,
        },
        has_long_as_path: false,
        behind_reach: 0,
    };

    /// Reads a Path Attributes field with AS numbers of four octets. Returns whether it is of the common kind; if not, the
    /// values mean nothing. `self` is [`Self::NONE`] before; it is filled in place because it is large.
    #[inline]
    #[must_use]
    pub fn read(&mut self, field: &'a [u8]) -> bool {
        self.try_read(field).is_some()
    }

    /// Whether an attribute is there.
    #[inline(always)]
    #[must_use]
    pub const fn has(&self, code: u8) -> bool {
        self.present >> (code & 63) & 1 != 0
    }

    #[inline(always)]
    fn try_read(&mut self, field: &'a [u8]) -> Option<()> {
        let mut present = 0;
        let mut note = |code: u8| present |= 1_u64 << code;
        let mut rest = field;
        let mut next = next_head(rest);
        if is_reach(next) {
            rest = self.read_reach(field, rest)?;
            note(code::MP_REACH_NLRI);
            next = next_head(rest);
        }
        if next != head(0x40, code::ORIGIN, 1) {
            return None;
        }
        let origin;
        ([origin], rest) = fixed(rest)?;
        if origin > 2 {
            return None;
        }
        self.origin = origin;
        note(code::ORIGIN);
        rest = self.read_as_path(rest)?;
        note(code::AS_PATH);
        next = next_head(rest);
        if next == head(0x40, code::NEXT_HOP, 4) {
            (self.next_hop, rest) = fixed(rest)?;
            note(code::NEXT_HOP);
            next = next_head(rest);
        }
        if next == head(0x80, code::MULTI_EXIT_DISC, 4) {
            (self.multi_exit_disc, rest) = fixed(rest)?;
            note(code::MULTI_EXIT_DISC);
            next = next_head(rest);
        }
        if next == head(0x40, code::LOCAL_PREF, 4) {
            (self.local_preference, rest) = fixed(rest)?;
            note(code::LOCAL_PREF);
            next = next_head(rest);
        }
        if next == head(0x40, code::ATOMIC_AGGREGATE, 0) || *rest == [0x40, code::ATOMIC_AGGREGATE, 0] {
            rest = rest.get(3..)?;
            note(code::ATOMIC_AGGREGATE);
            next = next_head(rest);
        }
        if next == head(0xc0, code::AGGREGATOR, 8) {
            (self.aggregator, rest) = fixed(rest)?;
            // AS 0 is malformed (RFC 7607 §2).
            if self.aggregator[..4] == [0; 4] {
                return None;
            }
            note(code::AGGREGATOR);
            next = next_head(rest);
        }
        if is(next, 0xc0, code::COMMUNITIES) {
            (self.communities, rest) = list(rest, next)?;
            note(code::COMMUNITIES);
            next = next_head(rest);
        }
        if next == head(0x80, code::ORIGINATOR_ID, 4) {
            (self.originator_id, rest) = fixed(rest)?;
            note(code::ORIGINATOR_ID);
            next = next_head(rest);
        }
        if is(next, 0x80, code::CLUSTER_LIST) {
            (self.cluster_list, rest) = list(rest, next)?;
            note(code::CLUSTER_LIST);
            next = next_head(rest);
        }
        self.behind_reach = field.len() - rest.len();
        if is_reach(next) {
            if self.mp_reach.end != 0 {
                return None;
            }
            rest = self.read_reach(field, rest)?;
            note(code::MP_REACH_NLRI);
            next = next_head(rest);
        }
        if is(next, 0xc0, code::EXTENDED_COMMUNITIES) {
            (self.extended_communities, rest) = list(rest, next)?;
            note(code::EXTENDED_COMMUNITIES);
            next = next_head(rest);
        }
        if is(next, 0xc0, code::LARGE_COMMUNITIES) {
            (self.large_communities, rest) = list(rest, next)?;
            note(code::LARGE_COMMUNITIES);
            next = next_head(rest);
        }
        if is_reach(next) && self.mp_reach.end == 0 {
            rest = self.read_reach(field, rest)?;
            note(code::MP_REACH_NLRI);
        }
        self.present = present;
        let is_common = rest.is_empty() && field.len() - self.mp_reach.nlri.len() <= MOST_COMMON_OCTETS;
        is_common.then_some(())
    }

    /// Reads AS_PATH, which is empty or one AS_SEQUENCE without AS 0 (RFC 7607 §2). Returns what is behind it.
    #[inline(always)]
    fn read_as_path(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let (value, rest) = match *rest.first_chunk::<4>()? {
            [0x40, code::AS_PATH, length, _] => rest.get(3..)?.split_at_checked(usize::from(length))?,
            [0x50, code::AS_PATH, 0, length] => {
                self.has_long_as_path = true;
                rest.get(4..)?.split_at_checked(usize::from(length))?
            }
            _ => return None,
        };
        match value {
            [] => {}
            [2, count, numbers @ ..] if *count != 0 && numbers.len() == 4 * usize::from(*count) => {
                self.as_path = numbers.as_chunks().0;
                if contains_zero(self.as_path) {
                    return None;
                }
            }
            _ => return None,
        }
        Some(rest)
    }

    /// Reads MP_REACH_NLRI at the start of `rest`. Returns what is behind it.
    #[inline]
    fn read_reach(&mut self, field: &'a [u8], rest: &'a [u8]) -> Option<&'a [u8]> {
        let (value, behind) = match *rest {
            [0x80, _, length, ref tail @ ..] => tail.split_at_checked(usize::from(length))?,
            [0x90, _, high, low, ref tail @ ..] => {
                tail.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?
            }
            _ => return None,
        };
        const { assert!(MP_HEADER_OCTETS == 3) };
        let &[
            high,
            low,
            safi,
            length @ (4 | 12 | 16 | 24 | 32 | 48),
            ref tail @ ..,
        ] = value
        else {
            return None;
        };
        let (next_hop, tail) = tail.split_at_checked(usize::from(length))?;
        let (_reserved, nlri) = tail.split_first()?;
        self.mp_reach = CommonReach {
            family: AfiSafi::new(u16::from_be_bytes([high, low]), safi),
            next_hop,
            nlri,
            start: field.len() - rest.len(),
            end: field.len() - behind.len(),
        };
        Some(behind)
    }
}

/// Whether one of the numbers is zero, without a branch for each.
#[inline(always)]
fn contains_zero(numbers: &[[u8; 4]]) -> bool {
    let mut borrowed = 0_u64;
    for number in numbers {
        // Only zero less one borrows from the upper half.
        borrowed |= u64::from(u32::from_ne_bytes(*number)).wrapping_sub(1);
    }
    borrowed >> 63 != 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::bgp::AsWidth;
    use crate::bgp::attribute::PathAttributes;

    fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
        let length = value.len() as u16;
        let mut bytes = vec![flags, code];
        if flags & 0x10 != 0 {
            bytes.extend(length.to_be_bytes());
        } else {
            bytes.push(length as u8);
        }
        bytes.extend(value);
        bytes
    }

    /// An attribute of the common kind, or nearly.
    fn any_attribute() -> impl Strategy<Value = Vec<u8>> {
        let octets = |count: usize| prop::collection::vec(any::<u8>(), count);
        let numbers = |width: usize| {
            prop::collection::vec(1_u8..=255, 0..=12 * width).prop_map(move |mut bytes| {
                bytes.truncate(bytes.len() / width * width);
                bytes
            })
        };
        let path = numbers(4).prop_map(|numbers| match numbers.len() / 4 {
            0 => Vec::new(),
            count => [&[2, count as u8][..], &numbers].concat(),
        });
        let reach = (
            prop::sample::select(vec![0_u8, 4, 8, 12, 16, 24, 32, 48]),
            prop::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(|(length, nlri)| {
                let next_hop = vec![7; usize::from(length)];
                [&[0, 2, 1, length][..], &next_hop, &[0], &nlri].concat()
            });
        prop_oneof![
            (0..4_u8).prop_map(|origin| attribute(0x40, code::ORIGIN, &[origin])),
            (path, any::<bool>()).prop_map(|(path, long)| attribute(
                if long { 0x50 } else { 0x40 },
                code::AS_PATH,
                &path
            )),
            octets(4).prop_map(|value| attribute(0x40, code::NEXT_HOP, &value)),
            octets(4).prop_map(|value| attribute(0x80, code::MULTI_EXIT_DISC, &value)),
            octets(4).prop_map(|value| attribute(0x40, code::LOCAL_PREF, &value)),
            Just(attribute(0x40, code::ATOMIC_AGGREGATE, &[])),
            octets(8).prop_map(|value| attribute(0xc0, code::AGGREGATOR, &value)),
            numbers(4).prop_map(|value| attribute(0xc0, code::COMMUNITIES, &value)),
            octets(4).prop_map(|value| attribute(0x80, code::ORIGINATOR_ID, &value)),
            numbers(4).prop_map(|value| attribute(0x80, code::CLUSTER_LIST, &value)),
            reach.prop_map(|value| attribute(0x90, code::MP_REACH_NLRI, &value)),
            numbers(8).prop_map(|value| attribute(0xc0, code::EXTENDED_COMMUNITIES, &value)),
            numbers(12).prop_map(|value| attribute(0xc0, code::LARGE_COMMUNITIES, &value)),
        ]
    }

    /// The values that [`PathAttributes`] finds, in the form of [`CommonAttributes`].
    fn check(field: &[u8], common: &CommonAttributes<'_>) -> Result<(), TestCaseError> {
        let all = PathAttributes::parse(field, AsWidth::Four).unwrap();
        prop_assert!(all.faults.is_empty() && all.complete && !all.quirk_as_width && !all.has_unknown());
        let number = |there: bool, value: [u8; 4]| there.then(|| u32::from_be_bytes(value));
        let has = |code| common.has(code);
        prop_assert_eq!(all.origin.map(|origin| origin as u8), Some(common.origin));
        let path = all.as_path.unwrap();
        prop_assert!(path.is_empty() == common.as_path.is_empty());
        prop_assert_eq!(path.as_plain_sequence().unwrap_or_default(), common.as_path);
        prop_assert_eq!(all.next_hop, has(code::NEXT_HOP).then_some(common.next_hop));
        prop_assert_eq!(
            all.multi_exit_disc,
            number(has(code::MULTI_EXIT_DISC), common.multi_exit_disc)
        );
        prop_assert_eq!(
            all.local_preference,
            number(has(code::LOCAL_PREF), common.local_preference)
        );
        prop_assert_eq!(all.atomic_aggregate, has(code::ATOMIC_AGGREGATE));
        let aggregator = all.effective_aggregator().map(|aggregator| {
            let [asn, bgp_id] = [aggregator.asn, aggregator.bgp_id].map(u32::to_be_bytes);
            [asn, bgp_id].concat()
        });
        prop_assert_eq!(
            aggregator,
            has(code::AGGREGATOR).then(|| common.aggregator.to_vec())
        );
        let list = |there: bool, members: &[[u8; 4]]| there.then(|| members.to_vec());
        prop_assert_eq!(
            all.communities.map(|list| list.as_members().to_vec()),
            list(has(code::COMMUNITIES), common.communities)
        );
        prop_assert_eq!(
            all.originator_id,
            number(has(code::ORIGINATOR_ID), common.originator_id)
        );
        prop_assert_eq!(
            all.cluster_list.map(|list| list.as_members().to_vec()),
            list(has(code::CLUSTER_LIST), common.cluster_list)
        );
        prop_assert_eq!(
            all.extended_communities.map(|list| list.as_members().to_vec()),
            has(code::EXTENDED_COMMUNITIES).then(|| common.extended_communities.to_vec())
        );
        prop_assert_eq!(
            all.large_communities.map(|list| list.as_members().to_vec()),
            has(code::LARGE_COMMUNITIES).then(|| common.large_communities.to_vec())
        );
        prop_assert_eq!(all.mp_reach.is_some(), has(code::MP_REACH_NLRI));
        if let Some(reach) = all.mp_reach {
            let common = &common.mp_reach;
            prop_assert_eq!(
                (reach.family, reach.next_hop, reach.nlri),
                (common.family, common.next_hop, common.nlri)
            );
            prop_assert_eq!(reach.offset + reach.nlri.len(), common.end);
        }
        prop_assert!(all.mp_unreach.is_none());
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn an_accepted_field_reads_the_same(
            attributes in prop::collection::vec(any_attribute(), 0..14),
            sorted in prop::bool::weighted(0.9),
            damage in prop::option::weighted(0.3, (any::<Index>(), any::<u8>())),
            reach_at: Index,
        ) {
            let mut attributes = attributes;
            if sorted {
                attributes.sort_by_key(|attribute| attribute[1]);
                attributes.dedup_by_key(|attribute| attribute[1]);
                // MP_REACH_NLRI may stand anywhere.
                if let Some(place) = attributes.iter().position(|a| a[1] == code::MP_REACH_NLRI) {
                    let reach = attributes.remove(place);
                    attributes.insert(reach_at.index(attributes.len() + 1), reach);
                }
            }
            let mut field = attributes.concat();
            if let Some((place, octet)) = damage && !field.is_empty() {
                let place = place.index(field.len());
                field[place] = octet;
            }
            let mut common = CommonAttributes::NONE;
            if common.read(&field) {
                check(&field, &common)?;
            }
        }

        #[test]
        fn any_octets_are_safe(field in prop::collection::vec(any::<u8>(), 0..100)) {
            let mut common = CommonAttributes::NONE;
            if common.read(&field) {
                check(&field, &common)?;
            }
        }
    }

    /// The usual forms are accepted, or the short way is never taken.
    #[test]
    fn the_usual_forms_are_accepted() {
        let origin = attribute(0x40, code::ORIGIN, &[0]);
        let path = attribute(0x40, code::AS_PATH, &[2, 2, 0, 0, 0xfd, 0xe8, 0, 0, 0xfd, 0xe9]);
        let long_path = attribute(0x50, code::AS_PATH, &[2, 1, 0, 0, 0xfd, 0xe8]);
        let next_hop = attribute(0x40, code::NEXT_HOP, &[192, 0, 2, 1]);
        let med = attribute(0x80, code::MULTI_EXIT_DISC, &[0, 0, 0, 9]);
        let preference = attribute(0x40, code::LOCAL_PREF, &[0, 0, 0, 100]);
        let atomic = attribute(0x40, code::ATOMIC_AGGREGATE, &[]);
        let communities = attribute(0xc0, code::COMMUNITIES, &[0xfd, 0xe8, 0, 1]);
        let large = attribute(0xc0, code::LARGE_COMMUNITIES, &[1; 12]);
        let reach = attribute(
            0x90,
            code::MP_REACH_NLRI,
            &[&[0, 2, 1, 16][..], &[1; 16], &[0, 32, 0x20, 1, 0xd, 0xb8]].concat(),
        );
        for parts in [
            vec![&origin, &path, &next_hop],
            vec![&origin, &long_path, &next_hop, &med],
            vec![&origin, &path, &next_hop, &preference, &atomic],
            vec![&origin, &path, &next_hop, &atomic, &communities, &large],
            vec![&reach, &origin, &path, &med],
            vec![&origin, &path, &med, &communities, &reach, &large],
            vec![&origin, &path, &large, &reach],
        ] {
            let field: Vec<u8> = parts.iter().copied().flatten().copied().collect();
            let mut common = CommonAttributes::NONE;
            assert!(common.read(&field), "{field:?}");
            check(&field, &common).unwrap();
            assert_eq!(
                common.has(code::MP_REACH_NLRI),
                field.contains(&code::MP_REACH_NLRI)
            );
        }
    }
}
