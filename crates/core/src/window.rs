//! The publish window: messages that were handed to the broker and are not acknowledged yet, in order, bounded.
//!
//! A message leaves the window only when the broker has it. Messages go out in the order in which they were offered, also
//! after a disconnect. Memory stays bounded. The window does no I/O: the sidecar publishes what
//! [`Window::next_to_publish`] shows, reports what happened, and reconnects whenever [`Window::reconnect_reason`] gives a
//! reason.
//!
//! ```text
//!            offer            published           acknowledged, at the front
//!  bridge ─────────▶ Unsent ───────────▶ Sent ────────────────────────────────▶ take_acknowledged
//!                      ▲                  │ refused
//!                      │ reopen           ▼
//!                      └── Sent, Refused (after the stream was asked which messages it has)
//! ```

use std::collections::VecDeque;

/// A message that the window can hold.
pub trait WindowItem {
    /// Bytes that the message holds in memory.
    fn bytes(&self) -> usize;
}

/// The name of a message in the window. A name is never used twice, so that a late acknowledgement of an earlier client cannot
/// hit the wrong message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// Bounds of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most payload bytes that are not acknowledged. A larger message still passes, alone.
    pub max_bytes: usize,
    /// Most messages that are not acknowledged.
    pub max_messages: usize,
    /// Time without progress at the front, with something outstanding, after which the connection counts as lost.
    pub ack_timeout_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_messages: 4096,
            ack_timeout_ns: 5_000_000_000,
        }
    }
}

/// Whether messages may be handed to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// There is no client. Nothing goes out until [`Window::reopen`].
    Closed,
    /// Messages go out in order.
    Open,
    /// The broker refused a message. Nothing more goes out until every outstanding message has its answer.
    Settling,
}

/// Why the shell has to drop its client and reconnect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectReason {
    /// Every outstanding message has its answer, and some were refused. The shell reconnects after a pause.
    Refused,
    /// The broker does not answer.
    Overdue,
}

/// A message that the broker may or may not have.
#[derive(Debug)]
pub struct Doubt<'a, T> {
    /// The present id of the message.
    pub id: MessageId,
    /// When the message first went out. The broker's memory for message ids counts from then.
    pub first_sent_ns: u64,
    /// The message.
    pub item: &'a T,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unsent,
    Sent { at_ns: u64 },
    Refused,
    Acknowledged { latency_ns: Option<u64> },
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    fate: Fate,
    /// When the message first went out, as long as the broker may have it from then.
    first_sent_ns: Option<u64>,
    /// The message went out more than once. The broker may store an earlier copy, whatever it answers to the last one.
    resent: bool,
    /// The broker refused the message of the present client.
    refused: bool,
    /// The message was counted as overtaken: the stream holds a later one and not this one.
    overtaken: bool,
}

/// The publish window.
///
/// Invariants: `bytes` is the sum over `entries`. Entries before `next` are not `Unsent`; while the window is not closed,
/// entries from `next` on are `Unsent`. The front is never `Acknowledged` after [`Window::take_acknowledged`] returned `None`.
#[derive(Debug)]
pub struct Window<T> {
    entries: VecDeque<Entry<T>>,
    /// The id of `entries[0]`.
    front_id: u64,
    /// Index of the first message that the present client has not taken.
    next: usize,
    bytes: usize,
    outstanding: usize,
    limits: Limits,
    phase: Phase,
    /// When the front message was last acknowledged, or the window was opened.
    progress_ns: u64,
}

impl<T: WindowItem> Window<T> {
    /// An empty, closed window.
    pub fn new(limits: Limits) -> Self {
        Self {
            entries: VecDeque::new(),
            front_id: 1,
            next: 0,
            bytes: 0,
            outstanding: 0,
            limits,
            phase: Phase::Closed,
            progress_ns: 0,
        }
    }

    /// Whether another message may be offered. An empty window takes any message.
    pub fn has_room(&self) -> bool {
        self.entries.is_empty()
            || (self.entries.len() < self.limits.max_messages && self.bytes < self.limits.max_bytes)
    }

    /// Appends a message. The caller asks [`Window::has_room`] first. The window never refuses a message, because the message was
    /// taken from the bridge and cannot be put back.
    pub fn offer(&mut self, item: T) {
        self.bytes = self.bytes.saturating_add(item.bytes());
        self.entries.push_back(Entry {
            item,
            fate: Fate::Unsent,
            first_sent_ns: None,
            resent: false,
            refused: false,
            overtaken: false,
        });
    }

    /// Appends a message that the stream has already. It only keeps its place in the order.
    pub fn offer_stored(&mut self, item: T) {
        self.offer(item);
        if let Some(entry) = self.entries.back_mut() {
            entry.fate = Fate::Acknowledged { latency_ns: None };
        }
        self.pass_over_stored();
    }

    /// The message that goes out next, if any may go out. The caller calls [`Window::published`] once the client has taken it.
    pub fn next_to_publish(&self) -> Option<(MessageId, &T)> {
        if self.phase != Phase::Open {
            return None;
        }
        let entry = self.entries.get(self.next)?;
        Some((self.id_at(self.next), &entry.item))
    }

    /// Notes that the client took the message that [`Window::next_to_publish`] showed. Returns whether it was a resend.
    pub fn published(&mut self, id: MessageId, now_ns: u64) -> bool {
        if self.index_of(id) != Some(self.next) {
            return false;
        }
        let Some(entry) = self.entries.get_mut(self.next) else {
            return false;
        };
        entry.fate = Fate::Sent { at_ns: now_ns };
        let resent = entry.first_sent_ns.is_some();
        entry.resent |= resent;
        entry.first_sent_ns.get_or_insert(now_ns);
        self.next += 1;
        self.outstanding += 1;
        self.pass_over_stored();
        resent
    }

    /// The message with this id, as long as it is in the window.
    pub fn item(&self, id: MessageId) -> Option<&T> {
        let entry = self.entries.get(self.index_of(id)?)?;
        Some(&entry.item)
    }

    /// Passes over the message that [`Window::next_to_publish`] showed, because the broker never takes it: it counts as
    /// acknowledged. Returns the message, for the caller to mark.
    pub fn pass_over(&mut self, id: MessageId) -> Option<&mut T> {
        let index = self.index_of(id).filter(|index| *index == self.next)?;
        self.entries.get_mut(index)?.fate = Fate::Acknowledged { latency_ns: None };
        self.pass_over_stored();
        self.entries.get_mut(index).map(|entry| &mut entry.item)
    }

    /// Notes that the broker has a message. An unknown id is a late answer to an earlier client and is ignored.
    pub fn acknowledged(&mut self, id: MessageId, now_ns: u64) {
        let Some(entry) = self.index_of(id).and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        match entry.fate {
            Fate::Sent { at_ns } => {
                entry.fate = Fate::Acknowledged {
                    latency_ns: Some(now_ns.saturating_sub(at_ns)),
                };
                self.outstanding -= 1;
                self.progress_if_front(id, now_ns);
            }
            Fate::Refused => entry.fate = Fate::Acknowledged { latency_ns: None },
            Fate::Unsent | Fate::Acknowledged { .. } => {}
        }
    }

    /// Notes that the broker refused a message.
    pub fn refused(&mut self, id: MessageId) {
        let Some(entry) = self.index_of(id).and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        if let Fate::Sent { .. } = entry.fate {
            entry.fate = Fate::Refused;
            entry.refused = true;
            self.outstanding -= 1;
            if self.phase == Phase::Open {
                self.phase = Phase::Settling;
            }
        }
    }

    /// Takes the message at the front if it is acknowledged, with the time that its acknowledgement took.
    pub fn take_acknowledged(&mut self) -> Option<(T, Option<u64>)> {
        let Fate::Acknowledged { latency_ns } = self.entries.front()?.fate else {
            return None;
        };
        let entry = self.entries.pop_front()?;
        self.front_id += 1;
        self.next = self.next.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(entry.item.bytes());
        Some((entry.item, latency_ns))
    }

    /// Why the shell has to reconnect now; `None` if it does not have to.
    pub fn reconnect_reason(&self, now_ns: u64) -> Option<ReconnectReason> {
        match self.phase {
            Phase::Closed => None,
            Phase::Settling if self.outstanding == 0 => Some(ReconnectReason::Refused),
            _ if self.overdue(now_ns) => Some(ReconnectReason::Overdue),
            _ => None,
        }
    }

    /// Notes that the client is gone. Nothing goes out until [`Window::reopen`], and sent messages stay in doubt.
    pub fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// While closed: messages that were sent, by the last client or an earlier one, and were neither acknowledged nor refused in
    /// every copy. The stream may or may not have them.
    pub fn in_doubt(&self) -> impl Iterator<Item = Doubt<'_, T>> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| match entry.fate {
                Fate::Sent { .. } | Fate::Unsent => Some(Doubt {
                    id: self.id_at(index),
                    first_sent_ns: entry.first_sent_ns?,
                    item: &entry.item,
                }),
                Fate::Refused if entry.resent => Some(Doubt {
                    id: self.id_at(index),
                    first_sent_ns: entry.first_sent_ns?,
                    item: &entry.item,
                }),
                Fate::Refused | Fate::Acknowledged { .. } => None,
            })
    }

    /// While closed: notes that the stream was asked and has this message.
    pub fn found_stored(&mut self, id: MessageId) {
        let Some(entry) = self.index_of(id).and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        if let Fate::Sent { .. } = entry.fate {
            self.outstanding -= 1;
        }
        entry.fate = Fate::Acknowledged { latency_ns: None };
    }

    /// While closed: cuts messages that the present broker would not take. `cut` returns the pieces in order, or the message itself
    /// if it fits. Ids change.
    pub fn cut(&mut self, mut cut: impl FnMut(T) -> Vec<T>) {
        debug_assert_eq!(self.phase, Phase::Closed);
        let old = std::mem::take(&mut self.entries);
        self.front_id += old.len() as u64;
        self.bytes = 0;
        for entry in old {
            let Entry {
                item,
                fate,
                first_sent_ns,
                resent,
                refused,
                overtaken,
            } = entry;
            for item in cut(item) {
                self.bytes = self.bytes.saturating_add(item.bytes());
                self.entries.push_back(Entry {
                    item,
                    fate,
                    first_sent_ns,
                    resent,
                    refused,
                    overtaken,
                });
            }
        }
        self.outstanding = self
            .entries
            .iter()
            .filter(|entry| matches!(entry.fate, Fate::Sent { .. }))
            .count();
    }

    /// Opens the window for a new client: every message that is not acknowledged goes out again, in order, under a new id.
    pub fn reopen(&mut self, now_ns: u64) {
        self.front_id += self.entries.len() as u64;
        for entry in &mut self.entries {
            entry.refused = false;
            match entry.fate {
                Fate::Sent { .. } => entry.fate = Fate::Unsent,
                // The broker refused the only copy that ever went out, so no doubt remains.
                Fate::Refused if !entry.resent => {
                    entry.fate = Fate::Unsent;
                    entry.first_sent_ns = None;
                }
                Fate::Refused => entry.fate = Fate::Unsent,
                Fate::Unsent | Fate::Acknowledged { .. } => {}
            }
        }
        self.next = 0;
        self.outstanding = 0;
        self.phase = Phase::Open;
        self.progress_ns = now_ns;
        self.pass_over_stored();
    }

    /// While closed, once the stream was asked: counts the messages that the stream does not have although it has a later one of
    /// the same order, which `order_of` names. The broker refused them or never got them. This cannot be undone, so the shell
    /// has to report it. Each message counts once.
    pub fn overtaken<K: Eq + std::hash::Hash>(&mut self, order_of: impl Fn(&T) -> K) -> usize {
        let mut stored = std::collections::HashSet::new();
        let mut count = 0;
        for entry in self.entries.iter_mut().rev() {
            let order = order_of(&entry.item);
            let late = match entry.fate {
                Fate::Refused | Fate::Sent { .. } => true,
                // An earlier copy may have been stored after all, behind later messages.
                Fate::Acknowledged { .. } => entry.refused,
                Fate::Unsent => false,
            };
            if late && !entry.overtaken && stored.contains(&order) {
                entry.overtaken = true;
                count += 1;
            }
            if let Fate::Acknowledged { .. } = entry.fate {
                stored.insert(order);
            }
        }
        count
    }

    /// The present phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Messages in the window.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether every offered message is acknowledged and taken.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Payload bytes in the window.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All messages not yet taken, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.item)
    }

    /// Whether the front has made no progress for too long. A message's own age does not count: a broker that works through a
    /// full window is slow, not gone, and resending would only add to its load.
    fn overdue(&self, now_ns: u64) -> bool {
        match self.entries.front().map(|entry| entry.fate) {
            Some(Fate::Sent { at_ns }) => {
                now_ns.saturating_sub(at_ns.max(self.progress_ns)) > self.limits.ack_timeout_ns
            }
            Some(Fate::Refused) => now_ns.saturating_sub(self.progress_ns) > self.limits.ack_timeout_ns,
            _ => false,
        }
    }

    fn progress_if_front(&mut self, id: MessageId, now_ns: u64) {
        if id.0 == self.front_id {
            self.progress_ns = now_ns;
        }
    }

    fn pass_over_stored(&mut self) {
        while self
            .entries
            .get(self.next)
            .is_some_and(|entry| entry.fate != Fate::Unsent)
        {
            self.next += 1;
        }
    }

    fn id_at(&self, index: usize) -> MessageId {
        MessageId(self.front_id + index as u64)
    }

    fn index_of(&self, id: MessageId) -> Option<usize> {
        let index = usize::try_from(id.0.checked_sub(self.front_id)?).ok()?;
        (index < self.entries.len()).then_some(index)
    }
}

#[cfg(test)]
mod tests;
