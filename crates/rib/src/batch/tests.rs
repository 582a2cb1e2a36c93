//! Compares batches with a map, for tables that split, overflow and become empty within a batch.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::hash::hash_of;
use crate::segment::ROUTES;

const fn value(fingerprint: u64) -> Value {
    Value {
        fingerprint,
        epoch: 1,
    }
}

fn key<const N: usize>(number: u32) -> [u8; N] {
    let mut key = [7; N];
    key[..4].copy_from_slice(&number.to_be_bytes());
    key
}

/// Stores the routes in one batch with this fingerprint. Compares what the table told with the map.
fn insert<const N: usize>(
    table: &mut Table<N>,
    model: &mut BTreeMap<[u8; N], Value>,
    keys: &[[u8; N]],
    fingerprint: u64,
) {
    let mut told = Vec::new();
    table.insert_batch(
        keys,
        |_| value(fingerprint),
        |number, before| told.push((number, before)),
    );
    let expected = keys.iter().map(|key| model.insert(*key, value(fingerprint)));
    assert_eq!(told, expected.enumerate().collect::<Vec<_>>());
}

fn remove<const N: usize>(table: &mut Table<N>, model: &mut BTreeMap<[u8; N], Value>, keys: &[[u8; N]]) {
    let mut told = Vec::new();
    table.remove_batch(keys, |number, before| told.push((number, before)));
    let expected = keys.iter().map(|key| model.remove(key));
    assert_eq!(told, expected.enumerate().collect::<Vec<_>>());
}

/// Checks that the table holds the routes of the map, each of them once and where a look-up finds it.
fn check<const N: usize>(table: &Table<N>, model: &BTreeMap<[u8; N], Value>) {
    let (mut seen, mut cursor) = (Vec::new(), Some(0));
    while let Some(at) = cursor {
        cursor = table.visit(at, |key, value| seen.push((*key, value)));
    }
    seen.sort_unstable_by_key(|&(key, _)| key);
    let expected: Vec<_> = model.iter().map(|(&key, &value)| (key, value)).collect();
    assert_eq!(seen, expected);
    assert_eq!(table.len(), model.len());
    for (key, value) in model {
        assert_eq!(table.get(key), Some(*value));
    }
}

/// The first keys whose hashes are equal in ten low bits. They overflow a small table.
fn chosen<const N: usize>(keys: usize) -> Vec<[u8; N]> {
    let all = (0..).map(|number| key(number << 8));
    all.filter(|key| hash_of(key, 0) % 1024 == 77)
        .take(keys)
        .collect()
}

/// A place that was found for a key of the batch is wrong when a key before it split the segment.
#[test]
fn keys_behind_a_split_in_the_same_batch_are_looked_up_again() {
    for known in 0..=8 {
        let mut table = Table::<5>::default();
        let mut model = BTreeMap::new();
        let full: Vec<_> = (0..ROUTES as u32).map(key).collect();
        insert(&mut table, &mut model, &full, 1);
        assert_eq!(table.segments.len(), 1);
        // The first new key splits the only segment.
        let mut batch: Vec<_> = (100..101).map(key).collect();
        batch.extend(&full[5 * known / 2..][..known]);
        batch.extend((101..108).map(key::<5>));
        batch.extend([key(100), key(101)]);
        insert(&mut table, &mut model, &batch, 2);
        assert_eq!(table.segments.len(), 2);
        check(&table, &model);
    }
}

/// Bytes of a removed route stay behind the last route of its segment, where the next key is expected.
#[test]
fn a_removed_route_is_not_found_by_what_it_left_in_memory() {
    let mut table = Table::<5>::default();
    let mut model = BTreeMap::new();
    let keys: Vec<_> = (0..10).map(key).collect();
    insert(&mut table, &mut model, &keys, 1);
    for _ in 0..3 {
        remove(&mut table, &mut model, &[keys[9], keys[8], keys[9]]);
        insert(&mut table, &mut model, &[keys[8], keys[9], keys[8]], 2);
        check(&table, &model);
    }
}

#[derive(Debug, Clone)]
struct Step {
    keys: Vec<u32>,
    /// Stores the keys with this fingerprint, or removes them.
    fingerprint: Option<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    // Three kinds of keys: few, which are repeated; chosen; and any.
    let key = prop_oneof![0..40_u32, 1000..1400_u32, 2000..6000_u32];
    let keys = prop_oneof![
        proptest::collection::vec(key, 0..50),
        (0..2500_u32, 0..200_u32).prop_map(|(first, keys)| (2000 + first..2000 + first + keys).collect()),
        (0..300_u32, 0..100_u32).prop_map(|(first, keys)| (1000 + first..1000 + first + keys).collect()),
    ];
    let fingerprint = prop_oneof![3 => (0..3_u64).prop_map(Some), 1 => Just(None)];
    (keys, fingerprint).prop_map(|(keys, fingerprint)| Step { keys, fingerprint })
}

fn run<const N: usize>(chosen: &[[u8; N]], steps: &[Step], empties: bool) {
    let of = |&number: &u32| match number {
        1000..1400 => chosen[number as usize - 1000],
        _ => key(number),
    };
    let mut table = Table::<N>::default();
    let mut model = BTreeMap::new();
    for step in steps {
        let keys: Vec<_> = step.keys.iter().map(of).collect();
        match step.fingerprint {
            Some(fingerprint) => insert(&mut table, &mut model, &keys, fingerprint),
            None => remove(&mut table, &mut model, &keys),
        }
        if empties && step.fingerprint == Some(2) {
            // Becomes empty within the batch, and removes from an empty table.
            let mut all: Vec<_> = model.keys().copied().collect();
            all.extend(&keys);
            remove(&mut table, &mut model, &all);
            assert!(table.is_empty());
        }
    }
    check(&table, &model);
}

#[test]
fn a_batch_is_what_its_keys_are_one_by_one() {
    let (ipv4, ipv4_path, opaque) = (chosen::<5>(400), chosen::<9>(400), chosen::<16>(400));
    let (ipv6, ipv6_path, vpn6) = (chosen::<17>(400), chosen::<21>(400), chosen::<29>(400));
    proptest!(ProptestConfig::with_cases(48), |(
        steps in proptest::collection::vec(step(), 0..40),
        empties: bool,
    )| {
        run(&ipv4, &steps, empties);
        run(&ipv4_path, &steps, empties);
        run(&opaque, &steps, empties);
        run(&ipv6, &steps, empties);
        run(&ipv6_path, &steps, empties);
        run(&vpn6, &steps, empties);
    });
}
