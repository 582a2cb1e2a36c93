//! The route that a published update is about, read back as a key of its table.

use arancini_rib::{KeyShape, RouteKey};
use arancini_schema::update_capnp::update;
use arancini_wire::iana::AfiSafi;

use crate::opaque::opaque_key;
use crate::table::key_shape;
use crate::table_key::{UnreadableUpdate, address_of};

/// Reads the key of the route in a published update, whose routes are of this family.
///
/// # Errors
/// A field cannot be read, or an address does not have 16 bytes.
pub(crate) fn route_key_of<'a>(
    update: &update::Reader<'a>,
    family: AfiSafi,
) -> Result<RouteKey<'a>, UnreadableUpdate> {
    let path_id = update.get_has_path_id().then(|| update.get_path_id());
    let length = update.get_prefix_len();
    let address = u128::from_be_bytes(address_of(update.get_prefix_addr())?);
    let distinguisher = update.get_route_distinguisher().to_be_bytes();
    let nlri = update
        .get_raw_nlri()
        .map_err(|_| UnreadableUpdate("its NLRI cannot be read"))?;
    // An IPv4 prefix is published IPv4-mapped: its address is the low 32 bits.
    let v4 = address as u32;
    Ok(match key_shape(family) {
        KeyShape::Ipv4 => RouteKey::Ipv4 {
            address: v4,
            length,
            path_id,
        },
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address,
            length,
            path_id,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher,
            address: v4,
            length,
            path_id,
        },
        KeyShape::Vpn6 => RouteKey::Vpn6 {
            distinguisher,
            address,
            length,
            path_id,
        },
        KeyShape::Opaque => opaque_key(family, nlri, path_id),
    })
}
