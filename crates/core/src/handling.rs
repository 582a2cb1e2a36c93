//! What becomes of an UPDATE with malformed or missing attributes (RFC 7606; `docs/rfc7606.md`).

use arancini_wire::WireError;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::{Handling, PathAttributes};
use arancini_wire::bmp::RibView;

/// Decides what happens to the UPDATE. With `None` and with discarded attributes its routes stand. It changes nothing, so
/// that an UPDATE can be checked before another one is taken.
///
/// A missing attribute counts only in an UPDATE that the peer itself sent. In the other views the router made the UPDATE, for
/// a route that it holds (`docs/rfc7606.md`).
///
/// # Errors
/// The message has to be skipped.
pub(crate) fn attribute_handling(
    attributes: &PathAttributes<'_>,
    update: &Update<'_>,
    view: RibView,
) -> Result<Option<Handling>, WireError> {
    let mut handling = attributes.faults.worst();
    let announces = !update.nlri().is_empty() || attributes.mp_reach.is_some_and(|mp| !mp.nlri.is_empty());
    if announces
        && view == RibView::AdjRibInPre
        && let Some(fault) = attributes.missing_mandatory(!update.nlri().is_empty())
    {
        handling = handling.max(Some(fault.handling));
    }
    if handling == Some(Handling::SkipMessage) {
        let fault = attributes
            .faults
            .as_slice()
            .iter()
            .find(|fault| fault.handling == Handling::SkipMessage);
        let (type_code, offset) = fault.map_or((0, 0), |fault| (fault.type_code, fault.offset as usize));
        let offset = update.attributes_offset() + offset;
        return Err(WireError::invalid(
            offset,
            "path attribute that can't be read",
            u64::from(type_code),
        ));
    }
    Ok(handling)
}
