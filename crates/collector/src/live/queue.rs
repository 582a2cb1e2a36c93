//! The queue of one listener, bounded in bytes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Most bytes that wait for a listener.
const MOST_BYTES: usize = 1 << 20;

/// Events that wait for a listener.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    /// The event that ends the queue of a listener that reads too slowly.
    slow: Bytes,
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
    /// An empty queue. `slow` is the last event of a listener that reads too slowly.
    pub fn new(slow: Bytes) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            slow,
        }
    }

    /// Adds an event.
    pub fn push(&self, event: Bytes) -> Pushed {
        let mut state = self.lock();
        if state.has_ended {
            return Pushed::Ended;
        }
        let has_room = state.bytes + event.len() <= MOST_BYTES;
        state.bytes += event.len();
        state.has_ended = !has_room;
        state
            .events
            .push_back(if has_room { event } else { self.slow.clone() });
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
    pub async fn next(&self) -> Option<VecDeque<Bytes>> {
        loop {
            {
                let mut state = self.lock();
                if !state.events.is_empty() {
                    state.bytes = 0;
                    return Some(std::mem::take(&mut state.events));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::event::SLOW;

    fn event(bytes: usize) -> Bytes {
        Bytes::from(vec![b'x'; bytes])
    }

    #[tokio::test]
    async fn a_listener_that_does_not_read_is_told_so_and_dropped() {
        let queue = Queue::new(SLOW);
        let mut queued = 0;
        while queue.push(event(1000)) == Pushed::Queued {
            queued += 1;
        }
        assert_eq!(queued, MOST_BYTES / 1000);
        assert_eq!(queue.push(event(1)), Pushed::Ended);
        let rest = queue.next().await.unwrap_or_default();
        assert_eq!(rest.len(), queued + 1);
        assert_eq!(
            rest.iter().map(Bytes::len).sum::<usize>(),
            queued * 1000 + SLOW.len()
        );
        assert_eq!(rest.back(), Some(&SLOW));
        assert_eq!(queue.next().await, None);
    }

    #[tokio::test]
    async fn a_listener_that_reads_gets_everything_in_order() {
        let queue = Queue::new(SLOW);
        for round in 0..10_u8 {
            for number in 0..5 {
                let pushed = queue.push(Bytes::from(vec![round * 5 + number; 50_000]));
                assert_eq!(pushed, Pushed::Queued);
            }
            let taken = queue.next().await.unwrap_or_default();
            let first: Vec<_> = taken.iter().map(|event| event[0]).collect();
            assert_eq!(first, (round * 5..round * 5 + 5).collect::<Vec<_>>());
        }
        queue.end();
        assert_eq!(queue.next().await, None);
    }
}
