//! Safeguards that can be taken out, to prove that the simulator notices.
//!
//! Each safeguard is taken out around the core and never in the core, so that the core under test is the one that ships.

/// A safeguard that is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Stale routes are never withdrawn: neither End-of-RIB nor time completes a dump, and a lost router is kept.
    StaleSweep,
    /// Quiet periods go on while nothing is received because the bridge is full.
    QuietPeriod,
    /// Events overtake the updates before them.
    EventBarrier,
    /// After a disconnect messages are sent again in another order.
    OrderedResend,
    /// The broker does not compare message ids, so doubles stay.
    MessageId,
    /// After a disconnect nobody asks the stream what it has. Only the broker's memory of ids is left.
    Inventory,
    /// A message counts as stored when it is sent.
    Acknowledgement,
    /// Identical announcements and needless withdraws go through.
    Curation,
    /// A snapshot becomes current before everything in it is acknowledged.
    Watermark,
    /// A restart uses the snapshot alone, without what was published since.
    TailReplay,
    /// The position in the stream is read at the end of the walk.
    LatePosition,
    /// The old generations are removed before the new one is whole.
    ManifestOrder,
    /// A restarted collector uses the message ids of the life before.
    LifeId,
    /// A stream that lost messages counts as whole.
    Gap,
    /// A restarted collector does not know which sequences are used.
    SequenceFloor,
    /// After a start with a stream that lost messages, a router that is named nowhere counts as new.
    Strangers,
    /// The stream takes messages of connections from before the fence.
    Fencing,
    /// A stream that lost acknowledged messages while the collector runs is taken as it is: no router is resynchronised.
    LostTail,
    /// With another name, or without its data directory, a collector takes routers that it does not know as new.
    OtherName,
    /// The routes of a dropped batch are not put in doubt.
    Doubt,
    /// Nothing of a requested resync is published but its begin and its end. Resyncs are requested in runs without this safeguard.
    RequestedResync,
    /// Nothing of a resync from the retained attributes after a loss is published but its begin and its end. In runs without this
    /// safeguard, brokers lose messages and tables retain all attributes.
    LossResync,
    /// The consumer that sweeps where `resync-end` asks for it never does.
    Sweep,
}

impl Fault {
    /// All safeguards.
    pub const ALL: [Self; 23] = [
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
        Self::LostTail,
        Self::OtherName,
        Self::Doubt,
        Self::RequestedResync,
        Self::LossResync,
        Self::Sweep,
    ];
}
