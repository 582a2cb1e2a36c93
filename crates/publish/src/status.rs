//! Status of the sink: for `/readyz`, for metrics, and for those who wait for acknowledgements.

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
    /// Adds an observation.
    pub fn observe_ns(&self, ns: u64) {
        let seconds = ns as f64 / 1e9;
        let bucket = LATENCY_BOUNDS_SECONDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_ns.fetch_add(ns, Relaxed);
    }

    /// Returns the observations per bucket and their sum in seconds. The buckets are not cumulative; the last one holds what
    /// lies beyond all bounds.
    pub fn read(&self) -> ([u64; LATENCY_BOUNDS_SECONDS.len() + 1], f64) {
        (
            std::array::from_fn(|bucket| self.buckets[bucket].load(Relaxed)),
            self.sum_ns.load(Relaxed) as f64 / 1e9,
        )
    }
}

/// What the spool lost of the present life. All routers were resynced for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostInSpool {
    /// Batches.
    pub batches: u64,
    /// Cap'n Proto messages in these batches.
    pub messages: u64,
}

/// Status of the sink, shared between threads. Counters only rise; the fields that are gauges say so.
#[derive(Debug, Default)]
pub struct SinkStatus {
    ready: AtomicBool,
    trouble: Mutex<Option<Trouble>>,
    /// What is wrong with the place of the spool, beside what is wrong with the sink.
    spool_trouble: Mutex<Option<Trouble>>,
    /// There is a trouble of the spool.
    spool_fails: AtomicBool,
    errors: [AtomicU64; Reason::ALL.len()],
    /// What weakens a promise, though the sink works.
    warnings: Mutex<Vec<Trouble>>,
    /// Everything that is published from now on lies behind this place.
    position: Mutex<Option<Position>>,
    /// The stream refuses messages of all earlier connections.
    pub(crate) fenced: AtomicBool,
    /// The first connection found messages but no fence in a stream without limits.
    pub(crate) fence_was_gone: AtomicBool,
    /// Batches taken from the bridge.
    pub batches_taken: AtomicU64,
    /// Cap'n Proto messages taken from the bridge.
    pub messages_taken: AtomicU64,
    /// Batches that are durable in the sink, or were set aside.
    pub batches_acknowledged: AtomicU64,
    /// Cap'n Proto messages that are durable in the sink.
    pub messages_acknowledged: AtomicU64,
    /// Cap'n Proto messages that were set aside, because they are larger than the server takes.
    pub messages_set_aside: AtomicU64,
    /// Of these, the messages of this life.
    pub messages_set_aside_of_this_life: AtomicU64,
    /// NATS messages that were set aside, but not written to a file.
    pub set_aside_without_file: AtomicU64,
    /// Payload bytes that are durable in the sink, as they were sent: compressed if compression is set.
    pub bytes_acknowledged: AtomicU64,
    /// Payload bytes of batches before compression. Counts only if compression is set.
    pub bytes_before_compression: AtomicU64,
    /// Payload bytes of batches after compression. Counts only if compression is set.
    pub bytes_after_compression: AtomicU64,
    /// NATS messages that were handed to the client, including resends.
    pub published: AtomicU64,
    /// NATS messages that were handed to the client again.
    pub resent: AtomicU64,
    /// Acknowledgements of messages that the server had stored already.
    pub duplicates: AtomicU64,
    /// Messages stored behind a later one of the same router, because the server refused them at first.
    pub reordered: AtomicU64,
    /// Times that the stream was found without messages that it had acknowledged.
    pub stream_losses: AtomicU64,
    /// Connections made.
    pub connects: AtomicU64,
    /// Connections lost.
    pub disconnects: AtomicU64,
    /// Gauge: NATS messages in the window, not acknowledged.
    pub window_messages: AtomicU64,
    /// Gauge: payload bytes in the window, not acknowledged.
    pub window_bytes: AtomicU64,
    /// Nanoseconds in which the window was full.
    pub window_full_ns: AtomicU64,
    /// Gauge: bytes of the spool's files.
    pub spool_bytes: AtomicU64,
    /// Gauge: messages in the spool that are not acknowledged.
    pub spool_batches: AtomicU64,
    /// Messages written to the spool.
    pub spooled: AtomicU64,
    /// Messages lost because a file of the spool was damaged or removed, plus places where a file had to be cut at the start.
    pub spool_damaged: AtomicU64,
    /// Segments that were found damaged at the start, or that somebody removed while the sink wrote to them.
    pub segments_lost: AtomicU64,
    /// Gauge: batches of this life in the spool.
    pub spool_own_batches: AtomicU64,
    /// Gauge: Cap'n Proto messages of this life in the spool.
    pub spool_own_messages: AtomicU64,
    /// Gauge: messages of earlier lives in the spool that are not acknowledged.
    pub spool_former: AtomicU64,
    /// Batches of this life that the spool lost. All routers were resynced for that.
    pub(crate) spool_lost_own_batches: AtomicU64,
    /// Cap'n Proto messages in these batches.
    pub(crate) spool_lost_own_messages: AtomicU64,
    /// Time from handing a message to the client to its acknowledgement.
    pub ack_latency: LatencyHistogram,
}

impl SinkStatus {
    /// Returns whether the sink takes batches and makes them durable.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) && !self.spool_fails.load(Relaxed)
    }

    /// Returns why the sink is not ready; `None` if it is ready.
    pub fn trouble(&self) -> Option<Trouble> {
        if self.is_ready() {
            return None;
        }
        let of = |trouble: &Mutex<Option<Trouble>>| {
            let trouble = trouble.lock();
            trouble.unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
        };
        let trouble = of(&self.trouble).or_else(|| of(&self.spool_trouble));
        Some(trouble.unwrap_or_else(|| {
            Trouble::new(
                Reason::Starting,
                "the sink has not started yet",
                "wait for a moment",
            )
        }))
    }

    /// Returns a place in what the sink stores: every batch that is handed to the bridge from now on will lie behind it.
    /// `None` before the sink is ready for the first time, and for sinks that store nothing.
    pub fn position(&self) -> Option<Position> {
        self.lock_position().clone()
    }

    /// Returns whether the first connection found messages but no fence in a stream without limits. An earlier life would
    /// have raised a fence, so somebody has removed what it published. Known once there is a position.
    pub fn fence_was_gone(&self) -> bool {
        self.fence_was_gone.load(Relaxed)
    }

    /// Returns whether the stream refuses late messages of earlier connections and lives. Known once there is a position.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Relaxed)
    }

    pub(crate) fn set_position(&self, position: Position) {
        *self.lock_position() = Some(position);
    }

    /// Notes that the stream has grown to this sequence, and the identity of the message there.
    pub(crate) fn advance_position(&self, reached: u64, identity: &str) {
        if let Some(Position::Stream {
            sequence, message, ..
        }) = &mut *self.lock_position()
            && reached > *sequence
        {
            *sequence = reached;
            *message = Some(identity.to_owned());
        }
    }

    fn lock_position(&self) -> std::sync::MutexGuard<'_, Option<Position>> {
        self.position
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Returns the number of failures with this reason.
    pub fn errors(&self, reason: Reason) -> u64 {
        self.errors[reason as usize].load(Relaxed)
    }

    /// Notes that the sink works, and logs it if there was a trouble before.
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

    /// Notes a trouble. It is counted each time, and logged once per cause.
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

    /// Notes that the directory of the spool is not in place, or with `None` that it is again. The sink is not ready
    /// meanwhile. A trouble is counted each time, and logged once per cause.
    pub(crate) fn set_spool_trouble(&self, trouble: Option<Trouble>) {
        let mut current = self
            .spool_trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match &trouble {
            Some(trouble) => {
                SinkStatus::add(&self.errors[trouble.reason as usize], 1);
                if current.as_ref() != Some(trouble) {
                    warn!(
                        reason = trouble.reason.label(),
                        cause = %trouble.cause,
                        remedy = %trouble.remedy,
                        "the spool is not in place, so the sink is not ready; retrying"
                    );
                }
            }
            None if current.is_some() => info!("the spool is in place again"),
            None => {}
        }
        self.spool_fails.store(trouble.is_some(), Relaxed);
        *current = trouble;
    }

    /// Returns how often something was lost on its way to consumers that a snapshot in progress may list as published. The
    /// number only rises.
    pub fn losses(&self) -> u64 {
        let counters = [
            &self.messages_set_aside,
            &self.spool_damaged,
            &self.segments_lost,
            &self.stream_losses,
        ];
        counters.iter().map(|counter| counter.load(Relaxed)).sum()
    }

    /// Returns what the spool lost of this life.
    pub fn lost_in_spool(&self) -> LostInSpool {
        LostInSpool {
            batches: self.spool_lost_own_batches.load(Relaxed),
            messages: self.spool_lost_own_messages.load(Relaxed),
        }
    }

    /// Returns what weakens a promise, though the sink works.
    pub fn warnings(&self) -> Vec<Trouble> {
        self.lock_warnings().clone()
    }

    /// Notes what weakens a promise. Each warning is logged when it comes up.
    pub(crate) fn set_warnings(&self, sink: &str, warnings: &[Trouble]) {
        let mut current = self.lock_warnings();
        for warning in warnings {
            if !current.contains(warning) {
                warn!(
                    sink,
                    cause = %warning.cause,
                    remedy = %warning.remedy,
                    "a setting of the stream weakens what the collector promises"
                );
            }
        }
        warnings.clone_into(&mut current);
    }

    fn lock_warnings(&self) -> std::sync::MutexGuard<'_, Vec<Trouble>> {
        self.warnings
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn subtract(gauge: &AtomicU64, by: u64) {
        gauge.fetch_sub(by, Relaxed);
    }

    pub(crate) fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Relaxed);
    }
}
