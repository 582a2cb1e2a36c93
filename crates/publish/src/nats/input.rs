//! The bridge, as the publisher's loop wants it: batches one by one, each wait can be given up.

use std::pin::Pin;

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
