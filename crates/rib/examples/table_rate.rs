//! Measures how fast a curated table is, without the rest of the collector.
//!
//! `cargo run --release -p arancini-rib --example table_rate [routes]`
//!
//! Makes four passes: announces into an empty table, unchanged announces, changed announces, withdraws. Prints the
//! nanoseconds per operation and the bytes per route of each pass.

use std::time::Instant;

use arancini_rib::{CuratedTable, CurationMode, KeyShape, RouteKey};

fn main() {
    let routes: u32 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let key = |n: u32| RouteKey::Ipv4 {
        address: n << 8,
        length: 24,
        path_id: None,
    };
    let mut table = CuratedTable::new(KeyShape::Ipv4, CurationMode::Attributes);
    let mut pass = |name: &str, operation: &mut dyn FnMut(&mut CuratedTable, u32)| {
        let begin = Instant::now();
        for n in 0..routes {
            operation(&mut table, n);
        }
        let each = begin.elapsed().as_nanos() as f64 / f64::from(routes);
        let bytes = table.allocated_bytes() as f64 / table.len().max(1) as f64;
        println!("{name:<10} {each:>6.1} ns, {bytes:.1} bytes a route");
    };
    pass("new", &mut |table, n| {
        table.announce(&key(n), 1);
    });
    pass("unchanged", &mut |table, n| {
        table.announce(&key(n), 1);
    });
    pass("changed", &mut |table, n| {
        table.announce(&key(n), 2);
    });
    pass("withdrawn", &mut |table, n| {
        table.withdraw(&key(n));
    });
}
