//! Events in the format of Server-Sent Events (WHATWG HTML, "Server-sent events").

use arancini_core::BatchKind;
use arancini_schema::decode::Message;
use arancini_schema::json::write_message;
use bytes::Bytes;

/// What keeps an idle connection open: a comment, which clients ignore.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// The first bytes of a stream. A client that lost the connection comes back after this time.
pub const GREETING: Bytes = Bytes::from_static(b"retry: 2000\n\n");

/// The last event of a listener that reads too slowly.
pub const SLOW: Bytes = Bytes::from_static(
    b"event: slow\ndata: {\"detail\":\"this client reads more slowly than messages come, so the stream ends here\",\"remedy\":\"choose fewer messages, and connect again\"}\n\n",
);

/// The event that says that batches were left out.
pub fn gap(batches: u64) -> Bytes {
    Bytes::from(format!(
        "event: gap\ndata: {{\"batches\":{batches},\"detail\":\"messages came faster than the collector can show them, so these batches are left out\",\"remedy\":\"choose one router\"}}\n\n"
    ))
}

/// The event of a message; its data is the line that `arancini tail --json` prints. `None` if the message can't be read.
pub fn event_of(kind: BatchKind, batch: u64, number: usize, message: &Message<'_>) -> Option<Bytes> {
    let name = match kind {
        BatchKind::Updates => "update",
        BatchKind::Peers => "peer",
        BatchKind::Routers => "router",
        BatchKind::Statistics => "statistics",
        BatchKind::Malformed => "malformed",
    };
    let mut bytes = format!("event: {name}\nid: {batch}.{number}\ndata: ").into_bytes();
    // The line is one object and a line break, so one more break ends the event.
    write_message(kind, message, &mut bytes).ok()?;
    bytes.push(b'\n');
    Some(Bytes::from(bytes))
}
