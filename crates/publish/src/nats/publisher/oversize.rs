//! Messages that are larger than the server or the stream takes: they are set aside, and the window goes on behind them.
//!
//! Whatever holds several records has been split before. What is left is a single record, or a part of a batch that was
//! split for a server which took more.

use std::sync::Arc;

use arancini_core::Batch;

use super::state::{Publisher, SINK};
use super::uplink::Uplink;
use crate::message::Message;
use crate::set_aside::{SizeLimit, TooLarge};

impl Publisher {
    /// Asks server and stream for their limits again if the next message is larger than they took some seconds ago: they may
    /// have been raised since.
    pub(super) async fn renew_limits(&mut self, uplink: &mut Uplink) {
        let is_too_large = self.window.next_to_publish().is_some_and(|(_, message)| {
            message.payload.len() > uplink.max_payload && self.labels.wire_bytes(message) > uplink.max_bytes
        });
        if is_too_large && uplink.limits_asked.elapsed() >= self.settings.limits_age {
            uplink.ask_limits().await;
            self.max_payload = uplink.max_payload;
        }
    }

    /// Sets aside the next messages while they are larger than the server takes.
    pub(super) fn pass_over_too_large(&mut self, uplink: &Uplink) {
        let mut any = false;
        while let Some((id, message)) = self.window.next_to_publish()
            && message.payload.len() > uplink.max_payload
        {
            let bytes = self.labels.wire_bytes(message);
            if bytes <= uplink.max_bytes {
                break;
            }
            let server_bytes = uplink.connection.client.max_payload();
            let limit = match (bytes > server_bytes, uplink.max_bytes < server_bytes) {
                (true, false) => SizeLimit::Server,
                (true, true) => SizeLimit::Both,
                (false, _) => SizeLimit::Stream,
            };
            any = true;
            let batch = Arc::new(batch_of(message));
            if let Some(message) = self.window.pass_over(id) {
                message.set_aside = true;
            }
            // The workers hear of it first. So a snapshot that begins after the count below knows the routes' state.
            self.hooks.set_aside(Arc::clone(&batch));
            self.set_aside.add(TooLarge {
                batch,
                bytes,
                most_bytes: uplink.max_bytes,
                limit,
            });
        }
        if any {
            self.release();
            // With nothing left to publish, no acknowledgement will show that the connection works.
            if self.window.is_empty() && !self.status.is_ready() {
                self.status.set_ready(SINK);
            }
        }
    }
}

/// Returns the records of a message as a batch of plain Cap'n Proto.
fn batch_of(message: &Message) -> Batch {
    // These are the publisher's own bytes. A payload from the spool has a checksum.
    let plain = message.form.read(message.payload.clone());
    Batch {
        kind: message.kind,
        subject: message.subject.clone(),
        router: message.router,
        payload: plain.unwrap_or_default().to_vec(),
        messages: message.messages,
        first_sequence: message.first_sequence,
        last_sequence: message.last_sequence,
        worker: message.worker,
        number: message.number,
    }
}
