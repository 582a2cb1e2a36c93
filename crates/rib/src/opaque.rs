//! Routes whose key is the NLRI's own bytes (EVPN, FlowSpec, BGP-LS and whatever comes next).
//!
//! The table holds a 128-bit hash of the key (XXH3-128; two of a billion keys collide with a chance of about
//! 10⁻²¹); the bytes lie beside it, since a withdraw that Arancini makes itself has to name the route. They lie in a
//! tree, because that never moves more than a node at once.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::table::{Table, Value};

/// A table of opaque routes. Interface as [`Table`], with keys of any length.
#[derive(Default)]
pub(crate) struct OpaqueTable {
    routes: Table<16>,
    keys: BTreeMap<[u8; 16], StoredNlri>,
}

struct StoredNlri {
    path_id: Option<u32>,
    nlri: Box<[u8]>,
}

fn digest(nlri: &[u8], path_id: Option<u32>) -> [u8; 16] {
    let seed = path_id.map_or(0, |id| 1 << 32 | u64::from(id));
    xxh3_128_with_seed(nlri, seed).to_le_bytes()
}

impl OpaqueTable {
    pub(crate) const fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) const fn has_remains(&self) -> bool {
        self.routes.has_remains()
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        // Nodes of a tree that grew in no order are about two thirds full.
        let entry = size_of::<([u8; 16], StoredNlri)>() * 3 / 2;
        self.routes.allocated_bytes()
            + self.keys.len() * entry
            + self.keys.values().map(|key| key.nlri.len()).sum::<usize>()
    }

    pub(crate) fn get(&self, nlri: &[u8], path_id: Option<u32>) -> Option<Value> {
        self.routes.get(&digest(nlri, path_id))
    }

    pub(crate) fn insert(&mut self, nlri: &[u8], path_id: Option<u32>, value: Value) -> Option<Value> {
        let digest = digest(nlri, path_id);
        let before = self.routes.insert(&digest, value);
        if before.is_none() {
            self.keys.insert(
                digest,
                StoredNlri {
                    path_id,
                    nlri: nlri.into(),
                },
            );
        }
        before
    }

    pub(crate) fn remove(&mut self, nlri: &[u8], path_id: Option<u32>) -> Option<Value> {
        let digest = digest(nlri, path_id);
        self.keys.remove(&digest);
        self.routes.remove(&digest)
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.routes.clear();
    }

    pub(crate) fn visit(
        &self,
        cursor: usize,
        mut visit: impl FnMut(&[u8], Option<u32>, Value),
    ) -> Option<usize> {
        self.routes.visit(cursor, |digest, value| {
            if let Some(key) = self.keys.get(digest) {
                visit(&key.nlri, key.path_id, value);
            }
        })
    }

    pub(crate) fn sweep(
        &mut self,
        cursor: usize,
        doomed: impl FnMut(Value) -> bool,
        mut gone: impl FnMut(&[u8], Option<u32>),
    ) -> Option<usize> {
        let Self { routes, keys } = self;
        routes.sweep(cursor, doomed, |digest, _| {
            if let Some(key) = keys.remove(digest) {
                gone(&key.nlri, key.path_id);
            }
        })
    }
}
