//! The NLRI of an update, as a BGP UPDATE has it (RFC 4271 §4.3, RFC 4364 §4.3.4, RFC 7911 §3, RFC 8277 §2).

use arancini_schema::update_capnp::update;
use arancini_wire::bgp::nlri::{NlriShape, shape};
use arancini_wire::iana::AfiSafi;

use super::registry::AFI_IPV4;

/// The label field of a withdraw, which has no label (RFC 8277 §2.4).
const WITHDRAW_LABEL: [u8; 3] = [0x80, 0, 0];
/// The bit of the last label of a stack.
const BOTTOM_OF_STACK: u32 = 1;

/// Whether the path identifier is part of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathId {
    /// Before the NLRI, if the route has one.
    Written,
    /// Somewhere else.
    LeftOut,
}

/// How the NLRI of an update's family are framed.
pub(super) fn shape_of(update: update::Reader<'_>) -> NlriShape {
    shape(AfiSafi::new(update.get_afi(), update.get_safi()))
}

/// Appends the NLRI of an update.
///
/// # Errors
/// The update is damaged, or no route is in it.
pub(super) fn push_nlri(
    update: update::Reader<'_>,
    path_id: PathId,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let damaged = |error: capnp::Error| error.to_string();
    if path_id == PathId::Written && update.get_has_path_id() {
        out.extend(update.get_path_id().to_be_bytes());
    }
    let raw = update.get_raw_nlri().map_err(damaged)?;
    if !raw.is_empty() {
        out.extend_from_slice(raw);
        return Ok(());
    }
    let octets: [u8; 16] = update
        .get_prefix_addr()
        .map_err(damaged)?
        .try_into()
        .map_err(|_| "the address of its prefix has not 16 octets".to_owned())?;
    let length = update.get_prefix_len();
    let octets = if update.get_afi() == AFI_IPV4 {
        octets.get(12..).unwrap_or_default()
    } else {
        &octets[..]
    };
    let needed = usize::from(length).div_ceil(8);
    let prefix = octets
        .get(..needed)
        .ok_or_else(|| format!("its prefix length {length} is longer than an address"))?;
    let labels = update.get_labels().map_err(damaged)?;
    let is_labelled = matches!(shape_of(update), NlriShape::Prefix { labelled: true, .. });
    let has_label_field = is_labelled || !labels.is_empty();
    let label_count = if has_label_field { labels.len().max(1) } else { 0 };
    let distinguisher = update
        .get_has_route_distinguisher()
        .then(|| update.get_route_distinguisher().to_be_bytes());
    let bits =
        24 * label_count as usize + distinguisher.map_or(0, |octets| 8 * octets.len()) + usize::from(length);
    out.push(u8::try_from(bits).map_err(|_| format!("it has {} labels", labels.len()))?);
    if has_label_field && labels.is_empty() {
        out.extend(WITHDRAW_LABEL);
    }
    for (label, behind) in labels.iter().zip((0..labels.len()).rev()) {
        let bottom = if behind == 0 { BOTTOM_OF_STACK } else { 0 };
        let [_, high, middle, low] = ((label << 4) | bottom).to_be_bytes();
        out.extend([high, middle, low]);
    }
    out.extend(distinguisher.iter().flatten());
    out.extend_from_slice(prefix);
    Ok(())
}
