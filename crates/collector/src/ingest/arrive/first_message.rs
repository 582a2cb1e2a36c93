//! Stage: the first whole BMP message of a connection whose type is known.
//!
//! A connection becomes a session when this message has come, and then it replaces a session that its router has. So a
//! health check, or whatever else connects from the address of a router and says nothing, ends no session. Messages of unknown
//! types before it are counted and passed over one by one, so an endless series of them needs no memory, and ends with
//! `limits.handshake_timeout_ms`. The stage reads nothing behind the first message of a known type; all else stays in the
//! socket for the receive backend.

use arancini_core::SessionError;
use arancini_wire::bmp::{COMMON_HEADER_LEN, Message, frame_length};
use monoio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::waiting::Place;
use crate::ingest::descriptor;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// Most bytes that one call receives.
const CALL_BYTES: usize = 16 * 1024;

/// Receives the first message of a known type. Returns when there is room for what the session will publish.
///
/// # Errors
/// The connection ended or failed before, or what came is not BMP, or the worker stops.
pub async fn first_message(
    lane: &Lane,
    stream: &TcpStream,
    max_message_bytes: usize,
    place: &Place,
) -> Result<Vec<u8>, End> {
    let mut bytes = Vec::new();
    loop {
        let length = frame_length(&bytes, max_message_bytes)
            .map_err(|error| End::with_details(EndReason::Framing, &SessionError::Framing(error)))?;
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
fn pass_over(lane: &Lane, message: &[u8]) {
    let counters = &lane.counters.core;
    counters.count_message(message);
    counters.received_bytes.add(message.len() as u64);
}

/// Receives some of the bytes that are missing, if any have come.
fn receive(lane: &Lane, stream: &TcpStream, bytes: &mut Vec<u8>, missing: usize) -> Result<(), End> {
    let before = bytes.len();
    bytes.resize(before + missing.min(CALL_BYTES), 0);
    let received = rustix::net::recv(
        descriptor::borrow(stream),
        &mut bytes[before..],
        RecvFlags::DONTWAIT,
    );
    let length = received.as_ref().map_or(0, |(length, _)| *length);
    bytes.truncate(before + length);
    match received {
        Ok(_) if length == 0 => Err(EndReason::Closed.into()),
        Ok(_) => {
            lane.counters.receive_calls.add(1);
            Ok(())
        }
        Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(error) => Err(End::with_details(EndReason::Failed, &std::io::Error::from(error))),
    }
}
