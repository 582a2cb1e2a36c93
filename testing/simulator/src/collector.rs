//! What a crash takes away: all that the collector holds in memory.

use std::collections::VecDeque;
use std::sync::Arc;

use arancini_core::snapshot::{End, Walk};
use arancini_core::window::Limits;
use arancini_core::{Batch, BatchSettings, Counters, Settings, Shard};
use arancini_generate::Random;

use crate::fault::Fault;
use crate::publisher::Publisher;
use crate::world::{MILLISECOND, SECOND, pick};

/// What stays the same from one life of the collector to the next.
#[derive(Debug)]
pub struct Setup {
    /// Of the shard.
    pub settings: Settings,
    limits: Limits,
    socket_messages: usize,
    /// Batches that the bridge takes.
    pub bridge_batches: usize,
    /// Routes that a slice of a snapshot takes at once.
    pub slice_routes: usize,
    fault: Option<Fault>,
}

impl Setup {
    /// Small enough that its bounds are met.
    pub fn draw(random: &mut Random, fault: Option<Fault>) -> Self {
        let settings = settings(random, fault);
        Self {
            settings,
            limits: Limits {
                max_bytes: pick(random, &[2_000, 10_000, 1 << 20]),
                max_messages: pick(random, &[2, 5, 64]),
                ack_timeout_ns: 5 * SECOND,
            },
            socket_messages: pick(random, &[1, 3, 16]),
            bridge_batches: pick(random, &[1, 4, 32]),
            slice_routes: pick(random, &[1, 60, 400, 2_000]),
            fault,
        }
    }
}

/// How far a snapshot is.
#[derive(Debug, Default)]
pub enum Snapshot {
    /// None is being taken.
    #[default]
    None,
    /// Slices are written between everything else.
    Walking(Walk),
    /// All is written; not all of it is acknowledged.
    Waiting(End),
    /// So much of it is in the temporary file.
    Writing(usize),
    /// It has its name.
    Renamed,
    /// The manifest names it.
    Listed,
}

/// One life of the collector.
pub struct Collector {
    /// It is there; else nothing of it is.
    pub runs: bool,
    /// It reads what routers send.
    pub listens: bool,
    /// Which life, from 1.
    pub life: u32,
    /// The core.
    pub shard: Shard,
    /// Batches that found the bridge full; as long as there are any, nothing is received.
    pub backlog: VecDeque<Batch>,
    /// Batches on their way to the publisher.
    pub bridge: VecDeque<Batch>,
    /// The last batch that the shard closed.
    pub last_number: u64,
    /// The way out.
    pub publisher: Publisher,
    /// The snapshot that is being taken, and its bytes so far.
    pub snapshot: Snapshot,
    /// What is written of it.
    pub snapshot_bytes: Vec<u8>,
}

impl Collector {
    /// A collector that holds nothing, of a stream that is there up to this sequence.
    pub fn new(life: u32, setup: &Setup, stream_sequence: u64) -> Self {
        let settings = setup.settings.clone();
        Self {
            runs: true,
            listens: true,
            life,
            shard: Shard::new(1, settings, Arc::new(Counters::default())),
            backlog: VecDeque::new(),
            bridge: VecDeque::new(),
            last_number: 0,
            publisher: Publisher::new(
                life,
                (setup.limits, setup.socket_messages),
                stream_sequence,
                setup.fault,
            ),
            snapshot: Snapshot::None,
            snapshot_bytes: Vec::new(),
        }
    }

    /// Whether everything that was decided is acknowledged.
    pub fn is_drained(&self) -> bool {
        self.backlog.is_empty() && self.bridge.is_empty() && self.publisher.held() == 0
    }

    /// Whether a batch up to this number is not acknowledged.
    pub fn holds_up_to(&self, number: u64) -> bool {
        let waiting = self.backlog.iter().chain(&self.bridge);
        self.publisher.holds_up_to(number) || waiting.into_iter().any(|batch| batch.number <= number)
    }
}

fn settings(random: &mut Random, fault: Option<Fault>) -> Settings {
    let mut settings = Settings {
        session_hold_ns: u64::from(10 + random.below(30)) * SECOND,
        quiet_period_ns: u64::from(1 + random.below(8)) * SECOND,
        max_message_bytes: 8192,
        batch: BatchSettings {
            max_messages: pick(random, &[1, 3, 1000]),
            max_bytes: pick(random, &[600, 4_000, 48 * 1024]),
            linger_ns: pick(random, &[MILLISECOND, 5 * MILLISECOND, 400 * MILLISECOND]),
            max_open_bytes: pick(random, &[1_500, 1 << 20]),
            ..BatchSettings::default()
        },
        ..Settings::default()
    };
    if fault == Some(Fault::StaleSweep) {
        settings.session_hold_ns = u64::MAX / 4;
        settings.quiet_period_ns = u64::MAX / 4;
    }
    if fault == Some(Fault::Curation) {
        settings.curation = arancini_rib::CurationMode::Off;
    }
    settings
}
