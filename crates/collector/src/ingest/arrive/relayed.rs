//! Stage: the PROXY protocol header of a connection that a load balancer relays.
//!
//! The worker that accepted the connection reads the header, because the header says which router it is, and so which worker
//! owns the router. Nothing behind the header is read. Nothing is published meanwhile, so a full bridge does not matter.

use std::net::SocketAddr;

use monoio::net::TcpStream;

use super::proxy_header::{Header, Progress, progress};
use super::receive::{look, readable, receive};
use super::waiting::Place;
use crate::ingest::end::{End, EndReason};
use crate::ingest::lane::Lane;

/// Why a connection ends whose header has no address, and which is no health check.
const NOBODY_KNOWS: &str = "its PROXY protocol header names no address (LOCAL or UNKNOWN), but it sends data, so nobody knows \
                            which router it is; make the load balancer relay TCP over IPv4 or IPv6";

/// Receives the header. Returns the address of the router that it names.
///
/// # Errors
/// What came is no header that names a router, or the connection ended or failed before, or the worker stops.
pub async fn header(lane: &Lane, stream: &TcpStream, place: &Place) -> Result<SocketAddr, End> {
    let mut bytes = Vec::new();
    loop {
        let missing = match progress(&bytes) {
            // HAProxy's checks with version 1 name HAProxy itself. A router of its host does too, and speaks.
            Ok(Progress::Whole(Header::Relayed(router))) if router.ip() == place.remote.ip() => {
                return speaks(lane, stream).await.map(|()| router);
            }
            Ok(Progress::Whole(Header::Relayed(router))) => return Ok(router),
            Ok(Progress::Whole(Header::Unnamed)) => {
                speaks(lane, stream).await?;
                return Err(End::with_details(EndReason::ProxyHeader, &NOBODY_KNOWS));
            }
            Ok(missing) => missing,
            Err(error) => return Err(End::with_details(EndReason::ProxyHeader, &error)),
        };
        readable(lane, stream).await?;
        let missing = match missing {
            Progress::MissingLine(within) => length_of_line(stream, within)?,
            Progress::Missing(missing) => missing,
            Progress::Whole(_) => 0,
        };
        match receive(lane, stream, &mut bytes, missing) {
            // A check without a header, or one whose reset was faster than its header.
            Err(end) if bytes.is_empty() && matches!(end.reason, EndReason::Closed | EndReason::Failed) => {
                return Err(EndReason::HealthCheck.into());
            }
            received => received?,
        }
        place.hold(lane, bytes.len());
    }
}

/// How many of the bytes that have come belong to a line which ends within so many bytes; at least one, which finds the end of
/// the connection.
fn length_of_line(stream: &TcpStream, within: usize) -> Result<usize, End> {
    let mut seen = vec![0; within];
    let length = look(stream, &mut seen)?.unwrap_or(0);
    seen.truncate(length);
    let end = seen.iter().position(|&byte| byte == b'\n');
    Ok(end.map_or(length, |end| end + 1).max(1))
}

/// Waits until something comes behind a header that may be one of a health check: it ends or resets its connection instead.
///
/// # Errors
/// The load balancer looked whether the collector is there, or the worker stops.
async fn speaks(lane: &Lane, stream: &TcpStream) -> Result<(), End> {
    loop {
        readable(lane, stream).await?;
        match look(stream, &mut [0]) {
            Ok(None) => {}
            Ok(Some(0)) | Err(_) => return Err(EndReason::HealthCheck.into()),
            Ok(Some(_)) => return Ok(()),
        }
    }
}
