//! Open batches, one for each subject, and closed batches that wait for the bridge.
//!
//! Messages are encoded straight into the open batch of their subject. A batch closes on size, on count, when its linger time
//! is over, or when an event of its router has to come after it (a barrier). Invariants: an open batch holds at least one
//! message; closed batches leave in the order in which they closed; open batches never exceed `max_open_bytes` by more than
//! one message.
//!
//! The open batches of each router form a list through their subjects, in the order of opening. A barrier therefore costs what
//! is open, however many subjects the router has.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_schema::encode::WINDOW;

use crate::batch::{Batch, BatchKind};

/// First capacity of a batch buffer that does not come from the pool. It grows with its content.
const FIRST_CAPACITY_BYTES: usize = WINDOW;
/// Buffers kept for reuse.
const POOL_BUFFERS: usize = 256;

/// When batches close.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// Most messages of a batch.
    pub max_messages: u32,
    /// Bytes at which a batch closes; its last message may go beyond.
    pub max_bytes: usize,
    /// Longest time that the first message of a batch waits for others, in nanoseconds.
    pub linger_ns: u64,
    /// Most bytes of all open batches together.
    pub max_open_bytes: usize,
    /// Bytes in closed batches that nobody has taken, at which the shard stops to take bytes of a session. The batches of one
    /// message may go beyond.
    pub max_closed_bytes: usize,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self {
            max_messages: 1000,
            max_bytes: 48 * 1024,
            linger_ns: 5_000_000,
            max_open_bytes: 16 << 20,
            max_closed_bytes: 2 << 20,
        }
    }
}

/// The name of a subject within its batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubjectId(u32);

impl SubjectId {
    /// No subject, for a table that belongs to no shard yet.
    pub const NONE: Self = Self(u32::MAX);
}

/// The name of a router's open batches within its batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterBatches(u32);

/// The ends of the list of a router's open batches, in the order of opening; [`SubjectId::NONE`] for an empty list.
#[derive(Debug, Clone, Copy)]
struct OpenList {
    first: SubjectId,
    last: SubjectId,
}

impl OpenList {
    const EMPTY: Self = Self {
        first: SubjectId::NONE,
        last: SubjectId::NONE,
    };
}

struct Subject {
    kind: BatchKind,
    name: Arc<str>,
    router: IpAddr,
    /// The list that holds the subject while its batch is open.
    list: RouterBatches,
    /// Neighbours in the list; [`SubjectId::NONE`] at its ends.
    previous: SubjectId,
    next: SubjectId,
    /// The buffer of the open batch. Its first `used` bytes are messages; the bytes behind them are room for the next ones,
    /// which are written in place.
    payload: Vec<u8>,
    used: usize,
    messages: u32,
    first_sequence: u64,
    last_sequence: u64,
    /// Number of batches opened so far in this place, so that the linger queue can tell a batch from its successors. The next
    /// subject in this place goes on counting.
    opening: u32,
}

/// The open batches of one worker.
pub struct Batcher {
    settings: BatchSettings,
    worker: u16,
    last_number: u64,
    subjects: Vec<Subject>,
    unused: Vec<SubjectId>,
    routers: Vec<OpenList>,
    unused_routers: Vec<RouterBatches>,
    /// Deadlines in the order of opening, which is the order of time, since all batches linger equally long.
    linger: VecDeque<(u64, SubjectId, u32)>,
    closed: VecDeque<Batch>,
    pool: Vec<Vec<u8>>,
    open_bytes: usize,
    closed_bytes: usize,
    /// How many subjects were visited to close their batches.
    #[cfg(test)]
    pub(crate) visited: usize,
}

impl Batcher {
    /// A batcher without subjects.
    #[must_use]
    pub fn new(worker: u16, settings: BatchSettings) -> Self {
        Self {
            settings,
            worker,
            last_number: 0,
            subjects: Vec::new(),
            unused: Vec::new(),
            routers: Vec::new(),
            unused_routers: Vec::new(),
            linger: VecDeque::new(),
            closed: VecDeque::new(),
            pool: Vec::new(),
            open_bytes: 0,
            closed_bytes: 0,
            #[cfg(test)]
            visited: 0,
        }
    }

    /// Registers a router.
    pub fn register_router(&mut self) -> RouterBatches {
        if let Some(list) = self.unused_routers.pop() {
            return list;
        }
        self.routers.push(OpenList::EMPTY);
        RouterBatches((self.routers.len() - 1) as u32)
    }

    /// Forgets a router, all of whose subjects have been released.
    pub fn release_router(&mut self, list: RouterBatches) {
        debug_assert_eq!(self.routers[list.0 as usize].first, SubjectId::NONE);
        self.unused_routers.push(list);
    }

    /// Registers a subject of a router.
    pub fn register(
        &mut self,
        kind: BatchKind,
        name: Arc<str>,
        router: IpAddr,
        list: RouterBatches,
    ) -> SubjectId {
        let subject = Subject {
            kind,
            name,
            router,
            list,
            previous: SubjectId::NONE,
            next: SubjectId::NONE,
            payload: Vec::new(),
            used: 0,
            messages: 0,
            first_sequence: 0,
            last_sequence: 0,
            opening: 0,
        };
        if let Some(id) = self.unused.pop() {
            let place = &mut self.subjects[id.0 as usize];
            // A deadline of the subject that had this place must not become a deadline of this subject.
            let opening = place.opening;
            *place = Subject { opening, ..subject };
            return id;
        }
        self.subjects.push(subject);
        SubjectId((self.subjects.len() - 1) as u32)
    }

    /// Closes the batch of a subject and forgets the subject.
    pub fn release(&mut self, id: SubjectId) {
        self.close(id);
        self.unused.push(id);
    }

    /// Appends one message, which `write` writes, to the open batch of a subject.
    pub fn append(&mut self, id: SubjectId, sequence: u64, now_ns: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.subjects[id.0 as usize].messages == 0 {
            self.open(id, sequence, now_ns);
        }
        let subject = &mut self.subjects[id.0 as usize];
        subject.payload.truncate(subject.used);
        write(&mut subject.payload);
        let length = subject.payload.len() - subject.used;
        OpenBatch { batcher: self, id }.push(length, sequence);
    }

    /// Opens the batch of a subject, unless it is open, for messages that are written in place. It has room for `room` bytes.
    /// `sequence` is that of the next message, which has to follow.
    // Inlined into each of its few callers, because it runs for each message.
    #[inline(always)]
    pub fn open_batch(&mut self, id: SubjectId, sequence: u64, now_ns: u64, room: usize) -> OpenBatch<'_> {
        let subject = &self.subjects[id.0 as usize];
        if subject.messages == 0 || subject.payload.len() - subject.used < room {
            self.make_room(id, sequence, now_ns, room);
        }
        OpenBatch { batcher: self, id }
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self, id: SubjectId, sequence: u64, now_ns: u64, room: usize) {
        let most = self.settings.max_bytes + WINDOW;
        if self.subjects[id.0 as usize].messages == 0 {
            self.open(id, sequence, now_ns);
        }
        let Subject { payload, used, .. } = &mut self.subjects[id.0 as usize];
        // Twice as much each time, up to the size at which batches close.
        let wanted = (*used + room).max(most.min(2 * *used));
        if payload.len() < wanted {
            payload.reserve_exact(wanted - payload.len());
            // Bytes that were allocated anyway are room too.
            payload.resize(wanted.max(most.min(payload.capacity())), 0);
        }
    }

    fn open(&mut self, id: SubjectId, sequence: u64, now_ns: u64) {
        let subject = &mut self.subjects[id.0 as usize];
        subject.payload = self
            .pool
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(FIRST_CAPACITY_BYTES));
        subject.used = 0;
        subject.first_sequence = sequence;
        subject.opening = subject.opening.wrapping_add(1);
        self.linger
            .push_back((now_ns + self.settings.linger_ns, id, subject.opening));
        let list = &mut self.routers[subject.list.0 as usize];
        let previous = std::mem::replace(&mut list.last, id);
        subject.previous = previous;
        if previous == SubjectId::NONE {
            list.first = id;
        } else {
            self.subjects[previous.0 as usize].next = id;
        }
    }

    /// Closes the open batch of a subject, if there is one.
    pub fn close(&mut self, id: SubjectId) {
        #[cfg(test)]
        {
            self.visited += 1;
        }
        let subject = &mut self.subjects[id.0 as usize];
        if subject.messages == 0 {
            return;
        }
        self.last_number += 1;
        subject.payload.truncate(subject.used);
        self.open_bytes -= subject.payload.len();
        self.closed_bytes += subject.payload.len();
        self.closed.push_back(Batch {
            kind: subject.kind,
            subject: Arc::clone(&subject.name),
            router: subject.router,
            payload: std::mem::take(&mut subject.payload),
            messages: std::mem::take(&mut subject.messages),
            first_sequence: subject.first_sequence,
            last_sequence: subject.last_sequence,
            worker: self.worker,
            number: self.last_number,
        });
        self.unlink(id);
        // A batch that closes by size leaves its deadline behind. Drop such deadlines at the front.
        while let Some(&(_, id, opening)) = self.linger.front() {
            let subject = &self.subjects[id.0 as usize];
            if subject.messages > 0 && subject.opening == opening {
                break;
            }
            self.linger.pop_front();
        }
    }

    /// Takes a subject out of the list of its router's open batches.
    fn unlink(&mut self, id: SubjectId) {
        let subject = &mut self.subjects[id.0 as usize];
        let list = subject.list.0 as usize;
        let previous = std::mem::replace(&mut subject.previous, SubjectId::NONE);
        let next = std::mem::replace(&mut subject.next, SubjectId::NONE);
        if previous == SubjectId::NONE {
            self.routers[list].first = next;
        } else {
            self.subjects[previous.0 as usize].next = next;
        }
        if next == SubjectId::NONE {
            self.routers[list].last = previous;
        } else {
            self.subjects[next.0 as usize].previous = previous;
        }
    }

    /// Closes every open batch of a router, in the order of opening.
    pub fn close_router(&mut self, list: RouterBatches) {
        loop {
            let first = self.routers[list.0 as usize].first;
            if first == SubjectId::NONE {
                return;
            }
            self.close(first);
        }
    }

    /// Closes every open batch.
    pub fn close_all(&mut self) {
        while let Some((_, id, opening)) = self.linger.pop_front() {
            if self.subjects[id.0 as usize].opening == opening {
                self.close(id);
            }
        }
    }

    /// Closes every batch whose linger time is over.
    pub fn close_expired(&mut self, now_ns: u64) {
        while let Some(&(deadline, id, opening)) = self.linger.front() {
            if deadline > now_ns {
                return;
            }
            self.linger.pop_front();
            if self.subjects[id.0 as usize].opening == opening {
                self.close(id);
            }
        }
    }

    /// When [`Self::close_expired`] has work next.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.linger.front().map(|&(deadline, _, _)| deadline)
    }

    /// Takes the next closed batch.
    pub fn pop(&mut self) -> Option<Batch> {
        let batch = self.closed.pop_front()?;
        self.closed_bytes -= batch.payload.len();
        Some(batch)
    }

    /// Bytes in closed batches.
    #[must_use]
    pub const fn closed_bytes(&self) -> usize {
        self.closed_bytes
    }

    /// Whether closed batches should be taken before more batches are made.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.closed_bytes >= self.settings.max_closed_bytes
    }

    /// Number of the last batch that closed; 0 if there was none.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Whether closed batches wait.
    #[must_use]
    pub fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Bytes in open batches.
    #[must_use]
    pub const fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    /// Takes a buffer back for reuse.
    pub fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.pool.len() < POOL_BUFFERS && buffer.capacity() <= 4 * self.settings.max_bytes {
            // Only the bytes behind the former messages are written.
            buffer.resize(buffer.capacity().min(self.settings.max_bytes + WINDOW), 0);
            self.pool.push(buffer);
        }
    }
}

/// The open batch of a subject, with room for the next message.
pub struct OpenBatch<'b> {
    batcher: &'b mut Batcher,
    id: SubjectId,
}

impl OpenBatch<'_> {
    /// The room for the next message.
    #[inline(always)]
    pub fn room(&mut self) -> &mut [u8] {
        let subject = &mut self.batcher.subjects[self.id.0 as usize];
        &mut subject.payload[subject.used..]
    }

    /// The room for the next message, in a batch that was opened with room for [`WINDOW`] bytes.
    #[inline(always)]
    pub fn window(&mut self) -> &mut [u8; WINDOW] {
        match self.room().first_chunk_mut() {
            Some(window) => window,
            None => unreachable!("the batch was opened with less room"),
        }
    }

    /// Where the next message starts in the batch.
    #[inline(always)]
    pub fn position(&self) -> usize {
        self.batcher.subjects[self.id.0 as usize].used
    }

    /// Copies the message of this length that starts at `from` to where the next message starts, in a batch that was opened with
    /// room for it. Returns the copy.
    #[inline(always)]
    pub fn repeat(&mut self, from: usize, length: usize) -> &mut [u8] {
        let subject = &mut self.batcher.subjects[self.id.0 as usize];
        let (messages, room) = subject.payload.split_at_mut(subject.used);
        let place = &mut room[..length];
        place.copy_from_slice(&messages[from..from + length]);
        place
    }

    /// Takes the next bytes of the batch as a message. Returns the batch, unless it is closed now.
    #[inline(always)]
    pub fn push(self, length: usize, sequence: u64) -> Option<Self> {
        let batcher = &mut *self.batcher;
        let subject = &mut batcher.subjects[self.id.0 as usize];
        subject.used += length;
        subject.messages += 1;
        subject.last_sequence = sequence;
        batcher.open_bytes += length;
        if subject.used >= batcher.settings.max_bytes || subject.messages >= batcher.settings.max_messages {
            batcher.close(self.id);
            return None;
        }
        if batcher.open_bytes > batcher.settings.max_open_bytes {
            batcher.close_all();
            return None;
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests;
