//! Sending the load: a thread and a connection a router, all beginning together.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::error::BenchError;
use super::load::Load;
use crate::replay::{ReplayError, connect};

/// How much is given to the kernel at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long the other side may take to close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The load is in the hands of the kernel.
pub(super) struct Sent {
    /// When the first byte went out.
    pub begin: Instant,
    /// The connections, still open: to a collector the end of one is the loss of a router.
    pub open: Vec<TcpStream>,
}

/// Sends all streams at the same time, at full speed.
pub(super) fn send(load: &Load, to: SocketAddr) -> Result<Sent, BenchError> {
    let mut connections = Vec::new();
    for (from, stream) in &load.streams {
        let connection = connect(to, Some(*from)).map_err(BenchError::Send)?;
        connections.push((connection, stream.as_slice()));
    }
    let together = Barrier::new(connections.len() + 1);
    thread::scope(|scope| {
        let together = &together;
        let senders: Vec<_> = connections
            .into_iter()
            .map(|(connection, stream)| {
                scope.spawn(move || {
                    together.wait();
                    send_one(connection, stream, to)
                })
            })
            .collect();
        let begin = Instant::now();
        together.wait();
        let open: Result<Vec<_>, _> = senders
            .into_iter()
            .map(|sender| {
                sender
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect();
        Ok(Sent { begin, open: open? })
    })
}

fn send_one(mut connection: TcpStream, stream: &[u8], to: SocketAddr) -> Result<TcpStream, BenchError> {
    let mut after_bytes = 0;
    for chunk in stream.chunks(CHUNK_BYTES) {
        connection.write_all(chunk).map_err(|source| {
            BenchError::Send(ReplayError::Closed {
                to,
                after_bytes,
                source,
            })
        })?;
        after_bytes += chunk.len() as u64;
    }
    Ok(connection)
}

/// Ends all streams and waits until the other side has read them to their end.
pub(super) fn close(open: Vec<TcpStream>) -> std::io::Result<()> {
    for connection in &open {
        connection.shutdown(Shutdown::Write)?;
    }
    for mut connection in open {
        connection.set_read_timeout(Some(CLOSE_TIMEOUT))?;
        let mut scrap = [0; 512];
        while connection.read(&mut scrap)? > 0 {}
    }
    Ok(())
}
