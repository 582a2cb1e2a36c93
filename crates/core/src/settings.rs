//! Settings of the core.

use arancini_rib::CurationMode;

use crate::batcher::BatchSettings;
use crate::names::Names;

/// Settings of a [`crate::Shard`]. Defaults are the documented ones of the collector.
#[derive(Debug, Clone)]
pub struct Settings {
    /// First token of every subject.
    pub subject_base: String,
    /// How much of a route curation compares.
    pub curation: CurationMode,
    /// What tables keep of the attributes of routes.
    pub attributes: KeptAttributes,
    /// How long the routes of a lost router are kept, in case it comes back, in nanoseconds.
    pub session_hold_ns: u64,
    /// How long nothing of any dump of a router has to come until its dumps without End-of-RIB count as complete, in nanoseconds.
    pub quiet_period_ns: u64,
    /// Longest BMP message.
    pub max_message_bytes: usize,
    /// Most peers of one router.
    pub max_peers_per_router: usize,
    /// Work after which other sessions get their turn, counted in routes. A message of more routes is taken in several turns.
    pub turn_work: u64,
    /// Whether common messages take the short way. Both ways publish the same; the general way alone is for comparison.
    pub short_way: bool,
    /// When batches close.
    pub batch: BatchSettings,
    /// Names and labels of routers.
    pub names: Names,
}

/// What tables keep of the attributes of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptAttributes {
    /// A fingerprint of each route's attributes.
    Fingerprint,
    /// The attributes: each worker keeps each distinct set once. Only with [`CurationMode::Attributes`]; tables of other modes
    /// keep no attributes.
    Retain {
        /// Most bytes that the octets of all sets of a worker may take. Of further sets, only the fingerprint is kept.
        most_bytes: usize,
    },
}

impl Settings {
    /// The usual work of one turn: 200 to 600 µs, the more the faster tables grow.
    pub const TURN_WORK: u64 = 1000;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            subject_base: "arancini".to_owned(),
            curation: CurationMode::Attributes,
            attributes: KeptAttributes::Fingerprint,
            session_hold_ns: 300 * 1_000_000_000,
            quiet_period_ns: 30 * 1_000_000_000,
            max_message_bytes: 1 << 20,
            max_peers_per_router: 10_000,
            turn_work: Self::TURN_WORK,
            short_way: true,
            batch: BatchSettings::default(),
            names: Names::default(),
        }
    }
}
