//! The kinds of messages of the schema.

/// The struct that a message holds. The subject of a message says which it is, so all messages of a batch are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// `Update` messages (subject `updates.…`).
    Updates,
    /// `PeerEvent` messages (subject `peers.…`).
    Peers,
    /// `RouterEvent` messages (subject `routers.…`).
    Routers,
    /// `StatisticsEvent` messages (subject `stats.…`).
    Statistics,
    /// `MalformedMessage` messages (subject `malformed.…`).
    Malformed,
}

impl MessageKind {
    /// All kinds, in the order of their discriminants.
    pub const ALL: [Self; 5] = [
        Self::Updates,
        Self::Peers,
        Self::Routers,
        Self::Statistics,
        Self::Malformed,
    ];
}
