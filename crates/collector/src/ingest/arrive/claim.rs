//! Stage: which worker owns the router of a connection.

use std::net::IpAddr;
use std::sync::Arc;

use super::admit::Permit;
use super::arriving::Arriving;
use super::identify::Identified;
use super::owners::{Claim, Load, Owners};
use super::sys_name::Named;
use crate::ingest::counters::WorkerCounters;
use crate::ingest::index::WorkerIndex;

/// A connection whose owner is known.
#[derive(Debug)]
pub struct Claimed {
    /// The right to be open.
    pub permit: Permit,
    /// The router that the connection belongs to.
    pub router: IpAddr,
    /// How the router named itself, if its name says which router it is.
    pub named: Option<Named>,
    /// The claim on the router, with the worker that owns it.
    pub claim: Claim,
}

/// Claims the router for this connection. `counters` of all workers tell how heavy each worker is.
pub fn claim(
    arriving: Arriving<Identified>,
    owners: &Arc<dyn Owners>,
    counters: &[Arc<WorkerCounters>],
) -> Arriving<Claimed> {
    let load = |worker: WorkerIndex| {
        let counters = &counters[worker.get()];
        Load {
            routes: counters.core.routes.get(),
            rate: counters.rate.get(),
        }
    };
    arriving.with(|identified| {
        let Identified {
            permit,
            router,
            named,
        } = identified;
        let claim = Arc::clone(owners).claim(router, &load);
        Claimed {
            permit,
            router,
            named,
            claim,
        }
    })
}
