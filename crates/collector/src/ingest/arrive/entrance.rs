//! The sequence of the stages, on each worker.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use monoio::net::TcpStream;
use tracing::{debug, info, warn};

use super::arriving::Arriving;
use super::claim::{Claimed, claim};
use super::first_message::first_message;
use super::hand_over::hand_over;
use super::identify::identify;
use super::listen::{self, Accepted};
use super::open::open;
use super::waiting::{Place, Waiting};
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
    pub waiting: Waiting,
    pub sessions: Rc<OpenSessions>,
    pub receiver: Rc<Receiver>,
}

impl Entrance {
    /// Lets connections of this listener in until the worker stops.
    pub async fn listen(self: Rc<Self>, listener: TcpListener) {
        listen::accept(&self.sessions.lane, listener, |accepted| self.arrived(accepted)).await;
    }

    /// Takes an accepted connection through all stages, or hands it over to the worker that owns its router.
    fn arrived(self: &Rc<Self>, accepted: Arriving<Accepted>) {
        let (context, lane) = (&*self.context, &*self.sessions.lane);
        let remote = accepted.remote;
        let admitted = match context.admission.admit(accepted) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                let (reason, remedy) = (refusal.label(), refusal.remedy());
                if lane.may_log_refusal(remote.ip()) {
                    info!(%remote, reason, remedy, "connection refused; the metrics count further ones of this source");
                } else {
                    debug!(%remote, reason, remedy, "connection refused");
                }
                return;
            }
        };
        if let Err(error) = listen::prepare(&admitted.stream, &context.config.listen) {
            debug!(%remote, %error, "connection ended before its socket options were set");
            return;
        }
        let identified = identify(admitted, &context.config.routers.identity);
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
        claimed: Arriving<Claimed>,
        place: &Place,
    ) -> Result<(Arriving<Claimed, TcpStream>, Vec<u8>), End> {
        let claimed = claimed
            .watch()
            .map_err(|error| End::with_details(EndReason::Failed, &error))?;
        let limit = self.context.config.limits.max_message_bytes;
        let message = first_message(&self.sessions.lane, &claimed.stream, limit, place);
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
