//! One route: from its NLRI to the key of its table, and from that key to the fields of the schema.

use arancini_rib::{CuratedTable, RouteKey};
use arancini_schema::encode::RouteFields;
use arancini_wire::bgp::nlri::{Ipv4Prefixes, Ipv6Prefixes, Nlri, Route};
use arancini_wire::iana::AfiSafi;

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

/// The keys of the routes of an IPv4 unicast field.
#[inline]
pub(crate) fn ipv4_keys(field: &[u8], add_path: bool) -> impl Iterator<Item = RouteKey<'static>> {
    Ipv4Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv4 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

/// The keys of the routes of an IPv6 unicast field.
#[inline]
pub(crate) fn ipv6_keys(field: &[u8], add_path: bool) -> impl Iterator<Item = RouteKey<'static>> {
    Ipv6Prefixes::new(field, add_path).map(move |(path_id, length, address)| RouteKey::Ipv6 {
        address,
        length,
        path_id: add_path.then_some(path_id),
    })
}

/// The key of a route to a prefix, and its labels, which belong to the value of the route. `None` for any other route.
pub(crate) fn prefix_key<'a>(nlri: &Nlri<'a>) -> Option<(RouteKey<'a>, &'a [u8])> {
    let path_id = nlri.path_id;
    let Route::Prefix {
        rd,
        labels,
        length,
        prefix,
    } = nlri.route
    else {
        return None;
    };
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
    Some((key, labels))
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
