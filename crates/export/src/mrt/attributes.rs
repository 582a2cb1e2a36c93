//! The path attributes of an update, written again from its fields, in the order of their types (RFC 4271 §5).
//!
//! AS numbers have four octets. An update has the path after the merge with AS4_PATH (RFC 6793), so there is no AS4_PATH.

use std::ops::Range;

use arancini_schema::update_capnp::{SegmentKind, update};
use arancini_wire::bgp::nlri::NlriShape;
use arancini_wire::iana::attribute_type as type_code;

use super::nlri::{PathId, push_nlri, shape_of};
use super::record::{address, push_address};
use super::registry::{AFI_IPV4, AFI_IPV6, SAFI_UNICAST};

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED_LENGTH: u8 = 0x10;
/// Most AS numbers of a segment.
const MOST_ASNS: usize = 255;

/// How MP_REACH_NLRI is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReachForm {
    /// With family, next hop and NLRI, as in an UPDATE.
    Whole,
    /// With the next hop only, as in a RIB entry (RFC 6396 §4.3.4).
    NextHopOnly,
}

/// Writes attributes, with scratch space that stays.
#[derive(Default)]
pub(super) struct AttributeWriter {
    octets: Vec<u8>,
    parts: Vec<(u8, Range<usize>)>,
    value: Vec<u8>,
}

impl AttributeWriter {
    /// Appends the attributes of an announce.
    ///
    /// # Errors
    /// The update is damaged, or an attribute is longer than BGP allows.
    pub(super) fn push_announce(
        &mut self,
        update: update::Reader<'_>,
        form: ReachForm,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.octets.clear();
        self.parts.clear();
        self.well_known(update)?;
        self.reach(update, form)?;
        self.communities(update).map_err(|error| error.to_string())?;
        self.unknown(update)?;
        self.end(out);
        Ok(())
    }

    /// Appends MP_UNREACH_NLRI with the route of a withdraw.
    ///
    /// # Errors
    /// The update is damaged.
    pub(super) fn push_withdraw(
        &mut self,
        update: update::Reader<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.octets.clear();
        self.parts.clear();
        self.value.clear();
        self.value.extend(update.get_afi().to_be_bytes());
        self.value.push(update.get_safi());
        push_nlri(update, PathId::Written, &mut self.value)?;
        self.add(OPTIONAL, type_code::MP_UNREACH_NLRI)?;
        self.end(out);
        Ok(())
    }

    fn well_known(&mut self, update: update::Reader<'_>) -> Result<(), String> {
        let damaged = |error: capnp::Error| error.to_string();
        self.value.clear();
        let origin = update.get_origin().map_err(damaged)?;
        if update.get_has_origin() {
            self.value.push(match origin.as_bytes() {
                b"IGP" => 0,
                b"EGP" => 1,
                _ => 2,
            });
            self.add(TRANSITIVE, type_code::ORIGIN)?;
        }
        self.as_path(update)?;
        if is_in_update_field(update) && update.get_has_next_hop() {
            let octets: Option<[u8; 16]> = update.get_next_hop().map_err(damaged)?.try_into().ok();
            self.value
                .extend(octets.into_iter().flat_map(|octets| octets.into_iter().skip(12)));
            self.add(TRANSITIVE, type_code::NEXT_HOP)?;
        }
        for (has, flags, code, value) in [
            (
                update.get_has_multi_exit_disc(),
                OPTIONAL,
                type_code::MULTI_EXIT_DISC,
                update.get_multi_exit_disc(),
            ),
            (
                update.get_has_local_preference(),
                TRANSITIVE,
                type_code::LOCAL_PREF,
                update.get_local_preference(),
            ),
            (
                update.get_has_originator_id(),
                OPTIONAL,
                type_code::ORIGINATOR_ID,
                update.get_originator_id(),
            ),
            (
                update.get_has_only_to_customer(),
                OPTIONAL | TRANSITIVE,
                type_code::ONLY_TO_CUSTOMER,
                update.get_only_to_customer(),
            ),
        ] {
            if has {
                self.value.extend(value.to_be_bytes());
                self.add(flags, code)?;
            }
        }
        if update.get_atomic_aggregate() {
            self.add(TRANSITIVE, type_code::ATOMIC_AGGREGATE)?;
        }
        if update.get_has_aggregator() {
            self.value.extend(update.get_aggregator_asn().to_be_bytes());
            self.value.extend(update.get_aggregator_bgp_id().to_be_bytes());
            self.add(OPTIONAL | TRANSITIVE, type_code::AGGREGATOR)?;
        }
        Ok(())
    }

    fn as_path(&mut self, update: update::Reader<'_>) -> Result<(), String> {
        let damaged = |error: capnp::Error| error.to_string();
        let segments = update.get_as_path_segments().map_err(damaged)?;
        let flat = update.get_as_path().map_err(damaged)?;
        // A path without AS numbers, as in the own AS, is also an attribute.
        if segments.is_empty() && flat.is_empty() && !update.get_has_origin() {
            return Ok(());
        }
        if segments.is_empty() {
            self.segment(SegmentKind::AsSequence as u8, flat.iter());
        }
        for segment in segments {
            let kind = segment.get_kind().map_or(0, |kind| kind as u8);
            self.segment(kind, segment.get_asns().map_err(damaged)?.iter());
        }
        self.add(TRANSITIVE, type_code::AS_PATH)
    }

    /// Appends a segment of a path to the value; several, if it is too long for one.
    fn segment(&mut self, kind: u8, mut asns: impl ExactSizeIterator<Item = u32>) {
        while asns.len() > 0 {
            let count = asns.len().min(MOST_ASNS);
            self.value.extend([kind, count as u8]);
            for asn in asns.by_ref().take(count) {
                self.value.extend(asn.to_be_bytes());
            }
        }
    }

    /// Adds MP_REACH_NLRI, unless the route was in the NLRI field of its UPDATE.
    fn reach(&mut self, update: update::Reader<'_>, form: ReachForm) -> Result<(), String> {
        if is_in_update_field(update) {
            return Ok(());
        }
        let next_hop = next_hop(update)?;
        if form == ReachForm::Whole {
            self.value.extend(update.get_afi().to_be_bytes());
            self.value.push(update.get_safi());
        }
        let length = u8::try_from(next_hop.len()).map_err(|_| "its next hop is too long".to_owned())?;
        self.value.push(length);
        self.value.extend(next_hop);
        if form == ReachForm::Whole {
            self.value.push(0);
            push_nlri(update, PathId::Written, &mut self.value)?;
        }
        self.add(OPTIONAL, type_code::MP_REACH_NLRI)
    }

    fn communities(&mut self, update: update::Reader<'_>) -> Result<(), Box<dyn std::error::Error>> {
        for member in update.get_communities()? {
            // The first half of a community has two octets on the wire.
            self.value.extend((member.get_asn() as u16).to_be_bytes());
            self.value.extend(member.get_value().to_be_bytes());
        }
        self.add_some(type_code::COMMUNITIES, OPTIONAL | TRANSITIVE)?;
        for cluster in update.get_cluster_list()? {
            self.value.extend(cluster.to_be_bytes());
        }
        self.add_some(type_code::CLUSTER_LIST, OPTIONAL)?;
        for member in update.get_extended_communities()? {
            self.value.extend([member.get_type_high(), member.get_type_low()]);
            self.value.extend_from_slice(member.get_value()?);
        }
        self.add_some(type_code::EXTENDED_COMMUNITIES, OPTIONAL | TRANSITIVE)?;
        for member in update.get_large_communities()? {
            for part in [
                member.get_global_admin(),
                member.get_local_data_part1(),
                member.get_local_data_part2(),
            ] {
                self.value.extend(part.to_be_bytes());
            }
        }
        self.add_some(type_code::LARGE_COMMUNITIES, OPTIONAL | TRANSITIVE)?;
        Ok(())
    }

    fn unknown(&mut self, update: update::Reader<'_>) -> Result<(), String> {
        let damaged = |error: capnp::Error| error.to_string();
        for attribute in update.get_unknown_attributes().map_err(damaged)? {
            // A next hop of a strange length is written as part of MP_REACH_NLRI.
            if attribute.get_type_code() == type_code::MP_REACH_NLRI {
                continue;
            }
            self.value
                .extend_from_slice(attribute.get_value().map_err(damaged)?);
            self.add(
                attribute.get_flags() & !EXTENDED_LENGTH,
                attribute.get_type_code(),
            )?;
        }
        Ok(())
    }

    /// Adds the value as an attribute, unless it is empty.
    fn add_some(&mut self, code: u8, flags: u8) -> Result<(), String> {
        if self.value.is_empty() {
            return Ok(());
        }
        self.add(flags, code)
    }

    /// Adds the value as an attribute, and empties it.
    fn add(&mut self, flags: u8, code: u8) -> Result<(), String> {
        let begin = self.octets.len();
        let length = u16::try_from(self.value.len())
            .map_err(|_| format!("its attribute of type {code} is longer than 65535 octets"))?;
        match u8::try_from(length) {
            Ok(length) => self.octets.extend([flags, code, length]),
            Err(_) => {
                self.octets.extend([flags | EXTENDED_LENGTH, code]);
                self.octets.extend(length.to_be_bytes());
            }
        }
        self.octets.append(&mut self.value);
        self.parts.push((code, begin..self.octets.len()));
        Ok(())
    }

    /// Appends the attributes in the order of their types.
    fn end(&mut self, out: &mut Vec<u8>) {
        self.parts.sort_by_key(|(code, _)| *code);
        for (_, part) in &self.parts {
            out.extend_from_slice(self.octets.get(part.clone()).unwrap_or_default());
        }
    }
}

/// Whether a route belongs into the NLRI field of an UPDATE: an IPv4 unicast route that no multiprotocol attribute carried.
pub(super) fn is_in_update_field(update: update::Reader<'_>) -> bool {
    let family = (update.get_afi(), update.get_safi());
    let carried = [
        (update.get_mp_reach_afi(), update.get_mp_reach_safi()),
        (update.get_mp_unreach_afi(), update.get_mp_unreach_safi()),
    ];
    family == (AFI_IPV4, SAFI_UNICAST) && carried == [(0, 0); 2]
}

/// The next hop as it is in MP_REACH_NLRI.
fn next_hop(update: update::Reader<'_>) -> Result<Vec<u8>, String> {
    let damaged = |error: capnp::Error| error.to_string();
    for attribute in update.get_unknown_attributes().map_err(damaged)? {
        if attribute.get_type_code() == type_code::MP_REACH_NLRI {
            return Ok(attribute.get_value().map_err(damaged)?.to_vec());
        }
    }
    if !update.get_has_next_hop() {
        return Ok(Vec::new());
    }
    let octets: Option<[u8; 16]> = update.get_next_hop().map_err(damaged)?.try_into().ok();
    let octets = octets.ok_or("its next hop has not 16 octets")?;
    let link_local = update.get_link_local_next_hop().map_err(damaged)?;
    let has_distinguisher = matches!(shape_of(update), NlriShape::Prefix { rd: true, .. });
    let before: &[u8] = if has_distinguisher { &[0; 8] } else { &[] };
    let mut next_hop = before.to_vec();
    // An IPv6 route has a mapped next hop in 16 octets (RFC 4798, RFC 4659).
    if update.get_afi() == AFI_IPV6 || !link_local.is_empty() {
        next_hop.extend(octets);
    } else {
        push_address(address(octets), &mut next_hop);
    }
    if !link_local.is_empty() {
        next_hop.extend_from_slice(before);
        next_hop.extend_from_slice(link_local);
    }
    Ok(next_hop)
}
