//! A broker like JetStream: it stores messages in the order of their arrival, acknowledges them, and drops doubles by
//! message id for a while. It also goes away in every way that a server can.
//!
//! A message that is acknowledged stays. A message that is published and not acknowledged may be stored or not: when a
//! connection ends, the server may still read what it left behind, even while a new connection is open.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use arancini_core::window::MessageId;
use arancini_generate::Random;

use crate::message::{Id, Message};

/// How long the broker remembers message ids: the collector's default `duplicate_window`.
const DUPLICATE_WINDOW_NS: u64 = 120 * 1_000_000_000;
/// The longest time for which the server reads what an ended connection left behind. Like the timeouts of TCP it is far
/// shorter than the memory of ids.
const LEFT_BEHIND_NS: u64 = 10 * 1_000_000_000;

/// The name of a connection. No name is used twice.
pub type LinkId = u64;

/// A message of the stream.
#[derive(Debug)]
pub struct Stored {
    /// The message as it was published.
    pub message: Rc<Message>,
}

/// The broker's answer to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The message is stored at this sequence of the stream, or was there already.
    Stored(u64),
    /// The broker did not take the message.
    Refused,
}

#[derive(Debug)]
struct Sent {
    due_ns: u64,
    token: MessageId,
    message: Rc<Message>,
    /// The state of the fence when the message was sent.
    fence: u64,
}

#[derive(Debug)]
struct Link {
    id: LinkId,
    /// The client has not ended the connection.
    open: bool,
    inbound: VecDeque<Sent>,
    /// Answers on their way, each with the time of its arrival.
    answers: VecDeque<(u64, MessageId, Answer)>,
    /// All further answers of this connection are lost.
    deaf: bool,
}

/// The broker.
#[derive(Debug)]
pub struct Broker {
    /// All messages that consumers were given: those of earlier streams of this name, then those of this stream, purged
    /// ones included.
    pub stream: Vec<Stored>,
    /// Number of messages of earlier streams.
    origin: usize,
    /// The first sequence that the stream still has.
    first: u64,
    /// The stream's time of creation: tells it from other streams of its name.
    created: i128,
    /// Number of refused messages.
    pub refusals: u64,
    /// Number of refused messages whose refusal nobody could hear: the connection was gone or its answers were lost.
    pub refusals_unheard: u64,
    /// Number of stored messages that an ended connection had left behind.
    pub stored_late: u64,
    /// Number of acknowledged messages that it forgot.
    pub forgotten: u64,
    /// The highest sequence of a message that it ever stored.
    highest: u64,
    /// Number of dropped doubles.
    pub doubles: u64,
    ids: BTreeMap<Id, (u64, u64)>,
    links: Vec<Link>,
    last_link: LinkId,
    down_until_ns: u64,
    frozen_until_ns: u64,
    refuse_next: u32,
    latency_ns: u64,
    drops_doubles: bool,
    /// How often a session raised the fence.
    fence: u64,
    /// Whether messages from before the fence are refused.
    checks_fence: bool,
    /// Number of messages refused by the fence. Nobody heard the refusals, because the connections were gone.
    pub fenced_off: u64,
    /// Largest payload that the broker takes.
    max_payload: usize,
}

impl Broker {
    /// A broker with an empty stream.
    #[must_use]
    pub fn new(latency_ns: u64, drops_doubles: bool, checks_fence: bool) -> Self {
        Self {
            stream: Vec::new(),
            origin: 0,
            first: 1,
            created: 1,
            refusals: 0,
            refusals_unheard: 0,
            stored_late: 0,
            forgotten: 0,
            highest: 0,
            doubles: 0,
            ids: BTreeMap::new(),
            links: Vec::new(),
            last_link: 0,
            down_until_ns: 0,
            frozen_until_ns: 0,
            refuse_next: 0,
            latency_ns,
            drops_doubles,
            fence: 0,
            checks_fence,
            fenced_off: 0,
            max_payload: usize::MAX,
        }
    }

    /// Opens a connection; `None` while the broker is away.
    pub fn connect(&mut self, now_ns: u64) -> Option<LinkId> {
        if !self.is_there(now_ns) {
            return None;
        }
        self.last_link += 1;
        self.links.push(Link {
            id: self.last_link,
            open: true,
            inbound: VecDeque::new(),
            answers: VecDeque::new(),
            deaf: false,
        });
        Some(self.last_link)
    }

    /// Raises the fence, as a session and a starting collector do. Messages sent before are refused from now on.
    pub const fn raise_fence(&mut self) {
        self.fence += 1;
    }

    /// Whether the connection is open.
    #[must_use]
    pub fn stands(&self, link: LinkId) -> bool {
        self.links.iter().any(|each| each.id == link && each.open)
    }

    /// Ends a connection from the client's side. The broker may still read a first part of what was sent, now or later.
    pub fn drop_link(&mut self, link: LinkId, now_ns: u64, random: &mut Random) {
        let frozen_until_ns = self.frozen_until_ns;
        if let Some(each) = self.links.iter_mut().find(|each| each.id == link) {
            leave_behind(each, now_ns.max(frozen_until_ns), random);
        }
    }

    /// Sends a message to the broker.
    pub fn publish(&mut self, link: LinkId, token: MessageId, message: Rc<Message>, now_ns: u64) {
        let due_ns = now_ns + self.latency_ns;
        if let Some(each) = self.links.iter_mut().find(|each| each.id == link && each.open) {
            each.inbound.push_back(Sent {
                due_ns,
                token,
                message,
                fence: self.fence,
            });
        }
    }

    /// Number of messages on a connection that the broker has not read.
    #[must_use]
    pub fn unread(&self, link: LinkId) -> usize {
        self.links
            .iter()
            .find(|each| each.id == link)
            .map_or(0, |each| each.inbound.len())
    }

    /// Takes the next answer that has arrived.
    pub fn answer(&mut self, link: LinkId, now_ns: u64) -> Option<(MessageId, Answer)> {
        let each = self.links.iter_mut().find(|each| each.id == link && each.open)?;
        if each.answers.front()?.0 > now_ns {
            return None;
        }
        let (_, token, answer) = each.answers.pop_front()?;
        Some((token, answer))
    }

    /// The time at which the broker or an answer has something to do next.
    #[must_use]
    pub fn due_ns(&self) -> Option<u64> {
        let inbound = self.links.iter().filter_map(|each| each.inbound.front());
        let inbound = inbound.map(|sent| sent.due_ns.max(self.frozen_until_ns)).min();
        let answers = self.links.iter().filter_map(|each| each.answers.front());
        let answers = answers.map(|(due_ns, ..)| *due_ns).min();
        match (inbound, answers) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Reads what has arrived. Connections take turns by chance.
    pub fn work(&mut self, now_ns: u64, random: &mut Random) {
        if now_ns < self.frozen_until_ns {
            return;
        }
        loop {
            let ready = |link: &Link| link.inbound.front().is_some_and(|sent| sent.due_ns <= now_ns);
            let count = self.links.iter().filter(|link| ready(link)).count();
            if count == 0 {
                break;
            }
            let turn = random.below(count as u32) as usize;
            let Some(index) = (0..self.links.len())
                .filter(|&index| self.links.get(index).is_some_and(ready))
                .nth(turn)
            else {
                break;
            };
            self.read(index, now_ns);
        }
        self.links.retain(|link| link.open || !link.inbound.is_empty());
    }

    fn read(&mut self, index: usize, now_ns: u64) {
        let Some(link) = self.links.get_mut(index) else {
            return;
        };
        let Some(sent) = link.inbound.pop_front() else {
            return;
        };
        if self.checks_fence && sent.fence != self.fence {
            self.fenced_off += 1;
            return;
        }
        let Sent { token, message, .. } = sent;
        let known = self.ids.get(&message.id).copied();
        let remembered = known.filter(|(at_ns, _)| now_ns.saturating_sub(*at_ns) <= DUPLICATE_WINDOW_NS);
        let answer = if self.refuse_next > 0 {
            self.refuse_next -= 1;
            self.refusals += 1;
            self.refusals_unheard += u64::from(!link.open || link.deaf);
            Answer::Refused
        } else if let Some((_, sequence)) = remembered.filter(|_| self.drops_doubles) {
            self.doubles += 1;
            Answer::Stored(sequence)
        } else {
            let sequence = (self.stream.len() - self.origin) as u64 + 1;
            self.stored_late += u64::from(!link.open);
            self.ids.insert(message.id, (now_ns, sequence));
            self.highest = self.highest.max(message.last_sequence);
            self.stream.push(Stored { message });
            Answer::Stored(sequence)
        };
        if link.open && !link.deaf {
            link.answers.push_back((now_ns + self.latency_ns, token, answer));
        }
    }

    /// The messages that the stream still has behind this sequence.
    pub fn behind(&self, floor: u64) -> impl Iterator<Item = &Message> {
        let floor = usize::try_from(floor.max(self.first - 1)).unwrap_or(usize::MAX);
        let stored = self.stream.iter().skip(self.origin.saturating_add(floor));
        stored.map(|stored| &*stored.message)
    }

    /// The last sequence of the stream.
    #[must_use]
    pub const fn last_sequence(&self) -> u64 {
        (self.stream.len() - self.origin) as u64
    }

    /// The first sequence that the stream has or, if it is empty, will have.
    #[must_use]
    pub const fn first_sequence(&self) -> u64 {
        self.first
    }

    /// Whether the stream was never deleted.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.created == 1
    }

    /// When the stream was created.
    #[must_use]
    pub const fn created(&self) -> i128 {
        self.created
    }

    /// Forgets the last messages of the stream although they were acknowledged, as a store that is put back, or a power
    /// failure before the disk is synced. Consumers are newcomers: they never see these messages. Returns the number of
    /// messages.
    pub fn forget_tail(&mut self, most: u64) -> u64 {
        let kept = self.first - 1;
        let count = most.min(self.last_sequence().saturating_sub(kept));
        self.stream.truncate(self.stream.len() - count as usize);
        let last = self.last_sequence();
        self.ids.retain(|_, (_, sequence)| *sequence <= last);
        self.forgotten += count;
        count
    }

    /// The highest sequence of a router's message that the broker ever stored, forgotten messages included.
    #[must_use]
    pub const fn highest_sequence(&self) -> u64 {
        self.highest
    }

    /// Removes all messages below this sequence, as age or a purge does.
    pub fn purge_below(&mut self, sequence: u64) {
        self.first = self.first.max(sequence.min(self.last_sequence() + 1));
    }

    /// Deletes the stream and creates another one with its name.
    pub fn replace_stream(&mut self) {
        self.origin = self.stream.len();
        self.first = 1;
        self.created += 1;
        self.ids.clear();
    }

    /// Reads at once what ended connections left behind.
    pub fn work_off(&mut self, now_ns: u64, random: &mut Random) {
        for sent in self
            .links
            .iter_mut()
            .filter(|link| !link.open)
            .flat_map(|link| &mut link.inbound)
        {
            sent.due_ns = sent.due_ns.min(now_ns);
        }
        self.work(now_ns, random);
    }

    /// Whether a client could connect.
    #[must_use]
    pub const fn is_there(&self, now_ns: u64) -> bool {
        now_ns >= self.down_until_ns && now_ns >= self.frozen_until_ns
    }

    /// Largest payload that the broker takes at the moment.
    #[must_use]
    pub const fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// Breaks all connections.
    pub fn disconnect(&mut self, now_ns: u64, random: &mut Random) {
        let at_ns = now_ns.max(self.frozen_until_ns);
        for link in &mut self.links {
            leave_behind(link, at_ns, random);
        }
    }

    /// Kills the server. It has read any part of each connection, and comes back later with another limit on payloads.
    pub fn kill(&mut self, now_ns: u64, back_ns: u64, max_payload: usize, random: &mut Random) {
        for index in 0..self.links.len() {
            let unread = self.links.get(index).map_or(0, |link| link.inbound.len());
            let reads = random.below(unread as u32 + 1);
            for _ in 0..reads {
                self.read(index, now_ns);
            }
        }
        self.links.clear();
        self.down_until_ns = now_ns + back_ns;
        self.frozen_until_ns = 0;
        self.max_payload = max_payload;
    }

    /// Freezes the server for a while, as SIGSTOP or a stalled disk does.
    pub fn freeze(&mut self, until_ns: u64) {
        self.frozen_until_ns = self.frozen_until_ns.max(until_ns);
    }

    /// Refuses the next messages.
    pub const fn refuse(&mut self, count: u32) {
        self.refuse_next = count;
    }

    /// Loses all further answers of the open connections.
    pub fn lose_answers(&mut self) {
        for link in &mut self.links {
            link.deaf = true;
            link.answers.clear();
        }
    }

    /// Sets the time that a message or an answer takes.
    pub const fn set_latency(&mut self, latency_ns: u64) {
        self.latency_ns = latency_ns;
    }

    /// Ends all trouble.
    pub fn heal(&mut self) {
        self.down_until_ns = 0;
        self.frozen_until_ns = 0;
        self.refuse_next = 0;
        self.latency_ns = 1_000_000;
    }

    /// Number of messages that the broker has not read.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.links.iter().map(|link| link.inbound.len()).sum()
    }
}

/// Ends a connection. A first part of what the client wrote has reached the server, the rest never will.
fn leave_behind(link: &mut Link, now_ns: u64, random: &mut Random) {
    if !link.open {
        return;
    }
    link.open = false;
    link.answers.clear();
    let arrived = random.below(link.inbound.len() as u32 + 1) as usize;
    link.inbound.truncate(arrived);
    let later_ns = match random.below(3) {
        0 => 0,
        1 => u64::from(random.below(200)) * 1_000_000,
        _ => random.next_u64() % LEFT_BEHIND_NS,
    };
    for sent in &mut link.inbound {
        sent.due_ns = sent.due_ns.max(now_ns + later_ns);
    }
}
