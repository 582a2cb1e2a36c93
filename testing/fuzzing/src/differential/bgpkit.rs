//! An UPDATE as bgpkit-parser reads it.

use arancini_wire::bgp::AsWidth;
use arancini_wire::iana::AfiSafi;
use bgpkit_parser::models::{
    AsPathSegment, Asn, AsnLength, AttributeValue, BgpMessage, BgpUpdateMessage, Community, Nlri, Origin,
};
use bgpkit_parser::parser::bgp::parse_bgp_message;
use bytes::Bytes;

use super::{Reading, Routes, is_compared};

/// Type codes of the attributes that a [`Reading`] has.
const COMPARED: [u8; 10] = [1, 2, 3, 4, 5, 8, 14, 15, 17, 32];

/// Reads the UPDATE with bgpkit-parser; `None` if it can't.
#[must_use]
pub fn read(pdu: &[u8], as_width: AsWidth, add_path: bool) -> Option<Reading> {
    let width = match as_width {
        AsWidth::Two => AsnLength::Bits16,
        AsWidth::Four => AsnLength::Bits32,
    };
    let BgpMessage::Update(update) =
        parse_bgp_message(&mut Bytes::copy_from_slice(pdu), add_path, &width).ok()?
    else {
        return None;
    };
    // It keeps a discarded attribute as raw bytes; then it does not accept the UPDATE as it is.
    let discarded = |value: &AttributeValue| match value {
        AttributeValue::Raw(raw) | AttributeValue::Unknown(raw) => match (raw.code, &raw.bytes[..]) {
            (14 | 15, &[high, low, safi, ..]) => {
                is_compared(AfiSafi::new(u16::from_be_bytes([high, low]), safi))
            }
            (code, _) => COMPARED.contains(&code),
        },
        _ => false,
    };
    if update.attributes.iter().any(discarded) {
        return None;
    }
    Some(translate(&update))
}

fn translate(update: &BgpUpdateMessage) -> Reading {
    let mut read = Reading::default();
    let ipv4 = AfiSafi::IPV4_UNICAST;
    let classic = |prefixes: &[bgpkit_parser::models::NetworkPrefix]| -> Vec<_> {
        let prefixes = prefixes.iter();
        prefixes
            .map(|p| (p.path_id, p.prefix.trunc().to_string()))
            .collect()
    };
    if !update.announced_prefixes.is_empty() {
        read.announced.insert(ipv4, classic(&update.announced_prefixes));
    }
    if !update.withdrawn_prefixes.is_empty() {
        read.withdrawn.insert(ipv4, classic(&update.withdrawn_prefixes));
    }
    let multi_protocol = |nlri: &Nlri, routes: &mut Routes| {
        let family = AfiSafi::new(nlri.afi as u16, nlri.safi as u8);
        let mut all = classic(&nlri.prefixes);
        for labelled in nlri.labeled_prefixes.iter().flatten() {
            all.push((labelled.path_id, labelled.prefix.trunc().to_string()));
        }
        if is_compared(family) && !all.is_empty() {
            routes.entry(family).or_default().extend(all);
        }
    };
    for value in update.attributes.iter() {
        match value {
            AttributeValue::Origin(origin) => {
                read.origin = Some(match origin {
                    Origin::IGP => "IGP",
                    Origin::EGP => "EGP",
                    Origin::INCOMPLETE => "INCOMPLETE",
                });
            }
            AttributeValue::NextHop(address) => read.next_hop = Some(*address),
            AttributeValue::MultiExitDiscriminator(med) => read.med = Some(*med),
            AttributeValue::LocalPreference(preference) => read.local_preference = Some(*preference),
            AttributeValue::Communities(communities) => {
                read.communities = communities.iter().map(community).collect();
            }
            AttributeValue::LargeCommunities(communities) => {
                let communities = communities.iter();
                read.large_communities = communities
                    .map(|c| [c.global_admin, c.local_data[0], c.local_data[1]])
                    .collect();
            }
            AttributeValue::MpReachNlri(nlri) => {
                multi_protocol(nlri, &mut read.announced);
                if is_compared(AfiSafi::new(nlri.afi as u16, nlri.safi as u8)) {
                    read.mp_next_hop = nlri.next_hop.map(|next_hop| next_hop.addr().to_canonical());
                }
            }
            AttributeValue::MpUnreachNlri(nlri) => multi_protocol(nlri, &mut read.withdrawn),
            _ => {}
        }
    }
    if let Some(path) = update.attributes.effective_as_path() {
        read.as_path = path.iter_segments().map(segment).collect();
    }
    read
}

fn segment(segment: &AsPathSegment) -> (&'static str, Vec<u32>) {
    let numbers = |asns: &[Asn]| asns.iter().map(|asn| u32::from(*asn)).collect();
    match segment {
        AsPathSegment::AsSequence(asns) => ("sequence", numbers(asns)),
        AsPathSegment::AsSet(asns) => ("set", numbers(asns)),
        AsPathSegment::ConfedSequence(asns) => ("confederation sequence", numbers(asns)),
        AsPathSegment::ConfedSet(asns) => ("confederation set", numbers(asns)),
    }
}

fn community(community: &Community) -> u32 {
    match community {
        Community::NoExport => 0xffff_ff01,
        Community::NoAdvertise => 0xffff_ff02,
        Community::NoExportSubConfed => 0xffff_ff03,
        Community::Custom(asn, value) => u32::from(*asn) << 16 | u32::from(*value),
    }
}
