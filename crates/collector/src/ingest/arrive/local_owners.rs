//! A table in memory of the worker that owns each router.
//!
//! Any worker's listener may accept a router; the table says which worker owns it. A new router goes to the lightest worker
//! and stays there until that worker has forgotten it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::owners::{Claim, Load, Owners};
use crate::ingest::index::WorkerIndex;

/// The table of owners of one collector.
#[derive(Debug)]
pub struct LocalOwners {
    table: Mutex<Table>,
}

/// The owner of each router, and how many routers each worker owns.
#[derive(Debug)]
struct Table {
    entries: HashMap<IpAddr, Entry>,
    routers: Vec<u64>,
}

impl Table {
    fn insert(&mut self, router: IpAddr, entry: Entry) {
        self.routers[entry.worker.get()] += 1;
        if let Some(before) = self.entries.insert(router, entry) {
            self.routers[before.worker.get()] -= 1;
        }
    }

    fn remove(&mut self, router: IpAddr) {
        if let Some(entry) = self.entries.remove(&router) {
            self.routers[entry.worker.get()] -= 1;
        }
    }
}

#[derive(Debug)]
struct Entry {
    worker: WorkerIndex,
    /// Sessions that are open, or on their way to the owner.
    sessions: usize,
}

impl LocalOwners {
    /// An empty table for this number of workers.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::new(Table {
                entries: HashMap::new(),
                routers: vec![0; workers],
            }),
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owners for LocalOwners {
    fn claim(self: Arc<Self>, router: IpAddr, load: &dyn Fn(WorkerIndex) -> Load) -> Claim {
        let mut table = self.table();
        let worker = match table.entries.get_mut(&router) {
            Some(entry) => {
                entry.sessions += 1;
                entry.worker
            }
            None => {
                let worker = lightest(&table.routers, load);
                table.insert(router, Entry { worker, sessions: 1 });
                worker
            }
        };
        drop(table);
        Claim::new(self, router, worker)
    }

    fn assign(&self, router: IpAddr, worker: WorkerIndex) {
        self.table().insert(router, Entry { worker, sessions: 0 });
    }

    fn forget(&self, router: IpAddr) {
        let mut table = self.table();
        if table
            .entries
            .get(&router)
            .is_some_and(|entry| entry.sessions == 0)
        {
            table.remove(router);
        }
    }

    fn owner(&self, router: IpAddr) -> Option<WorkerIndex> {
        self.table().entries.get(&router).map(|entry| entry.worker)
    }

    fn release(&self, router: IpAddr) {
        if let Some(entry) = self.table().entries.get_mut(&router) {
            entry.sessions -= 1;
        }
    }
}

/// The worker with the smallest share of routes and rate together. Routers that came in so recently that they show in
/// neither count by their number. The work depends on the number of workers, not on the number of routers.
fn lightest(routers: &[u64], load: &dyn Fn(WorkerIndex) -> Load) -> WorkerIndex {
    let workers = routers.len();
    let loads: Vec<Load> = (0..workers)
        .map(|worker| load(WorkerIndex::new(worker)))
        .collect();
    let all_routers = routers.iter().sum();
    let share = |part: u64, total: u64| part as f64 / total.max(1) as f64;
    let all_routes = loads.iter().map(|load| load.routes).sum();
    let all_rate = loads.iter().map(|load| load.rate).sum();
    let weight = |worker: usize| {
        share(loads[worker].routes, all_routes)
            + share(loads[worker].rate, all_rate)
            + 0.5 * share(routers[worker], all_routers)
    };
    let lightest = (0..workers).min_by(|&a, &b| weight(a).total_cmp(&weight(b)));
    WorkerIndex::new(lightest.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn a_router_stays_with_its_owner_until_it_is_forgotten() {
        let owners = LocalOwners::new(2);
        let no_load = |_| Load::default();
        let claim = |n| Arc::clone(&owners).claim(router(n), &no_load);
        let first = claim(1);
        let second = claim(2);
        assert_ne!(first.worker(), second.worker());
        let again = Arc::clone(&owners).claim(router(1), &|worker| Load {
            routes: 1000 - worker.get() as u64,
            rate: 0,
        });
        assert_eq!(again.worker(), first.worker());
        let owner = first.worker();
        drop(first);
        owners.forget(router(1));
        assert_eq!(owners.owner(router(1)), Some(owner), "a session is still open");
        assert_eq!(owners.owner(router(2)), Some(second.worker()));
        drop(again);
        assert_eq!(claim(1).worker(), owner, "still the same between two sessions");
        owners.forget(router(1));
        assert_eq!(owners.owner(router(1)), None);
        assert_eq!(owners.owner(router(2)), Some(second.worker()));
    }

    #[test]
    fn a_new_router_goes_to_the_lightest_worker() {
        let owners = LocalOwners::new(3);
        let load = |worker: WorkerIndex| {
            [
                Load {
                    routes: 5_000_000,
                    rate: 10,
                },
                Load {
                    routes: 100,
                    rate: 1_000_000,
                },
                Load {
                    routes: 200_000,
                    rate: 20,
                },
            ][worker.get()]
        };
        assert_eq!(owners.claim(router(1), &load).worker(), WorkerIndex::new(2));
    }

    #[test]
    fn many_routers_at_once_are_spread_by_number() {
        let owners = LocalOwners::new(4);
        let claims: Vec<Claim> = (0..40)
            .map(|n| Arc::clone(&owners).claim(router(n), &|_| Load::default()))
            .collect();
        for worker in (0..4).map(WorkerIndex::new) {
            assert_eq!(claims.iter().filter(|claim| claim.worker() == worker).count(), 10);
        }
    }

    #[test]
    fn each_worker_counts_the_routers_that_it_owns_at_the_moment() {
        let owners = LocalOwners::new(2);
        let counted = || owners.table().routers.clone();
        owners.assign(router(1), WorkerIndex::new(1));
        owners.assign(router(2), WorkerIndex::new(1));
        assert_eq!(counted(), [0, 2]);
        owners.assign(router(2), WorkerIndex::new(0));
        assert_eq!(counted(), [1, 1], "a router that moves counts once");
        let claim = Arc::clone(&owners).claim(router(1), &|_| Load::default());
        owners.forget(router(1));
        assert_eq!(counted(), [1, 1], "a session is open");
        drop(claim);
        owners.forget(router(1));
        owners.forget(router(1));
        assert_eq!(counted(), [1, 0]);
    }
}
