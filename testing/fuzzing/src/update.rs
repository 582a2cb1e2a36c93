//! Target `update`: the body of an UPDATE of any session, read to the last octet.
//!
//! Input: the body, then families with path identifiers (1 octet, a bit for each of [`FAMILIES`]), flags (1).

use arancini_wire::bgp::attribute::{
    Aggregator, AsPath, EffectiveAsPath, FaultKind, Handling, PathAttributes, raw_attributes,
};
use arancini_wire::bgp::{AsWidth, FamilySet, SessionContext, Update};
use arancini_wire::iana::{AfiSafi, attribute_type};

use crate::input::Input;
use crate::nlri;

/// The families for which a session of this target can have path identifiers.
pub const FAMILIES: [AfiSafi; 8] = [
    AfiSafi::IPV4_UNICAST,
    AfiSafi::IPV6_UNICAST,
    AfiSafi::IPV4_LABELLED,
    AfiSafi::IPV4_VPN,
    AfiSafi::IPV6_VPN,
    AfiSafi::EVPN,
    AfiSafi::IPV4_FLOWSPEC,
    AfiSafi::BGP_LS,
];

/// Flag: AS numbers take two octets.
pub const TWO_OCTET_AS: u8 = 1;

/// Reads everything in the UPDATE.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let flags = input.byte();
    let context = context(&mut input, flags & TWO_OCTET_AS != 0);
    let body = input.rest();
    let update = match Update::new_checked(body) {
        Ok(update) => update,
        Err(error) => {
            assert!(error.offset <= body.len(), "{error}");
            return;
        }
    };
    let parts = [
        (update.withdrawn_offset(), update.withdrawn()),
        (update.attributes_offset(), update.attributes()),
        (update.nlri_offset(), update.nlri()),
    ];
    for (offset, part) in parts {
        assert_eq!(&body[offset..][..part.len()], part);
    }
    if update.end_of_rib().is_some() {
        assert!(update.withdrawn().is_empty() && update.nlri().is_empty());
    }
    let hint = flags & 2 != 0;
    let ipv4 = AfiSafi::IPV4_UNICAST;
    nlri::read(ipv4, update.withdrawn(), context.add_path.contains(ipv4), hint);
    nlri::read(ipv4, update.nlri(), context.add_path.contains(ipv4), hint);

    let field = update.attributes();
    let parsed = PathAttributes::parse(field, context.as_width);
    let mut attributes = PathAttributes::unread(field, context.as_width);
    attributes.read();
    match &parsed {
        Ok(parsed) => assert_eq!(
            format!("{parsed:?}"),
            format!("{attributes:?}"),
            "two ways to one reading"
        ),
        Err(error) => {
            assert!(error.offset <= field.len(), "{error}");
            assert_eq!(attributes.faults.worst(), Some(Handling::SkipMessage));
        }
    }
    read_attributes(&attributes, &context, hint);
}

fn context(input: &mut Input<'_>, two_octet_as: bool) -> SessionContext {
    let mut add_path = FamilySet::EMPTY;
    let mask = input.byte();
    for (bit, family) in FAMILIES.into_iter().enumerate() {
        if mask >> bit & 1 == 1 {
            assert!(add_path.insert(family));
        }
    }
    SessionContext {
        as_width: if two_octet_as { AsWidth::Two } else { AsWidth::Four },
        add_path,
    }
}

fn read_attributes(attributes: &PathAttributes<'_>, context: &SessionContext, hint: bool) {
    let field = attributes.field();
    let mut raw = 0;
    let mut end = 0;
    for attribute in raw_attributes(field) {
        match attribute {
            Ok(attribute) => {
                raw += 1;
                assert_eq!(attribute.offset, end);
                end = attribute.value_offset() + attribute.value.len();
                assert_eq!(&field[attribute.value_offset()..end], attribute.value);
            }
            Err(error) => {
                assert!(error.offset <= field.len(), "{error}");
                assert!(!attributes.complete);
            }
        }
    }
    assert_eq!(attributes.complete, end == field.len());
    faults(attributes);

    for unknown in attributes.unknown() {
        assert_eq!(
            &field[unknown.value_offset()..][..unknown.value.len()],
            unknown.value
        );
        raw -= 1;
    }
    assert!(raw >= 0, "no attribute twice");

    if let Some(path) = attributes.as_path {
        as_path(path);
        assert_eq!(path.width(), attributes.as_width);
    }
    attributes.as4_path.into_iter().for_each(as_path);
    if let Some(path) = attributes.effective_as_path() {
        effective(path);
    }
    let _: Option<Aggregator> = attributes.effective_aggregator();
    for has_ipv4_nlri in [false, true] {
        if let Some(fault) = attributes.missing_mandatory(has_ipv4_nlri) {
            assert_eq!(
                (fault.kind, fault.handling),
                (FaultKind::Missing, Handling::TreatAsWithdraw)
            );
        }
    }
    lists(attributes);

    if let Some(mp) = attributes.mp_reach {
        assert_eq!(&field[mp.offset..][..mp.nlri.len()], mp.nlri);
        let mapped = mp.next_hop_mapped();
        assert!(mapped.is_some() || !matches!(mp.next_hop.len(), 4 | 12 | 16 | 24 | 32 | 48));
        nlri::read(mp.family, mp.nlri, context.add_path.contains(mp.family), hint);
    }
    if let Some(mp) = attributes.mp_unreach {
        assert_eq!(&field[mp.offset..][..mp.nlri.len()], mp.nlri);
        nlri::read(mp.family, mp.nlri, context.add_path.contains(mp.family), hint);
    }
    if let (Some(next_hop), Some(mapped)) = (attributes.next_hop, attributes.next_hop_mapped()) {
        assert_eq!(mapped[12..], next_hop);
    }
}

fn faults(attributes: &PathAttributes<'_>) {
    let faults = &attributes.faults;
    assert_eq!(faults.is_empty(), faults.as_slice().is_empty());
    assert_eq!(faults.is_empty(), faults.worst().is_none());
    for fault in faults.as_slice() {
        assert!(fault.offset as usize <= attributes.field().len());
        assert!(Some(fault.handling) <= faults.worst());
        assert!(
            !attribute_type::name(fault.type_code)
                .unwrap_or("unknown")
                .is_empty()
        );
    }
    assert!(faults.overflow() == 0 || !faults.is_empty());
}

fn as_path(path: AsPath<'_>) {
    let octets = match path.width() {
        AsWidth::Two => 2,
        AsWidth::Four => 4,
    };
    let mut bytes = 0;
    let mut flat = path.flat_asns();
    for segment in path.segments() {
        assert!(segment.count() > 0);
        assert_eq!(segment.asns().len(), segment.count());
        let backwards: Vec<_> = segment.asns().rev().collect();
        assert!(segment.asns().eq(backwards.into_iter().rev()));
        for asn in segment.asns() {
            assert!(asn != 0, "RFC 7607");
            assert_eq!(flat.next(), Some(asn));
        }
        bytes += 2 + segment.count() * octets;
        assert!(!segment.kind.name().is_empty());
    }
    assert_eq!(flat.next(), None);
    assert_eq!(bytes, path.as_bytes().len(), "nothing of the path is left out");
    assert_eq!(path.is_empty(), bytes == 0);
    assert!(path.selection_length() <= path.flat_asns().count());
    if path.is_single_sequence() {
        assert_eq!(path.origin_as(), path.flat_asns().last());
        assert_eq!(path.selection_length(), path.flat_asns().count());
    }
}

fn effective(path: EffectiveAsPath<'_>) {
    let flat: Vec<u32> = path.flat_asns().collect();
    let by_segment: Vec<u32> = path.segments().flat_map(|segment| segment.asns()).collect();
    assert_eq!(flat, by_segment);
    if path.is_single_sequence() {
        assert_eq!(path.origin_as(), flat.last().copied());
    }
}

fn lists(attributes: &PathAttributes<'_>) {
    if let Some(list) = attributes.communities {
        assert!(list.len() > 0 && list.iter().len() == list.len());
        let pairs = list
            .pairs()
            .map(|(high, low)| u32::from(high) << 16 | u32::from(low));
        assert!(list.iter().eq(pairs));
    }
    if let Some(list) = attributes.cluster_list {
        assert!(list.len() > 0 && list.iter().len() == list.as_members().len());
    }
    if let Some(list) = attributes.extended_communities {
        assert!(list.len() > 0 && list.iter().len() == list.as_members().len());
    }
    if let Some(list) = attributes.ipv6_extended_communities {
        assert!(list.len() > 0 && list.as_members().len() == list.len());
    }
    if let Some(list) = attributes.large_communities {
        assert!(list.len() > 0 && list.iter().len() == list.as_members().len());
    }
    if let Some(origin) = attributes.origin {
        assert!(!origin.name().is_empty());
    }
}
