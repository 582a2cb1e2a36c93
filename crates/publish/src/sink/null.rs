//! The sink that counts and forgets.

use arancini_core::Batch;

use super::{Receipt, taken};
use crate::sidecar::Hooks;
use crate::status::SinkStatus;

/// On the runtime's own thread: nothing here blocks, and `kanal`'s blocking receive would yield the processor many times
/// before it sleeps, which cost a fourteenth of all CPU time in a measurement of the workers.
pub(crate) async fn run(bridge: kanal::Receiver<Batch>, status: &SinkStatus, hooks: &Hooks) {
    status.set_ready("null");
    let mut batches = Vec::new();
    while let Ok(batch) = bridge.as_async().recv().await {
        batches.push(batch);
        let _ = bridge.drain_into(&mut batches);
        for batch in batches.drain(..) {
            taken(status, &batch);
            Receipt::of(&batch).acknowledge(status, hooks);
            hooks.recycle(batch.payload);
        }
        // The control server lives on this thread too.
        tokio::task::yield_now().await;
    }
}
