//! One test for each row of `docs/rfc7606.md`. Each test looks its own name up in the table.
#![allow(clippy::unwrap_used)]

use super::path_attributes::TYPED;
use super::*;
use crate::bgp::AsWidth::{Four, Two};
use FaultKind::{BadFlags, BadLength, BadValue, Duplicate, Missing, Overrun, Unexpected};
use Handling::{AttributeDiscard, SkipMessage, TreatAsWithdraw};
use proptest::prelude::*;

/// Argument of `missing_mandatory` for an UPDATE with routes in its NLRI field.
const HAS_IPV4_NLRI: bool = true;
/// Argument of `missing_mandatory` for an UPDATE without routes in its NLRI field.
const NO_IPV4_NLRI: bool = false;

const TABLE: &str = include_str!("../../../../../docs/rfc7606.md");

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
/// The family is 1/1, so that the attribute can stand beside a NEXT_HOP.
const MP_REACH: &[u8] = &[0x80, 14, 12, 0, 1, 1, 4, 192, 0, 2, 1, 0, 16, 10, 1];
const MP_UNREACH: &[u8] = &[0x80, 15, 6, 0, 1, 1, 16, 10, 1];

/// The mandatory attributes without `type_code`, followed by `tested`.
fn section(type_code: u8, tested: &[u8]) -> Vec<u8> {
    [ORIGIN, AS_PATH, NEXT_HOP]
        .into_iter()
        .filter(|attribute| attribute[1] != type_code)
        .chain([tested])
        .flatten()
        .copied()
        .collect()
}

fn check(name: &str, type_code: u8, tested: &[u8], kind: FaultKind, handling: Handling) {
    assert!(TABLE.contains(&format!("`{name}`")), "not in docs/rfc7606.md");
    let section = section(type_code, tested);
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    let [fault] = attributes.faults.as_slice() else {
        panic!("{name}: {:?}", attributes.faults);
    };
    assert_eq!(
        (fault.type_code, fault.kind, fault.handling),
        (type_code, kind, handling)
    );
    assert_eq!(attributes.faults.worst(), Some(handling));
    assert!(attributes.unknown().next().is_none() || kind == Duplicate);
    let at = fault.offset as usize;
    assert!(
        section[at + 1] == type_code || kind == Overrun,
        "offset {at} is not that of the attribute"
    );
}

macro_rules! rows {
    ($($name:ident: $code:literal $bytes:expr => $kind:ident, $handling:ident;)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), $code, $bytes, $kind, $handling);
        })*
    };
}

rows! {
    origin_flags: 1 &[0xc0, 1, 1, 0] => BadFlags, TreatAsWithdraw;
    origin_length: 1 &[0x40, 1, 2, 0, 0] => BadLength, TreatAsWithdraw;
    origin_empty: 1 &[0x40, 1, 0] => BadLength, TreatAsWithdraw;
    origin_value: 1 &[0x40, 1, 1, 3] => BadValue, TreatAsWithdraw;
    as_path_flags: 2 &[0x80, 2, 0] => BadFlags, TreatAsWithdraw;
    as_path_segment_kind: 2 &[0x40, 2, 6, 5, 1, 0, 0, 0, 1] => BadLength, TreatAsWithdraw;
    as_path_segment_overrun: 2 &[0x40, 2, 6, 2, 9, 0, 0, 0, 1] => BadLength, TreatAsWithdraw;
    as_path_segment_underrun: 2 &[0x40, 2, 7, 2, 1, 0, 0, 0, 1, 2] => BadLength, TreatAsWithdraw;
    as_path_segment_empty: 2 &[0x40, 2, 2, 2, 0] => BadLength, TreatAsWithdraw;
    as_path_as_zero: 2 &[0x40, 2, 6, 2, 1, 0, 0, 0, 0] => BadValue, TreatAsWithdraw;
    next_hop_flags: 3 &[0xc0, 3, 4, 1, 2, 3, 4] => BadFlags, TreatAsWithdraw;
    next_hop_length: 3 &[0x40, 3, 3, 1, 2, 3] => BadLength, TreatAsWithdraw;
    med_flags: 4 &[0x40, 4, 4, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    med_length: 4 &[0x80, 4, 3, 0, 0, 1] => BadLength, TreatAsWithdraw;
    local_pref_flags: 5 &[0xc0, 5, 4, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    local_pref_length: 5 &[0x40, 5, 5, 0, 0, 0, 0, 1] => BadLength, TreatAsWithdraw;
    atomic_aggregate_flags: 6 &[0xc0, 6, 0] => BadFlags, TreatAsWithdraw;
    atomic_aggregate_length: 6 &[0x40, 6, 1, 0] => BadLength, AttributeDiscard;
    aggregator_flags: 7 &[0x40, 7, 8, 0, 0, 0, 1, 1, 2, 3, 4] => BadFlags, TreatAsWithdraw;
    aggregator_length: 7 &[0xc0, 7, 7, 0, 0, 1, 1, 2, 3, 4] => BadLength, AttributeDiscard;
    aggregator_as_zero: 7 &[0xc0, 7, 8, 0, 0, 0, 0, 1, 2, 3, 4] => BadValue, AttributeDiscard;
    communities_flags: 8 &[0x80, 8, 4, 0, 1, 0, 2] => BadFlags, TreatAsWithdraw;
    communities_length: 8 &[0xc0, 8, 6, 0, 1, 0, 2, 0, 3] => BadLength, TreatAsWithdraw;
    communities_empty: 8 &[0xc0, 8, 0] => BadLength, TreatAsWithdraw;
    originator_id_flags: 9 &[0xc0, 9, 4, 1, 2, 3, 4] => BadFlags, TreatAsWithdraw;
    originator_id_length: 9 &[0x80, 9, 2, 1, 2] => BadLength, TreatAsWithdraw;
    cluster_list_flags: 10 &[0x40, 10, 4, 1, 2, 3, 4] => BadFlags, TreatAsWithdraw;
    cluster_list_length: 10 &[0x80, 10, 5, 1, 2, 3, 4, 5] => BadLength, TreatAsWithdraw;
    cluster_list_empty: 10 &[0x80, 10, 0] => BadLength, TreatAsWithdraw;
    mp_reach_flags: 14 &[0xc0, 14, 9, 0, 1, 1, 4, 192, 0, 2, 1, 0] => BadFlags, TreatAsWithdraw;
    mp_reach_short: 14 &[0x80, 14, 3, 0, 2, 1] => BadLength, SkipMessage;
    mp_reach_next_hop_overrun: 14 &[0x80, 14, 6, 0, 2, 1, 16, 1, 2] => BadLength, SkipMessage;
    mp_reach_next_hop_length: 14 &[0x80, 14, 8, 0, 2, 1, 3, 1, 2, 3, 0] => BadLength, SkipMessage;
    mp_unreach_flags: 15 &[0x40, 15, 3, 0, 2, 1] => BadFlags, TreatAsWithdraw;
    mp_unreach_short: 15 &[0x80, 15, 2, 0, 2] => BadLength, SkipMessage;
    extended_communities_flags: 16 &[0x40, 16, 8, 0, 2, 0, 1, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    extended_communities_length: 16 &[0xc0, 16, 7, 0, 2, 0, 1, 0, 0, 0] => BadLength, TreatAsWithdraw;
    extended_communities_empty: 16 &[0xc0, 16, 0] => BadLength, TreatAsWithdraw;
    as4_path_flags: 17 &[0x40, 17, 6, 2, 1, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    as4_path_malformed: 17 &[0xc0, 17, 4, 2, 1, 0, 1] => BadLength, AttributeDiscard;
    as4_path_empty: 17 &[0xc0, 17, 0] => BadLength, AttributeDiscard;
    as4_path_as_zero: 17 &[0xc0, 17, 6, 2, 1, 0, 0, 0, 0] => BadValue, AttributeDiscard;
    as4_path_from_new_speaker: 17 &[0xc0, 17, 6, 2, 1, 0, 0, 0, 1] => Unexpected, AttributeDiscard;
    as4_aggregator_flags: 18 &[0x80, 18, 8, 0, 0, 0, 1, 1, 2, 3, 4] => BadFlags, TreatAsWithdraw;
    as4_aggregator_length: 18 &[0xc0, 18, 6, 0, 1, 1, 2, 3, 4] => BadLength, AttributeDiscard;
    as4_aggregator_as_zero: 18 &[0xc0, 18, 8, 0, 0, 0, 0, 1, 2, 3, 4] => BadValue, AttributeDiscard;
    as4_aggregator_from_new_speaker: 18 &[0xc0, 18, 8, 0, 0, 0, 1, 1, 2, 3, 4] => Unexpected, AttributeDiscard;
    pmsi_tunnel_flags: 22 &[0x80, 22, 5, 0, 0, 0, 0, 0] => BadFlags, TreatAsWithdraw;
    pmsi_tunnel_length: 22 &[0xc0, 22, 4, 0, 0, 0, 0] => BadLength, TreatAsWithdraw;
    ipv6_extended_communities_flags: 25 &[0x40, 25, 20, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    ipv6_extended_communities_length: 25 &[0xc0, 25, 8, 0, 2, 0, 1, 0, 0, 0, 1] => BadLength, TreatAsWithdraw;
    aigp_flags: 26 &[0xc0, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 1] => BadFlags, AttributeDiscard;
    aigp_tlv_length: 26 &[0x80, 26, 10, 1, 0, 10, 0, 0, 0, 0, 0, 0, 0] => BadLength, AttributeDiscard;
    aigp_tlv_overrun: 26 &[0x80, 26, 4, 2, 0, 9, 0] => BadLength, AttributeDiscard;
    aigp_empty: 26 &[0x80, 26, 0] => BadLength, AttributeDiscard;
    bgp_ls_flags: 29 &[0xc0, 29, 5, 4, 0, 0, 1, 9] => BadFlags, AttributeDiscard;
    bgp_ls_tlv_overrun: 29 &[0x80, 29, 5, 4, 0, 0, 2, 9] => BadLength, AttributeDiscard;
    large_communities_flags: 32 &[0x80, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3] => BadFlags, TreatAsWithdraw;
    large_communities_length: 32 &[0xc0, 32, 8, 0, 0, 0, 1, 0, 0, 0, 2] => BadLength, TreatAsWithdraw;
    large_communities_empty: 32 &[0xc0, 32, 0] => BadLength, TreatAsWithdraw;
    only_to_customer_flags: 35 &[0x80, 35, 4, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    only_to_customer_length: 35 &[0xc0, 35, 2, 0, 1] => BadLength, TreatAsWithdraw;
    prefix_sid_flags: 40 &[0x80, 40, 4, 1, 0, 1, 0] => BadFlags, TreatAsWithdraw;
    prefix_sid_tlv_overrun: 40 &[0xc0, 40, 4, 1, 0, 2, 0] => BadLength, AttributeDiscard;
    prefix_sid_empty: 40 &[0xc0, 40, 0] => BadLength, AttributeDiscard;
    srv6_service_empty: 40 &[0xc0, 40, 3, 5, 0, 0] => BadLength, TreatAsWithdraw;
    srv6_service_sub_tlv_overrun: 40 &[0xc0, 40, 8, 6, 0, 5, 0, 1, 0, 9, 0] => BadLength, TreatAsWithdraw;
    srv6_sid_information_short: 40 &[0xc0, 40, 27, 5, 0, 24, 0, 1, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => BadLength, TreatAsWithdraw;
    srv6_sid_structure_length: 40 &[0xc0, 40, 33, 5, 0, 30, 0, 1, 0, 26, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0] => BadLength, TreatAsWithdraw;
    attr_set_flags: 128 &[0x80, 128, 4, 0, 0, 0, 1] => BadFlags, TreatAsWithdraw;
    attr_set_short: 128 &[0xc0, 128, 3, 0, 0, 1] => BadLength, TreatAsWithdraw;
    attr_set_inner_overrun: 128 &[0xc0, 128, 8, 0, 0, 0, 1, 0x40, 1, 2, 0] => BadLength, TreatAsWithdraw;
    last_attribute_overruns: 8 &[0xc0, 8, 8, 0, 1, 0, 2] => Overrun, TreatAsWithdraw;
    last_attribute_without_length: 8 &[0xc0, 8] => Overrun, TreatAsWithdraw;
    last_attribute_without_extended_length: 8 &[0xd0, 8, 0] => Overrun, TreatAsWithdraw;
}

/// Checks that `docs/rfc7606.md` has this row, for a test with a body of its own.
fn row(name: &str) {
    assert!(TABLE.contains(&format!("`{name}`")), "not in docs/rfc7606.md");
}

fn faults_of(section: &[u8]) -> Vec<(u8, FaultKind, Handling)> {
    PathAttributes::parse(section, Four)
        .unwrap()
        .faults
        .as_slice()
        .iter()
        .map(|fault| (fault.type_code, fault.kind, fault.handling))
        .collect()
}

#[test]
fn attribute_duplicate() {
    row("attribute_duplicate");
    let section = [ORIGIN, AS_PATH, NEXT_HOP, &[0x40, 1, 1, 2]].concat();
    assert_eq!(faults_of(&section), [(1, Duplicate, AttributeDiscard)]);
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert_eq!(attributes.origin, Some(Origin::Igp));
}

#[test]
fn unknown_duplicate() {
    row("unknown_duplicate");
    let section = [ORIGIN, &[0xc0, 200, 1, 1], &[0xc0, 200, 1, 2]].concat();
    assert_eq!(faults_of(&section), [(200, Duplicate, AttributeDiscard)]);
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    let kept: Vec<_> = attributes.unknown().map(|raw| raw.value).collect();
    assert_eq!(kept, [[1]]);
}

#[test]
fn mp_reach_duplicate() {
    row("mp_reach_duplicate");
    let section = [ORIGIN, AS_PATH, MP_REACH, MP_REACH].concat();
    assert_eq!(faults_of(&section), [(14, Duplicate, SkipMessage)]);
}

#[test]
fn mp_unreach_duplicate() {
    row("mp_unreach_duplicate");
    assert_eq!(
        faults_of(&[MP_UNREACH, MP_UNREACH].concat()),
        [(15, Duplicate, SkipMessage)]
    );
}

#[test]
fn mp_reach_overruns() {
    row("mp_reach_overruns");
    let mut section = [ORIGIN, AS_PATH, MP_REACH].concat();
    section.truncate(section.len() - 1);
    let error = PathAttributes::parse(&section, Four).unwrap_err();
    assert_eq!(error.offset, ORIGIN.len() + AS_PATH.len() + 3);
    let mut attributes = PathAttributes::unread(&section, Four);
    attributes.read();
    assert_eq!(attributes.faults.worst(), Some(SkipMessage));
    assert_eq!(attributes.faults.as_slice()[0].type_code, 14);
}

#[test]
fn mp_unreach_overruns() {
    row("mp_unreach_overruns");
    assert!(PathAttributes::parse(&MP_UNREACH[..8], Four).is_err());
}

#[test]
fn routes_before_an_overrun_are_located() {
    row("routes_before_an_overrun_are_located");
    let section = [MP_REACH, ORIGIN, &[0x40, 2, 9, 2]].concat();
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert_eq!(attributes.mp_reach.unwrap().nlri, [16, 10, 1]);
    assert_eq!(attributes.mp_reach.unwrap().offset, 12);
    assert_eq!(attributes.faults.worst(), Some(TreatAsWithdraw));
    assert!(!attributes.complete);
    // AS_PATH is there, though cut off. Reporting it as missing as well would report one fault twice.
    assert_eq!(attributes.origin, Some(Origin::Igp));
}

#[test]
fn routes_with_wrong_mp_flags_are_located() {
    row("routes_with_wrong_mp_flags_are_located");
    let mut section = [MP_REACH, MP_UNREACH].concat();
    section[0] = 0xc0;
    section[MP_REACH.len()] = 0xc0;
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert!(attributes.mp_reach.is_some() && attributes.mp_unreach.is_some());
    assert_eq!(attributes.faults.worst(), Some(TreatAsWithdraw));
}

fn missing(section: &[u8], has_ipv4_nlri: bool) -> Option<(u8, FaultKind, Handling)> {
    PathAttributes::parse(section, Four)
        .unwrap()
        .missing_mandatory(has_ipv4_nlri)
        .map(|fault| (fault.type_code, fault.kind, fault.handling))
}

#[test]
fn origin_missing() {
    row("origin_missing");
    let expected = Some((1, Missing, TreatAsWithdraw));
    assert_eq!(missing(&[AS_PATH, NEXT_HOP].concat(), HAS_IPV4_NLRI), expected);
    assert_eq!(missing(&[AS_PATH, MP_REACH].concat(), NO_IPV4_NLRI), expected);
}

#[test]
fn as_path_missing() {
    row("as_path_missing");
    let expected = Some((2, Missing, TreatAsWithdraw));
    assert_eq!(missing(&[ORIGIN, NEXT_HOP].concat(), HAS_IPV4_NLRI), expected);
    assert_eq!(missing(&[ORIGIN, MP_REACH].concat(), NO_IPV4_NLRI), expected);
}

#[test]
fn next_hop_missing() {
    row("next_hop_missing");
    let section = [ORIGIN, AS_PATH, MP_REACH].concat();
    assert_eq!(
        missing(&section, HAS_IPV4_NLRI),
        Some((3, Missing, TreatAsWithdraw))
    );
    assert_eq!(missing(&section, NO_IPV4_NLRI), None);
}

#[test]
fn bgpsec_path_stands_for_as_path() {
    row("bgpsec_path_stands_for_as_path");
    let bgpsec_path: &[u8] = &[0x80, 33, 4, 0, 2, 0, 0];
    let section = [ORIGIN, MP_REACH, bgpsec_path].concat();
    assert_eq!(missing(&section, NO_IPV4_NLRI), None);
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert_eq!(attributes.unknown().next().unwrap().type_code, 33);
}

#[test]
fn srv6_service_is_kept() {
    row("srv6_service_is_kept");
    let mut value = vec![5, 0, 34, 0, 1, 0, 30];
    value.extend([0; 21]);
    value.extend([1, 0, 6, 40, 24, 16, 0, 0, 0]);
    let attribute = [&[0xc0, 40, value.len() as u8][..], &value].concat();
    let attributes = PathAttributes::parse(&attribute, Four).unwrap();
    assert!(attributes.faults.is_empty(), "{:?}", attributes.faults);
    assert_eq!(attributes.unknown().count(), 1);
}

#[test]
fn mp_reach_next_hop_absent() {
    row("mp_reach_next_hop_absent");
    let absent = |value: &[u8]| {
        let section = [ORIGIN, &[0x80, 14, value.len() as u8], value].concat();
        let attributes = PathAttributes::parse(&section, Four).unwrap();
        let reach = attributes.mp_reach?;
        assert!(attributes.faults.is_empty());
        assert!(reach.next_hop_mapped().is_none() || !reach.next_hop_is_absent());
        attributes
            .absent_next_hop()
            .map(|fault| (fault.kind, fault.handling, fault.offset, reach.nlri.to_vec()))
    };
    let fault = |nlri: &[u8]| Some((BadLength, SkipMessage, 4, nlri.to_vec()));
    assert_eq!(absent(&[0, 1, 1, 0, 0, 8, 10]), fault(&[8, 10]));
    assert_eq!(absent(&[0, 2, 128, 0, 0, 8, 10]), fault(&[8, 10]));
    assert_eq!(
        absent(&[0, 1, 128, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10]),
        fault(&[8, 10])
    );
    assert_eq!(absent(&[0, 1, 1, 4, 192, 0, 2, 1, 0, 8, 10]), None);
    // A rule of FlowSpec has no next hop.
    assert_eq!(absent(&[0, 1, 133, 0, 0, 2, 1, 0]), None);
    // Without a route distinguisher in the family, 8 octets are no next hop at all.
    let section = [0x80, 14, 15, 0, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 10];
    assert_eq!(faults_of(&section), [(14, BadLength, SkipMessage)]);
}

#[test]
fn nothing_is_missing_where_nothing_is_announced() {
    row("nothing_is_missing_where_nothing_is_announced");
    assert_eq!(missing(MP_UNREACH, NO_IPV4_NLRI), None);
    assert_eq!(missing(&[], NO_IPV4_NLRI), None);
}

#[test]
fn malformed_is_not_missing() {
    row("malformed_is_not_missing");
    assert_eq!(missing(&section(1, &[0x40, 1, 1, 9]), HAS_IPV4_NLRI), None);
}

#[test]
fn strongest_handling_counts() {
    row("strongest_handling_counts");
    let section = [&[0x40, 6, 1, 0][..], &[0x80, 15, 1, 0], &[0x40, 1, 1, 9], AS_PATH].concat();
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert_eq!(attributes.faults.as_slice().len(), 3);
    assert_eq!(attributes.faults.worst(), Some(SkipMessage));
}

#[test]
fn faults_beyond_the_room_are_counted() {
    let section = ORIGIN.repeat(12);
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert_eq!(attributes.faults.as_slice().len(), Faults::CAPACITY);
    assert_eq!(attributes.faults.overflow(), 11 - Faults::CAPACITY);
}

#[test]
fn unknown_attributes_are_kept() {
    row("unknown_attributes_are_kept");
    let section = [
        ORIGIN,
        &[0xc0, 99, 2, 7, 8],
        &[0x80, 26, 11, 1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 5],
        &[0xf0, 200, 0, 0],
        &[0x00, 201, 0],
    ]
    .concat();
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert!(attributes.faults.is_empty());
    let kept: Vec<_> = attributes
        .unknown()
        .map(|raw| (raw.flags, raw.type_code, raw.value.len()))
        .collect();
    assert_eq!(
        kept,
        [(0xc0, 99, 2), (0x80, 26, 11), (0xf0, 200, 0), (0x00, 201, 0)]
    );
}

#[test]
fn every_typed_attribute_reads_back() {
    let section = [
        ORIGIN,
        AS_PATH,
        NEXT_HOP,
        &[0x80, 4, 4, 0, 0, 0, 7],
        &[0x40, 5, 4, 0, 0, 0, 100],
        &[0x40, 6, 0],
        &[0xc0, 7, 8, 0, 1, 0, 0, 192, 0, 2, 9],
        &[0xe0, 8, 8, 0xfd, 0xe8, 0, 1, 0xff, 0xff, 0xff, 1],
        &[0x80, 9, 4, 1, 2, 3, 4],
        &[0x80, 10, 8, 0, 0, 0, 1, 0, 0, 0, 2],
        &[0x90, 14, 0, 12, 0, 1, 1, 4, 192, 0, 2, 1, 0, 16, 10, 1],
        MP_UNREACH,
        &[0xc0, 16, 8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 1],
        &[0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        &[0xc0, 35, 4, 0, 0, 0xfd, 0xe8],
    ]
    .concat();
    let attributes = PathAttributes::parse(&section, Four).unwrap();
    assert!(attributes.faults.is_empty(), "{:?}", attributes.faults);
    assert_eq!(attributes.origin.unwrap().name(), "IGP");
    let path = attributes.effective_as_path().unwrap();
    assert_eq!(path.flat_asns().collect::<Vec<_>>(), [65000]);
    assert!(path.is_single_sequence() && !path.is_merged());
    assert_eq!(path.origin_as(), Some(65000));
    assert_eq!(attributes.next_hop, Some([192, 0, 2, 1]));
    assert_eq!(attributes.multi_exit_disc, Some(7));
    assert_eq!(attributes.local_preference, Some(100));
    assert!(attributes.atomic_aggregate);
    let aggregator = attributes.effective_aggregator().unwrap();
    assert_eq!((aggregator.asn, aggregator.bgp_id), (65536, 0xc000_0209));
    let communities = attributes.communities.unwrap();
    assert_eq!(
        communities.pairs().collect::<Vec<_>>(),
        [(65000, 1), (65535, 65281)]
    );
    assert_eq!(communities.iter().len(), communities.len());
    assert_eq!(attributes.originator_id, Some(0x0102_0304));
    assert_eq!(
        attributes.cluster_list.unwrap().iter().collect::<Vec<_>>(),
        [1, 2]
    );
    let reach = attributes.mp_reach.unwrap();
    assert_eq!(reach.nlri, [16, 10, 1]);
    assert_eq!(section[reach.offset..][..3], [16, 10, 1]);
    assert_eq!(reach.next_hop_mapped(), attributes.next_hop_mapped());
    let unreach = attributes.mp_unreach.unwrap();
    assert_eq!(section[unreach.offset..][..3], [16, 10, 1]);
    assert_eq!(
        attributes.extended_communities.unwrap().iter().next(),
        Some([0, 2, 0xfd, 0xe8, 0, 0, 0, 1])
    );
    assert_eq!(
        attributes.large_communities.unwrap().iter().next(),
        Some([1, 2, 3])
    );
    assert_eq!(attributes.only_to_customer, Some(65000));
    assert!(attributes.unknown().next().is_none());
    assert_eq!(raw_attributes(&section).count(), 15);
}

#[test]
fn width_of_as_path_has_a_second_opinion() {
    row("width_of_as_path_has_a_second_opinion");
    let narrow: &[u8] = &[0x40, 2, 6, 2, 2, 0xfd, 0xe8, 0xfd, 0xe9];
    let attributes = PathAttributes::parse(narrow, Four).unwrap();
    assert!(attributes.quirk_as_width && attributes.faults.is_empty());
    assert_eq!(attributes.as_width, Two);
    let asns: Vec<_> = attributes.as_path.unwrap().flat_asns().collect();
    assert_eq!(asns, [65000, 65001]);

    let attributes = PathAttributes::parse(AS_PATH, Two).unwrap();
    assert!(attributes.quirk_as_width && attributes.faults.is_empty());
    let asns: Vec<_> = attributes.as_path.unwrap().flat_asns().collect();
    assert_eq!(asns, [65000]);

    for (section, width) in [(narrow, Two), (AS_PATH, Four), (&[0x40, 2, 0], Two)] {
        assert!(!PathAttributes::parse(section, width).unwrap().quirk_as_width);
    }
}

#[test]
fn width_of_aggregator_is_its_length() {
    row("width_of_aggregator_is_its_length");
    let narrow = [0xc0, 7, 6, 0xfd, 0xe8, 192, 0, 2, 9];
    for (width, quirk) in [(Two, false), (Four, true)] {
        let attributes = PathAttributes::parse(&narrow, width).unwrap();
        assert_eq!(attributes.aggregator.unwrap().asn, 65000);
        assert_eq!(attributes.quirk_as_width, quirk);
        assert!(attributes.faults.is_empty());
    }
}

/// Attributes of mostly known types and right lengths, so that many values are read.
fn some_section() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (
        prop::sample::select(vec![0x40_u8, 0x80, 0xc0, 0x90, 0xd0, 0]),
        prop_oneof![0..41_u8, Just(128), any::<u8>()],
        prop::collection::vec(prop_oneof![0..6_u8, any::<u8>()], 0..24),
        prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
    )
        .prop_map(|(flags, type_code, value, wrong)| {
            let length = (value.len() as u8).wrapping_add(wrong);
            let mut bytes = vec![flags, type_code];
            bytes.extend((flags & FLAG_EXTENDED_LENGTH != 0).then_some(0));
            bytes.push(length);
            bytes.extend(value);
            bytes
        });
    prop::collection::vec(attribute, 0..8).prop_map(|attributes| attributes.concat())
}

proptest! {
    #[test]
    fn any_section_is_judged(section in some_section(), four: bool) {
        let width = if four { Four } else { Two };
        let mut attributes = PathAttributes::unread(&section, width);
        attributes.read();
        match PathAttributes::parse(&section, width) {
            Ok(parsed) => {
                prop_assert_eq!(parsed.faults.worst(), attributes.faults.worst());
                prop_assert_eq!(parsed.complete, attributes.complete);
            }
            Err(error) => {
                prop_assert!(error.offset <= section.len());
                prop_assert_eq!(attributes.faults.worst(), Some(SkipMessage));
            }
        }
        for fault in attributes.faults.as_slice() {
            prop_assert!((fault.offset as usize) < section.len());
        }
        for raw in attributes.unknown() {
            prop_assert!(!TYPED.contains(raw.type_code));
            prop_assert_eq!(&section[raw.value_offset()..][..raw.value.len()], raw.value);
        }
        if let Some(reach) = attributes.mp_reach {
            prop_assert_eq!(&section[reach.offset..][..reach.nlri.len()], reach.nlri);
            let _ = reach.next_hop_mapped();
        }
        if let Some(path) = attributes.effective_as_path() {
            prop_assert_eq!(path.is_merged(), attributes.as4_path.is_some()
                && path != EffectiveAsPath::whole(attributes.as_path.unwrap()));
            prop_assert!(path.flat_asns().count() <= section.len());
        }
        let _ = (attributes.effective_aggregator(), attributes.missing_mandatory(HAS_IPV4_NLRI));
    }

    #[test]
    fn any_bytes_are_judged(section in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut attributes = PathAttributes::unread(&section, Four);
        attributes.read();
        let _ = attributes.unknown().count();
        if let Ok(update) = crate::bgp::Update::new_checked(&section) {
            let _ = update.end_of_rib();
            prop_assert_eq!(&section[update.nlri_offset()..], update.nlri());
        }
    }
}
