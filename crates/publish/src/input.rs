//! The bridge, as a sink wants it: batches one by one, each wait can be given up.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use arancini_core::Batch;

/// The bridge's receiving end. A dropped kanal future can lose the batch that is on its way, so one future is kept
/// over all turns of the loop.
pub(crate) struct Input<'a> {
    bridge: &'a kanal::AsyncReceiver<Batch>,
    next: Pin<Box<kanal::ReceiveFuture<'a, Batch>>>,
    /// The bridge may still give something.
    pub(crate) open: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bridge: &'a kanal::AsyncReceiver<Batch>) -> Self {
        Self {
            bridge,
            next: Box::pin(bridge.recv()),
            open: true,
        }
    }

    /// The next batch; `None` once, when the bridge closes. Can be cancelled.
    pub(crate) async fn next(&mut self) -> Option<Batch> {
        let batch = self.next.as_mut().await.ok();
        match batch {
            Some(_) => self.next.set(self.bridge.recv()),
            None => self.open = false,
        }
        batch
    }

    /// Another one that waits already. Only right after [`Input::next`] gave one, when no future is registered.
    pub(crate) fn waiting(&mut self) -> Option<Batch> {
        self.bridge.try_recv().ok().flatten()
    }
}

/// The same for a sink with a thread of its own, which sleeps while it waits: `kanal`'s blocking receives yield the
/// processor many times before they do, and the one with a time limit never does.
pub(crate) struct BlockingInput<'a> {
    input: Input<'a>,
    waker: Waker,
}

/// What the bridge gives at the moment.
pub(crate) enum Given {
    /// The next batch.
    Batch(Batch),
    /// Nothing yet: there is time for other work, then [`BlockingInput::wait`].
    Nothing,
    /// Nothing any more.
    End,
}

/// Wakes a thread that is parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<'a> BlockingInput<'a> {
    /// For the calling thread.
    pub(crate) fn new(bridge: &'a kanal::Receiver<Batch>) -> Self {
        Self {
            input: Input::new(bridge.as_async()),
            waker: Waker::from(Arc::new(Unpark(thread::current()))),
        }
    }

    /// What there is without waiting.
    pub(crate) fn take(&mut self) -> Given {
        match pin!(self.input.next()).poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(Some(batch)) => Given::Batch(batch),
            Poll::Ready(None) => Given::End,
            Poll::Pending => Given::Nothing,
        }
    }

    /// Sleeps after [`Given::Nothing`] until there may be something, at most so long.
    pub(crate) fn wait(&self, at_most: Duration) {
        thread::park_timeout(at_most);
    }
}
