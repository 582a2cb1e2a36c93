//! A route as the table and as the schema want it.

use arancini_rib::RouteKey;
use arancini_schema::encode::RouteFields;
use arancini_wire::bgp::nlri::{self, Ipv4Prefixes, Ipv6Prefixes, Nlri, Route};
use arancini_wire::iana::AfiSafi;

/// Hands out each route of a field that [`nlri::decide_add_path`] has accepted with this `add_path`. The families
/// nearly all routes are of have a loop of their own.
#[inline]
pub(crate) fn for_each_route<'a>(
    family: AfiSafi,
    field: &'a [u8],
    add_path: bool,
    mut route: impl FnMut(RouteKey<'a>, RouteFields<'a>),
) {
    match family {
        AfiSafi::IPV4_UNICAST => {
            for (path_id, length, address) in Ipv4Prefixes::new(field, add_path) {
                let key = RouteKey::Ipv4 {
                    address,
                    length,
                    path_id: add_path.then_some(path_id),
                };
                route(key, fields_of(&key));
            }
        }
        AfiSafi::IPV6_UNICAST => {
            for (path_id, length, address) in Ipv6Prefixes::new(field, add_path) {
                let key = RouteKey::Ipv6 {
                    address,
                    length,
                    path_id: add_path.then_some(path_id),
                };
                route(key, fields_of(&key));
            }
        }
        _ => {
            for nlri in nlri::iter(family, field, add_path).flatten() {
                let (key, labels) = key_of(&nlri);
                route(
                    key,
                    RouteFields {
                        labels,
                        ..fields_of(&key)
                    },
                );
            }
        }
    }
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
