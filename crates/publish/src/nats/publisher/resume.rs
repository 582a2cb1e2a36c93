//! The way from one connection to the next.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_client::Trouble;
use arancini_core::Position;
use arancini_core::window::MessageId;
use tracing::{info, warn};

use super::state::{Publisher, SINK};
use super::uplink::Uplink;
use crate::nats::inventory::{Doubts, Floor, Floors};
use crate::nats::landmarks::{Landmark, LostRouters};
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

    /// Returns which messages the stream must be asked about: those in doubt, and the newest one that it acknowledged. `None`
    /// before the first connection.
    pub(super) fn doubts(&self) -> Option<Doubts> {
        let landmark = self.landmarks.newest().cloned();
        let oldest = self.window.in_doubt().map(|doubt| doubt.first_sent_ns).min();
        let of_doubts = oldest.map(|oldest| self.floors.floor_of(oldest));
        let before_landmark = landmark
            .as_ref()
            .map(|landmark| landmark.sequence.saturating_sub(1));
        let sequence = of_doubts.into_iter().chain(before_landmark).min()?;
        let unix_ns = self.unix_ns_of(oldest.unwrap_or_else(|| self.now_ns()));
        Some(Doubts {
            subjects: self
                .window
                .in_doubt()
                .map(|doubt| Arc::clone(&doubt.item.subject))
                .collect(),
            floor: Floor::behind(sequence, unix_ns),
            prefix: None,
            landmark,
        })
    }

    /// Goes on with a new connection: settles what was in doubt, cuts messages that are too large, opens the window.
    pub(super) fn resume(&mut self, uplink: &Uplink) {
        SinkStatus::add(&self.status.connects, 1);
        let found: Vec<_> = self
            .window
            .in_doubt()
            .filter_map(|doubt| {
                let sequence = uplink.stored.get(&self.labels.message_id(doubt.item))?;
                Some((doubt.id, *sequence))
            })
            .collect();
        self.notice_losses(uplink);
        for (id, sequence) in found {
            self.note_landmark(id, sequence);
            self.window.found_stored(id);
        }
        self.report_overtaken();
        self.status.set_warnings(SINK, &uplink.warnings);
        self.fence = uplink.fence.clone();
        self.labels
            .set_fence(uplink.is_checked.then(|| self.fence.label()));
        self.status.fenced.store(uplink.is_checked, Relaxed);
        self.status.set_position(Position::Stream {
            stream: self.settings.stream.name.clone(),
            created_unix_ns: uplink.created_unix_ns,
            sequence: uplink.stream_sequence,
            message: Some(uplink.fence.landmark().identity),
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
            largest_payload = uplink.max_payload,
            "connected to NATS; publishing the messages that are not acknowledged"
        );
        // With messages outstanding, only an acknowledgement shows that publishing works.
        if self.window.is_empty() {
            self.status.set_ready(SINK);
        }
    }

    /// Notices what the stream has lost since the last connection, and has the routers concerned resynced.
    fn notice_losses(&mut self, uplink: &Uplink) {
        let (acknowledged, now) = (self.stream_sequence, uplink.stream_sequence);
        if now <= acknowledged {
            // The stream counts from a lower place: what was noted of its places is not true any more.
            self.floors = Floors::default();
        }
        self.stream_sequence = now;
        let before = self.created_unix_ns.replace(uplink.created_unix_ns);
        let recreated = before.is_some_and(|before| before != uplink.created_unix_ns);
        let emptied = uplink.keeps_all && uplink.fence.was_gone();
        let stream = &self.settings.stream.name;
        if before.is_none() {
            self.status.fence_was_gone.store(emptied, Relaxed);
        } else if recreated || emptied {
            warn!(
                stream,
                recreated, "the stream was emptied: all routers are resynced"
            );
            SinkStatus::add(&self.status.stream_losses, 1);
            self.hooks.stream_is_emptied();
        } else if let Some(lost) = &uplink.lost {
            let routers = match lost {
                LostRouters::Some(routers) => routers.len().to_string(),
                LostRouters::All => "all".to_owned(),
            };
            warn!(
                stream,
                acknowledged,
                now,
                routers,
                "the stream lost its newest messages, which it had acknowledged: the routers concerned are resynced; \
                 acknowledged messages are safe from a power failure only with replicas, or with \
                 sync_interval: always"
            );
            SinkStatus::add(&self.status.stream_losses, 1);
            match lost {
                LostRouters::Some(routers) => self.hooks.routers_are_lost(routers.clone()),
                LostRouters::All => self.hooks.stream_is_emptied(),
            }
        }
        if !self.landmarks.has_begun() || recreated || emptied || uplink.lost.is_some() {
            self.landmarks.begin(uplink.fence.landmark());
        }
    }

    /// Notes the place of a message that the stream has acknowledged.
    pub(super) fn note_landmark(&mut self, id: MessageId, sequence: u64) {
        if let Some(message) = self.window.item(id) {
            let landmark = Landmark {
                sequence,
                subject: Arc::clone(&message.subject),
                identity: self.labels.message_id(message),
            };
            self.landmarks.note(message.router, landmark);
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
