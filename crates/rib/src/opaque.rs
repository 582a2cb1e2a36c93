//! Routes of families without prefixes (EVPN, FlowSpec, BGP-LS and any other family whose NLRI is kept as bytes).
//!
//! The table holds the [`OpaqueIdentity`] of each route. The NLRI of the last announce that changed the route is stored
//! beside the table, since a withdraw that Arancini makes itself has to name the route. The NLRI are in a tree, because a
//! tree never moves more than one node at once. The NLRI of a table that was cleared are freed some at a time, as the memory
//! of the table is.

use std::collections::BTreeMap;

use crate::entry::Value;
use crate::keep::NewValue;
use crate::key::{OpaqueIdentity, RouteKey};
use crate::table::Table;

/// NLRI of former routes that one slice of the sweep frees. It takes some tens of microseconds.
const FREED_PER_SLICE: usize = 256;
/// NLRI of former routes that a new route frees: more than one, so that they are gone before the table is as large as it was.
const FREED_PER_ROUTE: usize = 2;

/// A table of opaque routes.
#[derive(Default)]
pub struct OpaqueTable {
    routes: Table<16>,
    nlri: BTreeMap<[u8; 16], StoredNlri>,
    /// The NLRI that are still to be freed since the table was cleared.
    former: Vec<BTreeMap<[u8; 16], StoredNlri>>,
}

struct StoredNlri {
    path_id: Option<u32>,
    octets: Box<[u8]>,
}

impl StoredNlri {
    const fn key(&self, identity: OpaqueIdentity) -> RouteKey<'_> {
        RouteKey::Opaque {
            identity,
            nlri: &self.octets,
            path_id: self.path_id,
        }
    }
}

impl OpaqueTable {
    pub(crate) const fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) const fn has_remains(&self) -> bool {
        self.routes.has_remains() || !self.former.is_empty()
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        // A tree that grew in random order has nodes that are about two thirds full.
        let entry = size_of::<([u8; 16], StoredNlri)>() * 3 / 2;
        let of_tree = |nlri: &BTreeMap<[u8; 16], StoredNlri>| {
            nlri.len() * entry + nlri.values().map(|nlri| nlri.octets.len()).sum::<usize>()
        };
        let trees = self.former.iter().chain([&self.nlri]);
        self.routes.allocated_bytes() + trees.map(of_tree).sum::<usize>()
    }

    pub(crate) fn get(&self, identity: OpaqueIdentity) -> Option<Value> {
        self.routes.get(&identity.0)
    }

    pub(crate) fn insert(
        &mut self,
        identity: OpaqueIdentity,
        nlri: &[u8],
        path_id: Option<u32>,
        value: impl NewValue,
    ) -> Option<Value> {
        let before = self.routes.insert(&identity.0, value);
        match before {
            None => {
                let octets = nlri.into();
                self.nlri.insert(identity.0, StoredNlri { path_id, octets });
                self.free_former(FREED_PER_ROUTE);
            }
            Some(before) if !value.repeats(before) => self.rename(identity, nlri),
            Some(_) => {}
        }
        before
    }

    /// Stores another NLRI for a route. Allocates only if its length is another.
    fn rename(&mut self, identity: OpaqueIdentity, nlri: &[u8]) {
        if let Some(stored) = self.nlri.get_mut(&identity.0) {
            if stored.octets.len() == nlri.len() {
                stored.octets.copy_from_slice(nlri);
            } else {
                stored.octets = nlri.into();
            }
        }
    }

    pub(crate) fn remove(&mut self, identity: OpaqueIdentity) -> Option<Value> {
        self.nlri.remove(&identity.0);
        self.routes.remove(&identity.0)
    }

    /// Removes every route. New routes and the sweep free the memory.
    pub(crate) fn clear(&mut self) {
        let nlri = std::mem::take(&mut self.nlri);
        if !nlri.is_empty() {
            self.former.push(nlri);
        }
        self.routes.clear();
    }

    /// Frees so many NLRI of former routes.
    fn free_former(&mut self, mut nlri: usize) {
        while nlri > 0
            && let Some(former) = self.former.last_mut()
        {
            if former.pop_first().is_some() {
                nlri -= 1;
            } else {
                self.former.pop();
            }
        }
    }

    pub(crate) fn change_all(&mut self, changed: &mut dyn FnMut(Value) -> Value) {
        self.routes.change_all(changed);
    }

    pub(crate) fn visit(&self, cursor: usize, mut visit: impl FnMut(RouteKey<'_>, Value)) -> Option<usize> {
        self.routes.visit(cursor, |identity, value| {
            if let Some(stored) = self.nlri.get(identity) {
                visit(stored.key(OpaqueIdentity(*identity)), value);
            }
        })
    }

    /// Gives the routes of some segments other values. The cursor is that of [`Self::visit`].
    pub(crate) fn change(
        &mut self,
        cursor: usize,
        changed: &mut dyn FnMut(RouteKey<'_>, Value) -> Value,
    ) -> Option<usize> {
        let Self { routes, nlri, .. } = self;
        routes.change(cursor, &mut |identity, value| match nlri.get(identity) {
            Some(stored) => changed(stored.key(OpaqueIdentity(*identity)), value),
            None => value,
        })
    }

    pub(crate) fn sweep(
        &mut self,
        cursor: usize,
        doomed: impl FnMut(Value) -> bool,
        mut gone: impl FnMut(RouteKey<'_>, Value),
    ) -> Option<usize> {
        self.free_former(FREED_PER_SLICE);
        let Self { routes, nlri, .. } = self;
        let next = routes.sweep(cursor, doomed, |identity, value| {
            if let Some(stored) = nlri.remove(identity) {
                gone(stored.key(OpaqueIdentity(*identity)), value);
            }
        });
        let has_more = self.routes.is_empty() && self.has_remains();
        next.or(has_more.then_some(cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: Value = Value {
        fingerprint: 7,
        epoch: 1,
    };

    fn add(table: &mut OpaqueTable, routes: std::ops::Range<u32>) {
        for number in routes {
            let nlri = number.to_be_bytes();
            if let RouteKey::Opaque { identity, .. } = RouteKey::opaque(&nlri, &nlri, None) {
                table.insert(identity, &nlri, None, VALUE);
            }
        }
    }

    fn kept_nlri(table: &OpaqueTable) -> usize {
        let trees = table.former.iter().chain([&table.nlri]);
        trees.map(BTreeMap::len).sum()
    }

    /// The NLRI of a million routes were once freed in one step, which held the worker for more than 100 ms.
    #[test]
    fn the_nlri_of_a_cleared_table_are_freed_some_at_a_time() {
        let mut table = OpaqueTable::default();
        add(&mut table, 0..100_000);
        table.clear();
        assert_eq!((table.len(), kept_nlri(&table)), (0, 100_000));
        let (mut cursor, mut before) = (Some(0), 100_000);
        while let Some(at) = cursor {
            cursor = table.sweep(at, |_| true, |route, _| panic!("{route:?} is gone already"));
            assert!(before - kept_nlri(&table) <= FREED_PER_SLICE);
            before = kept_nlri(&table);
        }
        assert_eq!((before, table.allocated_bytes()), (0, 0));

        // A router that dumps its table again frees the former NLRI with its routes.
        add(&mut table, 0..1000);
        table.clear();
        add(&mut table, 0..500);
        assert_eq!(kept_nlri(&table), 500);
        add(&mut table, 500..1000);
        assert_eq!(kept_nlri(&table), 1000);
    }
}
