//! What becomes of routes whose updates the shell throws away (`publish.on_full = "drop"`).
//!
//! Consumers did not hear what the table believes they heard. Each route of the lost batch is put in doubt
//! ([`arancini_rib::CuratedTable::doubt`]), so that the next dump of the router repairs the stream. That needs a router and a
//! peer that will dump again: of others, whose routes are just being withdrawn, nothing may be thrown away. This is the
//! rare path: it decodes what was encoded a moment ago.

use arancini_rib::{KeyShape, RouteKey};
use arancini_schema::decode::Messages;
use arancini_schema::update_capnp::{self, update};
use arancini_wire::bmp::{PeerIdentity, RibView};
use arancini_wire::iana::AfiSafi;

use crate::batch::{Batch, BatchKind};
use crate::peer::{PeerState, key_shape};
use crate::router::{Router, RouterLife};

/// Puts every route of the batch in doubt; `false`, and nothing is touched, if no dump would repair what is lost with it.
pub(crate) fn put_in_doubt(router: Option<&mut Router>, batch: &Batch) -> bool {
    match batch.kind {
        // The next report says it again, and what can't be read says nothing of any route.
        BatchKind::Statistics | BatchKind::Malformed => return true,
        BatchKind::Peers | BatchKind::Routers => return false,
        BatchKind::Updates => {}
    }
    let Some(router) = router else { return false };
    if router.life == RouterLife::Leaving {
        return false;
    }
    for_each_update(batch, |update| {
        let (peer, _) = table_of(router, update)?;
        (router.peers[peer].state != PeerState::Down).then_some(())
    }) && for_each_update(batch, |update| {
        let (peer, table) = table_of(router, update)?;
        let table = &mut router.peers[peer].tables[table];
        let key = key_of(update, key_shape(table.family))?;
        table.of(key.path_id().is_some()).doubt(&key);
        Some(())
    })
}

/// Whether all could be read and `visit` had something to say of each.
fn for_each_update(batch: &Batch, mut visit: impl FnMut(update::Reader<'_>) -> Option<()>) -> bool {
    Messages::new(&batch.payload).all(|message| {
        let Ok(message) = message else { return false };
        message.update().is_ok_and(|update| visit(update).is_some())
    })
}

/// Where the table is that the update came from.
fn table_of(router: &Router, update: update::Reader<'_>) -> Option<(usize, usize)> {
    let identity = PeerIdentity {
        peer_type: update.get_peer_type(),
        distinguisher: update.get_peer_distinguisher().to_be_bytes(),
        address: update.get_peer_addr().ok()?.try_into().ok()?,
        bgp_id: update.get_peer_bgp_id(),
    };
    let view = match update.get_rib_view().ok()? {
        update_capnp::RibView::AdjRibInPre => RibView::AdjRibInPre,
        update_capnp::RibView::AdjRibInPost => RibView::AdjRibInPost,
        update_capnp::RibView::AdjRibOutPre => RibView::AdjRibOutPre,
        update_capnp::RibView::AdjRibOutPost => RibView::AdjRibOutPost,
        update_capnp::RibView::LocRib => RibView::LocRib,
    };
    let family = AfiSafi::new(update.get_afi(), update.get_safi());
    let peer = router.lookup_peer(&identity)?;
    let table = router.peers[peer]
        .tables
        .iter()
        .position(|table| (table.view, table.family, table.asn) == (view, family, update.get_peer_asn()))?;
    Some((peer, table))
}

/// The key of the route it is about.
fn key_of<'a>(update: update::Reader<'a>, shape: KeyShape) -> Option<RouteKey<'a>> {
    let path_id = update.get_has_path_id().then(|| update.get_path_id());
    let length = update.get_prefix_len();
    let address = || {
        Some(u128::from_be_bytes(
            update.get_prefix_addr().ok()?.try_into().ok()?,
        ))
    };
    let distinguisher = update.get_route_distinguisher().to_be_bytes();
    Some(match shape {
        KeyShape::Ipv4 => RouteKey::Ipv4 {
            // IPv4-mapped: the address is in the low half.
            address: address()? as u32,
            length,
            path_id,
        },
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address: address()?,
            length,
            path_id,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher,
            address: address()? as u32,
            length,
            path_id,
        },
        KeyShape::Vpn6 => RouteKey::Vpn6 {
            distinguisher,
            address: address()?,
            length,
            path_id,
        },
        KeyShape::Opaque => RouteKey::Opaque {
            nlri: update.get_raw_nlri().ok()?,
            path_id,
        },
    })
}
