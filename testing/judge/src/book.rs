//! Books: where a judge keeps what consumers hold.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::message::{Kind, Value};
use crate::route::{Route, Scope};

/// What consumers hold of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held<V> {
    /// The fingerprint of the attributes.
    pub fingerprint: u64,
    /// The resync of the router in which the route was announced last, counted from its first.
    pub epoch: u32,
    /// What the book keeps of the announce.
    pub value: V,
}

/// What consumers held of a route before an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// The fingerprint of the attributes.
    pub fingerprint: u64,
    /// The resync in which the route was announced last.
    pub epoch: u32,
}

/// Why a route can't be: no router of the test has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign(pub &'static str);

/// Where a judge keeps what consumers hold.
///
/// [`MapBook`] takes every route. A test that knows the routes of its routers has a book of its own, which is more
/// compact and refuses every other route.
pub trait Book {
    /// What the book keeps of an announce.
    type Value: Value;

    /// Writes an announced route down. Returns what was held before.
    ///
    /// # Errors
    /// No router has this route, or not with these attributes.
    fn announce(&mut self, route: &Route, held: Held<Self::Value>) -> Result<Option<Before>, Foreign>;

    /// Strikes a withdrawn route out. Returns what was held before.
    ///
    /// # Errors
    /// No router has this route.
    fn withdraw(&mut self, route: &Route) -> Result<Option<Before>, Foreign>;

    /// Strikes out the routes of a router's scope that were not announced since this epoch began. Returns how many these are.
    fn give_up(&mut self, router: IpAddr, scope: &Scope, epoch: u32) -> usize;

    /// Whether the routers of the test can cause messages of this kind.
    fn knows(&self, kind: Kind) -> bool {
        let _ = kind;
        true
    }
}

/// A book that takes every route.
#[derive(Debug, Clone)]
pub struct MapBook<V> {
    /// All routes that consumers hold.
    pub routes: BTreeMap<Route, Held<V>>,
}

impl<V> Default for MapBook<V> {
    fn default() -> Self {
        Self {
            routes: BTreeMap::new(),
        }
    }
}

impl<V: Value> Book for MapBook<V> {
    type Value = V;

    fn announce(&mut self, route: &Route, held: Held<V>) -> Result<Option<Before>, Foreign> {
        let before = self.routes.insert(route.clone(), held);
        Ok(before.as_ref().map(Before::of))
    }

    fn withdraw(&mut self, route: &Route) -> Result<Option<Before>, Foreign> {
        let before = self.routes.remove(route);
        Ok(before.as_ref().map(Before::of))
    }

    fn give_up(&mut self, router: IpAddr, scope: &Scope, epoch: u32) -> usize {
        let before = self.routes.len();
        self.routes.retain(|route, held| {
            route.table.router != router || held.epoch >= epoch || !scope.holds(&route.table)
        });
        before - self.routes.len()
    }
}

impl Before {
    const fn of<V>(held: &Held<V>) -> Self {
        Self {
            fingerprint: held.fingerprint,
            epoch: held.epoch,
        }
    }
}
