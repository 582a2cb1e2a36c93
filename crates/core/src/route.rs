//! A route as the table and as the schema want it.

use arancini_rib::{CuratedTable, RouteKey};
use arancini_schema::encode::RouteFields;
use arancini_wire::bgp::nlri::{self, Ipv4Prefixes, Ipv6Prefixes, Nlri, Route};
use arancini_wire::iana::AfiSafi;

/// How many routes before it is taken the head of a route's segment is fetched.
const LATER: usize = 16;
/// How many routes before it is taken a route's entry is fetched.
const SOON: usize = 4;

/// Hands out each route of a field that [`nlri::decide_add_path`] has accepted with this `add_path`: the table they are of,
/// its key, its labels. The families nearly all routes are of have a loop of their own, in which the table's memory is fetched ahead.
#[inline]
pub(crate) fn for_each_route<'a>(
    rib: &mut CuratedTable,
    family: AfiSafi,
    field: &'a [u8],
    add_path: bool,
    mut route: impl FnMut(&mut CuratedTable, RouteKey<'a>, &'a [u8]),
) {
    match family {
        AfiSafi::IPV4_UNICAST => for_each_key(rib, ipv4_keys(field, add_path), route),
        AfiSafi::IPV6_UNICAST => for_each_key(rib, ipv6_keys(field, add_path), route),
        _ => {
            for nlri in nlri::iter(family, field, add_path).flatten() {
                let (key, labels) = key_of(&nlri);
                route(rib, key, labels);
            }
        }
    }
}

/// The place of the first route is fetched by [`prefetch`] already, while the rest of its message is read.
#[inline]
fn for_each_key<'a>(
    rib: &mut CuratedTable,
    mut keys: impl Iterator<Item = RouteKey<'a>> + Clone,
    mut route: impl FnMut(&mut CuratedTable, RouteKey<'a>, &'a [u8]),
) {
    let Some(first) = keys.next() else {
        return;
    };
    let mut ahead = keys.clone();
    let Some(second) = ahead.next() else {
        return route(rib, first, &[]);
    };
    // Of the routes behind the one that is taken, those whose segments' heads are fetched: their hashes, in a ring.
    let mut hashes = [0; LATER];
    hashes[0] = rib.prefetch_head(&second);
    let mut fetched = 1;
    for (hash, key) in hashes.iter_mut().skip(1).zip(ahead.by_ref()) {
        *hash = rib.prefetch_head(&key);
        fetched += 1;
    }
    for &hash in hashes.iter().take(fetched.min(SOON)) {
        rib.prefetch_entry(hash);
    }
    route(rib, first, &[]);
    for (number, key) in keys.enumerate() {
        if let Some(later) = ahead.next() {
            hashes[number % LATER] = rib.prefetch_head(&later);
            fetched += 1;
        }
        if number + SOON < fetched {
            rib.prefetch_entry(hashes[(number + SOON) % LATER]);
        }
        route(rib, key, &[]);
    }
}

/// Has the memory of the route's place in a table fetched that comes first in a field. The field need not have been
/// checked.
#[inline]
pub(crate) fn prefetch(rib: &CuratedTable, family: AfiSafi, field: &[u8], add_path: bool) {
    let first = match family {
        AfiSafi::IPV4_UNICAST => ipv4_keys(field, add_path).next(),
        AfiSafi::IPV6_UNICAST => ipv6_keys(field, add_path).next(),
        _ => None,
    };
    if let Some(key) = first {
        rib.prefetch_head(&key);
    }
}

#[inline]
fn ipv4_keys<'a>(field: &'a [u8], add_path: bool) -> impl Iterator<Item = RouteKey<'a>> + Clone + use<'a> {
    Ipv4Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv4 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

#[inline]
fn ipv6_keys<'a>(field: &'a [u8], add_path: bool) -> impl Iterator<Item = RouteKey<'a>> + Clone + use<'a> {
    Ipv6Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv6 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

/// The key of a route, and its labels: those are value, not key.
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

/// A route as the schema wants it, from its key alone.
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However many routes a field has, none is left out, doubled or out of order for being looked ahead at.
        #[test]
        fn each_route_is_handed_out_once_and_in_order(
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
            let mut rib = CuratedTable::new(KeyShape::Ipv4, add_path, CurationMode::Attributes);
            let expected: Vec<_> = ipv4_keys(&field, add_path).collect();
            prop_assert_eq!(expected.len(), routes.len());
            for key in expected.iter().take(known) {
                rib.announce(key, 7);
            }
            prefetch(&rib, AfiSafi::IPV4_UNICAST, &field, add_path);
            let mut seen = Vec::new();
            for_each_route(&mut rib, AfiSafi::IPV4_UNICAST, &field, add_path, |rib, key, _| {
                rib.announce(&key, 8);
                seen.push(key);
            });
            prop_assert_eq!(seen, expected);
        }
    }
}
