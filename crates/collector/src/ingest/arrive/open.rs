//! Stage: the session of a connection whose router this worker owns.

use std::rc::Rc;

use super::arriving::Arriving;
use super::claim::Claimed;
use crate::ingest::receiver::Receiver;
use crate::ingest::sessions::OpenSessions;

/// Opens the session and receives until it ends. A worker that stops opens none.
pub fn open(claimed: Arriving<Claimed>, sessions: &Rc<OpenSessions>, receiver: &Receiver) {
    if sessions.lane.is_stopping() {
        return;
    }
    if let Some(connection) = sessions.open(claimed) {
        receiver.serve(sessions, connection);
    }
}
