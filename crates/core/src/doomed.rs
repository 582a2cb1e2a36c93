//! The queue of tables whose doomed routes wait to be withdrawn. Tables take turns, so that a large one does not hold up the
//! others.

use std::collections::VecDeque;
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
pub(crate) struct DoomedTables(VecDeque<DoomedTable>);

impl DoomedTables {
    /// Queues a table that is not queued yet.
    pub fn push(&mut self, router: IpAddr, place: TablePlace) {
        self.0.push_back(DoomedTable { router, place });
    }

    /// Takes the table whose turn it is.
    pub fn pop(&mut self) -> Option<DoomedTable> {
        self.0.pop_front()
    }

    /// Drops the tables of a router that is forgotten: a router of this address that comes later has other tables.
    pub fn forget(&mut self, router: IpAddr) {
        self.0.retain(|table| table.router != router);
    }

    /// How many tables wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no table waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
