//! Route Monitoring (RFC 7854 §4.6, §5): UPDATEs of a peer, for the dump of a table and for every change after it.

use arancini_wire::WireError;
use arancini_wire::bgp::MessageType;
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bmp::RouteMonitoring;

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::provisional::peer_with_routes;
use crate::update::update;

/// Flags that RFC 9069 §4.2 defines for Loc-RIB: F.
const LOC_RIB_FLAGS: u8 = 0x80;

/// Takes a Route Monitoring message. It should carry one UPDATE; some routers send several.
///
/// # Errors
/// An UPDATE cannot be read. Nothing of it was taken, nor of those behind it.
#[inline]
pub(crate) fn route_monitoring(
    context: &mut RouterContext<'_>,
    message: &RouteMonitoring<'_>,
) -> Result<(), WireError> {
    let header = message.peer();
    let Some(peer) = peer_with_routes(context, &header) else {
        return Ok(());
    };
    if header.is_loc_rib() && header.flags() & !LOC_RIB_FLAGS != 0 {
        context.count_quirk(peer, Quirk::LocRibFlags);
    }
    let mut updates = 0;
    for pdu in message.pdus() {
        let pdu = pdu?;
        if pdu.kind() != MessageType::Update {
            context.count_quirk(peer, Quirk::NotAnUpdate);
            continue;
        }
        updates += 1;
        update(context, peer, &header, pdu.body, pdu.offset + HEADER_LEN)?;
    }
    if updates > 1 {
        context.count_quirk(peer, Quirk::SeveralUpdates);
    }
    Ok(())
}
