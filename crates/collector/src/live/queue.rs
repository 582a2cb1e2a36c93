//! The queue of one listener, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::event::SLOW;

/// Most bytes that wait for a listener.
const MOST_BYTES: usize = 1 << 20;

/// Events that wait for a listener.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<Bytes>,
    bytes: usize,
    has_ended: bool,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits for the listener.
    Queued,
    /// There was no room for it. The queue ends with an event that says so.
    Overflowed,
    /// The queue had ended before.
    Ended,
}

impl Queue {
    /// Adds an event.
    pub fn push(&self, event: Bytes) -> Pushed {
        let mut state = self.lock();
        if state.has_ended {
            return Pushed::Ended;
        }
        let has_room = state.bytes + event.len() <= MOST_BYTES;
        state.bytes += event.len();
        state.has_ended = !has_room;
        state.events.push_back(if has_room { event } else { SLOW });
        drop(state);
        self.changed.notify_one();
        if has_room {
            Pushed::Queued
        } else {
            Pushed::Overflowed
        }
    }

    /// Ends the queue. Nobody reads what is left.
    pub fn end(&self) {
        let mut state = self.lock();
        *state = State {
            has_ended: true,
            ..State::default()
        };
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for events, and takes all that wait. `None` once the queue has ended.
    pub async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.lock();
                if !state.events.is_empty() {
                    state.bytes = 0;
                    return Some(joined(state.events.drain(..)));
                }
                if state.has_ended {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(mut events: impl ExactSizeIterator<Item = Bytes>) -> Bytes {
    let first = events.next().unwrap_or_default();
    if events.len() == 0 {
        return first;
    }
    let mut all = BytesMut::from(first);
    events.for_each(|event| all.extend_from_slice(&event));
    all.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(bytes: usize) -> Bytes {
        Bytes::from(vec![b'x'; bytes])
    }

    #[tokio::test]
    async fn a_listener_that_does_not_read_is_told_so_and_dropped() {
        let queue = Queue::default();
        let mut queued = 0;
        while queue.push(event(1000)) == Pushed::Queued {
            queued += 1;
        }
        assert_eq!(queued, MOST_BYTES / 1000);
        assert_eq!(queue.push(event(1)), Pushed::Ended);
        let rest = queue.next().await.unwrap_or_default();
        assert_eq!(rest.len(), queued * 1000 + SLOW.len());
        assert!(rest.ends_with(&SLOW));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_listener_that_reads_gets_everything_in_order() {
        let queue = Queue::default();
        for round in 0..10_u8 {
            for number in 0..5 {
                let pushed = queue.push(Bytes::from(vec![round * 5 + number; 50_000]));
                assert_eq!(pushed, Pushed::Queued);
            }
            let taken = queue.next().await.unwrap_or_default();
            let first: Vec<_> = taken.chunks(50_000).map(|event| event[0]).collect();
            assert_eq!(first, (round * 5..round * 5 + 5).collect::<Vec<_>>());
        }
        queue.end();
        assert_eq!(queue.next().await, None);
    }
}
