//! Batches that the shell throws away (`publish.on_full = "drop"`; `docs/adr/0041-dropped-routes-are-in-doubt.md`).
//!
//! Consumers did not get updates that the tables count as published. Each route of the lost batch is put in doubt
//! ([`arancini_rib::CuratedTable::doubt`]), so that the router's next dump repairs the stream. The router and the peer must be
//! there for a next dump: no batch of a router that is leaving, or of a peer that is down, may be thrown away. Dropping is rare,
//! so the routes are decoded from the batch that encoded them a moment ago.

use arancini_rib::{AttributeSets, Fingerprints};
use arancini_schema::decode::Messages;
use arancini_schema::update_capnp::update;

use crate::batch::{Batch, BatchKind};
use crate::peer::PeerState;
use crate::published_route::route_key_of;
use crate::router::{Router, RouterLife};
use crate::table_key::TableKey;

/// Puts every route of the batch in doubt. Returns `false`, and changes nothing, if no dump would repair the loss of the
/// batch.
pub(crate) fn put_in_doubt(
    router: Option<&mut Router>,
    mut sets: Option<&mut AttributeSets>,
    batch: &Batch,
) -> bool {
    match batch.kind {
        // The next report repeats the statistics, and a malformed message says nothing about any route.
        BatchKind::Statistics | BatchKind::Malformed => return true,
        BatchKind::Peers | BatchKind::Routers => return false,
        BatchKind::Updates => {}
    }
    let Some(router) = router else { return false };
    if router.life == RouterLife::Leaving {
        return false;
    }
    for_each_update(batch, |update| {
        let place = router.find_table(&TableKey::of_update(update).ok()?)?;
        (router.peers[place.peer].state != PeerState::Down).then_some(())
    }) && {
        router.in_doubt = true;
        for_each_update(batch, |update| {
            let place = router.find_table(&TableKey::of_update(update).ok()?)?;
            let table = &mut router.peers[place.peer].tables[place.table];
            let route = route_key_of(update, table.key.family).ok()?;
            let rib = table.of(route.path_id().is_some());
            match sets.as_deref_mut() {
                None => rib.doubt(&route, &mut Fingerprints),
                Some(sets) => rib.doubt(&route, sets),
            }
            Some(())
        })
    }
}

/// Visits every update of the batch; `false` if one cannot be read or `visit` returned `None` for it.
fn for_each_update(batch: &Batch, mut visit: impl FnMut(&update::Reader<'_>) -> Option<()>) -> bool {
    Messages::new(&batch.payload).all(|message| {
        let Ok(message) = message else { return false };
        message.update().is_ok_and(|update| visit(&update).is_some())
    })
}
