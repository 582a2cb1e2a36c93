//! Routes of families without prefixes (EVPN, FlowSpec, BGP-LS and any other family whose NLRI is kept as bytes).
//!
//! The table holds the [`OpaqueIdentity`] of each route. The NLRI of the last announce that changed the route is stored
//! beside the table, since a withdraw that Arancini makes itself has to name the route. The NLRI are in a tree, because a
//! tree never moves more than one node at once.

use std::collections::BTreeMap;

use crate::entry::Value;
use crate::keep::NewValue;
use crate::key::{OpaqueIdentity, RouteKey};
use crate::table::Table;

/// A table of opaque routes.
#[derive(Default)]
pub struct OpaqueTable {
    routes: Table<16>,
    nlri: BTreeMap<[u8; 16], StoredNlri>,
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
        self.routes.has_remains()
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        // A tree that grew in random order has nodes that are about two thirds full.
        let entry = size_of::<([u8; 16], StoredNlri)>() * 3 / 2;
        let octets = self.nlri.values().map(|nlri| nlri.octets.len());
        self.routes.allocated_bytes() + self.nlri.len() * entry + octets.sum::<usize>()
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
        let Self { routes, nlri } = self;
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
        let Self { routes, nlri } = self;
        routes.sweep(cursor, doomed, |identity, value| {
            if let Some(stored) = nlri.remove(identity) {
                gone(stored.key(OpaqueIdentity(*identity)), value);
            }
        })
    }
}
