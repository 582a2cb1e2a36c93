//! Receiving for a connection that has no session yet.

use std::io;

use monoio::net::TcpStream;
use rustix::io::Errno;
use rustix::net::RecvFlags;

use crate::ingest::descriptor;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// Most bytes that one call receives.
const CALL_BYTES: usize = 16 * 1024;

/// Receives some of the bytes that are missing, if any have come.
///
/// # Errors
/// The connection has ended or failed.
pub fn receive(lane: &Lane, stream: &TcpStream, bytes: &mut Vec<u8>, missing: usize) -> Result<(), End> {
    let before = bytes.len();
    bytes.resize(before + missing.min(CALL_BYTES), 0);
    let received = recv(stream, &mut bytes[before..], RecvFlags::DONTWAIT);
    bytes.truncate(before + received.as_ref().map_or(0, |length| length.unwrap_or(0)));
    match received? {
        Some(0) => Err(EndReason::Closed.into()),
        Some(_) => {
            lane.counters.receive_calls.add(1);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Looks at what has come without taking it. Returns the number of bytes, 0 if the connection was closed, and nothing if
/// nothing has come.
///
/// # Errors
/// The connection has failed.
pub fn look(stream: &TcpStream, bytes: &mut [u8]) -> Result<Option<usize>, End> {
    recv(stream, bytes, RecvFlags::DONTWAIT | RecvFlags::PEEK)
}

fn recv(stream: &TcpStream, bytes: &mut [u8], flags: RecvFlags) -> Result<Option<usize>, End> {
    match rustix::net::recv(descriptor::borrow(stream), bytes, flags) {
        Ok((length, _)) => Ok(Some(length)),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(End::with_details(EndReason::Failed, &io::Error::from(error))),
    }
}

/// Waits until something has come, and until it is this connection's turn.
///
/// # Errors
/// The connection has failed, or the worker stops.
pub async fn readable(lane: &Lane, stream: &TcpStream) -> Result<(), End> {
    let readable: io::Result<()> = stream.readable(false).await;
    readable.map_err(|error| End::with_details(EndReason::Failed, &error))?;
    lane.gate.pass().await;
    if lane.is_stopping() {
        return Err(EndReason::Stopping.into());
    }
    Ok(())
}
