//! Sends the load: each router has a thread and a connection, and all start together.

use std::borrow::Borrow;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use arancini_generate::Piece;

use crate::error::BenchError;
use crate::load::{CHUNK_BYTES, Load, Stream};
use arancini_collector::replay::{ReplayError, connect};

/// How long the other side may take to close a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens the connection of each router.
pub(crate) fn connect_all(load: &Load, to: SocketAddr) -> Result<Vec<TcpStream>, BenchError> {
    let open = |stream: &Stream| connect(to, Some(stream.from)).map_err(BenchError::Send);
    load.streams.iter().map(open).collect()
}

/// Sends the pieces of all routers at the same time, at full speed. Returns when the first byte was sent.
pub(crate) fn send_all(
    connections: &[impl Borrow<TcpStream> + Sync],
    parts: &[&[Piece]],
    to: SocketAddr,
) -> Result<Instant, BenchError> {
    let together = Barrier::new(connections.len() + 1);
    thread::scope(|scope| {
        let together = &together;
        let senders: Vec<_> = connections
            .iter()
            .zip(parts)
            .map(|(connection, part)| {
                scope.spawn(move || {
                    together.wait();
                    send_pieces(connection.borrow(), part, to)
                })
            })
            .collect();
        let begin = Instant::now();
        together.wait();
        for sender in senders {
            sender
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(begin)
    })
}

/// Sends pieces of the stream of one router.
fn send_pieces(mut connection: &TcpStream, pieces: &[Piece], to: SocketAddr) -> Result<(), BenchError> {
    let mut after_bytes = 0;
    for piece in pieces {
        piece.each_chunk(CHUNK_BYTES, |chunk| {
            connection.write_all(chunk).map_err(|source| {
                BenchError::Send(ReplayError::Closed {
                    to,
                    after_bytes,
                    source,
                })
            })?;
            after_bytes += chunk.len() as u64;
            Ok(())
        })?;
    }
    Ok(())
}

/// Sends bytes of the stream of one router.
pub(crate) fn send_one(connection: &TcpStream, bytes: &[u8], to: SocketAddr) -> Result<(), BenchError> {
    send_pieces(connection, &[Piece::new(bytes.to_vec())], to)
}

/// Ends all streams and waits until the other side has read them completely.
pub(crate) fn close(open: Vec<TcpStream>) -> std::io::Result<()> {
    for connection in &open {
        connection.shutdown(Shutdown::Write)?;
    }
    for mut connection in open {
        connection.set_read_timeout(Some(CLOSE_TIMEOUT))?;
        // `copy` repeats a read that a signal interrupts; a single read with a time limit would end early.
        std::io::copy(&mut connection, &mut std::io::sink())?;
    }
    Ok(())
}
