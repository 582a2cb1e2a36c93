//! Messages as JSON Lines: one object and a newline for each.
//!
//! Field names are the schema's. What is absent is left out: an absent MULTI_EXIT_DISC is no field, not a 0. Addresses
//! and identifiers are text, names of enumerations are lower case with hyphens, bytes are hexadecimal, 64-bit values
//! that are no quantity (fingerprint, distinguishers) are text. `type` tells the kinds of messages apart.
//! `docs/schema.md` has the table.

mod event;
mod object;
mod text;
mod update;

use std::io;

use crate::decode::Message;

/// Which struct a message holds; known from its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `Update`.
    Update,
    /// `PeerEvent`.
    Peer,
    /// `RouterEvent`.
    Router,
    /// `StatisticsEvent`.
    Statistics,
    /// `MalformedMessage`.
    Malformed,
}

/// Writes a message as one line.
///
/// # Errors
///
/// Those of `out`; `InvalidData` where the message's content is damaged.
pub fn write_message(kind: MessageKind, message: &Message<'_>, out: &mut impl io::Write) -> io::Result<()> {
    match kind {
        MessageKind::Update => update::write(message.update().map_err(damaged)?, out)?,
        MessageKind::Peer => event::write_peer(message.peer_event().map_err(damaged)?, out)?,
        MessageKind::Router => event::write_router(message.router_event().map_err(damaged)?, out)?,
        MessageKind::Statistics => {
            event::write_statistics(message.statistics_event().map_err(damaged)?, out)?;
        }
        MessageKind::Malformed => {
            event::write_malformed(message.malformed_message().map_err(damaged)?, out)?;
        }
    }
    out.write_all(b"\n")
}

fn damaged<E: std::error::Error + Send + Sync + 'static>(error: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
