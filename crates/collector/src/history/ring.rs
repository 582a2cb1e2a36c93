//! A bounded list of batches: the oldest leave when new ones come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::batch::PublishedBatch;
use super::intake::{Gap, Intake};

/// A ring consists of about so many chunks. One chunk leaves at a time.
const CHUNKS: usize = 64;
/// Most batches in a chunk. It bounds what a reader copies under the lock.
const MOST_BATCHES: usize = 64;

/// The newest batches, in the order of their numbers.
///
/// One thread adds, others read. Both hold the lock only for a moment: a reader copies the pointer to the full chunks and
/// those to the at most [`MOST_BATCHES`] batches of the open chunk. Memory is freed outside the lock.
pub struct Ring {
    most_bytes: usize,
    state: Mutex<State>,
}

struct State {
    full: Arc<VecDeque<Arc<Chunk>>>,
    open: Chunk,
    /// Memory of all chunks.
    bytes: usize,
    /// Everything that was taken after this time is here, but for what the intake left out.
    since_ns: u64,
    intake: Intake,
}

#[derive(Debug, Default)]
struct Chunk {
    batches: Vec<Arc<PublishedBatch>>,
    bytes: usize,
}

/// What a ring held at one moment.
pub struct Recent {
    full: Arc<VecDeque<Arc<Chunk>>>,
    open: Vec<Arc<PublishedBatch>>,
    /// Everything that the sink took after this time is here, in Unix nanoseconds, but for the gaps.
    pub since_ns: u64,
    /// What was left out since then, the oldest first.
    pub gaps: Vec<Gap>,
}

impl Ring {
    /// An empty ring that begins now, with this bound on its memory.
    pub fn new(most_bytes: usize, now_ns: u64) -> Self {
        let state = State {
            full: Arc::default(),
            open: Chunk::default(),
            bytes: 0,
            since_ns: now_ns,
            intake: Intake::new(most_bytes, now_ns),
        };
        Self {
            most_bytes,
            state: Mutex::new(state),
        }
    }

    /// Whether the ring takes a batch of this many bytes and updates now. If not, it remembers that they were left out.
    pub fn takes(&self, bytes: usize, updates: u32, now_ns: u64) -> bool {
        let mut state = self.lock();
        // The clock may have been set back. A begin in the future would hide the gaps.
        state.since_ns = state.since_ns.min(now_ns);
        state.intake.takes(bytes, updates, now_ns)
    }

    /// Adds a batch, and removes the oldest ones that have no room any more.
    pub fn push(&self, batch: Arc<PublishedBatch>) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        let bytes = batch.bytes();
        state.bytes += bytes;
        state.open.bytes += bytes;
        state.open.batches.push(batch);
        if state.open.bytes >= self.most_bytes / CHUNKS || state.open.batches.len() >= MOST_BATCHES {
            let chunk = std::mem::take(&mut state.open);
            Arc::make_mut(&mut state.full).push_back(Arc::new(chunk));
        }
        while state.bytes > self.most_bytes {
            let Some(oldest) = Arc::make_mut(&mut state.full).pop_front() else {
                break;
            };
            state.bytes -= oldest.bytes;
            state.since_ns = oldest.batches.last().map_or(state.since_ns, |last| last.taken_ns);
            gone.push(oldest);
        }
        if !gone.is_empty() {
            let since_ns = state.since_ns;
            state.intake.forget_before(since_ns);
        }
        drop(state);
    }

    /// What the ring holds now.
    pub fn recent(&self) -> Recent {
        let state = self.lock();
        Recent {
            full: Arc::clone(&state.full),
            open: state.open.batches.clone(),
            since_ns: state.since_ns,
            gaps: state.intake.gaps_since(state.since_ns),
        }
    }

    /// The memory of the batches.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    /// Number of the oldest batch.
    pub fn oldest(&self) -> Option<u64> {
        let full = self.full.front().and_then(|chunk| chunk.batches.first());
        full.or(self.open.first()).map(|batch| batch.number)
    }

    /// The batches, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &PublishedBatch> {
        let full = self
            .full
            .iter()
            .rev()
            .flat_map(|chunk| chunk.batches.iter().rev());
        self.open.iter().rev().chain(full).map(|batch| &**batch)
    }
}

#[cfg(test)]
mod tests {
    use arancini_core::BatchKind;

    use super::*;

    fn batch(number: u64, bytes: usize) -> Arc<PublishedBatch> {
        Arc::new(PublishedBatch {
            number,
            taken_ns: 1000 + number,
            kind: BatchKind::Updates,
            router: [192, 0, 2, 1].into(),
            payload: vec![0; bytes].into(),
        })
    }

    fn numbers(ring: &Ring) -> Vec<u64> {
        ring.recent().newest_first().map(|batch| batch.number).collect()
    }

    #[test]
    fn the_newest_batches_are_kept_within_the_bound() {
        let ring = Ring::new(1 << 20, 7);
        assert_eq!((numbers(&ring), ring.recent().since_ns), (vec![], 7));
        let early = ring.recent();
        for number in 1..=1000 {
            ring.push(batch(number, 4096));
            assert!(ring.bytes() <= 1 << 20, "{}", ring.bytes());
        }
        let kept = numbers(&ring);
        assert_eq!(kept.first(), Some(&1000));
        assert!(kept.len() > 230, "{} of 4 KiB in 1 MiB", kept.len());
        assert!(kept.windows(2).all(|pair| pair[0] == pair[1] + 1), "{kept:?}");
        let oldest = kept.last().copied().unwrap_or_default();
        assert_eq!(
            ring.recent().since_ns,
            1000 + oldest - 1,
            "the batch before the oldest"
        );
        assert_eq!(early.newest_first().count(), 0, "a reader keeps what it saw");
    }

    #[test]
    fn gaps_are_told_after_the_clock_was_set_back() {
        let ring = Ring::new(6000, 1_000_000);
        assert!(ring.takes(1500, 1, 1_000_000));
        assert!(!ring.takes(1500, 3, 7));
        let recent = ring.recent();
        assert_eq!((recent.since_ns, recent.gaps.len()), (7, 1));
        assert_eq!(recent.gaps[0].updates, 3);
    }

    #[test]
    fn small_batches_fill_the_ring_too() {
        let ring = Ring::new(1 << 20, 0);
        for number in 1..=20_000 {
            ring.push(batch(number, 8));
        }
        let bytes = batch(0, 8).bytes();
        let kept = numbers(&ring).len();
        assert!(
            kept * bytes <= 1 << 20 && (kept + 64) * bytes > (1 << 20) * 63 / 64,
            "{kept}"
        );
    }

    #[test]
    fn a_batch_that_is_larger_than_the_ring_does_not_stay() {
        let ring = Ring::new(1000, 0);
        ring.push(batch(1, 10));
        ring.push(batch(2, 5000));
        assert_eq!((numbers(&ring), ring.bytes()), (vec![], 0));
        assert_eq!(ring.recent().since_ns, 1002);
    }
}
