//! Safeguards that can be taken out, to see that the simulator misses them.
//!
//! Each is taken out around the core, never in it: what is tested is what ships.

/// A safeguard taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Stale routes are never withdrawn: neither End-of-RIB nor time makes a dump complete, a lost router is kept.
    StaleSweep,
    /// Quiet periods run on while nothing is received for want of room on the bridge.
    QuietPeriod,
    /// Events overtake the updates before them.
    EventBarrier,
    /// What is sent again after a disconnect goes out in another order.
    OrderedResend,
    /// The broker knows no message ids: doubles stay.
    MessageId,
    /// After a disconnect the stream is not asked what it has; only the broker's memory of ids is left.
    Inventory,
    /// A message counts as stored once it is sent.
    Acknowledgement,
    /// Identical announcements and needless withdraws go through.
    Curation,
    /// A snapshot counts though what it holds is not acknowledged.
    Watermark,
    /// A restart takes the snapshot as it is, without what was published since.
    TailReplay,
    /// The stream's place is read when the walk is over.
    LatePosition,
    /// The old generations are removed before the new one is whole.
    ManifestOrder,
    /// A restarted collector gives out the message ids of the life before.
    LifeId,
    /// A stream that lost messages is taken for whole.
    Gap,
    /// A restarted collector is not told which sequences were given out.
    SequenceFloor,
    /// After a start with a stream that lost messages, routers that are named nowhere are taken for new ones.
    Strangers,
    /// The stream takes what connections from before the fence had left on its way.
    Fencing,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::StaleSweep,
        Self::QuietPeriod,
        Self::EventBarrier,
        Self::OrderedResend,
        Self::MessageId,
        Self::Inventory,
        Self::Acknowledgement,
        Self::Curation,
        Self::Watermark,
        Self::TailReplay,
        Self::LatePosition,
        Self::ManifestOrder,
        Self::LifeId,
        Self::Gap,
        Self::SequenceFloor,
        Self::Strangers,
        Self::Fencing,
    ];
}
