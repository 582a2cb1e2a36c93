//! What the sidecar reports to the rest of the collector.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::Batch;

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

/// A callback with a batch.
pub type OnBatch = dyn Fn(&Batch) + Send + Sync;

/// Callbacks of the sidecar.
#[derive(Default, Clone)]
pub struct Hooks {
    /// Called with each batch that the sink takes from the bridge, before the sink does anything else with it. So every sink
    /// reports every batch once, in the order of the bridge. The sink waits for this callback.
    pub taken: Option<Arc<OnBatch>>,
    /// Takes back each payload buffer, once its batch is durable or compressed.
    pub recycle: Option<Arc<dyn Fn(Vec<u8>) + Send + Sync>>,
    /// Called for each durable batch, while the sink works: it must not wait for anything.
    pub acked: Option<Arc<dyn Fn(Acked) + Send + Sync>>,
    /// Called with each message that is larger than the server takes, before it counts as acknowledged: consumers do not
    /// get it. Its payload is not compressed.
    pub set_aside: Option<Arc<dyn Fn(Arc<Batch>) + Send + Sync>>,
    /// Called with the routers of which the stream has lost acknowledged messages.
    pub routers_are_lost: Option<Arc<dyn Fn(Vec<IpAddr>) + Send + Sync>>,
    /// Called when the stream was created again or purged, when it lost messages of unknown routers, or when segments were
    /// removed: consumers that read now do not know everything that was published.
    pub stream_is_emptied: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Called once if the sink has ended for good, because the reader of standard output is gone: time to shut down. The
    /// sidecar empties the bridge meanwhile, so that no worker waits for it. Without this callback the process exits with
    /// code 0.
    pub ended: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Hooks {
    pub(crate) fn taken(&self, batch: &Batch) {
        if let Some(taken) = &self.taken {
            taken(batch);
        }
    }

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

    pub(crate) fn set_aside(&self, batch: Arc<Batch>) {
        if let Some(set_aside) = &self.set_aside {
            set_aside(batch);
        }
    }

    pub(crate) fn routers_are_lost(&self, routers: Vec<IpAddr>) {
        if let Some(routers_are_lost) = &self.routers_are_lost {
            routers_are_lost(routers);
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
