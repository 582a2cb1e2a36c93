//! How the sink is doing: for `/readyz`, for metrics, and for whoever waits for acknowledgements.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use arancini_client::{Reason, Trouble};
use arancini_core::Position;
use tracing::{info, warn};

/// Upper bounds of the acknowledgement latency buckets, in seconds; one more bucket holds the rest.
pub const LATENCY_BOUNDS_SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// A histogram with fixed buckets.
#[derive(Debug, Default)]
pub struct LatencyHistogram {
    buckets: [AtomicU64; LATENCY_BOUNDS_SECONDS.len() + 1],
    sum_ns: AtomicU64,
}

impl LatencyHistogram {
    /// One more observation.
    pub fn observe_ns(&self, ns: u64) {
        let seconds = ns as f64 / 1e9;
        let bucket = LATENCY_BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// Observations per bucket (not cumulative; the last is beyond all bounds) and their sum in seconds.
    pub fn read(&self) -> ([u64; LATENCY_BOUNDS_SECONDS.len() + 1], f64) {
        (
            std::array::from_fn(|bucket| self.buckets[bucket].load(Relaxed)),
            self.sum_ns.load(Relaxed) as f64 / 1e9,
        )
    }
}

/// How the sink is doing. Shared; all counters only rise, gauges say so.
#[derive(Debug, Default)]
pub struct SinkStatus {
    ready: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    errors: [AtomicU64; Reason::ALL.len()],
    /// Everything that is published from now on lies behind it.
    position: Mutex<Option<Position>>,
    /// The stream takes nothing any more of sessions before the present one.
    pub(crate) fenced: AtomicBool,
    /// The first session found no fence in a stream that lets go of nothing by itself.
    pub(crate) fence_was_gone: AtomicBool,
    /// Batches taken from the bridge.
    pub batches_taken: AtomicU64,
    /// Cap'n Proto messages taken from the bridge.
    pub messages_taken: AtomicU64,
    /// Batches that are durable in the sink.
    pub batches_acknowledged: AtomicU64,
    /// Cap'n Proto messages that are durable in the sink.
    pub messages_acknowledged: AtomicU64,
    /// Payload bytes that are durable in the sink, as they were sent: compressed where that is set.
    pub bytes_acknowledged: AtomicU64,
    /// Payload bytes of batches before they were compressed; counts only where that is set.
    pub bytes_before_compression: AtomicU64,
    /// What they were compressed to.
    pub bytes_after_compression: AtomicU64,
    /// NATS messages handed to the client, resends included.
    pub published: AtomicU64,
    /// NATS messages handed to the client again.
    pub resent: AtomicU64,
    /// Acknowledgements that said the broker had the message already.
    pub duplicates: AtomicU64,
    /// Messages stored behind a later one of their router, because the broker refused them at first.
    pub reordered: AtomicU64,
    /// Connections made.
    pub connects: AtomicU64,
    /// Connections lost.
    pub disconnects: AtomicU64,
    /// Gauge: NATS messages not acknowledged.
    pub window_messages: AtomicU64,
    /// Gauge: payload bytes not acknowledged.
    pub window_bytes: AtomicU64,
    /// Gauge: bytes of the spool's files.
    pub spool_bytes: AtomicU64,
    /// Gauge: messages in the spool that are not acknowledged.
    pub spool_batches: AtomicU64,
    /// Messages written to the spool.
    pub spooled: AtomicU64,
    /// Messages lost because the spool's files were damaged, or places where a file had to be cut at the start.
    pub spool_damaged: AtomicU64,
    /// Gauge: batches of this life in the spool, and
    pub spool_own_batches: AtomicU64,
    /// the Cap'n Proto messages in them.
    pub spool_own_messages: AtomicU64,
    /// From the hand-over to the client to the acknowledgement.
    pub ack_latency: LatencyHistogram,
}

impl SinkStatus {
    /// Whether the sink takes batches and makes them durable.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }

    /// Why it is not ready.
    pub fn trouble(&self) -> Option<Trouble> {
        if self.is_ready() {
            return None;
        }
        let trouble = self
            .trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        Some(trouble.unwrap_or_else(|| {
            Trouble::new(
                Reason::Starting,
                "the sink has not started yet",
                "wait for a moment",
            )
        }))
    }

    /// A place in what the sink keeps: what is handed to the bridge from now on will lie behind it. `None` before the
    /// sink has come up, and for sinks that keep nothing.
    pub fn position(&self) -> Option<Position> {
        self.lock_position().clone()
    }

    /// Whether the first session found no fence in a stream that is not new and lets go of nothing by itself: a life before,
    /// if there was one, had raised one, so somebody has removed what it published. Known once there is a position.
    pub fn fence_was_gone(&self) -> bool {
        self.fence_was_gone.load(Relaxed)
    }

    /// Whether the stream refuses what earlier sessions and lives left on its way; known once there is a position.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Relaxed)
    }

    pub(crate) fn set_position(&self, position: Position) {
        *self.lock_position() = Some(position);
    }

    /// The stream has grown to this sequence.
    pub(crate) fn advance_position(&self, reached: u64) {
        if let Some(Position::Stream { sequence, .. }) = &mut *self.lock_position() {
            *sequence = reached.max(*sequence);
        }
    }

    fn lock_position(&self) -> std::sync::MutexGuard<'_, Option<Position>> {
        self.position
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Failures so far, by reason.
    pub fn errors(&self, reason: Reason) -> u64 {
        self.errors[reason as usize].load(Relaxed)
    }

    /// All is well (again).
    pub fn set_ready(&self, sink: &str) {
        let before = self
            .trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .take();
        self.ready.store(true, Relaxed);
        if let Some(before) = before {
            info!(sink, after = before.reason.label(), "sink is ready again");
        }
    }

    /// Something is wrong: counted each time, said once per cause.
    pub fn set_trouble(&self, sink: &str, trouble: Trouble) {
        self.errors[trouble.reason as usize].fetch_add(1, Relaxed);
        let mut current = self
            .trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        self.ready.store(false, Relaxed);
        if current.as_ref() != Some(&trouble) {
            warn!(
                sink,
                reason = trouble.reason.label(),
                cause = %trouble.cause,
                remedy = %trouble.remedy,
                "sink is not ready; retrying"
            );
            *current = Some(trouble);
        }
    }

    pub(crate) fn subtract(gauge: &AtomicU64, by: u64) {
        gauge.fetch_sub(by, Relaxed);
    }

    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Relaxed);
    }
}
