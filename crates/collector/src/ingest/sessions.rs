//! The open sessions of one worker: at most one connection per router.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use arancini_core::{Batch, BatchKind, ResyncWay};
use monoio::net::TcpStream;
use tracing::{info, warn};

use super::arrive::arriving::Arriving;
use super::arrive::claim::Claimed;
use super::connection::Connection;
use super::end::{End, EndReason};
use super::lane::Lane;
use super::repeat_request::RepeatRequest;
use super::round::visit_slice;
use crate::config::{Limits, SameIdentity};

/// Work of a resync before the worker's other tasks get their turn, in tables whose routes are forgotten.
pub const RESYNC_SLICE: usize = 500;
/// Work for a router beside its tables, in tables: its connection is ended.
pub const ROUTER_WORK: usize = 10;

/// The connections that a worker serves, by router.
pub struct OpenSessions {
    pub lane: Rc<Lane>,
    /// What happens when a router that has a session opens another one.
    same_identity: SameIdentity,
    connections: RefCell<BTreeMap<IpAddr, Rc<Connection>>>,
}

impl OpenSessions {
    /// A worker without sessions.
    pub fn new(lane: Rc<Lane>, same_identity: SameIdentity) -> Self {
        Self {
            lane,
            same_identity,
            connections: RefCell::default(),
        }
    }

    /// Opens the session of a router that this worker owns. An older session of the router ends. Returns nothing if the
    /// router's session belongs to a connection that was accepted later: an older connection never replaces a newer one. With
    /// [`SameIdentity::Refuse`], the session that the router has stays, and nothing is returned.
    pub fn open(&self, claimed: Arriving<Claimed, TcpStream>) -> Option<Rc<Connection>> {
        let (router, remote) = (claimed.known.router, claimed.remote);
        let number = claimed.known.permit.number();
        let before = self.connections.borrow().get(&router).cloned();
        if let Some(before) = before {
            if self.same_identity == SameIdentity::Refuse && !before.is_over() {
                self.lane.counters.count_end(EndReason::IdentityTaken);
                if self.lane.may_log(router) {
                    warn!(%router, %remote, open = %before.remote, "connection closed: the router has a session already, and routers.same_identity is \"refuse\"; if two routers claim one identity, give each its own in routers.identity");
                }
                return None;
            }
            if before.number() > number {
                self.lane.counters.count_end(EndReason::Replaced);
                if self.lane.may_log(router) {
                    info!(%router, %remote, newer = %before.remote, "connection closed: the router has a session on a newer one");
                }
                return None;
            }
            if self.lane.may_log(router) {
                info!(%router, old = %before.remote, new = %remote, "session replaced: the router opened a newer one");
            }
            before.end(EndReason::Replaced);
        }
        let now = self.lane.clock.now();
        let session = self
            .lane
            .shard
            .borrow_mut()
            .handle_connect(router, remote.port(), now);
        if let Some(named) = &claimed.known.named {
            let mut shard = self.lane.shard.borrow_mut();
            shard.handle_identified(session, &named.sys_name);
        }
        self.lane.deliver();
        let connection = Rc::new(Connection::new(claimed, session, now.monotonic_ns));
        if self.lane.may_log(router) {
            info!(%router, %remote, worker = self.lane.worker.get(), "session opened");
        }
        self.connections
            .borrow_mut()
            .insert(router, Rc::clone(&connection));
        Some(connection)
    }

    /// Closes the session of a connection that has ended.
    pub fn ended(&self, connection: &Rc<Connection>, end: &End) {
        self.lane.counters.count_end(end.reason);
        if self.lane.is_stopping() {
            // The router is still there and the collector goes, so nothing is published about the router.
            return;
        }
        if end.reason == EndReason::Framing && self.lane.may_log(connection.router) {
            warn!(router = %connection.router, remote = %connection.remote, reason = %end.words, "session closed; is this port meant for BMP?");
        }
        let now = self.lane.clock.now();
        self.lane
            .shard
            .borrow_mut()
            .handle_disconnect(connection.session, &end.words, now);
        let mut connections = self.connections.borrow_mut();
        if connections
            .get(&connection.router)
            .is_some_and(|current| Rc::ptr_eq(current, connection))
        {
            connections.remove(&connection.router);
        }
        drop(connections);
        self.lane.log_notices();
        self.lane.deliver();
    }

    /// The connection of this router.
    pub fn of_router(&self, router: IpAddr) -> Option<Rc<Connection>> {
        self.connections.borrow().get(&router).cloned()
    }

    /// Ends the connection and its session, without waiting until the receive finds out: what the session holds is freed now.
    pub fn give_up(&self, connection: &Connection, reason: EndReason) {
        connection.end(reason);
        let now = self.lane.clock.now();
        self.lane
            .shard
            .borrow_mut()
            .handle_disconnect(connection.session, &End::from(reason).words, now);
        self.lane.deliver();
    }

    /// Resyncs every router because the published stream was lost. Routers whose routes all have their attributes are published
    /// again from these. The sessions of the others end: the routers connect again and dump their tables. In both cases the routes are published
    /// between resync-begin and resync-end. Other tasks have turns between the routers.
    pub async fn resync(&self) {
        // The withdraws of routers that are forgotten may be among the lost messages.
        self.lane.shard.borrow_mut().handle_resync_strangers();
        let (mut last, mut work) = (None, 0);
        loop {
            let now = self.lane.clock.now();
            let next = self.lane.shard.borrow_mut().handle_loss_of_next(last, now);
            let Some(next) = next else { break };
            self.resync_began(next.router, next.way);
            last = Some(next.router);
            work += ROUTER_WORK + next.tables;
            if work >= RESYNC_SLICE {
                work = 0;
                self.lane.turnstile.pass().await;
            }
        }
        self.lane.log_notices();
    }

    /// Does what is left for a router of which consumers lost messages: ends its session if it has to dump anew.
    fn resync_began(&self, router: IpAddr, way: ResyncWay) {
        match way {
            ResyncWay::Attributes => self.lane.deliver(),
            ResyncWay::Dump => {
                if let Some(connection) = self.connections.borrow().get(&router) {
                    connection.end(EndReason::Resync);
                }
            }
        }
    }

    /// Resyncs those of the routers that this worker owns. Some may be forgotten, so routers that are not known are resynced
    /// too when they come. Other tasks have turns between the routers.
    pub async fn resync_routers(&self, routers: &[IpAddr]) {
        self.lane.shard.borrow_mut().handle_resync_strangers();
        for some in routers.chunks(RESYNC_SLICE / ROUTER_WORK) {
            for router in some {
                self.resync_router(*router);
            }
            self.lane.turnstile.pass().await;
        }
    }

    /// Resyncs one router, if this worker owns it: does for the router what [`Self::resync`] does for all.
    fn resync_router(&self, router: IpAddr) {
        let now = self.lane.clock.now();
        let way = self.lane.shard.borrow_mut().handle_loss(router, now);
        if let Some(way) = way {
            self.resync_began(router, way);
            self.lane.log_notices();
        }
    }

    /// Publishes tables of a router again, if this worker has the router. The session of the router goes on.
    pub fn repeat(&self, request: RepeatRequest) {
        let RepeatRequest { router, part, out } = request;
        let now = self.lane.clock.now();
        let asked = self.lane.shard.borrow_mut().handle_repeat(router, &part, now);
        self.lane.deliver();
        // An error means that the client is gone.
        let _ = out.send(asked);
    }

    /// Makes up for a message that consumers did not get, because it is larger than the sink takes. Its routes are put in
    /// doubt: the next thing that the router says about them is published. Where that repairs nothing, as for a withdraw of a
    /// peer that is down, the router is resynced. Events are not repeated.
    pub fn set_aside(&self, batch: &Batch) {
        let is_in_doubt = self.lane.shard.borrow_mut().handle_dropped(batch);
        if !is_in_doubt && batch.kind == BatchKind::Updates {
            self.resync_router(batch.router);
        }
    }

    /// Ends the sessions in which nothing came for longer than `limits.idle_timeout_ms`: one slice of a round, as
    /// [`visit_slice`] makes it. `deaf_ns` is how long the worker did not receive since the last round.
    pub fn end_overdue(&self, after: Option<IpAddr>, limits: &Limits, deaf_ns: u64) -> Option<IpAddr> {
        let now_ns = self.lane.clock.now().monotonic_ns;
        visit_slice(&self.connections.borrow(), after, |connection| {
            connection.silence.excuse(deaf_ns, now_ns);
            // Bytes that wait for the core show that the router is not silent.
            if !connection.has_rest() && connection.silence.is_over(limits.idle_timeout_ms, now_ns) {
                connection.end(EndReason::Idle);
            }
        })
    }
}
