//! Runs the publish window over one connection after the other.
//!
//! A connection lasts until it breaks, a message is refused, or acknowledgements stop. Then the pause, a fresh client,
//! the question what the stream has, and the rest of the window again in order. Meanwhile batches are taken from the
//! bridge until the window is full, and with a spool until that is full too (`spooling`).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use arancini_core::window::{MessageId, ReconnectReason, Window};
use arancini_core::{Batch, Position};
use async_nats::{StatusCode, Subject, Subscriber, jetstream};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::connect::{Connection, connect};
use super::fence::{self, Fence};
use super::inventory::{Doubts, Floor, Floors, stored_ids};
use super::message::{HEADER_ALLOWANCE, Labels, Message};
use super::packer::Packer;
use super::reply::{Ack, explain_refusal, explained, judge, lost};
use super::stream;
use crate::input::Input;
use crate::settings::{Compression, NatsSettings, SidecarSettings};
use crate::sidecar::{EXIT_FENCED, Hooks};
use crate::sink::taken;
use crate::spool::{FileHead, Stage};
use crate::status::{Reason, SinkStatus, Trouble};

mod spooling;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);
/// Acknowledgements handled before anything else gets a turn.
const ACKS_AT_ONCE: usize = 256;
/// Batches taken from the bridge before anything else gets a turn: compressing one takes tens of microseconds.
const BATCHES_AT_ONCE: usize = 16;
/// What nats-server takes unless configured otherwise; until one says what it takes.
const ASSUMED_MAX_PAYLOAD: usize = 1 << 20;
/// Unacknowledged messages fit the inbox with room to spare.
const _: () = assert!(NatsSettings::MAX_WINDOW_MESSAGES <= 65_536 / 2);

/// The sink.
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
    let labels = Labels::new(
        &settings.collector,
        settings.incarnation,
        &nats.stream.name,
        u32::from(arancini_schema::SCHEMA_VERSION),
    );
    let mut publisher = Publisher {
        fence: Fence::new(&nats, &settings.collector, settings.incarnation),
        packer: Packer::new(settings.compression, Arc::clone(&status), hooks.clone()),
        window: Window::new(nats.window),
        labels,
        settings: nats,
        status,
        hooks,
        started: Instant::now(),
        floors: Floors::default(),
        stream_sequence: 0,
        created_unix_ns: None,
        former: stage.as_ref().and_then(Stage::former),
        former_stored: HashSet::new(),
        stage,
        max_payload: ASSUMED_MAX_PAYLOAD - HEADER_ALLOWANCE,
        failures: 0,
    };
    while let Some(session) = publisher.connected(&mut input).await {
        match publisher.publish(session, &mut input).await {
            Ok(()) => break,
            Err(trouble) => {
                SinkStatus::add(&publisher.status.disconnects, 1);
                publisher.window.close();
                publisher.trouble(trouble);
            }
        }
    }
}

/// One client and what belongs to it.
struct Session {
    connection: Connection,
    acks: Subscriber,
    inbox: String,
    /// Largest payload that server and stream take.
    max_payload: usize,
    /// Ids of the messages in doubt that the stream has.
    stored: HashSet<String>,
    /// Where the stream was when it was asked.
    stream_sequence: u64,
    /// When the stream was made, Unix nanoseconds.
    created_unix_ns: i128,
    /// Raised for this session.
    fence: Fence,
    /// The stream lets go of nothing by itself.
    keeps_all: bool,
    /// Server and stream check each message against it.
    is_checked: bool,
}

struct Publisher {
    packer: Packer,
    window: Window<Message>,
    labels: Labels,
    settings: NatsSettings,
    status: Arc<SinkStatus>,
    hooks: Hooks,
    started: Instant,
    floors: Floors,
    /// When the stream of the last session was made.
    created_unix_ns: Option<i128>,
    /// As raised for the last session.
    fence: Fence,
    /// The highest stream sequence that was acknowledged to us.
    stream_sequence: u64,
    /// The spool, where there is one.
    stage: Option<Stage>,
    /// The spool begins with batches of a former life, and the stream was not asked for them yet.
    former: Option<FileHead>,
    /// Ids of a former life that the stream has.
    former_stored: HashSet<String>,
    /// Largest payload that the last server took.
    max_payload: usize,
    /// Failures since the last acknowledgement.
    failures: u32,
}

impl Publisher {
    /// Connects, however long it takes. `None` when the bridge is closed and nothing is left to publish.
    async fn connected(&mut self, input: &mut Input<'_>) -> Option<Session> {
        loop {
            let doubts = self.former_doubts().or_else(|| self.doubts());
            let pause = self.pause();
            let (settings, fence) = (self.settings.clone(), self.fence.clone());
            let attempt = async move {
                tokio::time::sleep(pause).await;
                establish(&settings, fence, doubts).await
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
                Ok(session) => {
                    self.prepare(&session);
                    return Some(session);
                }
                Err(trouble) if trouble.reason == Reason::Fenced => fenced_off(&trouble),
                Err(trouble) => self.trouble(trouble),
            }
        }
    }

    /// Publishes until all is done (`Ok`) or the session is over.
    async fn publish(&mut self, mut session: Session, input: &mut Input<'_>) -> Result<(), Trouble> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refusal = None;
        loop {
            let next = self.window.next_to_publish();
            let (client, inbox, labels) = (&session.connection.client, &session.inbox, &self.labels);
            tokio::select! {
                biased;
                event = session.connection.events.recv() => {
                    if let Some(trouble) = event.map_or_else(|| Some(lost()), judge) {
                        return Err(trouble);
                    }
                }
                ack = session.acks.next() => {
                    let mut ack = ack.ok_or_else(lost)?;
                    // One wake-up often brings many; what is fetched is heard.
                    for left in (0..ACKS_AT_ONCE).rev() {
                        if let Some(trouble) = self.hear(&ack) {
                            refusal.get_or_insert(trouble);
                        }
                        let more = if left > 0 { session.acks.next().now_or_never().flatten() } else { None };
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

    fn take(&mut self, first: Option<Batch>, input: &mut Input<'_>) {
        let mut batch = first;
        for left in (0..BATCHES_AT_ONCE).rev() {
            let Some(taken_batch) = batch else { break };
            taken(&self.status, &taken_batch);
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

    /// Takes one acknowledgement; a refusal comes back as what it means.
    fn hear(&mut self, reply: &async_nats::Message) -> Option<Trouble> {
        let id = reply
            .subject
            .rsplit_once('.')
            .and_then(|(_, id)| id.parse().ok())
            .map(MessageId)?;
        if reply.status == Some(StatusCode::NO_RESPONDERS) {
            self.window.refused(id);
            return Some(stream::missing(&self.settings.stream.name));
        }
        let ack: Ack = serde_json::from_slice(&reply.payload).unwrap_or_default();
        match ack.error {
            None if ack.seq > 0 => {
                SinkStatus::add(&self.status.duplicates, u64::from(ack.duplicate));
                self.stream_sequence = self.stream_sequence.max(ack.seq);
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

    /// Lets go of what is durable, in order.
    fn release(&mut self) {
        let mut any = false;
        while let Some((message, latency)) = self.window.take_acknowledged() {
            any = true;
            self.leave_spool(&message);
            if let Some(latency) = latency {
                self.status.ack_latency.observe_ns(latency);
            }
            SinkStatus::add(&self.status.bytes_acknowledged, message.payload.len() as u64);
            if message.life.is_none() {
                SinkStatus::add(&self.status.messages_acknowledged, u64::from(message.messages));
            }
            if message.is_last && message.life.is_none() {
                SinkStatus::add(&self.status.batches_acknowledged, 1);
                self.hooks.acked(message.worker, message.number);
            }
            if message.compression == Compression::None && message.payload.is_unique() {
                self.hooks.recycle(Vec::from(message.payload));
            }
        }
        if any {
            self.status.advance_position(self.stream_sequence);
            self.show_window();
            self.mark_floor();
        }
    }

    fn mark_floor(&mut self) {
        let oldest = self.window.in_doubt().next().map(|doubt| doubt.first_sent_ns);
        self.floors.mark(self.now_ns(), self.stream_sequence, oldest);
    }

    fn show_window(&self) {
        self.status
            .window_messages
            .store(self.window.len() as u64, Relaxed);
        self.status
            .window_bytes
            .store(self.window.bytes() as u64, Relaxed);
    }

    /// The session is there: settle what was in doubt, cut what is too large, open the window.
    fn prepare(&mut self, session: &Session) {
        SinkStatus::add(&self.status.connects, 1);
        let found: Vec<_> = self
            .window
            .in_doubt()
            .filter(|doubt| session.stored.contains(&self.labels.message_id(doubt.item)))
            .map(|doubt| doubt.id)
            .collect();
        for id in found {
            self.window.found_stored(id);
        }
        self.tell_overtaken();
        if session.stream_sequence < self.stream_sequence {
            // The stream was made anew and counts from the beginning.
            self.floors = Floors::default();
        }
        self.stream_sequence = session.stream_sequence;
        let before = self.created_unix_ns.replace(session.created_unix_ns);
        let made_anew = before.is_some_and(|before| before != session.created_unix_ns);
        let emptied = session.keeps_all && session.fence.was_gone();
        if before.is_none() {
            self.status.fence_was_gone.store(emptied, Relaxed);
        } else if made_anew || emptied {
            warn!(
                stream = self.settings.stream.name,
                made_anew, "what the stream held is gone: every router is asked for its tables again"
            );
            self.hooks.stream_is_emptied();
        }
        self.fence = session.fence.clone();
        let fence = (self.fence.subject(), self.fence.place());
        self.labels.set_fence(session.is_checked.then_some(fence));
        self.status.fenced.store(session.is_checked, Relaxed);
        self.status.set_position(Position::Stream {
            stream: self.settings.stream.name.clone(),
            created_unix_ns: session.created_unix_ns,
            sequence: session.stream_sequence,
        });
        if self.former.take().is_some() {
            self.former_stored.clone_from(&session.stored);
        }
        self.max_payload = session.max_payload;
        self.mark_floor();
        let packer = &mut self.packer;
        self.window
            .cut(|message| packer.fit(message, session.max_payload));
        self.window.reopen(self.now_ns());
        self.release();
        self.refill();
        info!(
            unacknowledged = self.window.len(),
            max_payload = session.max_payload,
            "connected to NATS; publishing what is not acknowledged"
        );
        // With something outstanding only an acknowledgement shows that publishing works.
        if self.window.is_empty() {
            self.status.set_ready(SINK);
        }
    }

    /// The broker refused a message and took a later one of the same router: the one way to break the order.
    fn tell_overtaken(&mut self) {
        let overtaken = self.window.overtaken(|message| message.router);
        if overtaken > 0 {
            SinkStatus::add(&self.status.reordered, overtaken as u64);
            warn!(
                messages = overtaken,
                "the broker refused messages and took later ones of their routers; consumers find the order by the \
                 per-router sequence"
            );
        }
    }

    fn trouble(&mut self, trouble: Trouble) {
        self.failures = self.failures.saturating_add(1);
        self.status.set_trouble(SINK, trouble);
    }

    /// Before the next attempt: none at first, then doubling.
    fn pause(&self) -> Duration {
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

    /// What the stream has to be asked, if anything is in doubt.
    fn doubts(&self) -> Option<Doubts> {
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

    fn overdue(&self) -> Trouble {
        Trouble::new(
            Reason::Timeout,
            format!(
                "no acknowledgement for {} s",
                self.settings.window.ack_timeout_ns / 1_000_000_000
            ),
            "look at the server's load and disk, and at the network",
        )
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

const SINK: &str = "nats";

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
            "raise max_payload of the server",
        )),
        Err(_) => Err(lost()),
    }
}

/// Two collectors that publish for the same routers would make nonsense of the stream: the one that came first ends, loudly.
fn fenced_off(trouble: &Trouble) -> ! {
    error!(cause = %trouble.cause, remedy = %trouble.remedy, "fenced off; ending the process");
    std::process::exit(EXIT_FENCED)
}

/// Connects, makes sure of the stream, subscribes the acknowledgements, raises the fence, asks about what is in doubt.
async fn establish(
    settings: &NatsSettings,
    fence: Fence,
    doubts: Option<Doubts>,
) -> Result<Session, Trouble> {
    let mut connection = connect(settings, "arancini").await?;
    let context = jetstream::new(connection.client.clone());
    let stream = stream::ensure(&context, settings)
        .await
        .map_err(|trouble| explained(trouble, &mut connection))?;
    let inbox = connection.client.new_inbox();
    let acks = connection
        .client
        .subscribe(format!("{inbox}.*"))
        .await
        .map_err(|_| lost())?;
    let fence = fence
        .raise(&connection.client, &stream)
        .await
        .map_err(|trouble| explained(trouble, &mut connection))?;
    // Behind the fence: what the sessions before had left on its way is stored by now, or never will be.
    let stored = match doubts {
        Some(doubts) => {
            let base = settings.stream.subjects();
            stored_ids(&stream, base, doubts, settings.connect_timeout)
                .await
                .map_err(|trouble| explained(trouble, &mut connection))?
        }
        None => HashSet::new(),
    };
    let config = &stream.cached_info().config;
    let server = connection.client.max_payload();
    let by_stream = usize::try_from(config.max_message_size).unwrap_or(usize::MAX);
    let largest = if by_stream == 0 {
        server
    } else {
        server.min(by_stream)
    };
    let bounded = config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0;
    Ok(Session {
        keeps_all: !bounded && config.max_age.is_zero(),
        acks,
        inbox,
        max_payload: largest.saturating_sub(HEADER_ALLOWANCE).max(1),
        stored,
        stream_sequence: stream.cached_info().state.last_sequence,
        created_unix_ns: stream.cached_info().created.unix_timestamp_nanos(),
        is_checked: fence::is_checked(&connection.client, &stream),
        fence,
        connection,
    })
}
