//! The receive path of one worker: one of the two backends.

use std::io;
use std::rc::Rc;

use super::backend::{Backend, Driver};
use super::connection::Connection;
use super::end::{End, EndReason};
use super::lane::Lane;
use super::readiness::Readiness;
use super::reaper::Reaper;
use super::registered::Registered;
use super::ring;
use super::sessions::OpenSessions;
use super::task::spawn_timed;
use crate::config::Ingest;

/// How the worker receives.
pub enum Receiver {
    /// A task per connection waits until it is readable.
    Readiness(Rc<Readiness>),
    /// One task reaps the companion ring for all connections.
    Registered(Rc<Reaper>),
}

impl Receiver {
    /// The receive path of one worker.
    ///
    /// # Errors
    /// The kernel refuses the companion ring.
    pub fn new(backend: Backend, driver: Driver, ingest: &Ingest) -> io::Result<Self> {
        match backend {
            Backend::Readiness => Ok(Self::Readiness(Rc::new(Readiness::new(
                ingest.slot_bytes,
                driver,
            )))),
            Backend::Registered => {
                let make = || Registered::new(ingest.slots, ingest.slot_bytes);
                Ok(Self::Registered(Rc::new(Reaper::new(ring::patiently(make)?))))
            }
        }
    }

    /// Starts the task that receives for all connections, if the backend has one.
    pub fn start(&self, sessions: &Rc<OpenSessions>) {
        if let Self::Registered(reaper) = self {
            let (reaper, sessions) = (Rc::clone(reaper), Rc::clone(sessions));
            spawn_timed(&Rc::clone(&sessions.lane), async move {
                reaper.reap(&sessions).await;
            });
        }
    }

    /// Receives from a connection until it ends.
    pub fn serve(&self, sessions: &Rc<OpenSessions>, connection: Rc<Connection>) {
        match self {
            Self::Readiness(readiness) => {
                let (readiness, sessions) = (Rc::clone(readiness), Rc::clone(sessions));
                spawn_timed(&Rc::clone(&sessions.lane), async move {
                    let end = readiness.receive(&sessions.lane, &connection).await;
                    sessions.ended(&connection, &end);
                });
            }
            Self::Registered(reaper) => {
                if let Err(error) = reaper.join(Rc::clone(&connection)) {
                    sessions.ended(&connection, &End::with_details(EndReason::Failed, &error));
                }
            }
        }
    }

    /// Stops receiving: the worker stops. With `readiness` each task finds out by itself.
    pub fn stop(&self, lane: &Lane) {
        if let Self::Registered(reaper) = self {
            reaper.stop(lane);
        }
    }
}
