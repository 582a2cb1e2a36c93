//! Route Monitoring (RFC 7854 §4.6, §5): UPDATEs of a peer, for the dump of a table and for every change after it.

use arancini_wire::WireError;
use arancini_wire::bgp::MessageType;
use arancini_wire::bmp::{PerPeerHeader, RouteMonitoring};

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::peer::PeerIndex;
use crate::progress::{Progress, Taken};
use crate::provisional::peer_with_routes;
use crate::several_updates::several_updates;
use crate::update::{UpdateBytes, update};

/// Flags that RFC 9069 §4.2 defines for Loc-RIB: F.
const LOC_RIB_FLAGS: u8 = 0x80;

/// Takes a Route Monitoring message, or a part of one that is too much for this turn: then `progress` says how far.
///
/// # Errors
/// An UPDATE cannot be read. Nothing of the message was taken.
#[inline]
pub(crate) fn route_monitoring(
    context: &mut RouterContext<'_>,
    message: &RouteMonitoring<'_>,
    progress: &mut Option<Box<Progress>>,
) -> Result<Taken, WireError> {
    let header = message.peer();
    let first = message.pdus().next().transpose()?;
    if let Some(pdu) = first
        && progress.is_none()
        && pdu.as_bytes().len() == message.update_pdu().len()
    {
        let Some(peer) = peer_of_message(context, &header) else {
            return Ok(Taken::Whole);
        };
        if pdu.kind() != MessageType::Update {
            context.count_quirk(peer, Quirk::NotAnUpdate);
            return Ok(Taken::Whole);
        }
        let mut part = None;
        let taken = update(context, peer, &header, UpdateBytes::of(&pdu), &mut part)?;
        if part.is_some() {
            *progress = Some(Box::new(Progress {
                several: None,
                update: part,
            }));
        }
        return Ok(taken);
    }
    go_on(context, message, progress)
}

/// The peer of a message. `None` if the router has as many peers as it may have.
// Inlined for each message; its other caller is cold.
#[inline(always)]
fn peer_of_message(context: &mut RouterContext<'_>, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
    let peer = peer_with_routes(context, header)?;
    context.router.peers[peer].last_message_unix_ns = context.now.unix_ns;
    if header.is_loc_rib() && header.flags() & !LOC_RIB_FLAGS != 0 {
        context.count_quirk(peer, Quirk::LocRibFlags);
    }
    Some(peer)
}

/// Takes a message of several UPDATEs, or one that was begun in an earlier turn.
#[cold]
fn go_on(
    context: &mut RouterContext<'_>,
    message: &RouteMonitoring<'_>,
    progress: &mut Option<Box<Progress>>,
) -> Result<Taken, WireError> {
    let header = message.peer();
    let mut at = progress.take();
    let peer = match &at {
        Some(_) => context.router.find_peer(&header),
        None => peer_of_message(context, &header),
    };
    let Some(peer) = peer else {
        return Ok(Taken::Whole);
    };
    let begun = at.get_or_insert_with(|| Box::new(Progress::of_several()));
    let Progress {
        several,
        update: part,
    } = &mut **begun;
    let taken = match (several, message.pdus().next()) {
        (Some(several), _) => several_updates(context, peer, message, several, part)?,
        (None, Some(pdu)) => update(context, peer, &header, UpdateBytes::of(&pdu?), part)?,
        (None, None) => Taken::Whole,
    };
    if taken == Taken::Part {
        *progress = at;
    }
    Ok(taken)
}
