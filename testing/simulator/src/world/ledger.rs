//! Counts over all lives of the collector.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Counts of all lives so far.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// Crashes, and stops that left a batch unacknowledged.
    pub crashes: u64,
    /// Stops that lost nothing.
    pub stops: u64,
    /// Snapshots that became current.
    pub snapshots: u64,
    /// Starts from a snapshot.
    pub restored: u64,
    /// Starts with a stream that had lost messages.
    pub gaps: u64,
    /// Starts under another name, and starts without the data directory.
    pub strange_starts: u64,
    /// Times that the routers were resynchronised because the stream had lost acknowledged messages.
    pub lost_tails: u64,
    /// Routers that were published again from their attributes for that.
    pub resyncs_from_attributes: u64,
    /// Resyncs that were requested and not refused.
    pub requested_resyncs: u64,
    /// Messages that were dropped because the bridge was full.
    pub dropped: u64,
    /// `dropped` when the present snapshot was begun.
    pub dropped_before_walk: u64,
    /// Messages that ended lives sent again.
    pub resent: u64,
    /// Messages that ended lives reported as overtaken.
    pub overtaken: u64,
    /// Routers that neither a snapshot nor the stream named at a start, although consumers hold routes of them; each with
    /// its highest sequence until then.
    pub unknown: BTreeMap<IpAddr, u64>,
}
