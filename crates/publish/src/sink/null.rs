//! The sink that counts and forgets.

use arancini_core::Batch;

use super::{Receipt, taken};
use crate::sidecar::Hooks;
use crate::status::SinkStatus;

pub(crate) fn run(bridge: &kanal::Receiver<Batch>, status: &SinkStatus, hooks: &Hooks) {
    status.set_ready("null");
    while let Ok(batch) = bridge.recv() {
        taken(status, &batch);
        Receipt::of(&batch).acknowledge(status, hooks);
        hooks.recycle(batch.payload);
    }
}
