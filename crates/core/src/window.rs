//! The publish window: what was handed to the broker and is not acknowledged yet, in order, bounded.
//!
//! It promises that a message leaves the window only when the broker has it, that messages are handed out in the
//! order in which they were offered, also after a disconnect, and that memory stays bounded. It does no I/O: the
//! sidecar asks [`Window::next_to_publish`], reports what happened, and connects anew whenever [`Window::verdict`]
//! says so.
//!
//! ```text
//!            offer            published           acknowledged, at the front
//!  bridge ─────────▶ Unsent ───────────▶ Sent ────────────────────────────────▶ take_acknowledged
//!                      ▲                  │ refused
//!                      │ reopen           ▼
//!                      └── Sent, Refused (after the stream was asked what it has)
//! ```

use std::collections::VecDeque;

/// What the window needs to know of a message.
pub trait Outgoing {
    /// Bytes it holds in memory.
    fn bytes(&self) -> usize;
}

/// Names one message of the window. Never used twice, so a late acknowledgement of an earlier client can't hit the
/// wrong message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// Bounds of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Payload bytes not acknowledged. One message larger than this still passes, alone.
    pub max_bytes: usize,
    /// Messages not acknowledged.
    pub max_messages: usize,
    /// No progress at the front for this long, with something outstanding, is taken for a lost connection.
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
    /// No client. Nothing goes out until [`Window::reopen`].
    Closed,
    /// Messages go out in order.
    Open,
    /// The broker refused a message. Nothing more goes out until the fate of what is outstanding is known.
    Settling,
}

/// What the shell has to do, beyond publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Carry on.
    Fine,
    /// Every outstanding message has its answer and some were refused: connect anew, after a pause.
    Refused,
    /// The broker doesn't answer: drop the client, connect anew.
    Overdue,
}

/// A message that the broker may have or not.
#[derive(Debug)]
pub struct Doubt<'a, T> {
    /// Its present id.
    pub id: MessageId,
    /// When it first went out: what counts against the broker's memory for message ids.
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
    /// When it first went out, as long as the broker may have it from then.
    first_sent_ns: Option<u64>,
    /// It went out more than once: the broker may come upon an earlier copy whatever it says of the last one.
    resent: bool,
    /// The present client heard that it was refused.
    refused: bool,
    /// It was told that a later one is stored before it.
    overtaken: bool,
}

/// See the module's documentation.
///
/// Invariants: `bytes` is the sum over `entries`; entries before `next` are not `Unsent`, those from `next` on are
/// `Unsent` while the window is not closed; the front is never `Acknowledged` after [`Window::take_acknowledged`]
/// said `None`.
#[derive(Debug)]
pub struct Window<T> {
    entries: VecDeque<Entry<T>>,
    /// Id of `entries[0]`.
    front_id: u64,
    /// Index of the first message that was not handed out to the present client.
    next: usize,
    bytes: usize,
    outstanding: usize,
    limits: Limits,
    phase: Phase,
    /// When a message last left at the front, or the window was opened.
    progress_ns: u64,
}

impl<T: Outgoing> Window<T> {
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

    /// Appends a message. The caller asks [`Window::has_room`] first; a message is never refused here, because it
    /// was taken from the bridge and there is no place to put it back.
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

    /// Appends a message that the stream has already, as was found before it got here: it only keeps its place.
    pub fn offer_stored(&mut self, item: T) {
        self.offer(item);
        if let Some(entry) = self.entries.back_mut() {
            entry.fate = Fate::Acknowledged { latency_ns: None };
        }
        self.pass_over_stored();
    }

    /// The message whose turn it is, if any may go out. Say [`Window::published`] when the client took it.
    pub fn next_to_publish(&self) -> Option<(MessageId, &T)> {
        if self.phase != Phase::Open {
            return None;
        }
        let entry = self.entries.get(self.next)?;
        Some((self.id_at(self.next), &entry.item))
    }

    /// The client took the message that [`Window::next_to_publish`] showed. Says whether it was a resend.
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

    /// The broker has it. An unknown id is the late echo of an earlier client and is ignored.
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

    /// The broker answered that it did not take it.
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

    /// The next message that is done with, in the order of the offers, with the time its acknowledgement took.
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

    /// What the shell has to do now.
    pub fn verdict(&self, now_ns: u64) -> Verdict {
        match self.phase {
            Phase::Closed => Verdict::Fine,
            Phase::Settling if self.outstanding == 0 => Verdict::Refused,
            _ if self.overdue(now_ns) => Verdict::Overdue,
            _ => Verdict::Fine,
        }
    }

    /// The client is gone: nothing goes out until [`Window::reopen`]. What was sent stays in doubt.
    pub fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// While closed: messages that were sent, now or by an earlier client, and were neither acknowledged nor, in every
    /// copy, refused. The stream may have them or not.
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

    /// While closed: the stream was asked and has this one.
    pub fn found_stored(&mut self, id: MessageId) {
        let Some(entry) = self.index_of(id).and_then(|index| self.entries.get_mut(index)) else {
            return;
        };
        if let Fate::Sent { .. } = entry.fate {
            self.outstanding -= 1;
        }
        entry.fate = Fate::Acknowledged { latency_ns: None };
    }

    /// Cuts messages that the broker at hand would not take. `cut` gives the pieces, in order, or the message itself
    /// if it fits. Only while closed, since ids change.
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

    /// A fresh client is there: all that is not acknowledged goes out again, in order, under new ids.
    pub fn reopen(&mut self, now_ns: u64) {
        self.front_id += self.entries.len() as u64;
        for entry in &mut self.entries {
            entry.refused = false;
            match entry.fate {
                Fate::Sent { .. } => entry.fate = Fate::Unsent,
                // The broker said that it does not have the only copy that ever went out: no doubt remains.
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

    /// While closed, once the stream was asked: messages that it does not have though it has a later one of the same
    /// order, which `order_of` names. The broker refused them, or never got them. Nothing can undo it, but it must be
    /// told; each message counts once.
    pub fn overtaken<K: Eq + std::hash::Hash>(&mut self, order_of: impl Fn(&T) -> K) -> usize {
        let mut stored = std::collections::HashSet::new();
        let mut count = 0;
        for entry in self.entries.iter_mut().rev() {
            let order = order_of(&entry.item);
            let late = match entry.fate {
                Fate::Refused | Fate::Sent { .. } => true,
                // An earlier copy of it may have come after all, behind what was stored in between.
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

    /// Whether all that was offered is acknowledged and taken.
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

    /// Counts from the last progress at the front, not from each message's own publishing: a slow broker that works
    /// through a full window is slow, not gone, and resending would only add to its load.
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
