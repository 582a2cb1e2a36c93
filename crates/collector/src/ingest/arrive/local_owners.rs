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
    workers: usize,
    table: Mutex<HashMap<IpAddr, Entry>>,
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
            workers,
            table: Mutex::default(),
        })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<IpAddr, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owners for LocalOwners {
    fn claim(self: Arc<Self>, router: IpAddr, load: &dyn Fn(WorkerIndex) -> Load) -> Claim {
        let mut table = self.table();
        let worker = match table.get_mut(&router) {
            Some(entry) => {
                entry.sessions += 1;
                entry.worker
            }
            None => {
                let worker = lightest(self.workers, &table, load);
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
        if table.get(&router).is_some_and(|entry| entry.sessions == 0) {
            table.remove(&router);
        }
    }

    fn owner(&self, router: IpAddr) -> Option<WorkerIndex> {
        self.table().get(&router).map(|entry| entry.worker)
    }

    fn release(&self, router: IpAddr) {
        if let Some(entry) = self.table().get_mut(&router) {
            entry.sessions -= 1;
        }
    }
}

/// The worker with the smallest share of routes and rate together. Routers that came in so recently that they show in
/// neither count by their number.
fn lightest(
    workers: usize,
    table: &HashMap<IpAddr, Entry>,
    load: &dyn Fn(WorkerIndex) -> Load,
) -> WorkerIndex {
    let loads: Vec<Load> = (0..workers)
        .map(|worker| load(WorkerIndex::new(worker)))
        .collect();
    let mut routers = vec![0_u64; workers];
    for entry in table.values() {
        routers[entry.worker.get()] += 1;
    }
    let share = |part: u64, total: u64| part as f64 / total.max(1) as f64;
    let all_routes = loads.iter().map(|load| load.routes).sum();
    let all_rate = loads.iter().map(|load| load.rate).sum();
    let weight = |worker: usize| {
        share(loads[worker].routes, all_routes)
            + share(loads[worker].rate, all_rate)
            + 0.5 * share(routers[worker], table.len() as u64)
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
}
