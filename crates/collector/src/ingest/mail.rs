//! Orders to a worker from other threads.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arancini_core::Batch;

use super::arrive::arriving::Arriving;
use super::arrive::claim::Claimed;
use super::snapshot_request::SnapshotRequest;

/// An order to a worker.
pub enum Mail {
    /// Serve a connection of a router that this worker owns.
    Adopt(Box<Arriving<Claimed>>),
    /// Write a snapshot.
    Snapshot(Box<SnapshotRequest>),
    /// Forget what was published, because the stream was lost, and make the routers dump their tables again.
    Resync,
    /// Do the same for these routers only.
    ResyncRouters(Arc<[IpAddr]>),
    /// A message was larger than the sink takes, so consumers did not get it: repair that.
    SetAside(Arc<Batch>),
    /// Stop.
    Stop(StopOrder),
}

/// How a worker has to stop.
pub struct StopOrder {
    /// Until when the worker hands to the bridge what it has decoded.
    pub deadline: Instant,
    /// The last snapshot to be written, if one is wanted.
    pub last_snapshot: Option<Box<SnapshotRequest>>,
}
