//! A connection on its way to a session.

use std::net::{SocketAddr, TcpStream};

/// A connection on its way to a session. `K` is what the stages it has passed know of it.
#[derive(Debug)]
pub struct Arriving<K> {
    /// The socket.
    pub stream: TcpStream,
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
}
