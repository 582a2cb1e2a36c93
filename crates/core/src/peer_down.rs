//! Peer Down (RFC 7854 §4.9).

use arancini_rib::Doom;
use arancini_schema::events::{PeerEvent, PeerEventKind};
use arancini_wire::bmp::PeerDown;

use crate::changes::PeerChange;
use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::event_limits;
use crate::events::{bare_peer_event, event_peer, peer_event};
use crate::notice::NoticeKind;
use crate::peer::PeerState;

/// Takes a Peer Down: "implicitly withdraws all routes that were associated with the peer in question".
///
/// The event is published first, and the sweep then withdraws the routes in slices.
pub(crate) fn peer_down(context: &mut RouterContext<'_>, message: &PeerDown<'_>) {
    let header = message.peer();
    context.shared.counters.peers_down.add(1);
    let Some(index) = context.find_or_add_peer(&header) else {
        return;
    };
    let was_up = context.router.peers[index].state != PeerState::Down;
    context.router.set_state(index, PeerState::Down);
    context.router.peers[index].last_message_unix_ns = context.now.unix_ns;
    if was_up {
        let down = PeerChange::Down(message.reason().code());
        let changes = &mut context.router.peers[index].changes;
        changes.push(context.now.unix_ns, down);
    }
    let peer = &context.router.peers[index];
    let (address, table_name) = (peer.address(), peer.last_name().to_owned());
    let down_data = event_limits::raw(message.raw_data());
    let event = PeerEvent {
        time_bmp_header_ns: header.timestamp_ns(),
        table_name: &table_name,
        down_reason: message.reason().code(),
        down_data: down_data.part,
        down_data_length: down_data.whole,
        ..bare_peer_event(PeerEventKind::Down, event_peer(peer, header.view()))
    };
    peer_event(context, &event);
    context.doom_peer(index, Doom::PeerDown);
    context.router.note_gone(index);
    if !was_up {
        context.count_quirk(index, Quirk::PeerDownWithoutUp);
    }
    let router = context.router.id;
    let reason = message.reason().code();
    let what = if was_up {
        NoticeKind::PeerDown(reason)
    } else {
        NoticeKind::PeerDownWithoutUp(reason)
    };
    context.shared.notices.push(router, Some(address), what);
}
