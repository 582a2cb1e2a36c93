//! What a worker counts. One writer, many readers: the worker adds without a locked instruction, a scrape reads.

use std::sync::atomic::{AtomicU64, Ordering};

use arancini_wire::bmp::RibView;

/// A counter that only its worker adds to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning worker may call this: two writers would lose counts.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Sets a gauge.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Things real senders do against the RFCs, each handled by name (`docs/interop.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Quirk {
    /// Add-Path was negotiated for the family and direction, but the NLRI carries no path identifiers.
    PathIdsAbsent,
    /// The NLRI carries path identifiers that were not negotiated.
    PathIdsNotNegotiated,
    /// AS_PATH has another AS number width than the A flag of the per-peer header says.
    AsWidth,
    /// Routes or statistics of a peer without a Peer Up: a provisional peer is made.
    NoPeerUp,
    /// A Peer Down for a peer that was never up in this session.
    PeerDownWithoutUp,
    /// A second Peer Up without a Peer Down between.
    PeerUpTwice,
    /// A Loc-RIB message with flags that RFC 9069 does not define.
    LocRibFlags,
    /// A statistics report whose count is not the number of its statistics.
    StatisticsCount,
    /// A BGP message other than UPDATE in a Route Monitoring message.
    NotAnUpdate,
    /// Several BGP messages in one Route Monitoring message.
    SeveralUpdates,
}

impl Quirk {
    /// How many quirks have a name.
    pub const COUNT: usize = 10;
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::PathIdsAbsent,
        Self::PathIdsNotNegotiated,
        Self::AsWidth,
        Self::NoPeerUp,
        Self::PeerDownWithoutUp,
        Self::PeerUpTwice,
        Self::LocRibFlags,
        Self::StatisticsCount,
        Self::NotAnUpdate,
        Self::SeveralUpdates,
    ];

    /// The name used in metrics, JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PathIdsAbsent => "path_ids_absent",
            Self::PathIdsNotNegotiated => "path_ids_not_negotiated",
            Self::AsWidth => "as_width",
            Self::NoPeerUp => "no_peer_up",
            Self::PeerDownWithoutUp => "peer_down_without_up",
            Self::PeerUpTwice => "peer_up_twice",
            Self::LocRibFlags => "loc_rib_flags",
            Self::StatisticsCount => "statistics_count",
            Self::NotAnUpdate => "not_an_update",
            Self::SeveralUpdates => "several_updates",
        }
    }
}

/// Counters of routes, split by RIB view.
#[derive(Debug, Default)]
pub struct ViewCounters([Counter; RibView::ALL.len()]);

impl ViewCounters {
    /// The counter of one view.
    #[inline]
    #[must_use]
    pub fn of(&self, view: RibView) -> &Counter {
        &self.0[view as usize]
    }

    /// All views together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

/// Everything one worker counts. Handles are fields: nothing is looked up by name while messages flow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes received from routers.
    pub received_bytes: Counter,
    /// BMP messages by type number; the last place counts all unknown types.
    pub messages: [Counter; 8],
    /// Routes announced by routers, before curation.
    pub received_announces: ViewCounters,
    /// Routes withdrawn by routers, before curation.
    pub received_withdraws: ViewCounters,
    /// Announces published.
    pub emitted_announces: ViewCounters,
    /// Withdraws published, synthetic ones included.
    pub emitted_withdraws: ViewCounters,
    /// Announces and withdraws that consumers knew already.
    pub suppressed: ViewCounters,
    /// Withdraws that no router sent: peer down, session lost, not re-announced.
    pub synthetic_withdraws: Counter,
    /// Routes withdrawn for malformed attributes (RFC 7606).
    pub treated_as_withdraw: Counter,
    /// Attributes discarded for being malformed (RFC 7606).
    pub discarded_attributes: Counter,
    /// Fingerprints made of the attributes that the routes of a field of an UPDATE share: once per field.
    pub attribute_fingerprints: Counter,
    /// Layouts that the updates of a field of an UPDATE share, made if there are any: once per field.
    pub layouts: Counter,
    /// Messages skipped because they could not be read; each is published raw.
    pub malformed: Counter,
    /// End-of-RIB markers.
    pub end_of_ribs: Counter,
    /// Peer Ups.
    pub peers_up: Counter,
    /// Peer Downs.
    pub peers_down: Counter,
    /// Messages of peers above the limit of peers of a router, skipped.
    pub peer_limit_exceeded: Counter,
    /// Senders' quirks, by [`Quirk`].
    pub quirks: [Counter; Quirk::COUNT],
    /// Events published on the peers, routers, stats and malformed subjects.
    pub events: Counter,
    /// Batches handed to the bridge.
    pub batches: Counter,
    /// Payload bytes of those batches.
    pub batch_bytes: Counter,
    /// Gauge: routers known, stale ones included.
    pub routers: Counter,
    /// Gauge: sessions open.
    pub sessions: Counter,
    /// Gauge: routes held.
    pub routes: Counter,
    /// Gauge: tables with routes that wait to be withdrawn in slices.
    pub doomed_tables: Counter,
}
