//! The spool's part in publishing: which batches pass it by, which go through it, and what an earlier run left in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arancini_client::{Reason, Trouble};

use super::state::{Publisher, SINK};
use crate::hooks::Hooks;
use crate::message::{Life, Message};
use crate::nats::inventory::{Doubts, Floor};
use crate::settings::{OnFull, SidecarSettings};
use crate::spool::Stage;
use crate::status::SinkStatus;

/// Starts the spool if the settings want one, however long that takes.
pub(super) async fn start(
    settings: &SidecarSettings,
    status: &Arc<SinkStatus>,
    hooks: &Hooks,
) -> Option<Stage> {
    if settings.on_full != OnFull::Spool {
        return None;
    }
    loop {
        let own = Life {
            collector: settings.collector.clone(),
            incarnation: settings.incarnation,
        };
        let spool = settings.spool.clone();
        match Stage::start(spool, own, Arc::clone(status), hooks.clone()).await {
            Ok(stage) => return Some(stage),
            Err(error) => status.set_trouble(
                SINK,
                Trouble::new(
                    Reason::Io,
                    format!("can't start the spool's thread: {error}"),
                    "raise the limit on threads",
                ),
            ),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits for the spool's next answer; for ever without a spool. Can be cancelled.
pub(super) async fn heard(stage: &mut Option<Stage>) {
    match stage {
        Some(stage) => stage.heard().await,
        None => std::future::pending().await,
    }
}

impl Publisher {
    /// Returns whether another batch may be taken from the bridge.
    pub(super) fn has_room(&self) -> bool {
        match &self.stage {
            Some(stage) if stage.is_empty() && self.window.has_room() => true,
            Some(stage) => stage.has_room(),
            None => self.window.has_room(),
        }
    }

    /// Returns whether nothing is left to publish.
    pub(super) fn is_done(&self) -> bool {
        self.window.is_empty() && self.stage.as_ref().is_none_or(Stage::is_empty)
    }

    /// Puts a message into the window, or into the spool if messages wait there or the window is full.
    pub(super) fn place(&mut self, message: Message) {
        match &mut self.stage {
            Some(stage) if !stage.is_empty() || !self.window.has_room() => {
                stage.append(message, self.stream_sequence);
            }
            _ => self.window.offer(message),
        }
    }

    /// Moves messages from the spool into the window while it has room. Messages of an earlier run wait until the stream has
    /// been asked which of them it has.
    pub(super) fn refill(&mut self) {
        let Some(stage) = &mut self.stage else { return };
        if self.former.is_some() {
            return;
        }
        let mut any = false;
        while self.window.has_room()
            && let Some(message) = stage.next()
        {
            any = true;
            if message.life.is_none() && !self.former_stored.is_empty() {
                self.former_stored = HashMap::new();
            }
            for message in self.packer.fit(message, self.max_payload) {
                let is_stored = message.life.is_some()
                    && self.former_stored.contains_key(&self.labels.message_id(&message));
                if is_stored {
                    self.window.offer_stored(message);
                } else {
                    self.window.offer(message);
                }
            }
        }
        if self.window.has_room() {
            stage.read_on();
        }
        if any {
            self.release();
            self.show_window();
        }
    }

    /// Releases a durable message from the spool.
    pub(super) fn leave_spool(&mut self, message: &Message) {
        if message.spooled.is_none() {
            return;
        }
        if message.life.is_none() {
            SinkStatus::subtract(&self.status.spool_own_batches, u64::from(message.is_last));
            SinkStatus::subtract(&self.status.spool_own_messages, u64::from(message.messages));
        }
        if let Some(stage) = self.stage.as_mut().filter(|_| message.ends_spooled()) {
            stage.release(1);
        }
    }

    /// Returns which messages of an earlier run the stream must be asked about: those published since it began the first file
    /// that it left, which are not more than that file and a window.
    pub(super) fn former_doubts(&self) -> Option<Doubts> {
        Some(Doubts {
            subjects: HashSet::new(),
            floor: Floor::of_former(self.former?),
            prefix: Some(format!("{}-", self.labels.collector())),
            landmark: None,
        })
    }
}

/// Leaves the messages that are not acknowledged in the spool for the next life, in order. This happens however publishing
/// ends: in time, at the deadline, or with the handle dropped.
impl Drop for Publisher {
    fn drop(&mut self) {
        let Some(mut stage) = self.stage.take() else {
            return;
        };
        let oldest = self.window.in_doubt().map(|doubt| doubt.first_sent_ns).min();
        let floor = oldest.map_or(self.stream_sequence, |oldest| self.floors.floor_of(oldest));
        stage.park(self.window.iter().cloned().collect(), floor);
    }
}
