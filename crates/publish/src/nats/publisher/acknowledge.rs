//! What the server answers: acknowledgements settle messages, and durable ones leave the window.

use std::sync::atomic::Ordering::Relaxed;

use arancini_client::streams::missing_stream;
use arancini_client::{Reason, Trouble};
use arancini_core::window::MessageId;
use async_nats::StatusCode;

use super::state::{Publisher, SINK};
use crate::nats::reply::{Ack, explain_refusal};
use crate::status::SinkStatus;

/// The trouble of a stream that has lost messages while the connection lasted. The next connection finds out which.
fn counts_lower(stream: &str, sequence: u64, before: u64) -> Trouble {
    Trouble::new(
        Reason::Other,
        format!("stream {stream} stored a message at sequence {sequence}, after it had reached {before}"),
        "nothing: the collector connects again and looks what the stream has lost",
    )
}

impl Publisher {
    /// Takes one acknowledgement. Returns the trouble that a refusal stands for.
    pub(super) fn hear(&mut self, reply: &async_nats::Message) -> Option<Trouble> {
        let id = reply
            .subject
            .rsplit_once('.')
            .and_then(|(_, id)| id.parse().ok())
            .map(MessageId)?;
        if reply.status == Some(StatusCode::NO_RESPONDERS) {
            self.window.refused(id);
            return Some(missing_stream(&self.settings.stream.name));
        }
        let ack: Ack = serde_json::from_slice(&reply.payload).unwrap_or_default();
        match ack.error {
            None if ack.seq > 0 => {
                SinkStatus::add(&self.status.duplicates, u64::from(ack.duplicate));
                if !ack.duplicate && ack.seq <= self.stream_sequence {
                    self.counts_lower.get_or_insert(counts_lower(
                        &self.settings.stream.name,
                        ack.seq,
                        self.stream_sequence,
                    ));
                }
                self.stream_sequence = self.stream_sequence.max(ack.seq);
                self.note_landmark(id, ack.seq);
                self.window.acknowledged(id, self.now_ns());
                self.failures = 0;
                if !self.status.is_ready() {
                    self.status.set_ready(SINK);
                }
                None
            }
            error => {
                self.window.refused(id);
                Some(explain_refusal(&self.settings.stream.name, error))
            }
        }
    }

    /// Drops the messages that are durable from the window, in order.
    pub(super) fn release(&mut self) {
        let mut any = false;
        while let Some((message, latency)) = self.window.take_acknowledged() {
            any = true;
            self.leave_spool(&message);
            if let Some(latency) = latency {
                self.status.ack_latency.observe_ns(latency);
            }
            if !message.set_aside {
                SinkStatus::add(&self.status.bytes_acknowledged, message.payload.len() as u64);
            }
            if message.life.is_none() {
                let counter = if message.set_aside {
                    &self.status.messages_set_aside_of_this_life
                } else {
                    &self.status.messages_acknowledged
                };
                SinkStatus::add(counter, u64::from(message.messages));
            }
            if message.is_last && message.life.is_none() {
                SinkStatus::add(&self.status.batches_acknowledged, 1);
                self.hooks.acked(message.worker, message.number);
            }
            if message.form.is_plain() && message.payload.is_unique() {
                self.hooks.recycle(Vec::from(message.payload));
            }
        }
        if any {
            if let Some(newest) = self.landmarks.newest() {
                self.status.advance_position(newest.sequence, &newest.identity);
            }
            self.show_window();
            self.mark_floor();
        }
    }

    /// Notes how far the stream is now.
    pub(super) fn mark_floor(&mut self) {
        let oldest = self.window.in_doubt().next().map(|doubt| doubt.first_sent_ns);
        self.floors.mark(self.now_ns(), self.stream_sequence, oldest);
    }

    /// Updates the gauges of the window, and counts for how long it is full.
    pub(super) fn show_window(&mut self) {
        self.status
            .window_messages
            .store(self.window.len() as u64, Relaxed);
        self.status
            .window_bytes
            .store(self.window.bytes() as u64, Relaxed);
        if !self.window.has_room() {
            let now_ns = self.now_ns();
            self.full_since_ns.get_or_insert(now_ns);
        } else if let Some(since_ns) = self.full_since_ns.take() {
            SinkStatus::add(&self.status.window_full_ns, self.now_ns() - since_ns);
        }
    }

    /// The trouble of acknowledgements that stopped.
    pub(super) fn overdue(&self) -> Trouble {
        Trouble::new(
            Reason::Timeout,
            format!(
                "no acknowledgement for {} s",
                self.settings.window.ack_timeout_ns / 1_000_000_000
            ),
            "check the server's load and disk, and the network",
        )
    }
}
