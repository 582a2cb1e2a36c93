//! Provisional peers: the router sends routes of a peer without a Peer Up (`docs/adr/0014-provisional-peers.md`).

use arancini_schema::events::{PeerEvent, PeerEventKind};
use arancini_wire::bmp::PerPeerHeader;

use crate::changes::PeerChange;
use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::events::{bare_peer_event, event_peer, peer_event};
use crate::peer::{PeerIndex, PeerState};

/// The peer whose routes a message carries. A peer that is not up becomes provisional. `None` if the router has as many
/// peers as it may have.
#[inline]
pub(crate) fn peer_with_routes(
    context: &mut RouterContext<'_>,
    header: &PerPeerHeader<'_>,
) -> Option<PeerIndex> {
    match context.router.find_peer(header) {
        Some(index) if context.router.peers[index].state != PeerState::Down => Some(index),
        _ => make_provisional(context, header),
    }
}

/// Treats a peer as up without a Peer Up, and publishes that. Nothing is known to have been negotiated.
#[cold]
fn make_provisional(context: &mut RouterContext<'_>, header: &PerPeerHeader<'_>) -> Option<PeerIndex> {
    let index = context.find_or_add_peer(header)?;
    context.router.bring_up(index, PeerState::Provisional);
    let peer = &mut context.router.peers[index];
    peer.set_negotiated(None, context.now.monotonic_ns);
    peer.changes.push(context.now.unix_ns, PeerChange::Provisional);
    peer.dump.begin(context.now.unix_ns);
    let event = PeerEvent {
        time_bmp_header_ns: header.timestamp_ns(),
        provisional: true,
        ..bare_peer_event(PeerEventKind::Up, event_peer(peer, header.view()))
    };
    peer_event(context, &event);
    context.count_quirk(index, Quirk::NoPeerUp);
    Some(index)
}
