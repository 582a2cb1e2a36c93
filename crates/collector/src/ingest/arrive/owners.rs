//! Which worker owns a router: the interface.
//!
//! A router belongs to one worker as long as anything is known of the router. Ownership is asked for when a session opens
//! and when a router is forgotten, never while messages flow. Today [`LocalOwners`](super::local_owners::LocalOwners) keeps a
//! table in memory; several collectors could keep leases in a store behind the same interface.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::ingest::index::WorkerIndex;

/// How heavy a worker is at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Routes it holds.
    pub routes: u64,
    /// Bytes it received in the last second.
    pub rate: u64,
}

/// Decides which worker owns a router. Shared by all workers.
pub trait Owners: Send + Sync + fmt::Debug {
    /// Returns the owner of a router that opens a session, and keeps it the owner as long as the claim lives. A router
    /// without an owner gets one; `load` tells how heavy each worker is.
    fn claim(self: Arc<Self>, router: IpAddr, load: &dyn Fn(WorkerIndex) -> Load) -> Claim;

    /// Makes this worker the owner of a router that has no session: it was restored.
    fn assign(&self, router: IpAddr, worker: WorkerIndex);

    /// Takes note that the owner has forgotten the router. The router's next session may go elsewhere, unless one is on its
    /// way already.
    fn forget(&self, router: IpAddr);

    /// The worker that owns the router at the moment.
    fn owner(&self, router: IpAddr) -> Option<WorkerIndex>;

    /// Takes note that a claim has ended. Only a [`Claim`] calls it.
    fn release(&self, router: IpAddr);
}

/// The claim of a session on its router: while it lives, the router keeps its owner.
#[derive(Debug)]
pub struct Claim {
    owners: Arc<dyn Owners>,
    router: IpAddr,
    worker: WorkerIndex,
}

impl Claim {
    /// A claim on a router that this worker owns; `owners` hear when it ends.
    #[must_use]
    pub fn new(owners: Arc<dyn Owners>, router: IpAddr, worker: WorkerIndex) -> Self {
        Self {
            owners,
            router,
            worker,
        }
    }

    /// The worker that owns the router.
    #[must_use]
    pub const fn worker(&self) -> WorkerIndex {
        self.worker
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.owners.release(self.router);
    }
}
