//! Peer Up (RFC 7854 §4.10): the capabilities of its two OPENs say how the peer's UPDATEs are read.

use arancini_rib::Doom;
use arancini_schema::events::{PeerEvent, PeerEventKind};
use arancini_wire::bmp::PeerUp;
use arancini_wire::iana::AfiSafi;

use crate::changes::PeerChange;
use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::event_limits::information;
use crate::events::{bare_peer_event, event_peer, peer_event};
use crate::information::text;
use crate::notice::NoticeKind;
use crate::opens::Opens;
use crate::peer::{PeerIndex, PeerState};

/// Cost of one Peer Up beside its event, counted in routes: it may add a peer, and reads two OPENs.
const PEER_UP_WORK: u64 = 40;

/// Takes a Peer Up: "a peering session has come up (i.e., has transitioned into the Established state)".
pub(crate) fn peer_up(context: &mut RouterContext<'_>, message: &PeerUp<'_>) {
    let header = message.peer();
    context.shared.counters.peers_up.add(1);
    context.shared.work += PEER_UP_WORK;
    let Some(index) = context.find_or_add_peer(&header) else {
        return;
    };
    question_routes(context, index, message);
    context.router.begin_dump(context.now.monotonic_ns);
    if context.router.peers[index].state == PeerState::Up {
        context.count_quirk(index, Quirk::PeerUpTwice);
    }
    if message.open_error().is_some() {
        context.count_quirk(index, Quirk::DamagedOpen);
    }
    let peer = &mut context.router.peers[index];
    if peer.state != PeerState::Up || !peer.is_repeated(message) {
        peer.changes.push(context.now.unix_ns, PeerChange::Up);
        peer.dump.begin(context.now.unix_ns);
    }
    peer.last_message_unix_ns = context.now.unix_ns;
    let negotiated = message.negotiated();
    context.router.identify_peer(index, header.identity());
    let peer = &mut context.router.peers[index];
    peer.asn = header.asn();
    peer.other_asns.clear();
    peer.hear(&header);
    peer.set_table_name(message.table_name().map(text).unwrap_or_default(), message);
    let agreed = peer.agreed_after(message, negotiated);
    peer.set_negotiated(Some(agreed), context.now.monotonic_ns);
    context.shared.life_check_wanted = true;
    peer.agree_on_families(message);
    peer.remember_session(message);
    peer.opens = Some(Box::new(Opens::of(message)));
    context.router.bring_up(index, PeerState::Up);

    let peer = &context.router.peers[index];
    let add_path: Vec<AfiSafi> = negotiated.context(header.view()).add_path.iter().collect();
    let information = information(message.tlvs());
    let (address, table_name) = (peer.address(), peer.last_name().to_owned());
    let event = PeerEvent {
        time_bmp_header_ns: header.timestamp_ns(),
        table_name: &table_name,
        local_address: message.local_address(),
        local_port: message.local_port(),
        remote_port: message.remote_port(),
        sent_open: message.sent_open().as_bytes(),
        received_open: message.received_open().as_bytes(),
        four_octet_asn: negotiated.four_octet_as,
        add_path: &add_path,
        information: &information.part,
        information_length: information.whole,
        ..bare_peer_event(PeerEventKind::Up, event_peer(peer, header.view()))
    };
    peer_event(context, &event);
    let router = context.router.id;
    context
        .shared
        .notices
        .push(router, Some(address), NoticeKind::PeerUp);
}

/// Decides what a Peer Up means for the routes that are known of its peer.
fn question_routes(context: &mut RouterContext<'_>, index: PeerIndex, message: &PeerUp<'_>) {
    let header = message.peer();
    let peer = &mut context.router.peers[index];
    if peer.asn != header.asn() || peer.identity.bgp_id != header.bgp_id() {
        // From now on the peer's routes are published under another key: the routes under the earlier key are gone.
        context.doom_peer(index, Doom::PeerDown);
    } else if peer.state == PeerState::Provisional
        || peer.state == PeerState::Up && !peer.is_repeated(message)
    {
        // Another BGP session of the peer: its dump has to announce every route again.
        for table in &mut peer.tables {
            table.mark_stale(context.now.monotonic_ns);
        }
        context.shared.life_check_wanted = true;
    }
}
