//! Stage: the first whole BMP message of a connection.
//!
//! A connection becomes a session when its first message has come, and then it replaces a session that its router has. So a
//! health check, or whatever else connects from the address of a router and says nothing, ends no session. The stage reads
//! that one message and nothing behind it; all else stays in the socket for the receive backend.

use arancini_core::SessionError;
use arancini_wire::bmp::{COMMON_HEADER_LEN, frame_length};
use monoio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::waiting::Place;
use crate::ingest::descriptor;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// Most bytes that one call receives.
const CALL_BYTES: usize = 16 * 1024;

/// Receives the first message of a connection. Returns when there is room for what the session will publish.
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
        if missing == 0 {
            return Ok(bytes);
        }
        receive(lane, stream, &mut bytes, missing)?;
        place.hold(lane, bytes.len());
    }
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
