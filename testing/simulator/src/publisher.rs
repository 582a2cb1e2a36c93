//! The publisher without its I/O: what `arancini-publish` does around the window.
//!
//! It takes the same steps in the same order as `nats::publisher` there. It takes batches from the bridge while there is
//! room, publishes them, and releases those that are acknowledged. On a lost connection, a refusal or silence it closes
//! the window, pauses, connects a new client, raises the fence, asks the stream for the messages in doubt behind a floor,
//! cuts those that are too large, and opens the window again.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use arancini_core::Batch;
use arancini_core::window::{Limits, MessageId, Window, WindowItem};
use arancini_generate::Random;
use arancini_schema::decode::message_length;

use crate::broker::{Answer, Broker, LinkId};
use crate::fault::Fault;
use crate::message::{Id, Message};

/// Time between two looks at the deadlines. The real publisher looks every 50 ms; any time will do here.
const TICK_NS: u64 = 500_000_000;
/// Longest pause before another attempt to connect.
const MAX_BACKOFF_NS: u64 = 2_000_000_000;
/// Time between two notes of the stream's position.
const FLOOR_RESOLUTION_NS: u64 = 50_000_000;

/// A message in the window, shared with the broker.
#[derive(Debug)]
struct Held(Rc<Message>);

impl WindowItem for Held {
    fn bytes(&self) -> usize {
        self.0.payload.len()
    }
}

#[derive(Debug, Clone, Copy)]
enum Client {
    None { next_attempt_ns: u64 },
    Connected(LinkId),
}

/// The publisher.
#[derive(Debug)]
pub struct Publisher {
    /// The life of the collector. Two lives must not use the same ids.
    life: u32,
    window: Window<Held>,
    limits: Limits,
    client: Client,
    failures: u32,
    floors: VecDeque<(u64, u64)>,
    stream_sequence: u64,
    next_tick_ns: u64,
    /// Largest payload that the last server takes.
    max_payload: usize,
    /// Number of messages that a connection takes before the writer has to wait.
    socket_messages: usize,
    fault: Option<Fault>,
    /// With [`Fault::OrderedResend`]: a message that waits until its successor is sent.
    put_off: Option<(MessageId, Rc<Message>)>,
    /// Bytes in the window when it took more than it may, and its limit.
    pub excess: Option<(usize, usize)>,
    /// The stream has lost acknowledged messages, and the workers do not know it yet.
    pub tail_lost: bool,
    /// Number of messages that were sent again.
    pub resent: u64,
    /// Number of messages for which it reported that a later one of their router is stored before them.
    pub overtaken: u64,
}

impl Publisher {
    /// A publisher without a connection, in this life of the collector. It knows the stream up to this sequence.
    #[must_use]
    pub fn new(
        life: u32,
        (limits, socket_messages): (Limits, usize),
        stream_sequence: u64,
        fault: Option<Fault>,
    ) -> Self {
        Self {
            life: if fault == Some(Fault::LifeId) { 1 } else { life },
            window: Window::new(limits),
            limits,
            client: Client::None { next_attempt_ns: 0 },
            failures: 0,
            floors: VecDeque::new(),
            stream_sequence,
            next_tick_ns: 0,
            max_payload: 1 << 20,
            socket_messages,
            fault,
            put_off: None,
            excess: None,
            tail_lost: false,
            resent: 0,
            overtaken: 0,
        }
    }

    /// Number of messages in the window.
    #[must_use]
    pub fn held(&self) -> usize {
        self.window.len()
    }

    /// Whether a batch up to this number is in the window.
    #[must_use]
    pub fn holds_up_to(&self, number: u64) -> bool {
        self.window.iter().any(|Held(message)| message.id.1 <= number)
    }

    /// The highest sequence of the stream that it knows. Everything that is published later lies behind.
    #[must_use]
    pub const fn stream_sequence(&self) -> u64 {
        self.stream_sequence
    }

    /// Whether the window has room for another batch.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.window.has_room()
    }

    /// The time of its next deadline, apart from the broker's answers.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        match self.client {
            Client::None { next_attempt_ns } => Some(next_attempt_ns),
            Client::Connected(_) => (!self.window.is_empty()).then_some(self.next_tick_ns),
        }
    }

    /// Takes one turn of its loop.
    pub fn turn(
        &mut self,
        bridge: &mut VecDeque<Batch>,
        broker: &mut Broker,
        now_ns: u64,
        random: &mut Random,
    ) {
        if now_ns >= self.next_tick_ns {
            self.next_tick_ns = now_ns + TICK_NS;
        }
        self.take(bridge);
        match self.client {
            Client::None { next_attempt_ns } if now_ns >= next_attempt_ns => self.connect(broker, now_ns),
            Client::None { .. } => {}
            Client::Connected(link) if !broker.stands(link) => self.lost(broker, link, now_ns, random),
            Client::Connected(_) => {}
        }
        if let Client::Connected(link) = self.client {
            self.serve(link, broker, now_ns, random);
        }
        self.take(bridge);
    }

    /// Takes batches from the bridge while the window has room.
    fn take(&mut self, bridge: &mut VecDeque<Batch>) {
        while self.window.has_room() {
            let Some(batch) = bridge.pop_front() else { break };
            let before = self.window.bytes();
            for part in split(Rc::new(Message::of(batch, self.life)), self.max_payload) {
                self.window.offer(Held(part));
            }
            // One batch may exceed the limit, in as many parts as it has.
            if before >= self.limits.max_bytes && before > 0 {
                self.excess = Some((before, self.limits.max_bytes));
            }
        }
    }

    /// Connects a new client, settles the messages in doubt, cuts those that are too large, and opens the window.
    fn connect(&mut self, broker: &mut Broker, now_ns: u64) {
        let Some(link) = broker.connect(now_ns) else {
            self.pause(now_ns);
            return;
        };
        broker.raise_fence();
        let oldest = self.window.in_doubt().map(|doubt| doubt.first_sent_ns).min();
        if let Some(oldest) = oldest
            && self.fault != Some(Fault::Inventory)
        {
            let stored: BTreeSet<Id> = broker
                .behind(self.floor_of(oldest))
                .map(|message| message.id)
                .collect();
            let in_doubt = self.window.in_doubt();
            let found: Vec<MessageId> = in_doubt
                .filter(|doubt| stored.contains(&doubt.item.0.id))
                .map(|doubt| doubt.id)
                .collect();
            for id in found {
                self.window.found_stored(id);
            }
        }
        let overtaken = self.window.overtaken(|Held(message)| message.router);
        self.overtaken += overtaken as u64;
        let stream_sequence = broker.last_sequence();
        if stream_sequence < self.stream_sequence {
            self.floors.clear();
            self.tail_lost = true;
        }
        self.stream_sequence = stream_sequence;
        self.max_payload = broker.max_payload();
        self.mark_floor(now_ns);
        let most = self.max_payload;
        self.window
            .cut(|Held(message)| split(message, most).into_iter().map(Held).collect());
        self.window.reopen(now_ns);
        self.client = Client::Connected(link);
        self.release(now_ns);
    }

    fn serve(&mut self, link: LinkId, broker: &mut Broker, now_ns: u64, random: &mut Random) {
        while let Some((token, answer)) = broker.answer(link, now_ns) {
            match answer {
                Answer::Stored(sequence) => {
                    self.stream_sequence = self.stream_sequence.max(sequence);
                    self.window.acknowledged(token, now_ns);
                    self.failures = 0;
                }
                Answer::Refused => self.window.refused(token),
            }
        }
        while broker.unread(link) < self.socket_messages
            && let Some((token, Held(message))) = self.window.next_to_publish()
        {
            let message = Rc::clone(message);
            let resent = self.window.published(token, now_ns);
            self.resent += u64::from(resent);
            if resent && self.fault == Some(Fault::OrderedResend) && self.put_off.is_none() {
                self.put_off = Some((token, message));
                continue;
            }
            broker.publish(link, token, message, now_ns);
            if let Some((token, message)) = self.put_off.take() {
                broker.publish(link, token, message, now_ns);
            }
            if self.fault == Some(Fault::Acknowledgement) {
                self.window.acknowledged(token, now_ns);
            }
        }
        if let Some((token, message)) = self.put_off.take() {
            broker.publish(link, token, message, now_ns);
        }
        self.release(now_ns);
        if self.window.reconnect_reason(now_ns).is_some() {
            self.lost(broker, link, now_ns, random);
        }
    }

    /// Releases the messages that are stored.
    fn release(&mut self, now_ns: u64) {
        let mut any = false;
        while self.window.take_acknowledged().is_some() {
            any = true;
        }
        if any {
            self.mark_floor(now_ns);
        }
    }

    fn lost(&mut self, broker: &mut Broker, link: LinkId, now_ns: u64, random: &mut Random) {
        broker.drop_link(link, now_ns, random);
        self.window.close();
        self.pause(now_ns);
    }

    fn pause(&mut self, now_ns: u64) {
        self.failures = self.failures.saturating_add(1);
        let pause = (MAX_BACKOFF_NS / 20) << (self.failures - 1).min(10);
        self.client = Client::None {
            next_attempt_ns: now_ns + pause.min(MAX_BACKOFF_NS),
        };
    }

    /// Notes the stream's position, and forgets the notes from before the oldest message in doubt.
    fn mark_floor(&mut self, now_ns: u64) {
        let newest = self.floors.back();
        if newest.is_some_and(|(at_ns, _)| now_ns < at_ns + FLOOR_RESOLUTION_NS) {
            return;
        }
        self.floors.push_back((now_ns, self.stream_sequence));
        let oldest = self.window.in_doubt().next().map(|doubt| doubt.first_sent_ns);
        let needed = oldest.unwrap_or(now_ns);
        while self.floors.get(1).is_some_and(|(at_ns, _)| *at_ns <= needed) {
            self.floors.pop_front();
        }
    }

    fn floor_of(&self, first_sent_ns: u64) -> u64 {
        let before = self
            .floors
            .iter()
            .take_while(|(at_ns, _)| *at_ns <= first_sent_ns);
        before.last().map_or(0, |(_, sequence)| *sequence)
    }
}

/// Cuts a batch between Cap'n Proto messages into parts of at most `most` bytes. A single message that is larger stays
/// whole. A part is not cut again, because the broker may know its id.
fn split(message: Rc<Message>, most: usize) -> Vec<Rc<Message>> {
    if message.payload.len() <= most || message.id.2 > 0 {
        return vec![message];
    }
    let mut parts = Vec::new();
    let (mut start, mut end, mut count) = (0, 0, 0);
    let mut push = |from: usize, to: usize, messages: u32| {
        let (life, number, _) = message.id;
        parts.push(Rc::new(Message {
            id: (life, number, parts.len() as u32 + 1),
            payload: Rc::new(message.payload.get(from..to).unwrap_or_default().to_vec()),
            messages,
            ..(*message).clone()
        }));
    };
    while let Some(rest) = message.payload.get(end..).filter(|rest| !rest.is_empty()) {
        let length = message_length(rest).unwrap_or(rest.len());
        if end > start && end + length - start > most {
            push(start, end, count);
            (start, count) = (end, 0);
        }
        end += length;
        count += 1;
    }
    push(start, end, count);
    if parts.len() == 1 { vec![message] } else { parts }
}
