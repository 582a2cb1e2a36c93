//! Keys of routes as a table stores them: half a cache line, so that a key and its route are read with one miss of the cache.

use std::hash::BuildHasher;

use super::key_hasher::KeyHash;
use super::route_key::{Nlri, RouteKey};

/// A bit of `present`: the route has a route distinguisher.
const HAS_ROUTE_DISTINGUISHER: u8 = 1;
/// A bit of `present`: the route has a path identifier.
const HAS_PATH_ID: u8 = 2;

/// The key of a route within its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoredKey {
    /// A prefix.
    Prefix {
        address: [u8; 16],
        length: u8,
        /// Which of the following fields the route has; the others are 0.
        present: u8,
        path_id: u32,
        route_distinguisher: u64,
    },
    /// An NLRI without a prefix.
    Opaque(Box<RouteKey>),
}

impl StoredKey {
    /// Returns the key as callers of the tables get it.
    pub(super) fn route_key(&self) -> RouteKey {
        match self {
            Self::Prefix {
                address,
                length,
                present,
                path_id,
                route_distinguisher,
            } => RouteKey {
                nlri: Nlri::Prefix {
                    address: *address,
                    length: *length,
                },
                route_distinguisher: (present & HAS_ROUTE_DISTINGUISHER != 0).then_some(*route_distinguisher),
                path_id: (present & HAS_PATH_ID != 0).then_some(*path_id),
            },
            Self::Opaque(key) => (**key).clone(),
        }
    }

    /// Returns the hash of the key.
    #[inline]
    pub(super) fn hash(&self, hash: KeyHash) -> u64 {
        match self {
            Self::Prefix {
                address,
                length,
                present,
                path_id,
                route_distinguisher,
            } => {
                let address = u128::from_ne_bytes(*address);
                let rest = u64::from(*path_id) << 16 | u64::from(*length) << 8 | u64::from(*present);
                hash.of_words([address as u64, (address >> 64) as u64, *route_distinguisher, rest])
            }
            Self::Opaque(key) => hash.hash_one(key),
        }
    }
}

impl From<RouteKey> for StoredKey {
    #[inline]
    fn from(key: RouteKey) -> Self {
        let Nlri::Prefix { address, length } = key.nlri else {
            return Self::Opaque(Box::new(key));
        };
        let mut present = 0;
        if key.route_distinguisher.is_some() {
            present |= HAS_ROUTE_DISTINGUISHER;
        }
        if key.path_id.is_some() {
            present |= HAS_PATH_ID;
        }
        Self::Prefix {
            address,
            length,
            present,
            path_id: key.path_id.unwrap_or(0),
            route_distinguisher: key.route_distinguisher.unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A larger key would cost a second miss of the cache for each update.
    #[test]
    fn a_key_is_half_a_cache_line() {
        assert_eq!(size_of::<StoredKey>(), 32);
    }

    #[test]
    fn keys_that_differ_in_one_field_are_other_keys_and_come_back() {
        let prefix = |last: u8, length| Nlri::Prefix {
            address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, last],
            length,
        };
        let mut keys = Vec::new();
        for nlri in [
            prefix(0, 24),
            prefix(0, 25),
            prefix(1, 24),
            Nlri::Opaque([1, 2].into()),
        ] {
            for route_distinguisher in [None, Some(0), Some(1), Some(u64::MAX)] {
                for path_id in [None, Some(0), Some(1), Some(u32::MAX)] {
                    keys.push(RouteKey {
                        nlri: nlri.clone(),
                        route_distinguisher,
                        path_id,
                    });
                }
            }
        }
        let hash = KeyHash::default();
        let stored: Vec<StoredKey> = keys.iter().cloned().map(StoredKey::from).collect();
        for (key, stored_key) in keys.iter().zip(&stored) {
            assert_eq!(stored_key.route_key(), *key);
            assert_eq!(stored.iter().filter(|other| *other == stored_key).count(), 1);
            let same_hash = stored
                .iter()
                .filter(|other| other.hash(hash) == stored_key.hash(hash));
            assert_eq!(same_hash.count(), 1, "{key:?}");
        }
    }
}
