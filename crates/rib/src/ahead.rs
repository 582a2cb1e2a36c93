//! Many keys of one table, one after the other, while the memory of those to come is fetched.

use crate::table::Table;

/// How many keys before it is taken the head of a key's segment is fetched.
const LATER: usize = 16;
/// How many keys before it is taken a key's entry is fetched.
const SOON: usize = 4;

/// Hands out each key with its hash. The head of the first one is taken for fetched ([`Table::prefetch_head`]).
#[inline]
pub(crate) fn each<const N: usize>(
    table: &mut Table<N>,
    mut keys: impl Iterator<Item = [u8; N]>,
    mut take: impl FnMut(&mut Table<N>, &[u8; N], u64),
) {
    let Some(first) = keys.next() else {
        return;
    };
    // The keys that were read and not taken yet, in a ring: key `n` at place `n % LATER`.
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
    use crate::table::Value;
    use proptest::prelude::*;

    proptest! {
        /// However many keys there are, none is left out, doubled or out of order for being looked ahead at.
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
