//! Measures how fast a curated table is, without the rest of the collector.
//!
//! `cargo run --release -p arancini-rib --example table_rate [routes] [routes of an UPDATE] [shape]`
//!
//! The processor time of a pass is exact to some milliseconds only, so use a million routes or more.
//!
//! Makes four passes: announces into an empty table, unchanged announces, changed announces, withdraws. Prints the
//! nanoseconds of processor time per operation and the bytes per route of each pass. A shape is `ipv4`, `ipv6` or `vpn4`. The routes come in
//! an order that has nothing to do with their addresses.

use std::hint::black_box;

use arancini_rib::{CuratedTable, CurationMode, Fingerprints, KeyShape, RouteKey, StoredKey};

fn main() {
    let argument = |place| std::env::args().nth(place);
    let number = |place, otherwise: usize| {
        argument(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let (routes, update) = (number(1, 1_000_000), number(2, 10));
    match argument(3).as_deref() {
        Some("ipv6") => run::<17>(KeyShape::Ipv6, routes, update),
        Some("vpn4") => run::<17>(KeyShape::Vpn4, routes, update),
        _ => run::<5>(KeyShape::Ipv4, routes, update),
    }
}

/// Goes through all keys, with so many of them in one call.
type Pass<const N: usize> = fn(&mut CuratedTable, &[[u8; N]], usize);

fn run<const N: usize>(shape: KeyShape, routes: usize, update: usize)
where
    [u8; N]: StoredKey<N>,
{
    let keys: Vec<[u8; N]> = (0..routes as u32)
        .filter_map(|n| StoredKey::of(&key(shape, n)))
        .collect();
    let mut table = CuratedTable::new(shape, CurationMode::Attributes);
    let mut report = |name: &str, pass: Pass<N>| {
        let begin = cpu_ns();
        pass(&mut table, &keys, update);
        let each = (cpu_ns() - begin) as f64 / routes as f64;
        let bytes = table.allocated_bytes() as f64 / table.len().max(1) as f64;
        println!("{name:<10} {each:>6.1} ns, {bytes:.1} bytes a route");
    };
    report("new", pass_new);
    report("unchanged", pass_unchanged);
    report("changed", pass_changed);
    report("withdrawn", pass_withdrawn);
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

#[inline(always)]
fn announce<const N: usize>(table: &mut CuratedTable, keys: &[[u8; N]], update: usize, fingerprint: u64)
where
    [u8; N]: StoredKey<N>,
{
    for keys in keys.chunks(update) {
        table.announce_batch(keys, fingerprint, |number, curation| {
            black_box((number, curation));
        });
    }
}

// Each pass has a name of its own and another fingerprint, so that a profiler can tell the passes apart.
#[inline(never)]
fn pass_new<const N: usize>(table: &mut CuratedTable, keys: &[[u8; N]], update: usize)
where
    [u8; N]: StoredKey<N>,
{
    announce(table, keys, update, 1);
}

#[inline(never)]
fn pass_unchanged<const N: usize>(table: &mut CuratedTable, keys: &[[u8; N]], update: usize)
where
    [u8; N]: StoredKey<N>,
{
    announce(table, keys, update, black_box(1));
}

#[inline(never)]
fn pass_changed<const N: usize>(table: &mut CuratedTable, keys: &[[u8; N]], update: usize)
where
    [u8; N]: StoredKey<N>,
{
    announce(table, keys, update, 2);
}

#[inline(never)]
fn pass_withdrawn<const N: usize>(table: &mut CuratedTable, keys: &[[u8; N]], update: usize)
where
    [u8; N]: StoredKey<N>,
{
    for keys in keys.chunks(update) {
        table.withdraw_batch(keys, &mut Fingerprints, |number, curation| {
            black_box((number, curation));
        });
    }
}
