//! A connection on its way to a session.

use std::io;
use std::net::{SocketAddr, TcpStream};

/// A connection on its way to a session. `K` is what the stages it has passed know of it, and `S` is its socket.
#[derive(Debug)]
pub struct Arriving<K, S = TcpStream> {
    /// The socket.
    pub stream: S,
    /// The address that the connection comes from.
    pub remote: SocketAddr,
    /// What is known of the connection.
    pub known: K,
}

impl<K> Arriving<K> {
    /// The connection after the next stage, which makes `L` of what was known.
    pub fn with<L>(self, next: impl FnOnce(K) -> L) -> Arriving<L> {
        Arriving {
            stream: self.stream,
            remote: self.remote,
            known: next(self.known),
        }
    }

    /// Registers the socket with the worker's runtime.
    ///
    /// # Errors
    /// The runtime can't watch the socket.
    pub fn watch(self) -> io::Result<Arriving<K, monoio::net::TcpStream>> {
        Ok(Arriving {
            stream: monoio::net::TcpStream::from_std(self.stream)?,
            remote: self.remote,
            known: self.known,
        })
    }
}
