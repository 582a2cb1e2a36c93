//! What the sidecar reports to the rest of the collector.

use std::sync::Arc;

/// Exit code when the sidecar died (EX_SOFTWARE).
pub const EXIT_SIDECAR_DIED: i32 = 70;

/// Exit code when another collector of the same name has taken over the stream (EX_CONFIG).
pub const EXIT_FENCED: i32 = 78;

/// A batch that is durable in the sink. The batches of one worker are reported in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// The worker that closed the batch.
    pub worker: u16,
    /// The batch's number within the worker.
    pub number: u64,
}

/// Callbacks of the sidecar.
#[derive(Default, Clone)]
pub struct Hooks {
    /// Takes back each payload buffer, once its batch is durable or compressed.
    pub recycle: Option<Arc<dyn Fn(Vec<u8>) + Send + Sync>>,
    /// Called for each durable batch, while the sink works: it must not wait for anything.
    pub acked: Option<Arc<dyn Fn(Acked) + Send + Sync>>,
    /// Called when the stream was created again or purged, or segments were removed: consumers that read now know nothing of
    /// what was published.
    pub stream_is_emptied: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Called once if the sink has ended for good, because the reader of standard output is gone: time to shut down. The
    /// sidecar empties the bridge meanwhile, so that no worker waits for it. Without this callback the process exits with
    /// code 0.
    pub ended: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Hooks {
    pub(crate) fn recycle(&self, buffer: Vec<u8>) {
        if let Some(recycle) = &self.recycle {
            recycle(buffer);
        }
    }

    pub(crate) fn acked(&self, worker: u16, number: u64) {
        if let Some(acked) = &self.acked {
            acked(Acked { worker, number });
        }
    }

    pub(crate) fn stream_is_emptied(&self) {
        if let Some(stream_is_emptied) = &self.stream_is_emptied {
            stream_is_emptied();
        }
    }

    pub(crate) fn ended(&self) {
        match &self.ended {
            Some(ended) => ended(),
            None => std::process::exit(0),
        }
    }
}
