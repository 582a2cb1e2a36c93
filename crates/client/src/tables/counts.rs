//! Counters of the tables.

/// What the tables have taken so far. All counters only rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Announces.
    pub announces: u64,
    /// Withdraws.
    pub withdraws: u64,
    /// Updates that a message with the same or a higher sequence number had decided before: they arrived late or twice.
    pub late: u64,
    /// Announces with the attributes that the table held already, outside of a resync. A collector that curates by
    /// attributes publishes none.
    pub unchanged: u64,
    /// Withdraws of routes that the table did not hold. A collector that curates publishes none, unless the stream has lost
    /// the announce.
    pub unheld: u64,
    /// Routes that were removed at the end of a resync.
    pub swept: u64,
    /// Ends of a resync whose begin has not been taken: the routes that should be removed are not known.
    pub resync_without_begin: u64,
}
