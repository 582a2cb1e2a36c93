//! Keeps the current tables of all routers from a stream, and prints what they hold.
//!
//! `cargo run --release -p arancini-client --example follow -- nats://127.0.0.1:4222 [--follow]`. A program that starts again reads the
//! stream again from its beginning; a lost connection is made again by the tail itself. `docs/consumers.md` explains each step.

use std::time::Instant;

use arancini_client::StreamSource;
use arancini_client::tables::{Fingerprint, Tables};
use arancini_client::tail::{AtEnd, StreamTail, StreamTailError, StreamTailOptions};
use arancini_schema::subject::Subject;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("the first argument is the URL of a NATS server")?;
    let follows = arguments.next().as_deref() == Some("--follow");
    let source = StreamSource::new(vec![url]);
    let base = source.base.clone();
    let options = StreamTailOptions {
        at_end: if follows { AtEnd::Follow } else { AtEnd::Stop },
        ..StreamTailOptions::default()
    };
    let begun = Instant::now();
    let mut tail = StreamTail::open(source, options).await?;
    let mut tables = Tables::<Fingerprint>::default();
    let mut position = 0;
    loop {
        let message = match tail.next().await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error @ StreamTailError::Message { .. }) => {
                eprintln!("{error}");
                tables.note_gap();
                continue;
            }
            Err(error @ StreamTailError::Recreated { .. }) => {
                eprintln!("{error}");
                tables.note_gap();
                position = 0;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if tail.missing_until() > position {
            tables.note_gap();
        }
        position = message.stream_sequence;
        // Nobody but a collector says what a router holds.
        if message.batch_headers().collector().is_none() {
            continue;
        }
        if let Some(subject) = Subject::parse(&base, &message.subject)
            && let Err(error) = tables.take(subject.message_kind(), &message.payload)
        {
            eprintln!(
                "message {position} of the stream, on {}: {error}",
                message.subject
            );
            tables.note_gap_of(subject.router());
        }
        if follows {
            println!("routes: {}, up to message {position} of the stream", tables.len());
        }
    }
    print(&tables, begun);
    Ok(())
}

/// Prints how many routes each router has, and how fast the updates were taken.
fn print(tables: &Tables<Fingerprint>, begun: Instant) {
    for (address, router) in tables.routers() {
        let routes: usize = router.tables().map(|table| table.len()).sum();
        println!("routes of {address}: {routes}");
        if !router.is_whole() {
            println!("routes of {address} may be missing; ask for them: arancini resync {address}");
        }
    }
    let counts = tables.counts();
    let updates = counts.announces + counts.withdraws;
    let rate = updates as f64 / begun.elapsed().as_secs_f64();
    eprintln!("{updates} updates, {rate:.0} a second");
}
