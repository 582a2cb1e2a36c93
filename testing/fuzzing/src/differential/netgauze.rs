//! An UPDATE as NetGauze reads it.

use std::collections::HashMap;
use std::net::IpAddr;

use arancini_wire::bgp::AsWidth;
use arancini_wire::iana::AfiSafi;
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::path_attribute::{
    As2PathSegment, As4PathSegment, AsPath, AsPathSegmentType, MpReach, MpUnreach, Origin, PathAttributeValue,
};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use super::Reading;

/// The families of [`is_compared`](super::is_compared).
const FAMILIES: [AddressType; 6] = [
    AddressType::Ipv4Unicast,
    AddressType::Ipv4Multicast,
    AddressType::Ipv4NlriMplsLabels,
    AddressType::Ipv6Unicast,
    AddressType::Ipv6Multicast,
    AddressType::Ipv6NlriMplsLabels,
];

/// Reads the UPDATE with NetGauze; `None` if it can't.
#[must_use]
pub fn read(pdu: &[u8], as_width: AsWidth, add_path: bool) -> Option<Reading> {
    let add_path = FAMILIES.map(|family| (family, add_path));
    // Strict: it refuses what it would otherwise repair in silence.
    let mut context = BgpParsingContext::new(
        as_width == AsWidth::Four,
        HashMap::new(),
        HashMap::from(add_path),
        true,
        true,
        true,
        true,
    );
    match BgpMessage::parse(&mut SliceReader::new(pdu), &mut context).ok()? {
        BgpMessage::Update(update) => Some(translate(&update)),
        _ => None,
    }
}

/// The routes of a list whose items have a path identifier and print as a prefix.
macro_rules! routes {
    ($list:expr, $prefix:ident $(.$address:ident)?) => {
        $list
            .iter()
            .map(|route| (route.path_id(), route.$prefix()$(.$address())?.trunc().to_string()))
            .collect()
    };
}

fn translate(update: &BgpUpdateMessage) -> Reading {
    let mut reading = Reading::default();
    if !update.nlri().is_empty() {
        let routes = routes!(update.nlri(), network.address);
        reading.announced.insert(AfiSafi::IPV4_UNICAST, routes);
    }
    if !update.withdraw_routes().is_empty() {
        let routes = routes!(update.withdraw_routes(), network.address);
        reading.withdrawn.insert(AfiSafi::IPV4_UNICAST, routes);
    }
    for attribute in update.path_attributes() {
        match attribute.value() {
            PathAttributeValue::Origin(origin) => {
                reading.origin = Some(match origin {
                    Origin::IGP => "IGP",
                    Origin::EGP => "EGP",
                    Origin::Incomplete => "INCOMPLETE",
                });
            }
            PathAttributeValue::AsPath(AsPath::As2PathSegments(segments)) => {
                reading.as_path = segments.iter().map(two_octet_segment).collect();
            }
            PathAttributeValue::AsPath(AsPath::As4PathSegments(segments)) => {
                reading.as_path = segments.iter().map(four_octet_segment).collect();
            }
            PathAttributeValue::NextHop(next_hop) => {
                reading.next_hop = Some(next_hop.next_hop().into());
            }
            PathAttributeValue::MultiExitDiscriminator(med) => reading.med = Some(med.metric()),
            PathAttributeValue::LocalPreference(preference) => {
                reading.local_preference = Some(preference.metric());
            }
            PathAttributeValue::Communities(communities) => {
                reading.communities = communities.communities().iter().map(|c| c.value()).collect();
            }
            PathAttributeValue::LargeCommunities(communities) => {
                let communities = communities.communities().iter();
                reading.large_communities = communities
                    .map(|c| [c.global_admin(), c.local_data1(), c.local_data2()])
                    .collect();
            }
            PathAttributeValue::MpReach(reach) => announced(reach, &mut reading),
            PathAttributeValue::MpUnreach(unreach) => withdrawn(unreach, &mut reading),
            _ => {}
        }
    }
    reading
}

fn announced(reach: &MpReach, reading: &mut Reading) {
    let (family, next_hop, routes): (_, IpAddr, Vec<_>) = match reach {
        MpReach::Ipv4Unicast { next_hop, nlri, .. } => {
            (AfiSafi::IPV4_UNICAST, *next_hop, routes!(nlri, network.address))
        }
        MpReach::Ipv4Multicast { next_hop, nlri, .. } => {
            (AfiSafi::IPV4_MULTICAST, *next_hop, routes!(nlri, network.address))
        }
        MpReach::Ipv4NlriMplsLabels { next_hop, nlri, .. } => {
            (AfiSafi::IPV4_LABELLED, *next_hop, routes!(nlri, prefix))
        }
        MpReach::Ipv6Unicast {
            next_hop_global,
            nlri,
            ..
        } => (
            AfiSafi::IPV6_UNICAST,
            (*next_hop_global).into(),
            routes!(nlri, network.address),
        ),
        MpReach::Ipv6Multicast {
            next_hop_global,
            nlri,
            ..
        } => (
            AfiSafi::IPV6_MULTICAST,
            (*next_hop_global).into(),
            routes!(nlri, network.address),
        ),
        MpReach::Ipv6NlriMplsLabels { next_hop, nlri, .. } => {
            (AfiSafi::IPV6_LABELLED, *next_hop, routes!(nlri, prefix))
        }
        _ => return,
    };
    reading.mp_next_hop = Some(next_hop.to_canonical());
    if !routes.is_empty() {
        reading.announced.entry(family).or_default().extend(routes);
    }
}

fn withdrawn(unreach: &MpUnreach, reading: &mut Reading) {
    let (family, routes): (_, Vec<_>) = match unreach {
        MpUnreach::Ipv4Unicast { nlri } => (AfiSafi::IPV4_UNICAST, routes!(nlri, network.address)),
        MpUnreach::Ipv4Multicast { nlri } => (AfiSafi::IPV4_MULTICAST, routes!(nlri, network.address)),
        MpUnreach::Ipv4NlriMplsLabels { nlri } => (AfiSafi::IPV4_LABELLED, routes!(nlri, prefix)),
        MpUnreach::Ipv6Unicast { nlri } => (AfiSafi::IPV6_UNICAST, routes!(nlri, network.address)),
        MpUnreach::Ipv6Multicast { nlri } => (AfiSafi::IPV6_MULTICAST, routes!(nlri, network.address)),
        MpUnreach::Ipv6NlriMplsLabels { nlri } => (AfiSafi::IPV6_LABELLED, routes!(nlri, prefix)),
        _ => return,
    };
    if !routes.is_empty() {
        reading.withdrawn.entry(family).or_default().extend(routes);
    }
}

const fn kind(kind: AsPathSegmentType) -> &'static str {
    match kind {
        AsPathSegmentType::AsSet => "set",
        AsPathSegmentType::AsSequence => "sequence",
    }
}

fn two_octet_segment(segment: &As2PathSegment) -> (&'static str, Vec<u32>) {
    let numbers = segment.as_numbers().iter().map(|&asn| u32::from(asn));
    (kind(segment.segment_type()), numbers.collect())
}

fn four_octet_segment(segment: &As4PathSegment) -> (&'static str, Vec<u32>) {
    (kind(segment.segment_type()), segment.as_numbers().to_vec())
}
