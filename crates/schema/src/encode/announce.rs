//! The path attributes of an announcement, each in its field.
//!
//! Attributes without a field of their own go to `unknownAttributes`, so that no attribute of a router is lost.

use arancini_wire::bgp::attribute::{
    EffectiveAsPath, FLAG_OPTIONAL, MpReach, PathAttributes, RawAttribute, raw_attributes,
};
use arancini_wire::iana::attribute_type as type_code;

use super::layout::{data, flag, more_flag, pointer};
use super::route::{Carrier, RouteSource};
use super::template::{Element, Template};

/// The AS path of an announcement.
pub(super) enum Path<'a> {
    /// The router sent no path.
    None,
    /// One AS_SEQUENCE of 4-octet numbers. Nearly every path is.
    Plain(&'a [[u8; 4]]),
    /// Any other path.
    Other(EffectiveAsPath<'a>),
}

impl<'a> Path<'a> {
    #[inline]
    pub(super) fn of(attributes: &PathAttributes<'a>) -> Self {
        if let Some(sent) = &attributes.as_path
            && attributes.as4_path.is_none()
            && let Some(asns) = sent.as_plain_sequence()
        {
            return Self::Plain(asns);
        }
        attributes.effective_as_path().map_or(Self::None, Self::Other)
    }
}

/// Number of pointers of an announcement, up to the last pointer that is not null. There always is a next hop.
#[inline]
pub(super) fn pointers(
    source: &RouteSource<'_>,
    carrier: Carrier,
    attributes: &PathAttributes<'_>,
    path: &Path<'_>,
) -> usize {
    let mut last = pointer::NEXT_HOP;
    let mut at_least = |index: usize, there: bool| {
        if there {
            last = last.max(index);
        }
    };
    at_least(pointer::COMMUNITIES, attributes.communities.is_some());
    at_least(
        pointer::EXTENDED_COMMUNITIES,
        attributes.extended_communities.is_some(),
    );
    at_least(pointer::LARGE_COMMUNITIES, attributes.large_communities.is_some());
    at_least(pointer::CLUSTER_LIST, attributes.cluster_list.is_some());
    let has_segments = matches!(path, Path::Other(path) if !path.is_single_sequence());
    at_least(pointer::AS_PATH_SEGMENTS, has_segments);
    at_least(pointer::TABLE_NAME, !source.table_name.is_empty());
    if carrier == Carrier::MultiProtocol
        && let Some(reach) = &attributes.mp_reach
    {
        at_least(pointer::UNKNOWN_ATTRIBUTES, odd_next_hop(reach).is_some());
        at_least(pointer::LINK_LOCAL_NEXT_HOP, link_local_next_hop(reach).is_some());
    }
    let unknown = attributes.has_unknown() && attributes.unknown().next().is_some()
        || attributes.ipv6_extended_communities.is_some();
    at_least(pointer::UNKNOWN_ATTRIBUTES, unknown);
    last + 1
}

/// Writes all attributes into the template.
#[inline]
pub(super) fn put_attributes(
    template: &mut Template,
    carrier: Carrier,
    attributes: &PathAttributes<'_>,
    path: &Path<'_>,
) {
    put_numbers(template, attributes);
    put_next_hop(template, carrier, attributes);
    if let Some(origin) = attributes.origin {
        template.set_bits(data::FLAGS, flag::HAS_ORIGIN);
        template.put_text(pointer::ORIGIN, origin.name());
    }
    put_as_path(template, path);
    if let Some(communities) = attributes.communities {
        let structs = communities.as_members().iter().map(|&[a, b, c, d]| {
            // asn :UInt32, value :UInt16
            [b, a, 0, 0, d, c, 0, 0]
        });
        template.put_structs(pointer::COMMUNITIES, structs);
    }
    if let Some(communities) = attributes.extended_communities {
        template.put_structs_with_list(
            pointer::EXTENDED_COMMUNITIES,
            communities.as_members().iter(),
            |&&[high, low, ..]| [high, low, 0, 0, 0, 0, 0, 0],
            |template, &[_, _, ref value @ ..]| {
                template.push_padded(value);
                (Element::Byte, value.len())
            },
        );
    }
    if let Some(communities) = attributes.large_communities {
        let structs = communities.as_members().iter().map(|member| {
            let mut bytes = [0; 16];
            for (place, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(member.as_chunks().0) {
                *place = u32::from_be_bytes(*value).to_le_bytes();
            }
            bytes
        });
        template.put_structs(pointer::LARGE_COMMUNITIES, structs);
    }
    if let Some(clusters) = attributes.cluster_list {
        template.put_wire_u32s(pointer::CLUSTER_LIST, clusters.as_members());
    }
    put_unknown(template, carrier, attributes);
}

#[inline]
fn put_numbers(template: &mut Template, attributes: &PathAttributes<'_>) {
    let mut flags = 0;
    let mut more_flags = 0;
    if let Some(value) = attributes.multi_exit_disc {
        flags |= flag::HAS_MULTI_EXIT_DISC;
        template.set(data::MULTI_EXIT_DISC, value.to_le_bytes());
    }
    if attributes.atomic_aggregate {
        flags |= flag::ATOMIC_AGGREGATE;
    }
    if let Some(value) = attributes.local_preference {
        more_flags |= more_flag::HAS_LOCAL_PREFERENCE;
        template.set(data::LOCAL_PREFERENCE, value.to_le_bytes());
    }
    if let Some(value) = attributes.only_to_customer {
        more_flags |= more_flag::HAS_ONLY_TO_CUSTOMER;
        template.set(data::ONLY_TO_CUSTOMER, value.to_le_bytes());
    }
    if let Some(aggregator) = attributes.effective_aggregator() {
        more_flags |= more_flag::HAS_AGGREGATOR;
        template.set(data::AGGREGATOR_ASN, aggregator.asn.to_le_bytes());
        template.set(data::AGGREGATOR_BGP_ID, aggregator.bgp_id.to_le_bytes());
    }
    if let Some(value) = attributes.originator_id {
        more_flags |= more_flag::HAS_ORIGINATOR_ID;
        template.set(data::ORIGINATOR_ID, value.to_le_bytes());
    }
    template.set_bits(data::FLAGS, flags);
    template.set_bits(data::MORE_FLAGS, more_flags);
}

/// Writes the next hop: always 16 bytes, zero if there is none.
fn put_next_hop(template: &mut Template, carrier: Carrier, attributes: &PathAttributes<'_>) {
    let next_hop = match (carrier, &attributes.mp_reach) {
        (Carrier::UpdateField, _) => attributes.next_hop_mapped(),
        (Carrier::MultiProtocol, Some(reach)) => {
            template.put_data(
                pointer::LINK_LOCAL_NEXT_HOP,
                link_local_next_hop(reach).unwrap_or_default(),
            );
            known_next_hop(reach)
        }
        (Carrier::MultiProtocol, None) => None,
    };
    if next_hop.is_some() {
        template.set_bits(data::FLAGS, flag::HAS_NEXT_HOP);
    }
    template.put_address(pointer::NEXT_HOP, next_hop.unwrap_or_default());
}

/// The link-local next hop: the second of two addresses, each behind a route distinguisher in VPN families.
fn link_local_next_hop<'a>(reach: &MpReach<'a>) -> Option<&'a [u8]> {
    match reach.next_hop.len() {
        32 => reach.next_hop.get(16..),
        48 => reach.next_hop.get(32..),
        _ => None,
    }
}

/// A next hop with a length that an RFC defines, as 16 bytes.
fn known_next_hop(reach: &MpReach<'_>) -> Option<[u8; 16]> {
    match reach.next_hop.len() {
        4 | 12 | 16 | 24 | 32 | 48 => reach.next_hop_mapped(),
        _ => None,
    }
}

/// A next hop with a length that no RFC defines.
fn odd_next_hop<'a>(reach: &MpReach<'a>) -> Option<&'a [u8]> {
    (!reach.next_hop.is_empty() && known_next_hop(reach).is_none()).then_some(reach.next_hop)
}

#[inline]
fn put_as_path(template: &mut Template, path: &Path<'_>) {
    match path {
        Path::None => {}
        Path::Plain(asns) => template.put_wire_u32s(pointer::AS_PATH, asns),
        Path::Other(path) => put_segments(template, path),
    }
}

#[cold]
fn put_segments(template: &mut Template, path: &EffectiveAsPath<'_>) {
    template.put_u32s(pointer::AS_PATH, path.flat_asns());
    if !path.is_single_sequence() {
        template.put_structs_with_list(
            pointer::AS_PATH_SEGMENTS,
            path.segments(),
            |segment| [segment.kind as u8, 0, 0, 0, 0, 0, 0, 0],
            |template, segment| (Element::FourBytes, template.push_u32s(segment.asns())),
        );
    }
}

#[inline]
fn put_unknown(template: &mut Template, carrier: Carrier, attributes: &PathAttributes<'_>) {
    let odd_next_hop = match (carrier, &attributes.mp_reach) {
        (Carrier::MultiProtocol, Some(reach)) => odd_next_hop(reach),
        _ => None,
    };
    if !attributes.has_unknown() && attributes.ipv6_extended_communities.is_none() && odd_next_hop.is_none() {
        return;
    }
    put_raw(template, attributes, odd_next_hop);
}

/// Writes the attributes without a field of their own: as on the wire.
#[inline(never)]
fn put_raw(template: &mut Template, attributes: &PathAttributes<'_>, odd_next_hop: Option<&[u8]>) {
    let ipv6_extended = attributes.ipv6_extended_communities.and_then(|_| {
        raw_attributes(attributes.field())
            .map_while(Result::ok)
            .find(|attribute| attribute.type_code == type_code::IPV6_EXTENDED_COMMUNITIES)
    });
    let odd_next_hop = odd_next_hop.map(|value| RawAttribute {
        flags: FLAG_OPTIONAL,
        type_code: type_code::MP_REACH_NLRI,
        value,
        offset: 0,
    });
    let unknown = attributes.unknown().chain(ipv6_extended).chain(odd_next_hop);
    template.put_structs_with_list(
        pointer::UNKNOWN_ATTRIBUTES,
        unknown,
        |attribute| [attribute.flags, attribute.type_code, 0, 0, 0, 0, 0, 0],
        |template, attribute| {
            template.push_padded(attribute.value);
            (Element::Byte, attribute.value.len())
        },
    );
}
