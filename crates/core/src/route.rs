//! One route: from its NLRI to the key of its table, and from that key to the fields of the schema.

use arancini_rib::{CuratedTable, Curation, RouteKey};
use arancini_schema::encode::RouteFields;
use arancini_schema::fingerprint;
use arancini_wire::bgp::nlri::{self, Ipv4Prefixes, Ipv6Prefixes, Nlri, Route};
use arancini_wire::iana::AfiSafi;

use crate::sections::Section;

/// Announces each route of a field to its table. Hands out the route's key, its labels, its fingerprint with the labels mixed
/// in, and what consumers have to hear.
///
/// [`nlri::decide_add_path`] has accepted the field with this `add_path`. Unicast routes go through the table together, so
/// that their memory is fetched ahead.
#[inline]
pub(crate) fn announce_each(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    fingerprint: u64,
    mut route: impl FnMut(RouteKey<'_>, &[u8], u64, Curation),
) {
    let Section { field, add_path, .. } = *section;
    let mut one = |rib: &mut CuratedTable, key: RouteKey<'_>, labels: &[u8]| {
        let fingerprint = fingerprint::with_labels(fingerprint, labels);
        let curation = rib.announce(&key, fingerprint);
        route(key, labels, fingerprint, curation);
    };
    // For a single route there is nothing to fetch ahead: the direct way is faster.
    match (section.family, section.routes) {
        (AfiSafi::IPV4_UNICAST, 1) => ipv4_keys(field, add_path).for_each(|key| one(rib, key, &[])),
        (AfiSafi::IPV6_UNICAST, 1) => ipv6_keys(field, add_path).for_each(|key| one(rib, key, &[])),
        (AfiSafi::IPV4_UNICAST, _) => {
            rib.announce_each(ipv4_keys(field, add_path), fingerprint, |key, curation| {
                route(key, &[], fingerprint, curation);
            });
        }
        (AfiSafi::IPV6_UNICAST, _) => {
            rib.announce_each(ipv6_keys(field, add_path), fingerprint, |key, curation| {
                route(key, &[], fingerprint, curation);
            });
        }
        (family, _) => {
            for nlri in nlri::iter(family, field, add_path).flatten() {
                let (key, labels) = key_of(&nlri);
                one(rib, key, labels);
            }
        }
    }
}

/// Withdraws each route of a field from its table, as [`announce_each`] announces. Labels of withdrawn routes mean nothing
/// (RFC 8277 §2.4).
#[inline]
pub(crate) fn withdraw_each(
    rib: &mut CuratedTable,
    section: &Section<'_>,
    mut route: impl FnMut(RouteKey<'_>, Curation),
) {
    let Section { field, add_path, .. } = *section;
    match section.family {
        AfiSafi::IPV4_UNICAST => rib.withdraw_each(ipv4_keys(field, add_path), route),
        AfiSafi::IPV6_UNICAST => rib.withdraw_each(ipv6_keys(field, add_path), route),
        family => {
            for nlri in nlri::iter(family, field, add_path).flatten() {
                let (key, _) = key_of(&nlri);
                let curation = rib.withdraw(&key);
                route(key, curation);
            }
        }
    }
}

/// Prefetches the memory that a look-up of the field's first route reads. The field need not have been checked.
#[inline]
pub(crate) fn prefetch(rib: &CuratedTable, family: AfiSafi, field: &[u8], add_path: bool) {
    let first = match family {
        AfiSafi::IPV4_UNICAST => ipv4_keys(field, add_path).next(),
        AfiSafi::IPV6_UNICAST => ipv6_keys(field, add_path).next(),
        _ => None,
    };
    if let Some(key) = first {
        rib.prefetch(&key);
    }
}

#[inline]
fn ipv4_keys(field: &[u8], add_path: bool) -> impl Iterator<Item = RouteKey<'static>> {
    Ipv4Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv4 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

#[inline]
fn ipv6_keys(field: &[u8], add_path: bool) -> impl Iterator<Item = RouteKey<'static>> {
    Ipv6Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv6 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

/// The key of a route, and its labels, which belong to the value of the route.
fn key_of<'a>(nlri: &Nlri<'a>) -> (RouteKey<'a>, &'a [u8]) {
    let path_id = nlri.path_id;
    match nlri.route {
        Route::Prefix {
            rd,
            labels,
            length,
            prefix,
        } => {
            let key = match (rd, prefix.is_v4()) {
                (None, true) => RouteKey::Ipv4 {
                    address: prefix.to_v4(),
                    length,
                    path_id,
                },
                (None, false) => RouteKey::Ipv6 {
                    address: prefix.to_v6(),
                    length,
                    path_id,
                },
                (Some(distinguisher), true) => RouteKey::Vpn4 {
                    distinguisher,
                    address: prefix.to_v4(),
                    length,
                    path_id,
                },
                (Some(distinguisher), false) => RouteKey::Vpn6 {
                    distinguisher,
                    address: prefix.to_v6(),
                    length,
                    path_id,
                },
            };
            (key, labels)
        }
        Route::Opaque(nlri) => (RouteKey::Opaque { nlri, path_id }, &[]),
    }
}

/// The schema's fields of a route, as far as its key gives them.
#[inline]
pub(crate) fn fields_of<'a>(key: &RouteKey<'a>) -> RouteFields<'a> {
    let mut fields = RouteFields {
        prefix_address: [0; 16],
        prefix_length: 0,
        path_id: key.path_id(),
        route_distinguisher: None,
        labels: &[],
        raw_nlri: &[],
        sequence: 0,
        fingerprint: 0,
    };
    match *key {
        RouteKey::Ipv4 { address, length, .. } => {
            fields.prefix_address = mapped(address);
            fields.prefix_length = length;
        }
        RouteKey::Ipv6 { address, length, .. } => {
            fields.prefix_address = address.to_be_bytes();
            fields.prefix_length = length;
        }
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            ..
        } => {
            fields.route_distinguisher = Some(distinguisher);
            fields.prefix_address = mapped(address);
            fields.prefix_length = length;
        }
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            ..
        } => {
            fields.route_distinguisher = Some(distinguisher);
            fields.prefix_address = address.to_be_bytes();
            fields.prefix_length = length;
        }
        RouteKey::Opaque { nlri, .. } => fields.raw_nlri = nlri,
    }
    fields
}

/// IPv4-mapped IPv6, by arithmetic.
#[inline]
const fn mapped(address: u32) -> [u8; 16] {
    (0xffff_0000_0000_u128 | address as u128).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use arancini_rib::{CurationMode, KeyShape};
    use arancini_schema::encode::Carrier;
    use proptest::prelude::*;

    use super::*;
    use crate::sections::FieldKind;
    use crate::table::TableIndex;

    proptest! {
        /// Routes that go through the table together have the same outcome as routes that go one by one.
        #[test]
        fn each_route_is_told_as_one_by_one(
            known in 0..60_usize,
            routes in prop::collection::vec((any::<u32>(), 0..=32_u8, 0..1000_u32), 0..60),
            add_path: bool,
        ) {
            let mut field = Vec::new();
            for &(address, length, path_id) in &routes {
                if add_path {
                    field.extend(path_id.to_be_bytes());
                }
                field.push(length);
                field.extend(&address.to_be_bytes()[..usize::from(length).div_ceil(8)]);
            }
            let section = Section {
                family: AfiSafi::IPV4_UNICAST,
                field: &field,
                offset: 0,
                carrier: Carrier::UpdateField,
                kind: FieldKind::Announced,
                table: TableIndex(0),
                add_path,
                routes: routes.len(),
            };
            let new = if add_path { CuratedTable::with_path_ids } else { CuratedTable::new };
            let new = || new(KeyShape::Ipv4, CurationMode::Attributes);
            let (mut together, mut alone) = (new(), new());
            let keys: Vec<_> = ipv4_keys(&field, add_path).collect();
            prop_assert_eq!(keys.len(), routes.len());
            for key in keys.iter().take(known) {
                together.announce(key, 7);
                alone.announce(key, 7);
            }
            prefetch(&together, AfiSafi::IPV4_UNICAST, &field, add_path);
            let mut told = Vec::new();
            announce_each(&mut together, &section, 7, |key, labels, fingerprint, curation| {
                assert_eq!((labels, fingerprint), (&[][..], 7));
                told.push((format!("{key:?}"), curation));
            });
            let one_by_one = keys.iter().map(|key| (format!("{key:?}"), alone.announce(key, 7)));
            prop_assert_eq!(told, one_by_one.collect::<Vec<_>>());
            let mut told = Vec::new();
            withdraw_each(&mut together, &section, |key, curation| told.push((format!("{key:?}"), curation)));
            let one_by_one = keys.iter().map(|key| (format!("{key:?}"), alone.withdraw(key)));
            prop_assert_eq!(told, one_by_one.collect::<Vec<_>>());
            prop_assert!(together.is_empty());
        }
    }
}
