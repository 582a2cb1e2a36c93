//! Measures how many updates a second one core takes into tables, without reading them from anywhere.
//!
//! `cargo run --release -p arancini-client --example table_rate -- DIR` takes the `updates-*.capnp` of a directory of segments into new
//! tables, three times, and prints the median.

use std::path::Path;
use std::time::Instant;

use arancini_client::segments;
use arancini_client::tables::{Fingerprint, Tables};
use arancini_schema::MessageKind;

const RUNS: usize = 3;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args()
        .nth(1)
        .ok_or("the argument is a directory of segments")?;
    let mut payloads = Vec::new();
    for segment in segments::list(Path::new(&directory), MessageKind::Updates)? {
        payloads.push(std::fs::read(segment.path)?);
    }
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let mut tables = Tables::<Fingerprint>::default();
        let begun = Instant::now();
        for payload in &payloads {
            tables.take(MessageKind::Updates, payload)?;
        }
        let elapsed = begun.elapsed();
        let counts = tables.counts();
        let updates = counts.announces + counts.withdraws;
        println!(
            "{updates} updates, {} routes: {:.0} updates/s",
            tables.len(),
            updates as f64 / elapsed.as_secs_f64()
        );
        rates.push(updates as f64 / elapsed.as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    println!("median: {:.0} updates/s", rates[RUNS / 2]);
    Ok(())
}
