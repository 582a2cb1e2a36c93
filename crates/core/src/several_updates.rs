//! Several UPDATEs in one Route Monitoring message. RFC 7854 §4.6 allows one UPDATE for each message, but some
//! routers send more.
//!
//! The message is taken whole or skipped whole, so every UPDATE is checked before the first one is taken. Both passes can
//! stop between two UPDATEs and go on in the next turn.

use arancini_wire::WireError;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::{MessageType, Pdu, Update, nlri};
use arancini_wire::bmp::{PerPeerHeader, RouteMonitoring};
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::handling::attribute_handling;
use crate::peer::{Peer, PeerIndex};
use crate::progress::{PartOfUpdate, Phase, SeveralUpdates, Taken};
use crate::sections::Sections;
use crate::table_limits::check_new_tables;
use crate::update::{UpdateBytes, as_width, update};

/// Fixed cost of one UPDATE, counted in routes.
const UPDATE_WORK: u64 = 2;

/// Takes the UPDATEs of a message, or a part of them: then `several` and `part` say how far. Each call looks at one UPDATE at
/// least, even if nobody takes the closed batches: else a caller that takes them afterwards would call for ever.
///
/// # Errors
/// One of the UPDATEs cannot be read. Nothing of the message was taken.
pub(crate) fn several_updates(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    message: &RouteMonitoring<'_>,
    several: &mut SeveralUpdates,
    part: &mut Option<PartOfUpdate>,
) -> Result<Taken, WireError> {
    let mut is_first = several.phase == Phase::Taking;
    if several.phase == Phase::Checking {
        if check_updates(context, peer, message, several)? == Taken::Part {
            return Ok(Taken::Part);
        }
        count_quirks(context, peer, message, several);
        several.phase = Phase::Taking;
        several.done = 0;
    }
    let header = message.peer();
    while several.done < several.framed
        && let Some(pdu) = next_pdu(message, several.done).transpose()?
    {
        if !is_first && !context.shared.has_work_left() {
            return Ok(Taken::Part);
        }
        is_first = false;
        context.shared.work += UPDATE_WORK;
        if pdu.kind() == MessageType::Update
            && update(context, peer, &header, UpdateBytes::of(&pdu), part)? == Taken::Part
        {
            return Ok(Taken::Part);
        }
        several.done += pdu.as_bytes().len();
    }
    Ok(Taken::Whole)
}

/// Checks the UPDATEs, and finds out where the last one ends: octets behind it that are no BGP message do no harm.
fn check_updates(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    message: &RouteMonitoring<'_>,
    several: &mut SeveralUpdates,
) -> Result<Taken, WireError> {
    let header = message.peer();
    let begin = several.done;
    while let Some(pdu) = next_pdu(message, several.done) {
        if several.done > begin && !context.shared.has_work_left() {
            return Ok(Taken::Part);
        }
        context.shared.work += UPDATE_WORK;
        let pdu = match pdu {
            Ok(pdu) => pdu,
            Err(error) if several.done == 0 || starts_with_marker(message, several.done) => {
                return Err(error);
            }
            Err(_) => break,
        };
        if pdu.kind() == MessageType::Update {
            let bytes = UpdateBytes::of(&pdu);
            let peer = &context.router.peers[peer];
            let routes = check_update(peer, &header, bytes.body, &mut several.new_families)
                .map_err(|error| error.at(bytes.offset))?;
            context.shared.work += routes / 4;
            several.updates += 1;
        }
        several.done += pdu.as_bytes().len();
    }
    several.framed = several.done;
    Ok(Taken::Whole)
}

/// Checks one UPDATE as [`update`] does before it takes the first route; returns the number of its routes. Changes nothing of the
/// peer. Families without a table are added to `new_families`: the message needs a table for each.
fn check_update(
    peer: &Peer,
    header: &PerPeerHeader<'_>,
    body: &[u8],
    new_families: &mut Vec<AfiSafi>,
) -> Result<u64, WireError> {
    let update = Update::new_checked(body)?;
    if update.end_of_rib().is_some() {
        return Ok(0);
    }
    let view = header.view();
    let mut attributes = PathAttributes::unread(update.attributes(), as_width(header));
    attributes.read();
    attribute_handling(&attributes, &update, view)?;
    let mut sections = Sections::default();
    sections.add(&update, &attributes);
    let mut routes = 0;
    for section in sections.iter_mut() {
        let table = peer.find_table(&peer.table_key(view, section.family));
        let (add_path, absent) = match table {
            Some(index) => (peer.tables[index].add_path, peer.tables[index].path_ids_absent),
            None => {
                if !new_families.contains(&section.family) {
                    new_families.push(section.family);
                    check_new_tables(peer, new_families).map_err(|error| error.at(section.offset))?;
                }
                (peer.negotiated_add_path(view, section.family), false)
            }
        };
        let decision = nlri::decide_add_path(section.family, section.field, add_path, absent)
            .map_err(|error| error.at(section.offset))?;
        routes += decision.routes as u64;
    }
    Ok(routes)
}

/// Counts the quirks of the message, once it is known that it can be taken.
fn count_quirks(
    context: &mut RouterContext<'_>,
    peer: PeerIndex,
    message: &RouteMonitoring<'_>,
    several: &SeveralUpdates,
) {
    if several.updates > 1 {
        context.count_quirk(peer, Quirk::SeveralUpdates);
    }
    if several.framed < message.update_pdu().len() {
        context.count_quirk(peer, Quirk::TrailingOctets);
    }
    let pdus = message.pdus().flatten();
    if pdus
        .take_while(|pdu| pdu.offset < several.framed)
        .any(|pdu| pdu.kind() != MessageType::Update)
    {
        context.count_quirk(peer, Quirk::NotAnUpdate);
    }
}

/// The BGP message behind the first `done` bytes, if there is anything.
fn next_pdu<'a>(message: &RouteMonitoring<'a>, done: usize) -> Option<Result<Pdu<'a>, WireError>> {
    message.pdus_from(done).next()
}

/// Whether the octets behind the first `done` bytes begin like a BGP message.
fn starts_with_marker(message: &RouteMonitoring<'_>, done: usize) -> bool {
    const MARKER: [u8; 16] = [0xff; 16];
    let rest = message.update_pdu().get(done..).unwrap_or_default();
    let seen = rest.len().min(MARKER.len());
    rest[..seen] == MARKER[..seen]
}
