//! Connections of routers as the worker sees them. They are accepted in the order in which they were opened. Each is a
//! stream of bytes that arrives in pieces of any size and may end inside a message.
//!
//! A router may connect again without closing its old connection. The worker may read the rest of the old connection
//! before or after it notices the new one.

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
    /// Number of unread bytes that the core was offered and did not take. They come again, in front of later ones.
    offered: usize,
    /// The router has left the connection. The worker notices when everything is read.
    ended: bool,
}

/// All connections that the worker has or can accept.
#[derive(Debug, Default)]
pub struct Connections {
    all: VecDeque<Connection>,
    last_port: u16,
}

impl Connections {
    /// A router connects and sends these bytes. It forgets a connection that it still has; the worker notices that later.
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
            offered: 0,
            ended: false,
        });
    }

    /// A router sends bytes. They are lost if it has no connection.
    pub fn say(&mut self, router: usize, bytes: &[u8]) {
        if let Some(connection) = self.of(router).find(|each| !each.ended) {
            connection.unread.extend(bytes);
        }
    }

    /// A router's connection breaks. Bytes that were not read may be lost, from any byte on.
    pub fn cut(&mut self, router: usize) {
        if let Some(connection) = self.of(router).find(|each| !each.ended) {
            connection.ended = true;
            // A reset also throws away what waits in the receive buffer, but not what the worker has received.
            let kept = (connection.unread.len() / 2).max(connection.offered);
            connection.unread.truncate(kept);
        }
    }

    /// Removes all connections, because the collector died.
    pub fn reset(&mut self) {
        self.all.clear();
    }

    /// Whether the router takes itself to be connected.
    #[must_use]
    pub fn is_connected(&self, router: usize) -> bool {
        self.all.iter().any(|each| each.router == router && !each.ended)
    }

    /// Whether the worker has something to accept, to read or to close for this router.
    #[must_use]
    pub fn has_unread(&self, router: usize) -> bool {
        self.all.iter().any(|each| {
            each.router == router && (each.session.is_none() || each.ended || !each.unread.is_empty())
        })
    }

    /// Lets the worker look at a router's connections, the oldest first: it accepts one, reads a segment, or notices an
    /// end. Returns the number of bytes that the core was offered, at least 1; 0 if there was nothing to do. The core may take
    /// fewer.
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
        let count = most.max(connection.offered).min(connection.unread.len());
        let segment: Vec<u8> = connection.unread.iter().take(count).copied().collect();
        match shard.handle_bytes(session, &segment, now) {
            // What the core did not take comes again in the next turn.
            Ok(taken) => {
                connection.unread.drain(..taken);
                connection.offered = count - taken;
            }
            Err(error) => {
                shard.handle_disconnect(session, &error.to_string(), now);
                self.all.remove(index);
                return count.max(1);
            }
        }
        if connection.ended && connection.unread.is_empty() {
            shard.handle_disconnect(session, "connection reset", now);
            self.all.remove(index);
        }
        count.max(1)
    }

    /// The collector ends the sessions of these routers, so that they dump again.
    pub fn end_of(&mut self, routers: &[usize], reason: &str, shard: &mut Shard, now: Now) {
        self.all.retain(|connection| {
            let goes_on = !routers.contains(&connection.router);
            if let Some(session) = connection.session.filter(|_| !goes_on) {
                shard.handle_disconnect(session, reason, now);
            }
            goes_on
        });
    }

    fn of(&mut self, router: usize) -> impl Iterator<Item = &mut Connection> {
        self.all.iter_mut().filter(move |each| each.router == router)
    }
}
