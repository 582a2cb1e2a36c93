//! Open batches, one for each subject, and closed batches that wait for the bridge.
//!
//! Messages are encoded straight into the open batch of their subject. A batch closes on size, on count, when its linger time
//! is over, or when an event of its router has to come after it (a barrier). Invariants: an open batch holds at least one
//! message; closed batches leave in the order in which they closed; open batches never exceed `max_open_bytes` by more than
//! one message.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use crate::batch::{Batch, BatchKind};

/// First capacity of a batch buffer that does not come from the pool. It grows with its content.
const FIRST_CAPACITY_BYTES: usize = 2048;
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
            max_closed_bytes: 4 << 20,
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

struct Subject {
    kind: BatchKind,
    name: Arc<str>,
    router: IpAddr,
    payload: Vec<u8>,
    messages: u32,
    first_sequence: u64,
    last_sequence: u64,
    /// Number of batches opened so far, so that the linger queue can tell a batch from its successor.
    opening: u32,
}

/// The open batches of one worker.
pub struct Batcher {
    settings: BatchSettings,
    worker: u16,
    last_number: u64,
    subjects: Vec<Subject>,
    unused: Vec<SubjectId>,
    /// Deadlines in the order of opening, which is the order of time, since all batches linger equally long.
    linger: VecDeque<(u64, SubjectId, u32)>,
    closed: VecDeque<Batch>,
    pool: Vec<Vec<u8>>,
    open_bytes: usize,
    closed_bytes: usize,
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
            linger: VecDeque::new(),
            closed: VecDeque::new(),
            pool: Vec::new(),
            open_bytes: 0,
            closed_bytes: 0,
        }
    }

    /// Registers a subject.
    pub fn register(&mut self, kind: BatchKind, name: Arc<str>, router: IpAddr) -> SubjectId {
        let subject = Subject {
            kind,
            name,
            router,
            payload: Vec::new(),
            messages: 0,
            first_sequence: 0,
            last_sequence: 0,
            opening: 0,
        };
        if let Some(id) = self.unused.pop() {
            self.subjects[id.0 as usize] = subject;
            return id;
        }
        self.subjects.push(subject);
        SubjectId((self.subjects.len() - 1) as u32)
    }

    /// Closes the batch of a subject and forgets the subject.
    pub fn release(&mut self, id: SubjectId) {
        self.close(id);
        // The linger queue must not take the next user of this place for this subject.
        self.linger.retain(|&(_, queued, _)| queued != id);
        self.unused.push(id);
    }

    /// Appends one message, which `write` writes, to the open batch of a subject.
    #[inline]
    pub fn append(&mut self, id: SubjectId, sequence: u64, now_ns: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.subjects[id.0 as usize].messages == 0 {
            self.open(id, sequence, now_ns);
        }
        let subject = &mut self.subjects[id.0 as usize];
        let before = subject.payload.len();
        write(&mut subject.payload);
        self.open_bytes += subject.payload.len() - before;
        subject.messages += 1;
        subject.last_sequence = sequence;
        if subject.payload.len() >= self.settings.max_bytes || subject.messages >= self.settings.max_messages
        {
            self.close(id);
        } else if self.open_bytes > self.settings.max_open_bytes {
            self.close_all();
        }
    }

    fn open(&mut self, id: SubjectId, sequence: u64, now_ns: u64) {
        let subject = &mut self.subjects[id.0 as usize];
        subject.payload = self
            .pool
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(FIRST_CAPACITY_BYTES));
        subject.first_sequence = sequence;
        subject.opening = subject.opening.wrapping_add(1);
        self.linger
            .push_back((now_ns + self.settings.linger_ns, id, subject.opening));
    }

    /// Closes the open batch of a subject, if there is one.
    pub fn close(&mut self, id: SubjectId) {
        let subject = &mut self.subjects[id.0 as usize];
        if subject.messages == 0 {
            return;
        }
        self.last_number += 1;
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
        // A batch that closes by size leaves its deadline behind. Drop such deadlines at the front.
        while let Some(&(_, id, opening)) = self.linger.front() {
            let subject = &self.subjects[id.0 as usize];
            if subject.messages > 0 && subject.opening == opening {
                break;
            }
            self.linger.pop_front();
        }
    }

    /// Closes every open batch.
    pub fn close_all(&mut self) {
        while let Some((_, id, _)) = self.linger.pop_front() {
            self.close(id);
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
            buffer.clear();
            self.pool.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn batcher(max_messages: u32, max_bytes: usize) -> (Batcher, SubjectId, SubjectId) {
        let settings = BatchSettings {
            max_messages,
            max_bytes,
            linger_ns: 100,
            max_open_bytes: 1000,
            max_closed_bytes: 1000,
        };
        let mut batcher = Batcher::new(3, settings);
        let router = IpAddr::from([192, 0, 2, 1]);
        let a = batcher.register(BatchKind::Updates, "a".into(), router);
        let b = batcher.register(BatchKind::Updates, "b".into(), router);
        (batcher, a, b)
    }

    fn put(batcher: &mut Batcher, id: SubjectId, sequence: u64, now_ns: u64) {
        batcher.append(id, sequence, now_ns, |out| out.extend([1; 10]));
    }

    #[test]
    fn a_batch_closes_on_count_and_on_size() {
        let (mut batcher, a, _) = batcher(3, 1000);
        for sequence in 1..=3 {
            assert!(!batcher.has_closed());
            put(&mut batcher, a, sequence, 0);
        }
        let batch = batcher.pop().unwrap();
        assert_eq!(
            (batch.messages, batch.first_sequence, batch.last_sequence),
            (3, 1, 3)
        );
        assert_eq!((batch.worker, batch.number, batch.payload.len()), (3, 1, 30));
        assert_eq!(batcher.deadline_ns(), None);
        let (mut batcher, a, _) = self::batcher(100, 20);
        put(&mut batcher, a, 1, 0);
        put(&mut batcher, a, 2, 0);
        assert_eq!(batcher.pop().unwrap().messages, 2);
    }

    #[test]
    fn a_batch_waits_no_longer_than_the_linger() {
        let (mut batcher, a, b) = batcher(2, 1000);
        put(&mut batcher, a, 1, 0);
        put(&mut batcher, b, 2, 50);
        assert_eq!(batcher.deadline_ns(), Some(100));
        batcher.close_expired(99);
        assert!(!batcher.has_closed());
        put(&mut batcher, a, 3, 99);
        assert_eq!(&*batcher.pop().unwrap().subject, "a");
        put(&mut batcher, a, 4, 99);
        batcher.close_expired(150);
        assert_eq!(&*batcher.pop().unwrap().subject, "b");
        assert!(
            !batcher.has_closed(),
            "the second batch of a has its own deadline"
        );
        batcher.close_expired(199);
        assert_eq!(batcher.pop().unwrap().first_sequence, 4);
    }

    #[test]
    fn open_batches_are_bounded_together() {
        let settings = BatchSettings {
            max_messages: 1000,
            max_bytes: 10_000,
            linger_ns: 100,
            max_open_bytes: 95,
            ..BatchSettings::default()
        };
        let mut batcher = Batcher::new(0, settings);
        let ids: Vec<_> = (0..20)
            .map(|n| batcher.register(BatchKind::Updates, format!("{n}").into(), IpAddr::from([0; 4])))
            .collect();
        for (sequence, &id) in ids.iter().enumerate() {
            put(&mut batcher, id, sequence as u64, 0);
            assert!(batcher.open_bytes <= 95);
        }
        batcher.close_all();
        let mut sequences = Vec::new();
        while let Some(batch) = batcher.pop() {
            sequences.push(batch.first_sequence);
        }
        assert_eq!(sequences, (0..20).collect::<Vec<u64>>());
        assert_eq!(batcher.open_bytes, 0);
    }

    #[test]
    fn a_released_subject_leaves_its_place_to_another() {
        let (mut batcher, a, _) = batcher(100, 1000);
        put(&mut batcher, a, 1, 0);
        batcher.release(a);
        let c = batcher.register(BatchKind::Peers, "c".into(), IpAddr::from([0; 4]));
        put(&mut batcher, c, 7, 90);
        batcher.close_expired(150);
        assert_eq!(&*batcher.pop().unwrap().subject, "a");
        assert!(!batcher.has_closed(), "the old deadline is not the new subject's");
    }
}
