//! Input of a sink: batches from the bridge one by one, with waits that can be cancelled.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use arancini_core::Batch;

/// The receiving end of the bridge. A kanal future that is dropped can lose the batch that is being handed over, so one
/// future is kept over all turns of the loop.
pub(crate) struct Input<'a> {
    bridge: &'a kanal::AsyncReceiver<Batch>,
    next: Pin<Box<kanal::ReceiveFuture<'a, Batch>>>,
    /// The bridge may still deliver batches.
    pub(crate) open: bool,
}

impl<'a> Input<'a> {
    /// Creates the input of an asynchronous sink.
    pub(crate) fn new(bridge: &'a kanal::AsyncReceiver<Batch>) -> Self {
        Self {
            bridge,
            next: Box::pin(bridge.recv()),
            open: true,
        }
    }

    /// Waits for the next batch. Returns `None` once, when the bridge closes. Can be cancelled.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        let batch = self.next.as_mut().await.ok();
        match batch {
            Some(_) => self.next.set(self.bridge.recv()),
            None => self.open = false,
        }
        batch
    }

    /// Returns a further batch that waits already. Only allowed right after [`Input::next`] has returned a batch, when no
    /// future is registered.
    pub(crate) fn waiting(&mut self) -> Option<Batch> {
        self.bridge.try_recv().ok().flatten()
    }
}

/// The receiving end of the bridge for a sink with a thread of its own, which sleeps while it waits. `kanal`'s blocking
/// receives yield the processor many times before they sleep, and the one with a time limit never sleeps.
pub(crate) struct BlockingInput<'a> {
    input: Input<'a>,
    waker: Waker,
}

/// What the bridge delivers at the moment.
pub(crate) enum Given {
    /// The next batch.
    Batch(Batch),
    /// Nothing yet. The sink may do other work, and then calls [`BlockingInput::wait`].
    Nothing,
    /// Nothing any more: the bridge is closed.
    End,
}

/// Waker that unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<'a> BlockingInput<'a> {
    /// Creates the input of the calling thread.
    pub(crate) fn new(bridge: &'a kanal::Receiver<Batch>) -> Self {
        Self {
            input: Input::new(bridge.as_async()),
            waker: Waker::from(Arc::new(Unpark(thread::current()))),
        }
    }

    /// Returns what can be taken without waiting.
    pub(crate) fn take(&mut self) -> Given {
        match pin!(self.input.next()).poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Some(batch)) => Given::Batch(batch),
            Poll::Ready(None) => Given::End,
            Poll::Pending => Given::Nothing,
        }
    }

    /// Sleeps after [`Given::Nothing`] until the bridge may deliver something, or until the time limit.
    pub(crate) fn wait(&self, at_most: Duration) {
        thread::park_timeout(at_most);
    }
}
