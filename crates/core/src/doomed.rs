//! The queue of tables whose doomed routes wait to be withdrawn. Tables take turns, so that a large one does not hold up the
//! others.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::router::TablePlace;

/// A table with routes to withdraw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DoomedTable {
    pub router: IpAddr,
    pub place: TablePlace,
}

/// The doomed tables of all routers of a worker, each at most once.
#[derive(Debug, Default)]
pub(crate) struct DoomedTables {
    queue: VecDeque<DoomedTable>,
    /// How many tables of each router wait; none of them is 0.
    by_router: HashMap<IpAddr, usize>,
}

impl DoomedTables {
    /// Queues a table that is not queued yet.
    pub fn push(&mut self, router: IpAddr, place: TablePlace) {
        self.queue.push_back(DoomedTable { router, place });
        *self.by_router.entry(router).or_default() += 1;
    }

    /// Takes the table whose turn it is.
    pub fn pop(&mut self) -> Option<DoomedTable> {
        let next = self.queue.pop_front()?;
        if let Entry::Occupied(mut waiting) = self.by_router.entry(next.router) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
        Some(next)
    }

    /// Drops the tables of a router that is forgotten: a router of this address that comes later has other tables.
    pub fn forget(&mut self, router: IpAddr) {
        if self.by_router.remove(&router).is_some() {
            self.queue.retain(|table| table.router != router);
        }
    }

    /// Whether a table of this router waits.
    pub fn has_any_of(&self, router: IpAddr) -> bool {
        self.by_router.contains_key(&router)
    }

    /// How many tables wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether no table waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
