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
    let mut prefix = |distinguisher: &[u8], address: &[u8], length| {
        out.extend_from_slice(distinguisher);
        out.extend_from_slice(address);
        out.push(length);
    };
    match *key {
        RouteKey::Ipv4 { address, length, .. } => prefix(&[], &address.to_be_bytes(), length),
        RouteKey::Ipv6 { address, length, .. } => prefix(&[], &address.to_be_bytes(), length),
        RouteKey::Vpn4 {
            distinguisher,
            address,
            length,
            ..
        } => prefix(&distinguisher, &address.to_be_bytes(), length),
        RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            ..
        } => prefix(&distinguisher, &address.to_be_bytes(), length),
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
    let mut rest = bytes;
    let bytes = &mut rest;
    let path_id = if path_ids {
        Some(u32::from_be_bytes(take(bytes)?))
    } else {
        None
    };
    // The fields are read in the order in which they stand here.
    let key = match key_shape(family) {
        KeyShape::Ipv4 => RouteKey::Ipv4 {
            address: u32::from_be_bytes(take(bytes)?),
            length: u8::from_be_bytes(take(bytes)?),
            path_id,
        },
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address: u128::from_be_bytes(take(bytes)?),
            length: u8::from_be_bytes(take(bytes)?),
            path_id,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher: take(bytes)?,
            address: u32::from_be_bytes(take(bytes)?),
            length: u8::from_be_bytes(take(bytes)?),
            path_id,
        },
        KeyShape::Vpn6 => RouteKey::Vpn6 {
            distinguisher: take(bytes)?,
            address: u128::from_be_bytes(take(bytes)?),
            length: u8::from_be_bytes(take(bytes)?),
            path_id,
        },
        KeyShape::Opaque => {
            let length = u16::from_be_bytes(take(bytes)?);
            let (nlri, behind) = bytes.split_at_checked(usize::from(length))?;
            *bytes = behind;
            opaque_key(family, nlri, path_id)
        }
    };
    let fingerprint = u64::from_le_bytes(take(bytes)?);
    Some((key, fingerprint, rest))
}

/// Takes the next bytes; `None` if there are not enough.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}
