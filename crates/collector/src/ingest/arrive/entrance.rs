//! The sequence of the stages, on each worker.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use monoio::net::TcpStream;
use tracing::{debug, info, warn};

use super::admit::{Admitted, Refusal};
use super::arriving::Arriving;
use super::claim::{Claimed, claim};
use super::first_message::first_message;
use super::hand_over::hand_over;
use super::identify::{Identified, identify, identify_named};
use super::listen::{self, Accepted};
use super::open::open;
use super::relayed::header;
use super::sys_name::{Named, named};
use super::waiting::{Place, Waiting};
use crate::config::IdentityKind;
use crate::ingest::context::WorkerContext;
use crate::ingest::end::{End, EndReason};
use crate::ingest::receiver::Receiver;
use crate::ingest::sessions::OpenSessions;
use crate::ingest::task::spawn_timed;

/// Connections without a session that do a step in one turn of the turnstile: receive, become a session, or end. A step takes
/// 10 to 150 µs.
pub const ARRIVALS_PER_TURN: u64 = 16;

/// Where connections come in to a worker.
pub struct Entrance {
    pub context: Arc<WorkerContext>,
    /// Connections of load balancers whose header has not come.
    pub relayed: Waiting,
    /// Connections whose sysName has not come, on listeners that identify routers by it.
    pub naming: Waiting,
    /// Connections whose first message has not come.
    pub waiting: Waiting,
    pub sessions: Rc<OpenSessions>,
    pub receiver: Rc<Receiver>,
}

impl Entrance {
    /// Lets connections of this listener in until the worker stops.
    pub async fn listen(self: Rc<Self>, listener: TcpListener, identified_by: IdentityKind) {
        let arrived = |accepted| self.arrived(accepted);
        listen::accept(&self.sessions.lane, listener, identified_by, arrived).await;
    }

    /// Lets an accepted connection in. Its router is known at once, from its PROXY protocol header, or from its sysName.
    fn arrived(self: &Rc<Self>, accepted: Arriving<Accepted>) {
        let remote = accepted.remote;
        let (admission, settings) = (&self.context.admission, &self.context.config.listen);
        let identified_by = accepted.known.identified_by;
        let is_relayed = identified_by == IdentityKind::Proxy
            && settings.proxy_from.iter().any(|from| from.contains(remote.ip()));
        let admitted = if is_relayed {
            admission.admit_relayed(accepted)
        } else {
            admission.admit(accepted)
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refused(remote, refusal),
        };
        if let Err(error) = listen::prepare(&admitted.stream, settings) {
            debug!(%remote, %error, "connection ended before its socket options were set");
        } else if is_relayed {
            self.relay(admitted);
        } else if identified_by == IdentityKind::SysName {
            self.name(admitted);
        } else {
            self.identified(admitted);
        }
    }

    /// Notes that a connection was refused, which ends it.
    fn refused(&self, remote: SocketAddr, refusal: Refusal) {
        let (reason, remedy) = (refusal.label(), refusal.remedy());
        if self.sessions.lane.may_log_refusal(remote.ip()) {
            info!(%remote, reason, remedy, "connection refused; the metrics count further ones of this source");
        } else {
            debug!(%remote, reason, remedy, "connection refused");
        }
    }

    /// Reads the header of a load balancer's connection, and lets the router in that it names.
    fn relay(self: &Rc<Self>, admitted: Arriving<Admitted>) {
        let balancer = admitted.remote;
        let number = admitted.known.permit.number();
        let place = self.relayed.enter(balancer.ip(), balancer, number);
        let entrance = Rc::clone(self);
        spawn_timed(&self.sessions.lane, async move {
            let heard = entrance.hear_header(&admitted, &place).await;
            entrance.relayed.leave(&place);
            match heard.map(|router| (router, admitted.relayed_for(router))) {
                Ok((_, Ok(admitted))) => entrance.identified(admitted),
                Ok((router, Err(refusal))) => entrance.refused(router, refusal),
                Err(end) => entrance.ended_unnamed(balancer, &end),
            }
        });
    }

    /// Waits for the header of a load balancer's connection. Returns the address of the router.
    async fn hear_header(&self, admitted: &Arriving<Admitted>, place: &Place) -> Result<SocketAddr, End> {
        let lane = &self.sessions.lane;
        let stream = watched(admitted)?;
        let heard = place.unless_called_off(header(lane, &stream, place)).await;
        // Before the socket goes on, or is closed: many headers may be overdue together.
        lane.gate.pass().await;
        let router = match heard {
            Ok(heard) => heard?,
            Err(EndReason::Handshake) => {
                let late = "no whole PROXY protocol header within limits.handshake_timeout_ms";
                return Err(End::with_details(EndReason::Handshake, &late));
            }
            Err(reason) => return Err(reason.into()),
        };
        lane.counters.relayed.add(1);
        debug!(%router, balancer = %place.remote, "router named by a PROXY protocol header");
        Ok(router)
    }

    /// Notes the end of a load balancer's connection whose router never became known.
    fn ended_unnamed(&self, balancer: SocketAddr, end: &End) {
        let lane = &self.sessions.lane;
        lane.counters.count_end(end.reason);
        lane.counters.without_message.add(1);
        let reason = &*end.words;
        if end.reason == EndReason::HealthCheck || lane.is_stopping() || !lane.may_log(balancer.ip()) {
            debug!(%balancer, reason, "connection of a load balancer ended");
        } else {
            warn!(%balancer, reason, "connection of a load balancer closed: it named no router");
        }
    }

    /// Reads the name of a router that its address does not identify, and lets the router in that has this name.
    fn name(self: &Rc<Self>, admitted: Arriving<Admitted>) {
        let remote = admitted.remote;
        let number = admitted.known.permit.number();
        let place = self.naming.enter(remote.ip(), remote, number);
        let entrance = Rc::clone(self);
        spawn_timed(&self.sessions.lane, async move {
            let heard = entrance.hear_name(&admitted, &place).await;
            entrance.naming.leave(&place);
            let identities = &entrance.context.config.routers.identity;
            match heard.and_then(|named| identify_named(admitted, named, identities)) {
                Ok(identified) => entrance.named(identified),
                Err(end) => entrance.ended_nameless(remote, &end),
            }
        });
    }

    /// Waits for the Initiation of a router that its address does not identify.
    async fn hear_name(&self, admitted: &Arriving<Admitted>, place: &Place) -> Result<Named, End> {
        let lane = &self.sessions.lane;
        let stream = watched(admitted)?;
        let limit = self.context.config.limits.max_message_bytes;
        let heard = place.unless_called_off(named(lane, &stream, limit, place)).await;
        lane.gate.pass().await;
        match heard {
            Ok(heard) => heard,
            Err(EndReason::Handshake) => {
                let late = "no whole Initiation within limits.handshake_timeout_ms, so nobody knows which router it is";
                Err(End::with_details(EndReason::Handshake, &late))
            }
            Err(reason) => Err(reason.into()),
        }
    }

    /// Takes a connection on whose sysName identified its router.
    fn named(self: &Rc<Self>, identified: Arriving<Identified>) {
        self.sessions.lane.counters.named.add(1);
        let (router, remote) = (identified.known.router, identified.remote);
        let sys_name = identified.known.named.as_ref().map(|named| &*named.sys_name);
        debug!(%router, %remote, sys_name, "router identified by its sysName");
        self.claimed(identified);
    }

    /// Notes the end of a connection whose sysName never said which router it belongs to.
    fn ended_nameless(&self, remote: SocketAddr, end: &End) {
        let lane = &self.sessions.lane;
        lane.counters.count_end(end.reason);
        lane.counters.without_message.add(1);
        let reason = &*end.words;
        if end.reason == EndReason::HealthCheck || lane.is_stopping() || !lane.may_log(remote.ip()) {
            debug!(%remote, reason, "connection ended before its router named itself");
        } else {
            warn!(%remote, reason, "connection closed: its sysName identifies no router");
        }
    }

    /// Takes a connection whose router its address identifies through the stages that follow, or hands it over to the worker
    /// that owns the router.
    fn identified(self: &Rc<Self>, admitted: Arriving<Admitted>) {
        let identities = &self.context.config.routers.identity;
        self.claimed(identify(admitted, identities));
    }

    /// Claims the router of a connection, and takes the connection through the other stages, or hands it over.
    fn claimed(self: &Rc<Self>, identified: Arriving<Identified>) {
        let (context, lane) = (&*self.context, &*self.sessions.lane);
        let claimed = claim(identified, &context.owners, &context.counters);
        if claimed.known.claim.worker() == lane.worker {
            self.adopt(claimed);
        } else {
            hand_over(claimed, &context.mailboxes, &lane.counters);
        }
    }

    /// Takes a connection whose router this worker owns through the other stages. A worker that stops takes none.
    pub fn adopt(self: &Rc<Self>, claimed: Arriving<Claimed>) {
        let lane = &self.sessions.lane;
        if lane.is_stopping() {
            return;
        }
        let Claimed { permit, router, .. } = &claimed.known;
        let (router, remote) = (*router, claimed.remote);
        let place = self.waiting.enter(router, remote, permit.number());
        let entrance = Rc::clone(self);
        spawn_timed(lane, async move {
            let heard = entrance.hear(claimed, &place).await;
            entrance.waiting.leave(&place);
            match heard {
                Ok((claimed, message)) => {
                    open(claimed, &message, &entrance.sessions, &entrance.receiver).await;
                }
                Err(end) => entrance.ended_early(router, remote, &end),
            }
        });
    }

    /// Waits for the first message of a connection.
    async fn hear(
        &self,
        mut claimed: Arriving<Claimed>,
        place: &Place,
    ) -> Result<(Arriving<Claimed, TcpStream>, Vec<u8>), End> {
        // What the router named itself with is its first message.
        let begun = claimed.known.named.as_mut();
        let begun = begun.map_or_else(Vec::new, |named| std::mem::take(&mut named.initiation));
        let claimed = claimed
            .watch()
            .map_err(|error| End::with_details(EndReason::Failed, &error))?;
        let limit = self.context.config.limits.max_message_bytes;
        let message = first_message(&self.sessions.lane, &claimed.stream, begun, limit, place);
        let heard = place.unless_called_off(message).await;
        // Before the session opens, or before the socket is closed.
        self.sessions.lane.gate.pass().await;
        match heard {
            Ok(message) => message.map(|message| (claimed, message)),
            Err(reason) => Err(reason.into()),
        }
    }

    /// Notes the end of a connection that had no session. Nothing is published about it.
    fn ended_early(&self, router: IpAddr, remote: SocketAddr, end: &End) {
        let lane = &self.sessions.lane;
        lane.counters.count_end(end.reason);
        lane.counters.without_message.add(1);
        if !lane.is_stopping() && lane.may_log(router) {
            let reason = &*end.words;
            if end.reason == EndReason::Framing {
                warn!(%router, %remote, reason, "connection closed before its first BMP message; is this port meant for BMP?");
            } else {
                info!(%router, %remote, reason, "connection ended before its first BMP message");
            }
        }
        if lane.shard.borrow().router(router).is_none() {
            // Nothing is known of the router, so nobody else would take it out of the table of owners.
            self.context.owners.forget(router);
        }
    }
}

/// Registers a second descriptor of the socket with the worker's runtime. The socket itself stays without one, because another
/// worker may own the router.
fn watched(admitted: &Arriving<Admitted>) -> Result<TcpStream, End> {
    let watched = admitted.stream.try_clone().and_then(TcpStream::from_std);
    watched.map_err(|error| End::with_details(EndReason::Failed, &error))
}
