//! Waiting for a condition within one thread.

use std::cell::{Cell, RefCell};
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
    /// Waits until every task that could run has had its turn. The runtime asks the kernel for news in between.
    pub async fn pass(&self) {
        let before = self.turns.get();
        self.waiting.set(true);
        self.arrived.notify();
        self.turned.until(|| self.turns.get() != before).await;
    }

    /// Lets waiting tasks pass. Runs as a task for the worker's whole life.
    pub async fn turn(&self) {
        loop {
            self.arrived.until(|| self.waiting.get()).await;
            self.waiting.set(false);
            self.turns.set(self.turns.get() + 1);
            self.turned.notify();
        }
    }
}
