//! Stage: the first whole BMP message of a connection whose type is known.
//!
//! A connection becomes a session when this message has come, and then it replaces a session that its router has. So a
//! health check, or whatever else connects from the address of a router and says nothing, ends no session. Messages of unknown
//! types before it are counted and passed over one by one, so an endless series of them needs no memory, and ends with
//! `limits.handshake_timeout_ms`. The stage reads nothing behind the first message of a known type; all else stays in the
//! socket for the receive backend.

use arancini_core::SessionError;
use arancini_wire::WireError;
use arancini_wire::bmp::{COMMON_HEADER_LEN, Message, frame_length};
use monoio::net::TcpStream;

use super::proxy_header::may_be_header;
use super::receive::receive;
use super::waiting::Place;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// Receives the first message of a known type, which begins with the bytes that an earlier stage has received. Returns when
/// there is room for what the session will publish.
///
/// # Errors
/// The connection ended or failed before, or what came is not BMP, or the worker stops.
pub async fn first_message(
    lane: &Lane,
    stream: &TcpStream,
    mut bytes: Vec<u8>,
    max_message_bytes: usize,
    place: &Place,
) -> Result<Vec<u8>, End> {
    place.hold(lane, bytes.len());
    loop {
        let length = frame_length(&bytes, max_message_bytes).map_err(|error| not_bmp(&bytes, error))?;
        let missing = length.unwrap_or(COMMON_HEADER_LEN) - bytes.len();
        if missing > 0
            && let Err(error) = stream.readable(false).await
        {
            return Err(End::with_details(EndReason::Failed, &error));
        }
        if missing > 0 {
            lane.gate.pass().await;
        }
        lane.outlet.room().await;
        if lane.is_stopping() {
            return Err(EndReason::Stopping.into());
        }
        if missing > 0 {
            receive(lane, stream, &mut bytes, missing)?;
        } else if has_known_type(&bytes) {
            return Ok(bytes);
        } else {
            pass_over(lane, &bytes);
            bytes = Vec::new();
        }
        place.hold(lane, bytes.len());
    }
}

/// Whether the type of a whole message is known, also if the rest of the message cannot be read.
fn has_known_type(message: &[u8]) -> bool {
    !matches!(Message::new_checked(message), Ok(Message::Unknown { .. }))
}

/// Ignores a whole message: "A BMP implementation MUST ignore unrecognized message types upon receipt" (RFC 7854 §4.1). It is
/// counted as in a session.
pub fn pass_over(lane: &Lane, message: &[u8]) {
    let counters = &lane.counters.core;
    counters.count_message(message);
    counters.received_bytes.add(message.len() as u64);
}

/// The end of a connection that does not begin with BMP.
pub fn not_bmp(bytes: &[u8], error: WireError) -> End {
    if may_be_header(bytes) {
        let reason = "it began with a PROXY protocol header that is not expected: its address is not on listen.proxy_from, or this \
                      listener reads no headers, or it was the second one; if it is a load balancer of yours, add its address there \
                      with routers.identify_by = \"proxy\", and let only one load balancer send a header";
        return End::with_details(EndReason::Framing, &reason);
    }
    End::with_details(EndReason::Framing, &SessionError::Framing(error))
}
