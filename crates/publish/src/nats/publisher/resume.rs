//! The way from one connection to the next.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_client::Trouble;
use arancini_core::Position;
use tracing::{info, warn};

use super::state::{Publisher, SINK};
use super::uplink::Uplink;
use crate::nats::inventory::{Doubts, Floor, Floors};
use crate::status::SinkStatus;

impl Publisher {
    /// Counts and reports a failure.
    pub(super) fn trouble(&mut self, trouble: Trouble) {
        self.failures = self.failures.saturating_add(1);
        self.status.set_trouble(SINK, trouble);
    }

    /// Returns the pause before the next attempt: none at first, then doubling.
    pub(super) fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => {
                let shortest = self.settings.max_backoff / 20;
                shortest
                    .saturating_mul(1 << (failures - 1).min(10))
                    .min(self.settings.max_backoff)
            }
        }
    }

    /// Returns which messages the stream must be asked about, if any are in doubt.
    pub(super) fn doubts(&self) -> Option<Doubts> {
        let oldest = self.window.in_doubt().map(|doubt| doubt.first_sent_ns).min()?;
        Some(Doubts {
            subjects: self
                .window
                .in_doubt()
                .map(|doubt| Arc::clone(&doubt.item.subject))
                .collect(),
            floor: Floor::Sequence(self.floors.floor_of(oldest)),
            prefix: None,
        })
    }

    /// Goes on with a new connection: settles what was in doubt, cuts messages that are too large, opens the window.
    pub(super) fn resume(&mut self, uplink: &Uplink) {
        SinkStatus::add(&self.status.connects, 1);
        let found: Vec<_> = self
            .window
            .in_doubt()
            .filter(|doubt| uplink.stored.contains(&self.labels.message_id(doubt.item)))
            .map(|doubt| doubt.id)
            .collect();
        for id in found {
            self.window.found_stored(id);
        }
        self.report_overtaken();
        if uplink.stream_sequence < self.stream_sequence {
            // The stream was created again and counts from the beginning.
            self.floors = Floors::default();
        }
        self.stream_sequence = uplink.stream_sequence;
        let before = self.created_unix_ns.replace(uplink.created_unix_ns);
        let made_anew = before.is_some_and(|before| before != uplink.created_unix_ns);
        let emptied = uplink.keeps_all && uplink.fence.was_gone();
        if before.is_none() {
            self.status.fence_was_gone.store(emptied, Relaxed);
        } else if made_anew || emptied {
            warn!(
                stream = self.settings.stream.name,
                made_anew, "the stream was emptied: every router's next dump is published in full"
            );
            self.hooks.stream_is_emptied();
        }
        self.fence = uplink.fence.clone();
        self.labels
            .set_fence(uplink.is_checked.then(|| self.fence.label()));
        self.status.fenced.store(uplink.is_checked, Relaxed);
        self.status.set_position(Position::Stream {
            stream: self.settings.stream.name.clone(),
            created_unix_ns: uplink.created_unix_ns,
            sequence: uplink.stream_sequence,
        });
        if self.former.take().is_some() {
            self.former_stored.clone_from(&uplink.stored);
        }
        self.max_payload = uplink.max_payload;
        self.mark_floor();
        let packer = &mut self.packer;
        self.window.cut(|message| packer.fit(message, uplink.max_payload));
        self.window.reopen(self.now_ns());
        self.release();
        self.refill();
        info!(
            unacknowledged = self.window.len(),
            max_payload = uplink.max_payload,
            "connected to NATS; publishing the messages that are not acknowledged"
        );
        // With messages outstanding, only an acknowledgement shows that publishing works.
        if self.window.is_empty() {
            self.status.set_ready(SINK);
        }
    }

    /// Counts and logs the messages that the server refused while it took a later one of the same router. Nothing else can
    /// break the order.
    fn report_overtaken(&mut self) {
        let overtaken = self.window.overtaken(|message| message.router);
        if overtaken > 0 {
            SinkStatus::add(&self.status.reordered, overtaken as u64);
            warn!(
                messages = overtaken,
                "the server refused messages and took later ones of the same routers; consumers restore the order by the \
                 per-router sequence"
            );
        }
    }
}
