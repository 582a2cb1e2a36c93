//! A route as a snapshot holds it: `[path id (4)] ‖ key ‖ fingerprint (8)`. Addresses are in network order, the
//! fingerprint is little endian.

use arancini_rib::{KeyShape, RouteKey};
use arancini_wire::iana::AfiSafi;

use crate::opaque::opaque_key;
use crate::table::key_shape;

/// Appends a route.
pub(super) fn append_route(key: &RouteKey<'_>, fingerprint: u64, path_ids: bool, out: &mut Vec<u8>) {
    if path_ids {
        out.extend_from_slice(&key.path_id().unwrap_or(0).to_be_bytes());
    }
    match *key {
        RouteKey::Ipv4 { address, length, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Ipv6 { address, length, .. } => {
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            ..
        } => {
            out.extend_from_slice(&distinguisher);
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            ..
        } => {
            out.extend_from_slice(&distinguisher);
            out.extend_from_slice(&address.to_be_bytes());
            out.push(length);
        }
        RouteKey::Opaque { nlri, .. } => {
            // An NLRI is a part of an UPDATE, whose length has two bytes.
            out.extend_from_slice(&(nlri.len() as u16).to_be_bytes());
            out.extend_from_slice(nlri);
        }
    }
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

/// Reads a route that [`append_route`] wrote; returns its key, its fingerprint and the bytes behind it.
pub(super) fn read_route(
    bytes: &[u8],
    family: AfiSafi,
    path_ids: bool,
) -> Option<(RouteKey<'_>, u64, &[u8])> {
    let (path_id, bytes) = if path_ids {
        let (path_id, rest) = bytes.split_first_chunk::<4>()?;
        (Some(u32::from_be_bytes(*path_id)), rest)
    } else {
        (None, bytes)
    };
    let (key, rest) = match key_shape(family) {
        KeyShape::Ipv4 => {
            let (key, rest) = bytes.split_first_chunk::<5>()?;
            let [a, b, c, d, length] = *key;
            let address = u32::from_be_bytes([a, b, c, d]);
            let key = RouteKey::Ipv4 {
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Ipv6 => {
            let (address, rest) = bytes.split_first_chunk::<16>()?;
            let (&length, rest) = rest.split_first()?;
            let address = u128::from_be_bytes(*address);
            let key = RouteKey::Ipv6 {
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Vpn4 => {
            let (&distinguisher, rest) = bytes.split_first_chunk::<8>()?;
            let (key, rest) = rest.split_first_chunk::<5>()?;
            let [a, b, c, d, length] = *key;
            let address = u32::from_be_bytes([a, b, c, d]);
            let key = RouteKey::Vpn4 {
                distinguisher,
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Vpn6 => {
            let (&distinguisher, rest) = bytes.split_first_chunk::<8>()?;
            let (address, rest) = rest.split_first_chunk::<16>()?;
            let (&length, rest) = rest.split_first()?;
            let address = u128::from_be_bytes(*address);
            let key = RouteKey::Vpn6 {
                distinguisher,
                address,
                length,
                path_id,
            };
            (key, rest)
        }
        KeyShape::Opaque => {
            let (length, rest) = bytes.split_first_chunk::<2>()?;
            let (nlri, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            (opaque_key(family, nlri, path_id), rest)
        }
    };
    let (fingerprint, rest) = rest.split_first_chunk::<8>()?;
    Some((key, u64::from_le_bytes(*fingerprint), rest))
}
