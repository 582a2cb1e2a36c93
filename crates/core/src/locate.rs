//! From a field of an UPDATE to the table of its routes.

use arancini_wire::WireError;
use arancini_wire::bgp::nlri;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::peer::PeerIndex;
use crate::router::TablePlace;
use crate::sections::{FieldKind, Section};
use crate::shared::Shared;
use crate::subjects::SubjectKey;
use crate::table::{PeerTable, TableIndex};
use crate::table_key::TableKey;
use crate::table_limits;

/// Finds the table of a field, whether its NLRI carries path identifiers, and how many routes it has. Path identifiers are as
/// negotiated, unless the bytes prove otherwise. `prefetched` is the table of another field of the message, or of this one.
///
/// # Errors
/// The NLRI cannot be read, or the peer has as many tables as it may have.
#[inline]
pub(crate) fn locate(
    context: &mut RouterContext<'_>,
    peer_index: PeerIndex,
    view: RibView,
    section: &mut Section<'_>,
    prefetched: Option<TableIndex>,
) -> Result<(), WireError> {
    let tables = &context.router.peers[peer_index].tables;
    let table_index = match prefetched {
        Some(index) if tables[index].key.family == section.family => index,
        _ => find_or_add_table(context, peer_index, view, section.family)?,
    };
    let table = &mut context.router.peers[peer_index].tables[table_index];
    let decision = nlri::decide_add_path(
        section.family,
        section.field,
        table.add_path,
        table.path_ids_absent,
    )?;
    if table.add_path {
        // A field that can only be read with path identifiers shows that the peer sends them after all.
        table.path_ids_absent = !decision.add_path;
    }
    if decision.contradiction {
        let which = if table.add_path {
            Quirk::PathIdsAbsent
        } else {
            Quirk::PathIdsNotNegotiated
        };
        context.count_quirk(peer_index, which);
    }
    section.table = table_index;
    section.add_path = decision.add_path;
    section.routes = decision.routes;
    Ok(())
}

/// Finds the table of the peer's present messages for this view and family, or adds it.
fn find_or_add_table(
    context: &mut RouterContext<'_>,
    peer_index: PeerIndex,
    view: RibView,
    family: AfiSafi,
) -> Result<TableIndex, WireError> {
    let peer = &context.router.peers[peer_index];
    let key = peer.table_key(view, family);
    match peer.find_table(&key) {
        Some(index) => Ok(index),
        None => add_table(context, peer_index, key),
    }
}

/// Counts the routes of a field as received, before curation.
#[inline]
pub(crate) fn count_received(context: &mut RouterContext<'_>, place: TablePlace, section: &Section<'_>) {
    let RouterContext { router, shared, .. } = context;
    let table = &mut router.peers[place.peer].tables[place.table];
    let routes = section.routes as u64;
    if section.kind == FieldKind::Announced {
        table.received_announces += routes;
        shared.counters.received_announces.of(table.key.view).add(routes);
    } else {
        table.received_withdraws += routes;
        shared.counters.received_withdraws.of(table.key.view).add(routes);
    }
}

/// Adds the table with this key to a peer.
///
/// # Errors
/// The peer may not have another table.
#[cold]
#[inline(never)]
fn add_table(
    context: &mut RouterContext<'_>,
    peer_index: PeerIndex,
    key: TableKey,
) -> Result<TableIndex, WireError> {
    let RouterContext { router, shared, .. } = context;
    let Shared {
        settings, batcher, ..
    } = &mut **shared;
    table_limits::check_new_tables(&router.peers[peer_index], &[key.family])?;
    router.note_new_table(&key);
    router.note_identity(peer_index, key.peer);
    let subject = router.subject(
        SubjectKey::Updates(key.peer_asn, key.family),
        &settings.subject_base,
        batcher,
    );
    let peer = &mut router.peers[peer_index];
    let add_path = peer.negotiated_add_path(key.view, key.family);
    let contradicts = peer.contradicts(&key);
    let table = table_limits::add_table(peer, PeerTable::new(key, subject, add_path, settings.curation));
    if contradicts {
        context.count_quirk(peer_index, Quirk::OtherThanPeerUp);
    }
    Ok(table)
}
