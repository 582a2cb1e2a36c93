//! Measures how fast a curated table is, without the rest of the collector.
//!
//! `cargo run --release -p arancini-rib --example table_rate [routes] [routes of an UPDATE] [shape]`
//!
//! Makes four passes: announces into an empty table, unchanged announces, changed announces, withdraws. Prints the
//! nanoseconds of processor time per operation and the bytes per route of each pass. A shape is `ipv4`, `ipv6` or `vpn4`. The routes come in
//! an order that has nothing to do with their addresses.

use std::hint::black_box;

use arancini_rib::{CuratedTable, CurationMode, KeyShape, RouteKey};

fn main() {
    let argument = |place| std::env::args().nth(place);
    let number = |place, otherwise: usize| {
        argument(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let (routes, update) = (number(1, 1_000_000), number(2, 10));
    let shape = match argument(3).as_deref() {
        Some("ipv6") => KeyShape::Ipv6,
        Some("vpn4") => KeyShape::Vpn4,
        _ => KeyShape::Ipv4,
    };
    let keys: Vec<_> = (0..routes as u32).map(|n| key(shape, n)).collect();
    let mut table = CuratedTable::new(shape, CurationMode::Attributes);
    let mut report = |name: &str, pass: &dyn Fn(&mut CuratedTable, &[RouteKey<'static>], usize)| {
        let begin = cpu_ns();
        pass(&mut table, &keys, update);
        let each = (cpu_ns() - begin) as f64 / routes as f64;
        let bytes = table.allocated_bytes() as f64 / table.len().max(1) as f64;
        println!("{name:<10} {each:>6.1} ns, {bytes:.1} bytes a route");
    };
    report("new", &pass_new);
    report("unchanged", &pass_unchanged);
    report("changed", &pass_changed);
    report("withdrawn", &pass_withdrawn);
}

/// Nanoseconds that this thread has run on a processor.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next();
    first.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The key of route `n`. Neighbours in order are no neighbours by address.
fn key(shape: KeyShape, n: u32) -> RouteKey<'static> {
    let address = n
        .wrapping_mul(2_654_435_761)
        .rotate_left(15)
        .wrapping_mul(0x9e37_79b1);
    match shape {
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address: 0x2001 << 112 | u128::from(address) << 80,
            length: 48,
            path_id: None,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher: [0, 0, 0xfd, 0xe8, 0, 0, 0, address as u8],
            address: address & 0xffff_ff00,
            length: 24,
            path_id: None,
        },
        _ => RouteKey::Ipv4 {
            address,
            length: 32,
            path_id: None,
        },
    }
}

fn announce(table: &mut CuratedTable, keys: &[RouteKey<'static>], update: usize, fingerprint: u64) {
    for keys in keys.chunks(update) {
        if let [key] = keys {
            black_box(table.announce(key, fingerprint));
        } else {
            table.prefetch(&keys[0]);
            table.announce_each(keys.iter().copied(), fingerprint, |key, curation| {
                black_box((key, curation));
            });
        }
    }
}

#[inline(never)]
fn pass_new(table: &mut CuratedTable, keys: &[RouteKey<'static>], update: usize) {
    announce(table, keys, update, 1);
}

#[inline(never)]
fn pass_unchanged(table: &mut CuratedTable, keys: &[RouteKey<'static>], update: usize) {
    announce(table, keys, update, 1);
}

#[inline(never)]
fn pass_changed(table: &mut CuratedTable, keys: &[RouteKey<'static>], update: usize) {
    announce(table, keys, update, 2);
}

#[inline(never)]
fn pass_withdrawn(table: &mut CuratedTable, keys: &[RouteKey<'static>], update: usize) {
    for keys in keys.chunks(update) {
        if let [key] = keys {
            black_box(table.withdraw(key));
        } else {
            table.prefetch(&keys[0]);
            table.withdraw_each(keys.iter().copied(), |key, curation| {
                black_box((key, curation));
            });
        }
    }
}
