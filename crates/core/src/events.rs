//! Events: everything that is published besides route updates.
//!
//! Events about peers and routers are barriers: an event is published behind everything that its router said before, and
//! before everything that the router says next.

use std::sync::Arc;

use arancini_schema::events::{
    self, EventOrigin, InformationTlv, MalformedMessage, PeerEvent, PeerEventKind, RouterEvent,
    RouterEventKind, StatisticsEvent, write_malformed_message, write_peer_event, write_router_event,
    write_statistics_event,
};
use arancini_wire::bmp::{PerPeerHeader, RibView};

use crate::batcher::SubjectId;
use crate::context::RouterContext;
use crate::event_limits::Kept;
use crate::peer::{Peer, PeerIndex};
use crate::repeat_part::EventScope;
use crate::subjects::SubjectKey;

/// Cost of one event, counted in routes: it is encoded with a layout of its own.
const EVENT_WORK: u64 = 10;
/// Cost of a barrier beside its event, counted in routes: it closes batches, and its own batch needs a buffer.
const BARRIER_WORK: u64 = 40;

/// AS number in the subject of statistics about peers that are not known. RFC 7607 reserves it, so no peer has it.
const UNKNOWN_PEER_ASN: u32 = 0;

/// No TLVs.
const NO_INFORMATION: Kept<&[InformationTlv<'_>]> = Kept { part: &[], whole: 0 };

/// Publishes an event about the router itself.
pub(crate) fn router_event(context: &mut RouterContext<'_>, kind: RouterEventKind, reason: &str) {
    router_message_event(context, kind, reason, NO_INFORMATION);
}

/// Publishes the begin or the end of a resync of these tables.
pub(crate) fn resync_event(
    context: &mut RouterContext<'_>,
    kind: RouterEventKind,
    reason: &str,
    scope: EventScope,
) {
    scoped_router_event(context, kind, reason, NO_INFORMATION, scope);
}

/// Publishes an Initiation or a Termination.
pub(crate) fn router_message_event(
    context: &mut RouterContext<'_>,
    kind: RouterEventKind,
    reason: &str,
    information: Kept<&[InformationTlv<'_>]>,
) {
    scoped_router_event(context, kind, reason, information, EventScope::default());
}

fn scoped_router_event(
    context: &mut RouterContext<'_>,
    kind: RouterEventKind,
    reason: &str,
    information: Kept<&[InformationTlv<'_>]>,
    scope: EventScope,
) {
    let router = &context.router;
    let (name, description) = (router.sys_name.clone(), router.sys_descr.clone());
    let naming = Arc::clone(&router.naming);
    let is_resync = matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd);
    let event = RouterEvent {
        kind,
        router_name: &naming.name,
        system_name: &name,
        system_description: &description,
        reason,
        information: information.part,
        information_length: information.whole,
        peer: scope.peer,
        family: scope.family,
        all_withdrawn: is_resync && router.withdraws_all(),
    };
    barrier(context, SubjectKey::Routers, |origin, out| {
        write_router_event(origin, &event, out);
    });
}

/// Publishes an event about a peer.
pub(crate) fn peer_event(context: &mut RouterContext<'_>, event: &PeerEvent<'_>) {
    barrier(context, SubjectKey::Peers(event.peer.asn), |origin, out| {
        write_peer_event(origin, event, out);
    });
}

/// Publishes a statistics report. It is no barrier, since it says nothing about any route.
///
/// The subject names the AS number of the peer as it is known, and [`UNKNOWN_PEER_ASN`] for a peer that is not. A report does
/// not make its peer known, so a sender could otherwise make a subject for every AS number that there is.
pub(crate) fn statistics_event(
    context: &mut RouterContext<'_>,
    known: Option<PeerIndex>,
    event: &StatisticsEvent<'_>,
) {
    let asn = known.map_or(UNKNOWN_PEER_ASN, |peer| context.router.peers[peer].asn);
    let subject = subject(context, SubjectKey::Statistics(asn));
    append(context, subject, |origin, out| {
        write_statistics_event(origin, event, out);
    });
}

/// Publishes a message that cannot be read, as it came. It is no barrier.
pub(crate) fn malformed_event(context: &mut RouterContext<'_>, message: &MalformedMessage<'_>) {
    let subject = subject(context, SubjectKey::Malformed);
    append(context, subject, |origin, out| {
        write_malformed_message(origin, message, out);
    });
}

/// Appends an event behind everything the router has said so far and before everything it says next: the router's open
/// batches are closed first, and the event's own batch at once.
fn barrier(context: &mut RouterContext<'_>, key: SubjectKey, write: impl FnOnce(&EventOrigin, &mut Vec<u8>)) {
    context.shared.work += BARRIER_WORK;
    context.router.close_batches(&mut context.shared.batcher);
    let subject = subject(context, key);
    append(context, subject, write);
    context.shared.batcher.close(subject);
}

fn subject(context: &mut RouterContext<'_>, key: SubjectKey) -> SubjectId {
    let shared = &mut *context.shared;
    context
        .router
        .subject(key, &shared.settings.subject_base, &mut shared.batcher)
}

fn append(
    context: &mut RouterContext<'_>,
    subject: SubjectId,
    write: impl FnOnce(&EventOrigin, &mut Vec<u8>),
) {
    let origin = EventOrigin {
        sequence: context.router.next_sequence(),
        time_received_ns: context.now.unix_ns,
        router_address: context.router.address,
        router_port: context.router.port,
    };
    let shared = &mut *context.shared;
    shared.work += EVENT_WORK;
    shared
        .batcher
        .append(subject, origin.sequence, context.now.monotonic_ns, |out| {
            write(&origin, out)
        });
    shared.counters.events.add(1);
}

/// The peer of an event, as it is known.
pub(crate) const fn event_peer(peer: &Peer, view: RibView) -> events::Peer {
    events::Peer {
        address: peer.identity.address,
        asn: peer.asn,
        bgp_id: peer.identity.bgp_id,
        peer_type: peer.identity.peer_type,
        distinguisher: peer.identity.distinguisher,
        view,
    }
}

/// The peer of an event, as a header names it.
pub(crate) fn header_peer(header: &PerPeerHeader<'_>) -> events::Peer {
    let identity = header.identity();
    events::Peer {
        address: identity.address,
        asn: header.asn(),
        bgp_id: identity.bgp_id,
        peer_type: identity.peer_type,
        distinguisher: identity.distinguisher,
        view: header.view(),
    }
}

/// A peer event that says what happened to which peer, and nothing else yet.
pub(crate) const fn bare_peer_event(kind: PeerEventKind, peer: events::Peer) -> PeerEvent<'static> {
    PeerEvent {
        kind,
        time_bmp_header_ns: 0,
        peer,
        provisional: false,
        table_name: "",
        local_address: [0; 16],
        local_port: 0,
        remote_port: 0,
        sent_open: &[],
        received_open: &[],
        four_octet_asn: false,
        add_path: &[],
        information: &[],
        information_length: 0,
        down_reason: 0,
        down_data: &[],
        down_data_length: 0,
    }
}
