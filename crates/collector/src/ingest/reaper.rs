//! The task that reaps the companion ring of a worker, for the receive backend `registered`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use monoio::net::UnixStream;
use tracing::error;

use super::connection::Connection;
use super::end::EndReason;
use super::lane::Lane;
use super::registered::{Registered, Turn};
use super::sessions::OpenSessions;
use super::worker_died::EXIT_WORKER_DIED;
use crate::log_queue;

/// Owns the companion ring until the worker stops.
pub struct Reaper {
    /// Borrowed for a whole turn. Nothing that a turn calls (sessions, lane, core) knows the ring.
    registered: RefCell<Option<Registered>>,
}

impl Reaper {
    /// A reaper of this ring.
    pub fn new(registered: Registered) -> Self {
        Self {
            registered: RefCell::new(Some(registered)),
        }
    }

    /// Begins to receive from a connection.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn join(&self, connection: Rc<Connection>) -> io::Result<()> {
        match self.registered.borrow_mut().as_mut() {
            Some(registered) => registered.join(connection),
            None => Ok(()),
        }
    }

    /// Reaps until the worker stops.
    pub async fn reap(&self, sessions: &OpenSessions) {
        if let Err(error) = self.reap_until_stopped(sessions).await {
            error!(%error, "companion ring failed, so the process ends; this is a bug, please report it, and set ingest.backend = \"readiness\" until it is fixed");
            log_queue::flush();
            std::process::exit(EXIT_WORKER_DIED);
        }
    }

    async fn reap_until_stopped(&self, sessions: &OpenSessions) -> io::Result<()> {
        let lane = &*sessions.lane;
        let Some(wake) = self.registered.borrow().as_ref().map(Registered::wake) else {
            return Ok(());
        };
        let wake: UnixStream = wake?;
        loop {
            let turn = match self.registered.borrow_mut().as_mut() {
                Some(registered) => registered.turn(sessions)?,
                None => return Ok(()),
            };
            match turn {
                Turn::More => lane.turnstile.pass().await,
                Turn::Blocked => lane.outlet.room().await,
                Turn::Quiet => {
                    wake.readable(false).await?;
                    if let Some(registered) = self.registered.borrow_mut().as_mut() {
                        registered.hush();
                    }
                }
            }
        }
    }

    /// Closes the companion ring: the worker stops.
    pub fn stop(&self, lane: &Lane) {
        let Some(registered) = self.registered.borrow_mut().take() else {
            return;
        };
        for _ in 0..registered.open_sessions() {
            lane.counters.count_end(EndReason::Stopping);
        }
    }
}
