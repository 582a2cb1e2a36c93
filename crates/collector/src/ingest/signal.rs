//! Waiting for a condition within one thread.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Wakes the tasks of this thread that wait for a condition. No wake-up can be missed: a waiting task checks its condition
/// whenever it is polled, and nothing else runs meanwhile.
#[derive(Default)]
pub struct Signal {
    wakers: RefCell<Vec<Waker>>,
}

impl Signal {
    /// Makes every waiting task check its condition again, because something has changed.
    pub fn notify(&self) {
        for waker in self.wakers.take() {
            waker.wake();
        }
    }

    /// Waits for the next [`Self::notify`].
    pub async fn next(&self) {
        let mut registered = false;
        self.until(|| std::mem::replace(&mut registered, true)).await;
    }

    /// Waits until the condition holds.
    pub async fn until(&self, mut condition: impl FnMut() -> bool) {
        poll_fn(|context| {
            if condition() {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Lets tasks through a few at a time, in the order in which they came.
///
/// A turn of the turnstile lets every task run that can run. When thousands of connections have something to do at the same
/// time, one turn would take as long as all of them together, and the tasks that receive for sessions would wait. At the
/// gate, only some of them go on in each turn.
#[derive(Default)]
pub struct Gate {
    /// Places in the queue that were given out.
    arrived: Cell<u64>,
    /// Places in the queue that may go on.
    admitted: Cell<u64>,
    /// The tasks that wait, with their places.
    waiting: RefCell<VecDeque<(u64, Waker)>>,
    /// A task came to the gate.
    queued: Signal,
}

impl Gate {
    /// Waits until all tasks that came before have gone on, in another turn.
    pub async fn pass(&self) {
        let place = self.arrived.get();
        self.arrived.set(place + 1);
        poll_fn(|context| {
            if place < self.admitted.get() {
                return Poll::Ready(());
            }
            self.waiting
                .borrow_mut()
                .push_back((place, context.waker().clone()));
            self.queued.notify();
            Poll::Pending
        })
        .await;
    }

    fn next_admitted(&self) -> Option<Waker> {
        let mut waiting = self.waiting.borrow_mut();
        let (place, _) = waiting.front()?;
        if *place >= self.admitted.get() {
            return None;
        }
        waiting.pop_front().map(|(_, waker)| waker)
    }

    /// Lets this many tasks through in each turn of the turnstile. Runs as a task for the worker's whole life.
    pub async fn admit(&self, tasks_per_turn: u64, turnstile: &Turnstile) {
        loop {
            let waits = || self.admitted.get() < self.arrived.get();
            self.queued.until(waits).await;
            self.admitted
                .set((self.admitted.get() + tasks_per_turn).min(self.arrived.get()));
            while let Some(waker) = self.next_admitted() {
                waker.wake();
            }
            turnstile.pass().await;
        }
    }
}

/// Lets a task that could go on for ever step back behind the other tasks.
///
/// A task of monoio that wakes itself while it runs goes to the *front* of the queue: the other tasks, and everything that the
/// kernel has for them, would wait until it is done. So another task wakes it, the one in [`Turnstile::turn`].
#[derive(Default)]
pub struct Turnstile {
    /// A task came to the turnstile.
    arrived: Signal,
    /// The turnstile has turned.
    turned: Signal,
    waiting: Cell<bool>,
    turns: Cell<u64>,
}

impl Turnstile {
    /// Waits until every task that could run has had its turn. The runtime asks the kernel for news in between. It fires no
    /// timer and takes no wake-up of another thread; see [`IdleMoment`](super::idle_moment::IdleMoment).
    pub async fn pass(&self) {
        let before = self.turns.get();
        self.waiting.set(true);
        self.arrived.notify();
        self.turned.until(|| self.turns.get() != before).await;
    }

    /// Lets waiting tasks pass, after `between` in each turn. Runs as a task for the worker's whole life.
    pub async fn turn(&self, between: impl AsyncFn()) {
        loop {
            self.arrived.until(|| self.waiting.get()).await;
            between().await;
            self.waiting.set(false);
            self.turns.set(self.turns.get() + 1);
            self.turned.notify();
        }
    }
}
