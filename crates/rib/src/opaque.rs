//! Routes whose key is the bytes of an NLRI (EVPN, FlowSpec, BGP-LS and any other family that is not a prefix).
//!
//! The table holds a 128-bit hash of the key (XXH3-128: among a billion keys, two collide with a probability of about
//! 10⁻²¹). The bytes of the key are stored beside the table, since a withdraw that Arancini makes itself has to name the
//! route. They are stored in a tree, because a tree never moves more than one node at once.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::entry::Value;
use crate::table::Table;

/// A table of opaque routes. It has the methods of [`Table`], with keys of any length.
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
        // A tree that grew in random order has nodes that are about two thirds full.
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
