//! One life of the collector: what it holds in memory, and a crash takes away.

use std::collections::VecDeque;
use std::sync::Arc;

use arancini_core::snapshot::{End, Walk};
use arancini_core::window::Limits;
use arancini_core::{Batch, BatchSettings, Counters, Settings, Shard};
use arancini_generate::Random;
use arancini_rib::CurationMode;

use crate::chance::{MILLISECOND, SECOND, pick};
use crate::fault::Fault;
use crate::publisher::Publisher;

/// The settings of a run. They stay from one life of the collector to the next.
#[derive(Debug)]
pub struct Setup {
    /// Settings of the shard.
    pub settings: Settings,
    limits: Limits,
    socket_messages: usize,
    /// Number of batches that fit on the bridge.
    pub bridge_batches: usize,
    /// Number of routes in a slice of a snapshot.
    pub slice_routes: usize,
    /// Whether updates are dropped where the bridge is full (`publish.on_full = "drop"`).
    pub drops: bool,
    fault: Option<Fault>,
}

impl Setup {
    /// Draws settings that are small enough for a run to reach their bounds.
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
            drops: random.percent(20),
            fault,
        }
    }
}

/// With `drops`, the length of the backlog at which the worker stops receiving. The real limit is 1024.
const MOST_KEPT: usize = 64;

/// The progress of a snapshot.
#[derive(Debug, Default)]
pub enum Snapshot {
    /// No snapshot is being taken.
    #[default]
    None,
    /// Slices are written between everything else.
    Walking(Walk),
    /// Everything is written, but not everything in the snapshot is acknowledged.
    Waiting(End),
    /// This many bytes are in the temporary file.
    Writing(usize),
    /// The file has its final name.
    Renamed,
    /// The manifest names the file.
    Listed,
}

/// One life of the collector.
pub struct Collector {
    /// Whether the process runs.
    pub runs: bool,
    /// Whether it reads what routers send.
    pub listens: bool,
    /// The number of this life, counted from 1.
    pub life: u32,
    /// The core.
    pub shard: Shard,
    /// Batches that found the bridge full. While there are any, the worker receives nothing.
    pub backlog: VecDeque<Batch>,
    /// Batches on their way to the publisher.
    pub bridge: VecDeque<Batch>,
    /// The number of the last batch that the shard closed.
    pub last_number: u64,
    /// The publisher.
    pub publisher: Publisher,
    /// The snapshot that is being taken.
    pub snapshot: Snapshot,
    /// The bytes of that snapshot so far.
    pub snapshot_bytes: Vec<u8>,
}

impl Collector {
    /// A collector that holds nothing. The stream has messages up to this sequence.
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

    /// Whether the worker may receive and give up quiet tables: it waits for nothing. A worker that drops updates goes on while
    /// batches wait that it must not drop.
    pub fn hears(&self, drops: bool) -> bool {
        self.backlog.is_empty() || drops && self.backlog.len() < MOST_KEPT
    }

    /// Whether every closed batch is acknowledged.
    pub fn is_drained(&self) -> bool {
        self.backlog.is_empty() && self.bridge.is_empty() && self.publisher.held() == 0
    }

    /// Whether a batch up to this number waits for its acknowledgement.
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
        // A message of several routes is taken in several turns, with other work between them.
        turn_work: pick(random, &[1, 3, 1000]),
        batch: BatchSettings {
            max_messages: pick(random, &[1, 3, 1000]),
            max_bytes: pick(random, &[600, 4_000, 48 * 1024]),
            linger_ns: pick(random, &[MILLISECOND, 5 * MILLISECOND, 400 * MILLISECOND]),
            max_open_bytes: pick(random, &[1_500, 1 << 20]),
            max_closed_bytes: pick(random, &[500, 4 << 20]),
        },
        ..Settings::default()
    };
    if random.percent(25) {
        settings.curation = CurationMode::Presence;
    }
    if fault == Some(Fault::StaleSweep) {
        settings.session_hold_ns = u64::MAX / 4;
        settings.quiet_period_ns = u64::MAX / 4;
    }
    if fault == Some(Fault::Curation) {
        settings.curation = CurationMode::Off;
    }
    settings
}
