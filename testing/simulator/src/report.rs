//! What a run came to.

/// Counts of a run that broke no promise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Updates in the stream.
    pub updates: u64,
    /// Messages in the stream.
    pub messages: u64,
    /// Messages that were sent again after a disconnect.
    pub resent: u64,
    /// Doubles that the broker dropped.
    pub doubles: u64,
    /// Messages that the broker refused.
    pub refusals: u64,
    /// Routes that consumers held in the end.
    pub routes: u64,
    /// Snapshots that became current.
    pub snapshots: u64,
    /// Crashes of the collector.
    pub crashes: u64,
    /// Stops that lost nothing.
    pub stops: u64,
    /// Starts from a snapshot, with messages of the stream behind it.
    pub restored: u64,
    /// Starts with a stream that had lost messages.
    pub gaps: u64,
    /// Starts under another name, and starts without the data directory.
    pub strange_starts: u64,
    /// Resyncs of all routers, because the stream had lost acknowledged messages.
    pub lost_tails: u64,
    /// Routers that were published again from their attributes for that.
    pub resyncs_from_attributes: u64,
    /// Resyncs that were requested and not refused.
    pub requested_resyncs: u64,
    /// Resyncs that said at their end that everything that is gone is withdrawn.
    pub resyncs_all_withdrawn: u64,
    /// Messages that were dropped because the bridge was full.
    pub dropped: u64,
    /// Dumps that were watched for routes that are given up too early.
    pub slow_dumps: u64,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.updates += other.updates;
        self.messages += other.messages;
        self.resent += other.resent;
        self.doubles += other.doubles;
        self.refusals += other.refusals;
        self.routes += other.routes;
        self.snapshots += other.snapshots;
        self.crashes += other.crashes;
        self.stops += other.stops;
        self.restored += other.restored;
        self.gaps += other.gaps;
        self.strange_starts += other.strange_starts;
        self.lost_tails += other.lost_tails;
        self.resyncs_from_attributes += other.resyncs_from_attributes;
        self.requested_resyncs += other.requested_resyncs;
        self.resyncs_all_withdrawn += other.resyncs_all_withdrawn;
        self.dropped += other.dropped;
        self.slow_dumps += other.slow_dumps;
    }
}
