//! Waiting for a condition within one thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Wakes the tasks of this thread that wait for a condition. No wake-up can be missed: the condition is looked at
/// whenever a waiting task is polled, and nothing else runs meanwhile.
#[derive(Default)]
pub struct Signal {
    wakers: RefCell<Vec<Waker>>,
}

impl Signal {
    /// Something changed: every waiting task looks at its condition again.
    pub fn notify(&self) {
        for waker in self.wakers.take() {
            waker.wake();
        }
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

/// Lets tasks that could go on for ever step back behind the others.
///
/// A task of monoio that wakes itself while it runs goes to the *front* of the queue: the others, and what the kernel
/// has for them, would wait until it is done. So it is woken by another task, the one in [`Turnstile::turn`].
#[derive(Default)]
pub struct Turnstile {
    /// Somebody came.
    arrived: Signal,
    /// It turned.
    turned: Signal,
    waiting: Cell<bool>,
    turns: Cell<u64>,
}

impl Turnstile {
    /// Goes on after every task that could run had its turn. The runtime asks the kernel for news in between.
    pub async fn pass(&self) {
        let before = self.turns.get();
        self.waiting.set(true);
        self.arrived.notify();
        self.turned.until(|| self.turns.get() != before).await;
    }

    /// Lets those pass who wait. Runs as a task for the worker's whole life.
    pub async fn turn(&self) {
        loop {
            self.arrived.until(|| self.waiting.get()).await;
            self.waiting.set(false);
            self.turns.set(self.turns.get() + 1);
            self.turned.notify();
        }
    }
}
