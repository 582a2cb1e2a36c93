//! Any message as one line.

use std::io;

use super::damaged::damaged;
use super::{event, update};
use crate::decode::{Message, Messages};
use crate::message_kind::MessageKind;

/// Writes a message as one line of JSON.
///
/// # Errors
///
/// Those of `out`, and `InvalidData` if the content of the message is damaged.
pub fn write_message(kind: MessageKind, message: &Message<'_>, out: &mut impl io::Write) -> io::Result<()> {
    match kind {
        MessageKind::Updates => update::write(message.update().map_err(damaged)?, out)?,
        MessageKind::Peers => event::write_peer(message.peer_event().map_err(damaged)?, out)?,
        MessageKind::Routers => event::write_router(message.router_event().map_err(damaged)?, out)?,
        MessageKind::Statistics => {
            event::write_statistics(message.statistics_event().map_err(damaged)?, out)?;
        }
        MessageKind::Malformed => {
            event::write_malformed(message.malformed_message().map_err(damaged)?, out)?;
        }
    }
    out.write_all(b"\n")
}

/// Writes the messages of a payload as lines of JSON, in order.
///
/// # Errors
///
/// Those of `out`, and `InvalidData` if a message is damaged. What lies before it is written.
pub fn write_lines(kind: MessageKind, payload: &[u8], out: &mut impl io::Write) -> io::Result<()> {
    for message in Messages::new(payload) {
        write_message(kind, &message.map_err(damaged)?, out)?;
    }
    Ok(())
}
