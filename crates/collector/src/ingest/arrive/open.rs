//! Stage: the session of a connection whose first message has come.

use std::rc::Rc;

use monoio::net::TcpStream;

use super::arriving::Arriving;
use super::claim::Claimed;
use crate::ingest::connection::Connection;
use crate::ingest::end::End;
use crate::ingest::receiver::Receiver;
use crate::ingest::sessions::OpenSessions;

/// Opens the session, decodes its first message, and then receives until the connection ends.
pub async fn open(
    claimed: Arriving<Claimed, TcpStream>,
    first_message: &[u8],
    sessions: &Rc<OpenSessions>,
    receiver: &Receiver,
) {
    let Some(connection) = sessions.open(claimed) else {
        return;
    };
    match begin(&connection, first_message, sessions).await {
        Ok(()) => receiver.serve(sessions, connection),
        Err(end) => sessions.ended(&connection, &end),
    }
}

/// Decodes the first message, which may take several turns.
async fn begin(connection: &Connection, first_message: &[u8], sessions: &OpenSessions) -> Result<(), End> {
    connection.take(&sessions.lane, first_message)?;
    connection.finish_rest(&sessions.lane).await
}
