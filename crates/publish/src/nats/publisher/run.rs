//! The loop: connect, publish, and connect again.

use std::sync::Arc;
use std::time::Duration;

use arancini_client::{Reason, Trouble};
use arancini_core::Batch;
use arancini_core::window::{MessageId, ReconnectReason};
use async_nats::Subject;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::MissedTickBehavior;
use tracing::error;

use super::spooling;
use super::state::Publisher;
use super::uplink::{Uplink, establish};
use crate::hooks::{EXIT_FENCED, Hooks};
use crate::input::Input;
use crate::message::Message;
use crate::nats::labels::Labels;
use crate::nats::reply::{lost, trouble_of};
use crate::settings::{NatsSettings, SidecarSettings};
use crate::sink::receipt::taken;
use crate::status::SinkStatus;

/// Interval at which deadlines are checked.
const TICK: Duration = Duration::from_millis(50);
/// Acknowledgements handled before anything else gets a turn.
const ACKS_AT_ONCE: usize = 256;
/// Batches taken from the bridge before anything else gets a turn: compressing one takes tens of microseconds.
const BATCHES_AT_ONCE: usize = 16;

/// Runs the sink until the bridge is closed and everything is published.
pub(crate) async fn run(
    nats: NatsSettings,
    settings: SidecarSettings,
    bridge: kanal::Receiver<Batch>,
    status: Arc<SinkStatus>,
    hooks: Hooks,
) {
    let bridge = bridge.to_async();
    let mut input = Input::new(&bridge);
    let stage = spooling::start(&settings, &status, &hooks).await;
    let mut publisher = Publisher::new(nats, &settings, stage, status, hooks);
    while let Some(uplink) = publisher.connected(&mut input).await {
        match publisher.publish(uplink, &mut input).await {
            Ok(()) => break,
            Err(trouble) => {
                SinkStatus::add(&publisher.status.disconnects, 1);
                publisher.window.close();
                publisher.trouble(trouble);
            }
        }
    }
    publisher.set_aside.finish().await;
}

impl Publisher {
    /// Connects, however long that takes. Returns `None` when the bridge is closed and nothing is left to publish.
    async fn connected(&mut self, input: &mut Input<'_>) -> Option<Uplink> {
        loop {
            let doubts = self.former_doubts().or_else(|| self.doubts());
            let pause = self.pause();
            let (settings, fence, landmarks) =
                (self.settings.clone(), self.fence.clone(), self.landmarks.clone());
            let attempt = async move {
                tokio::time::sleep(pause).await;
                establish(&settings, fence, doubts, landmarks).await
            };
            tokio::pin!(attempt);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut attempt => break outcome,
                    batch = input.next(), if input.open && self.has_room() => self.take(batch, input),
                    () = spooling::heard(&mut self.stage) => self.refill(),
                }
                if !input.open && self.is_done() {
                    return None;
                }
            };
            match outcome {
                Ok(uplink) => {
                    self.resume(&uplink);
                    return Some(uplink);
                }
                Err(trouble) if trouble.reason == Reason::Fenced => fenced_off(&trouble),
                Err(trouble) => self.trouble(trouble),
            }
        }
    }

    /// Publishes until nothing is left (`Ok`) or the connection cannot be used any more.
    async fn publish(&mut self, mut uplink: Uplink, input: &mut Input<'_>) -> Result<(), Trouble> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refusal = None;
        loop {
            self.renew_limits(&mut uplink).await;
            self.pass_over_too_large(&uplink);
            let next = self.window.next_to_publish();
            let (client, inbox, labels) = (&uplink.connection.client, &uplink.inbox, &self.labels);
            tokio::select! {
                biased;
                event = uplink.connection.events.recv() => {
                    if let Some(trouble) = event.map_or_else(|| Some(lost()), trouble_of) {
                        return Err(trouble);
                    }
                }
                ack = uplink.acks.next() => {
                    let mut ack = ack.ok_or_else(lost)?;
                    // One wake-up often brings many acknowledgements. Each one that is fetched is also taken.
                    for left in (0..ACKS_AT_ONCE).rev() {
                        if let Some(trouble) = self.hear(&ack) {
                            refusal.get_or_insert(trouble);
                        }
                        let more = if left > 0 { uplink.acks.next().now_or_never().flatten() } else { None };
                        let Some(more) = more else { break };
                        ack = more;
                    }
                }
                sent = send(client, inbox, labels, next), if next.is_some() => {
                    let id = sent?;
                    let resent = self.window.published(id, self.now_ns());
                    SinkStatus::add(&self.status.published, 1);
                    SinkStatus::add(&self.status.resent, u64::from(resent));
                }
                () = spooling::heard(&mut self.stage) => {}
                batch = input.next(), if input.open && self.has_room() => self.take(batch, input),
                _ = tick.tick() => {}
            }
            if let Some(trouble) = self.counts_lower.take() {
                return Err(trouble);
            }
            self.release();
            self.refill();
            if !input.open && self.is_done() {
                return Ok(());
            }
            match self.window.reconnect_reason(self.now_ns()) {
                None => {}
                Some(ReconnectReason::Refused) => return Err(refusal.unwrap_or_else(lost)),
                Some(ReconnectReason::Overdue) => return Err(refusal.unwrap_or_else(|| self.overdue())),
            }
        }
    }

    /// Takes a batch from the bridge, and more that wait there.
    fn take(&mut self, first: Option<Batch>, input: &mut Input<'_>) {
        let mut batch = first;
        for left in (0..BATCHES_AT_ONCE).rev() {
            let Some(taken_batch) = batch else { break };
            taken(&self.status, &self.hooks, &taken_batch);
            for message in self.packer.pack(taken_batch, self.max_payload) {
                self.place(message);
            }
            batch = if left > 0 && self.has_room() {
                input.waiting()
            } else {
                None
            };
        }
        self.show_window();
    }
}

/// Publishes the next message of the window, or waits for ever if there is none.
async fn send(
    client: &async_nats::Client,
    inbox: &str,
    labels: &Labels,
    next: Option<(MessageId, &Message)>,
) -> Result<MessageId, Trouble> {
    let Some((id, message)) = next else {
        return std::future::pending().await;
    };
    let subject = Subject::from(&*message.subject);
    let reply = format!("{inbox}.{}", id.0);
    let payload: Bytes = message.payload.clone();
    match client
        .publish_with_reply_and_headers(subject, reply, labels.headers(message), payload)
        .await
    {
        Ok(()) => Ok(id),
        Err(error) if error.kind() == async_nats::PublishErrorKind::MaxPayloadExceeded => Err(Trouble::new(
            Reason::TooLarge,
            format!(
                "a message of {} bytes on {} is larger than the server's max_payload",
                message.payload.len(),
                message.subject
            ),
            "nothing: a size limit was lowered, and the collector connects again to learn it; raise the server's max_payload so that consumers get such messages",
        )),
        Err(_) => Err(lost()),
    }
}

/// Ends the process of a collector that is fenced off. Two collectors that publish for the same routers would contradict
/// each other in the stream, so the one that came first ends.
fn fenced_off(trouble: &Trouble) -> ! {
    error!(cause = %trouble.cause, remedy = %trouble.remedy, "another collector of this name has taken over the stream; ending the process");
    std::process::exit(EXIT_FENCED)
}
