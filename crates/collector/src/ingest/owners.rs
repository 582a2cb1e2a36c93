//! Whose router is it? A sticky table from router to worker (SPEC §3).
//!
//! Any worker's listener may accept a router; the table says who owns it. It is touched when a session opens or when
//! a router is forgotten, never while messages flow. A new router goes to the lightest worker.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How heavy a worker is at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Routes it holds.
    pub routes: u64,
    /// Bytes it received in the last second.
    pub rate: u64,
}

/// The table. Shared by all workers.
#[derive(Debug)]
pub struct Owners {
    workers: usize,
    table: Mutex<HashMap<IpAddr, Entry>>,
}

#[derive(Debug)]
struct Entry {
    worker: usize,
    /// Sessions that are open, or on their way to the owner.
    sessions: usize,
}

/// A session's claim on its router's entry: while it lives, the router is not forgotten.
#[derive(Debug)]
pub struct Claim {
    owners: Arc<Owners>,
    router: IpAddr,
    worker: usize,
}

impl Owners {
    /// An empty table for so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self {
            workers,
            table: Mutex::default(),
        })
    }

    /// The owner of a router that opens a session; `load` tells how heavy each worker is.
    pub fn claim(self: &Arc<Self>, router: IpAddr, load: impl Fn(usize) -> Load) -> Claim {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
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
        Claim {
            owners: Arc::clone(self),
            router,
            worker,
        }
    }

    /// This worker holds the router from now on, though it has no session: it was restored.
    pub fn assign(&self, router: IpAddr, worker: usize) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert(router, Entry { worker, sessions: 0 });
    }

    /// The owner has forgotten the router. Its next session may go elsewhere, unless one is on its way already.
    pub fn forget(&self, router: IpAddr) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.get(&router).is_some_and(|entry| entry.sessions == 0) {
            table.remove(&router);
        }
    }

    /// How many routers have an owner.
    pub fn len(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no router has an owner.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Claim {
    /// The worker that owns the router.
    #[must_use]
    pub const fn worker(&self) -> usize {
        self.worker
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut table = self.owners.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = table.get_mut(&self.router) {
            entry.sessions -= 1;
        }
    }
}

/// The worker with the smallest share of routes and rate together. Routers that came in so recently that they show in
/// neither count by their number.
fn lightest(workers: usize, table: &HashMap<IpAddr, Entry>, load: impl Fn(usize) -> Load) -> usize {
    let loads: Vec<Load> = (0..workers).map(load).collect();
    let mut routers = vec![0_u64; workers];
    for entry in table.values() {
        routers[entry.worker] += 1;
    }
    let share = |part: u64, total: u64| part as f64 / total.max(1) as f64;
    let all_routes = loads.iter().map(|load| load.routes).sum();
    let all_rate = loads.iter().map(|load| load.rate).sum();
    let weight = |worker: usize| {
        share(loads[worker].routes, all_routes)
            + share(loads[worker].rate, all_rate)
            + 0.5 * share(routers[worker], table.len() as u64)
    };
    (0..workers)
        .min_by(|&a, &b| weight(a).total_cmp(&weight(b)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn a_router_stays_with_its_owner_until_it_is_forgotten() {
        let owners = Owners::new(2);
        let no_load = |_| Load::default();
        let first = owners.claim(router(1), no_load);
        let second = owners.claim(router(2), no_load);
        assert_ne!(first.worker(), second.worker());
        let again = owners.claim(router(1), |worker| Load {
            routes: 1000 - worker as u64,
            rate: 0,
        });
        assert_eq!(again.worker(), first.worker());
        let owner = first.worker();
        drop(first);
        owners.forget(router(1));
        assert_eq!(owners.len(), 2, "a session is still open");
        drop(again);
        assert_eq!(
            owners.claim(router(1), no_load).worker(),
            owner,
            "still the same between two sessions"
        );
        owners.forget(router(1));
        assert_eq!(owners.len(), 1);
    }

    #[test]
    fn a_new_router_goes_to_the_lightest_worker() {
        let owners = Owners::new(3);
        let load = |worker| {
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
            ][worker]
        };
        assert_eq!(owners.claim(router(1), load).worker(), 2);
    }

    #[test]
    fn many_routers_at_once_are_spread_by_number() {
        let owners = Owners::new(4);
        let claims: Vec<Claim> = (0..40)
            .map(|n| owners.claim(router(n), |_| Load::default()))
            .collect();
        for worker in 0..4 {
            assert_eq!(claims.iter().filter(|claim| claim.worker() == worker).count(), 10);
        }
    }
}
