//! Connections of routers, as the worker sees them: opened in the order in which they were made, each a stream of bytes
//! that comes in any pieces and may end in the middle of a message.
//!
//! A router that connects anew need not have said goodbye: what its old connection still holds may be read before or
//! after the new one is noticed.

use std::collections::VecDeque;
use std::net::IpAddr;

use arancini_core::{Now, SessionId, Shard};

#[derive(Debug)]
struct Connection {
    router: usize,
    port: u16,
    /// `None` until the worker has accepted it.
    session: Option<SessionId>,
    unread: VecDeque<u8>,
    /// The router is gone from it; once all is read the worker notices.
    ended: bool,
}

/// All connections that the worker has or may accept.
#[derive(Debug, Default)]
pub struct Connections {
    all: VecDeque<Connection>,
    last_port: u16,
}

impl Connections {
    /// A router connects and says this. A connection it still has is forgotten on its side, and noticed here whenever
    /// that is.
    pub fn connect(&mut self, router: usize, bytes: &[u8]) {
        for connection in self.of(router) {
            connection.ended = true;
        }
        self.last_port = self.last_port.wrapping_add(1);
        self.all.push_back(Connection {
            router,
            port: self.last_port,
            session: None,
            unread: bytes.iter().copied().collect(),
            ended: false,
        });
    }

    /// A router says something; nobody hears it where it has no connection.
    pub fn say(&mut self, router: usize, bytes: &[u8]) {
        if let Some(connection) = self.of(router).find(|each| !each.ended) {
            connection.unread.extend(bytes);
        }
    }

    /// A router's connection breaks: what was not read may be lost, from any byte on.
    pub fn cut(&mut self, router: usize) {
        if let Some(connection) = self.of(router).find(|each| !each.ended) {
            connection.ended = true;
            // A reset throws away what waits in the receive buffer as well.
            connection.unread.truncate(connection.unread.len() / 2);
        }
    }

    /// The collector died: nothing of any connection is left.
    pub fn reset(&mut self) {
        self.all.clear();
    }

    /// Whether the router believes in a connection.
    #[must_use]
    pub fn is_connected(&self, router: usize) -> bool {
        self.all.iter().any(|each| each.router == router && !each.ended)
    }

    /// Whether the worker has something to notice of this router's connections.
    #[must_use]
    pub fn has_unread(&self, router: usize) -> bool {
        self.all.iter().any(|each| {
            each.router == router && (each.session.is_none() || each.ended || !each.unread.is_empty())
        })
    }

    /// The worker turns to a router's connections, the oldest first: accepts one, or reads a segment of it, or notices
    /// its end. Returns how much that was, 0 if there was nothing.
    pub fn receive(
        &mut self,
        router: usize,
        address: IpAddr,
        most: usize,
        shard: &mut Shard,
        now: Now,
    ) -> usize {
        let Some(index) = self.all.iter().position(|each| {
            each.router == router && (each.session.is_none() || each.ended || !each.unread.is_empty())
        }) else {
            return 0;
        };
        let Some(connection) = self.all.get_mut(index) else {
            return 0;
        };
        let Some(session) = connection.session else {
            connection.session = Some(shard.handle_connect(address, connection.port, now));
            return 1;
        };
        let count = most.min(connection.unread.len());
        let segment: Vec<u8> = connection.unread.drain(..count).collect();
        let refused = shard.handle_all_bytes(session, &segment, now).err();
        if let Some(error) = refused {
            shard.handle_disconnect(session, &error.to_string(), now);
            self.all.remove(index);
        } else if connection.ended && connection.unread.is_empty() {
            shard.handle_disconnect(session, "connection reset", now);
            self.all.remove(index);
        }
        count.max(1)
    }

    fn of(&mut self, router: usize) -> impl Iterator<Item = &mut Connection> {
        self.all.iter_mut().filter(move |each| each.router == router)
    }
}
