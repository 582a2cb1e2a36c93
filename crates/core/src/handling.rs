//! What becomes of an UPDATE with malformed or missing attributes (RFC 7606; `docs/rfc7606.md`).

use arancini_wire::WireError;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::{Fault, Handling, PathAttributes};
use arancini_wire::bmp::RibView;

/// Decides what happens to the UPDATE. If it returns `None` or `AttributeDiscard`, the routes are used. The function changes
/// nothing, so an UPDATE can be checked before another one is used.
///
/// A missing attribute or next hop counts only in an UPDATE that the peer itself sent. In the other views the router made the
/// UPDATE, for a route that it holds (`docs/rfc7606.md`).
///
/// # Errors
/// The message has to be skipped.
#[inline]
pub(crate) fn attribute_handling(
    attributes: &PathAttributes<'_>,
    update: &Update<'_>,
    view: RibView,
) -> Result<Option<Handling>, WireError> {
    if attributes.is_sound(!update.nlri().is_empty()) {
        Ok(None)
    } else {
        handling_of_faults(attributes, update, view)
    }
}

#[cold]
fn handling_of_faults(
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
    if view == RibView::AdjRibInPre
        && let Some(fault) = attributes.absent_next_hop()
    {
        return Err(unreadable(update, &fault));
    }
    if handling == Some(Handling::TreatAsWithdraw) && !has_routes(update, attributes) {
        // What the sender meant to announce cannot be known (RFC 7606 §5.2).
        let mut faults = attributes.faults.as_slice().iter();
        let fault = faults.find(|fault| fault.handling == Handling::TreatAsWithdraw);
        return Err(unreadable_or_lost(update, fault));
    }
    if handling == Some(Handling::SkipMessage) {
        let mut faults = attributes.faults.as_slice().iter();
        let fault = faults.find(|fault| fault.handling == Handling::SkipMessage);
        return Err(unreadable_or_lost(update, fault));
    }
    Ok(handling)
}

/// Name of the field in the error of a message that is skipped for an attribute. The value is the type of the attribute.
const UNREADABLE: &str = "path attribute that can't be read";

fn unreadable(update: &Update<'_>, fault: &Fault) -> WireError {
    WireError::invalid(
        update.attributes_offset() + fault.offset as usize,
        UNREADABLE,
        u64::from(fault.type_code),
    )
}

/// The error for a fault. `None`: it did not fit among the kept ones, so only the strongest handling is known.
fn unreadable_or_lost(update: &Update<'_>, fault: Option<&Fault>) -> WireError {
    fault.map_or_else(
        || WireError::invalid(update.attributes_offset(), UNREADABLE, 0),
        |fault| unreadable(update, fault),
    )
}

/// Whether the UPDATE names any route.
#[cold]
fn has_routes(update: &Update<'_>, attributes: &PathAttributes<'_>) -> bool {
    !update.nlri().is_empty()
        || !update.withdrawn().is_empty()
        || attributes.mp_reach.is_some_and(|mp| !mp.nlri.is_empty())
        || attributes.mp_unreach.is_some_and(|mp| !mp.nlri.is_empty())
}
