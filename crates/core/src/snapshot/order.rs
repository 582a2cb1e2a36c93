//! Which published messages a restart applies, and which routers were published out of order.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use arancini_wire::iana::AfiSafi;

/// Sequence numbers of what a restart has loaded and applied so far.
#[derive(Debug)]
pub(super) struct Order {
    /// Up to which sequence number the snapshots hold everything of a router: the lowest of those that hold the router.
    covered: BTreeMap<IpAddr, u64>,
    /// The highest sequence number applied of each subject of updates. Within a subject the stream keeps the router's order.
    subjects: BTreeMap<(IpAddr, u32, AfiSafi), u64>,
    /// The highest sequence numbers applied of each router.
    routers: BTreeMap<IpAddr, Applied>,
    /// Messages that were applied before may come again from another place. They are passed over.
    pub again: bool,
    /// Routers of which the broker stored something too late: what was stored last is not what the router said last.
    disordered: BTreeSet<IpAddr>,
}

/// The highest sequence numbers applied of a router's updates and of its events, which are barriers between updates.
#[derive(Debug, Clone, Copy, Default)]
struct Applied {
    updates: u64,
    events: u64,
}

impl Order {
    pub const fn new() -> Self {
        Self {
            covered: BTreeMap::new(),
            subjects: BTreeMap::new(),
            routers: BTreeMap::new(),
            again: false,
            disordered: BTreeSet::new(),
        }
    }

    /// A snapshot holds everything of this router up to the sequence number.
    pub fn cover(&mut self, router: IpAddr, sequence: u64) {
        let covered = self.covered.entry(router).or_insert(sequence);
        *covered = sequence.min(*covered);
    }

    /// No snapshot counts for this router any more.
    pub fn uncover(&mut self, router: IpAddr) {
        self.covered.remove(&router);
    }

    /// Whether the snapshots hold everything that the router said up to this sequence number.
    pub fn covers(&self, router: IpAddr, sequence: u64) -> bool {
        self.covered
            .get(&router)
            .is_some_and(|covered| sequence <= *covered)
    }

    /// Whether an event of the router has to be applied; notes that it was.
    pub fn admit_event(&mut self, router: IpAddr, sequence: u64) -> bool {
        let applied = self.routers.entry(router).or_default();
        if self.again && sequence <= applied.events {
            return false;
        }
        if sequence <= applied.updates.max(applied.events) {
            self.disordered.insert(router);
        }
        applied.events = sequence.max(applied.events);
        true
    }

    /// Whether an update of the router has to be applied; notes that it was.
    pub fn admit_update(&mut self, router: IpAddr, peer_asn: u32, family: AfiSafi, sequence: u64) -> bool {
        let subject = self.subjects.entry((router, peer_asn, family)).or_default();
        let applied = self.routers.entry(router).or_default();
        if self.again && sequence <= *subject {
            return false;
        }
        if sequence <= *subject || sequence <= applied.events {
            self.disordered.insert(router);
        }
        *subject = sequence.max(*subject);
        applied.updates = sequence.max(applied.updates);
        true
    }

    /// Routers that were published out of order: consumers may hold the outcome of either order.
    pub fn disordered(&self) -> impl Iterator<Item = &IpAddr> {
        self.disordered.iter()
    }
}
