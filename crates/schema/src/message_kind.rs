//! The kinds of messages of the schema.

/// The struct that a message holds. The subject of a message says which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// `Update`.
    Update,
    /// `PeerEvent`.
    Peer,
    /// `RouterEvent`.
    Router,
    /// `StatisticsEvent`.
    Statistics,
    /// `MalformedMessage`.
    Malformed,
}
