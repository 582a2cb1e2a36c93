//! Measures how many updates a second of processor time go into tables.
//!
//! `cargo run --release -p arancini-client --example table_rate -- DIR` takes the `updates-*.capnp` of a directory of segments into new
//! tables, three times, and prints the median.

use std::path::Path;
use std::time::Duration;

use arancini_client::segments;
use arancini_client::tables::Tables;
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
        let mut tables = Tables::<()>::default();
        let begun = processor_time()?;
        for payload in &payloads {
            tables.take(MessageKind::Updates, payload)?;
        }
        let seconds = (processor_time()? - begun).as_secs_f64();
        let counts = tables.counts();
        let updates = counts.announces + counts.withdraws;
        let rate = updates as f64 / seconds;
        println!("{updates} updates, {} routes: {rate:.0} updates/s", tables.len());
        rates.push(rate);
    }
    rates.sort_by(f64::total_cmp);
    println!("median: {:.0} updates/s", rates[RUNS / 2]);
    Ok(())
}

/// Returns the processor time that this thread has had, which other load of the host does not change.
fn processor_time() -> Result<Duration, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split_ascii_whitespace().next().ok_or("schedstat is empty")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}
