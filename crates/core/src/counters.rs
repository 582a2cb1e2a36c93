//! Counters of a worker. The worker is the only writer and adds without a locked instruction; a scrape reads.

use std::sync::atomic::{AtomicU64, Ordering};

use arancini_wire::bmp::RibView;

/// Place of the message type in the common header (RFC 7854 §4.1).
const TYPE_OFFSET: usize = 5;

/// A counter or gauge that only its worker changes.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owning worker may call this, because two writers would lose counts.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0
            .store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Sets the value of a gauge.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The present value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What real senders do against the RFCs, each with a name (`docs/interop.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Quirk {
    /// Add-Path was negotiated for the family and direction, but the NLRI carries no path identifiers.
    PathIdsAbsent,
    /// The NLRI carries path identifiers that were not negotiated.
    PathIdsNotNegotiated,
    /// The AS numbers of AS_PATH have another width than the A flag of the per-peer header says.
    AsWidth,
    /// Routes of a peer without a Peer Up. The peer becomes provisional.
    NoPeerUp,
    /// A Peer Down for a peer that was not up in this session.
    PeerDownWithoutUp,
    /// A second Peer Up without a Peer Down between them.
    PeerUpTwice,
    /// Routes whose per-peer header has another AS number or BGP identifier than the Peer Up. Counted once for each table.
    OtherThanPeerUp,
    /// A Loc-RIB message with flags that RFC 9069 does not define.
    LocRibFlags,
    /// A Statistics Report whose count is not the number of its statistics.
    StatisticsCount,
    /// A BGP message other than UPDATE in a Route Monitoring message.
    NotAnUpdate,
    /// Several BGP messages in one Route Monitoring message.
    SeveralUpdates,
    /// Octets behind the UPDATE of a Route Monitoring message that are no BGP message.
    TrailingOctets,
    /// Routes to prefixes without a next hop in MP_REACH_NLRI, in a view that the router writes itself.
    NextHopAbsent,
    /// A Peer Up with an OPEN that is a header only, is cut off, or has octets behind its parameters.
    DamagedOpen,
}

impl Quirk {
    /// How many quirks have a name.
    pub const COUNT: usize = 14;
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::PathIdsAbsent,
        Self::PathIdsNotNegotiated,
        Self::AsWidth,
        Self::NoPeerUp,
        Self::PeerDownWithoutUp,
        Self::PeerUpTwice,
        Self::OtherThanPeerUp,
        Self::LocRibFlags,
        Self::StatisticsCount,
        Self::NotAnUpdate,
        Self::SeveralUpdates,
        Self::TrailingOctets,
        Self::NextHopAbsent,
        Self::DamagedOpen,
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
            Self::OtherThanPeerUp => "other_than_peer_up",
            Self::LocRibFlags => "loc_rib_flags",
            Self::StatisticsCount => "statistics_count",
            Self::NotAnUpdate => "not_an_update",
            Self::SeveralUpdates => "several_updates",
            Self::TrailingOctets => "trailing_octets",
            Self::NextHopAbsent => "next_hop_absent",
            Self::DamagedOpen => "damaged_open",
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

    /// The sum of all views.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

/// All counters of one worker. Each is a field, so that no counter is looked up by name while messages flow.
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
    /// Withdraws published, synthetic withdraws included.
    pub emitted_withdraws: ViewCounters,
    /// Announces and withdraws that were not published, because they changed nothing.
    pub suppressed: ViewCounters,
    /// Withdraws published that no router sent: peer down, session lost, not announced again.
    pub synthetic_withdraws: Counter,
    /// Routes withdrawn for malformed attributes (RFC 7606).
    pub treated_as_withdraw: Counter,
    /// Malformed attributes discarded (RFC 7606).
    pub discarded_attributes: Counter,
    /// Fingerprints of shared attributes: one for each field of routes in an UPDATE.
    pub attribute_fingerprints: Counter,
    /// Layouts of shared fields: one for each field of routes in an UPDATE of which something is published.
    pub layouts: Counter,
    /// Messages that took the short way ([`crate::Settings::short_way`]).
    pub short_way: Counter,
    /// Messages skipped because they could not be read. Each is published as it came.
    pub malformed: Counter,
    /// End-of-RIB markers received.
    pub end_of_ribs: Counter,
    /// Peer Ups received.
    pub peers_up: Counter,
    /// Peer Downs received.
    pub peers_down: Counter,
    /// Messages skipped because their router has as many peers as it may have.
    pub peer_limit_exceeded: Counter,
    /// Quirks of senders, by [`Quirk`].
    pub quirks: [Counter; Quirk::COUNT],
    /// Events published on the peers, routers, stats and malformed subjects.
    pub events: Counter,
    /// Batches handed to the bridge.
    pub batches: Counter,
    /// Payload bytes of those batches.
    pub batch_bytes: Counter,
    /// Gauge: routers known, those without a session included.
    pub routers: Counter,
    /// Gauge: sessions open.
    pub sessions: Counter,
    /// Gauge: routes held.
    pub routes: Counter,
    /// Announces that were published again for a resync that somebody requested.
    pub repeated_announces: Counter,
    /// Routers whose routes were published again from the retained attributes, because consumers lost messages of them.
    pub resyncs_from_attributes: Counter,
    /// Routers whose next dump was made a resync, because consumers lost messages of them.
    pub resyncs_by_dump: Counter,
    /// Gauge: attribute sets held.
    pub attribute_sets: Counter,
    /// Gauge: bytes of memory that the octets of the attribute sets take.
    pub attribute_bytes: Counter,
    /// Gauge: routes of whose attributes only the fingerprint is known, although attributes are retained.
    pub routes_without_attributes: Counter,
    /// Attribute sets for whose octets there was no room.
    pub attributes_without_room: Counter,
    /// Gauge: tables with doomed routes that wait for the sweep.
    pub doomed_tables: Counter,
}

impl Counters {
    /// Counts a whole BMP message by its type.
    #[inline]
    pub fn count_message(&self, message: &[u8]) {
        let type_number = message
            .get(TYPE_OFFSET)
            .map_or(usize::MAX, |&number| usize::from(number));
        self.messages[type_number.min(self.messages.len() - 1)].add(1);
    }
}
