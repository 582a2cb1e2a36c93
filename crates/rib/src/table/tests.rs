//! Tests that look at the inside of a table. `tests/` compares the table's behaviour with a naive model.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::remains::CHUNKS_PER_STEP;
use crate::segment::BLOCK;

const VALUE: Value = Value {
    fingerprint: 7,
    epoch: 1,
};

fn key(number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_be_bytes();
    [a, b, c, d, 32]
}

fn walk(table: &Table<5>) -> Vec<[u8; 5]> {
    let (mut seen, mut cursor) = (Vec::new(), Some(0));
    while let Some(at) = cursor {
        cursor = table.visit(at, |key, _| seen.push(*key));
    }
    seen
}

#[test]
fn routes_that_were_chosen_to_share_a_hash_do_not_grow_the_table() {
    let chosen: Vec<_> = (0..)
        .map(key)
        .filter(|key| hash_of(key, 0) % 1024 == 77)
        .take(1500)
        .collect();
    let mut table = Table::<5>::default();
    for round in 0..2 {
        for key in &chosen {
            assert_eq!(table.insert(key, VALUE).is_some(), round == 1);
        }
    }
    assert!(table.overflow.is_some() && table.directory.len() <= 128);
    assert!(
        table.allocated_bytes() < 100 * 1024,
        "{}",
        table.allocated_bytes()
    );
    for number in 0..5000 {
        table.insert(&key(number), VALUE);
    }
    let others = (0..5000).map(key).filter(|key| !chosen.contains(key)).count();
    assert_eq!(table.len(), chosen.len() + others);
    let seen = walk(&table);
    assert_eq!(seen.len(), table.len(), "a walk sees every route once");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), table.len());
    for key in &chosen[..700] {
        assert_eq!(table.remove(key), Some(VALUE));
        assert_eq!(table.remove(key), None);
    }
    for key in &chosen[700..] {
        assert_eq!(table.get(key), Some(VALUE));
    }
    let (mut swept, mut cursor, held) = (0, Some(0), table.len());
    while let Some(at) = cursor {
        cursor = table.sweep(at, |_| true, |_, _| swept += 1);
    }
    assert_eq!((swept, table.len(), table.allocated_bytes()), (held, 0, 0));
}

/// Removing all routes of all routers once freed the memory of every table in the same turn.
#[test]
fn memory_of_a_cleared_table_is_given_back_with_what_comes_next() {
    let mut table = Table::<5>::default();
    for number in 0..200_000 {
        table.insert(&key(number), VALUE);
    }
    let before = table.allocated_bytes();
    (0..200_000).for_each(|number| _ = table.remove(&key(number)));
    assert!(table.is_empty() && table.has_remains());
    assert!(
        table.allocated_bytes() > before * 9 / 10,
        "nearly all is still there"
    );
    assert_eq!(table.get(&key(7)), None);
    for number in 0..200_000 {
        assert_eq!(table.insert(&key(number), VALUE), None);
    }
    assert!(!table.has_remains());
    assert!(table.allocated_bytes() <= before);
}

#[test]
fn a_walk_sees_what_was_there_at_its_begin_and_still_is() {
    let mut table = Table::<5>::default();
    for number in 0..20_000 {
        table.insert(&key(number), VALUE);
    }
    let mut missing: BTreeSet<_> = (0..20_000).map(key).collect();
    let (mut cursor, mut next, mut gone) = (Some(0), 20_000, 0_u32);
    while let Some(at) = cursor {
        cursor = table.visit(at, |key, _| {
            missing.remove(key);
        });
        // Each slice is followed by many inserts, so that segments split before and behind the cursor.
        for _ in 0..if next < 60_000 { 200 } else { 0 } {
            table.insert(&key(next), VALUE);
            next += 1;
        }
        for _ in 0..if gone < 10_000 { 20 } else { 0 } {
            table.remove(&key(gone));
            missing.remove(&key(gone));
            gone += 1;
        }
    }
    assert!(missing.is_empty(), "{} routes were not seen", missing.len());
}

#[test]
fn blocks_that_are_given_back_are_used_again() {
    let mut table = Table::<5>::default();
    for number in 0..10_000 {
        table.insert(&key(number), VALUE);
    }
    for number in 0..9_000 {
        table.remove(&key(number));
    }
    let before = table.allocated_bytes();
    for number in 0..9_000 {
        table.insert(&key(number), VALUE);
    }
    assert_eq!(table.allocated_bytes(), before);
}

/// The memory of a million routes was once freed in one step, which held the worker for 1 to 5 ms.
#[test]
fn memory_of_an_emptied_table_is_given_back_some_at_a_time() {
    let most = CHUNKS_PER_STEP * 64 * size_of::<[Entry<5>; BLOCK]>();
    for by_sweep in [true, false] {
        let mut table = Table::<5>::default();
        for number in 0..200_000 {
            table.insert(&key(number), VALUE);
        }
        let mut cursor = Some(0);
        if by_sweep {
            while !table.is_empty() {
                cursor = table.sweep(cursor.unwrap(), |_| true, |_, _| {});
            }
        } else {
            for number in 0..200_000 {
                assert_eq!(table.remove(&key(number)), Some(VALUE));
            }
        }
        assert!(table.has_remains());
        let (mut steps, mut before) = (0, table.allocated_bytes());
        while let Some(at) = cursor.filter(|_| table.has_remains()) {
            cursor = table.sweep(at, |_| true, |_, _| {});
            // The list of the chunks is small and is freed last.
            assert!(before - table.allocated_bytes() <= most + 100_000);
            (steps, before) = (steps + 1, table.allocated_bytes());
        }
        assert!(steps > 10, "{steps}");
        assert_eq!((cursor, table.allocated_bytes()), (None, 0));
    }
    let mut table = Table::<5>::default();
    for round in 0..2 {
        for number in 0..200_000 {
            assert_eq!(table.insert(&key(number), VALUE), None, "{round}");
        }
        assert!(!table.has_remains(), "what comes next gives it back too");
        for number in 0..200_000 {
            table.remove(&key(number));
        }
    }
}

/// Most tables of a collector are small: a router has a table for each peer, view and family.
#[test]
fn a_small_table_takes_little_memory() {
    for (routes, most) in [(0, 0), (1, 200), (10, 600), (100, 2400)] {
        let mut table = Table::<5>::default();
        (0..routes).for_each(|number| _ = table.insert(&key(number << 8), VALUE));
        let bytes = table.allocated_bytes();
        assert!(bytes <= most, "{bytes} bytes for {routes} routes");
    }
}
