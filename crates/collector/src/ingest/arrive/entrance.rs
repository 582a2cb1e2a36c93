//! The sequence of the stages, on each worker.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use tracing::{debug, info};

use super::arriving::Arriving;
use super::claim::{Claimed, claim};
use super::hand_over::hand_over;
use super::identify::identify;
use super::listen::{self, Accepted};
use super::open::open;
use crate::ingest::context::WorkerContext;
use crate::ingest::receiver::Receiver;
use crate::ingest::sessions::OpenSessions;

/// Where connections come in to a worker.
pub struct Entrance {
    pub context: Arc<WorkerContext>,
    pub sessions: Rc<OpenSessions>,
    pub receiver: Rc<Receiver>,
}

impl Entrance {
    /// Lets connections of this listener in until the worker stops.
    pub async fn listen(self: Rc<Self>, listener: TcpListener) {
        listen::accept(&self.sessions.lane, listener, |accepted| self.arrived(accepted)).await;
    }

    /// Takes an accepted connection through all stages, or hands it over to the worker that owns its router.
    fn arrived(&self, accepted: Arriving<Accepted>) {
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
            self.open(claimed);
        } else {
            hand_over(claimed, &context.mailboxes, &lane.counters);
        }
    }

    /// Opens the session of a connection whose router this worker owns.
    pub fn open(&self, claimed: Arriving<Claimed>) {
        open(claimed, &self.sessions, &self.receiver);
    }
}
