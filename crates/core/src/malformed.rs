//! Messages that cannot be read: each is counted and published as it came, and the session goes on.

use std::net::IpAddr;

use arancini_schema::events::MalformedMessage;
use arancini_wire::WireError;
use arancini_wire::bmp::{COMMON_HEADER_LEN, MessageType, PerPeerHeader};

use crate::context::RouterContext;
use crate::event_limits;
use crate::events::{header_peer, malformed_event};
use crate::notice::NoticeKind;

/// Takes a message that cannot be read.
#[cold]
pub(crate) fn malformed(context: &mut RouterContext<'_>, frame: &[u8], error: WireError) {
    context.router.malformed += 1;
    context.shared.counters.malformed.add(1);
    let header = per_peer_header(frame);
    let reason = error.to_string();
    let raw = event_limits::raw(frame);
    let message = MalformedMessage {
        time_bmp_header_ns: header.map_or(0, |header| header.timestamp_ns()),
        peer: header.as_ref().map(header_peer),
        reason: &reason,
        offset: u32::try_from(error.offset).unwrap_or(u32::MAX),
        raw: raw.part,
        raw_length: raw.whole,
    };
    malformed_event(context, &message);
    let address = header.map(|header| IpAddr::from(header.address()).to_canonical());
    let router = context.router.id;
    context
        .shared
        .notices
        .push(router, address, NoticeKind::Malformed(reason));
}

/// The per-peer header of a message whose type has one, also of a damaged message.
fn per_peer_header(frame: &[u8]) -> Option<PerPeerHeader<'_>> {
    let (common, rest) = frame.split_at_checked(COMMON_HEADER_LEN)?;
    match MessageType::from_code(*common.last()?) {
        MessageType::Initiation | MessageType::Termination | MessageType::Unknown(_) => None,
        _ => rest.first_chunk().map(PerPeerHeader::new),
    }
}
