//! Takes many keys of one table in order and prefetches the memory that the next keys need.

use crate::table::Table;

/// The header of a key's segment is prefetched this many keys ahead.
const LATER: usize = 16;
/// The entry of a key is prefetched this many keys ahead.
const SOON: usize = 4;

/// Passes each key with its hash to `take`. The caller has prefetched for the first key ([`Table::prefetch_head`]).
#[inline]
pub(crate) fn each<const N: usize>(
    table: &mut Table<N>,
    mut keys: impl Iterator<Item = [u8; N]>,
    mut take: impl FnMut(&mut Table<N>, &[u8; N], u64),
) {
    let Some(first) = keys.next() else {
        return;
    };
    // A ring of the keys that were read and not taken yet: key `n` is at place `n % LATER`.
    let mut ring = [([0; N], 0); LATER];
    ring[0] = (first, table.hash(&first));
    let mut read = 1;
    for (place, key) in ring.iter_mut().skip(1).zip(keys.by_ref()) {
        *place = (key, table.prefetch_head(&key));
        read += 1;
    }
    for &(_, hash) in ring[..read].iter().take(SOON).skip(1) {
        table.prefetch_entry(hash);
    }
    let mut taken = 0;
    while taken < read {
        if taken + SOON < read {
            table.prefetch_entry(ring[(taken + SOON) % LATER].1);
        }
        let place = &mut ring[taken % LATER];
        let (key, hash) = *place;
        if let Some(next) = keys.next() {
            *place = (next, table.prefetch_head(&next));
            read += 1;
        }
        take(table, &key, hash);
        taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Value;
    use proptest::prelude::*;

    proptest! {
        /// Looking ahead leaves out no key, doubles none and reorders none, for any number of keys.
        #[test]
        fn each_key_is_handed_out_once_and_in_order(
            known in 0..60_usize,
            keys in prop::collection::vec(any::<[u8; 5]>(), 0..60),
        ) {
            let value = Value { fingerprint: 7, epoch: 1 };
            let mut table = Table::<5>::default();
            for key in keys.iter().take(known) {
                table.insert(key, value);
            }
            let mut seen = Vec::new();
            each(&mut table, keys.iter().copied(), |table, key, hash| {
                table.insert_hashed(key, hash, value);
                seen.push(*key);
            });
            prop_assert_eq!(&seen, &keys);
            for key in keys {
                prop_assert_eq!(table.get(&key), Some(value));
            }
        }
    }
}
