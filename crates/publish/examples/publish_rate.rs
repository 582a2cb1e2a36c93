//! How fast batches become durable in JetStream, and what a batch costs the sidecar.
//!
//! `cargo run --release -p arancini-publish --features testing --example publish_rate [updates-per-batch] [batches]`
//! starts a nats-server (see `arancini_publish::testing`) with file storage, publishes 300-byte messages on 20
//! subjects from one sender and prints updates per second. The numbers of `docs/nats.md` come from here.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use arancini_core::{Batch, BatchKind};
use arancini_publish::sidecar::Hooks;
use arancini_publish::testing::NatsServer;
use arancini_publish::{NatsSettings, Sidecar, SidecarSettings, SinkSettings, SinkStatus};

const WORDS: u32 = 37;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let per_batch = arguments.next().transpose()?.unwrap_or(50);
    let batches = arguments.next().transpose()?.unwrap_or(20_000);
    let Some(server) = NatsServer::start_with("max_payload: 8MB, max_pending: 256MB") else {
        return Ok(());
    };
    let sink = SinkSettings::Nats(Box::new(NatsSettings::new(vec![server.url()])));
    let (bridge, input) = kanal::bounded(64);
    let (give, pool) = kanal::unbounded::<Vec<u8>>();
    let hooks = Hooks {
        recycle: Some(Arc::new(move |buffer| drop(give.send(buffer)))),
        ..Hooks::default()
    };
    let status = Arc::new(SinkStatus::default());
    let sidecar = Sidecar::spawn(SidecarSettings::new(sink), input, Arc::clone(&status), hooks)?;
    while !status.is_ready() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut message = vec![0, 0, 0, 0];
    message.extend(WORDS.to_le_bytes());
    message.resize(8 + WORDS as usize * 8, 0x5a);
    let subjects: Vec<Arc<str>> = (0..20)
        .map(|peer| format!("arancini.updates.v4_192_0_2_1.{peer}.1_1").into())
        .collect();
    let started = Instant::now();
    for number in 1..=batches {
        let mut payload = pool.try_recv()?.unwrap_or_default();
        payload.clear();
        (0..per_batch).for_each(|_| payload.extend_from_slice(&message));
        bridge.send(Batch {
            kind: BatchKind::Updates,
            subject: Arc::clone(&subjects[number as usize % subjects.len()]),
            router: IpAddr::from([192, 0, 2, 1]),
            payload,
            messages: per_batch as u32,
            first_sequence: number * per_batch,
            last_sequence: (number + 1) * per_batch - 1,
            worker: 0,
            number,
        })?;
    }
    drop(bridge);
    let report = sidecar.drain(Duration::from_secs(120));
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{per_batch} a batch: {:.0} updates/s durable, {:.0} MB/s, resent {}, unacknowledged {}",
        report.acknowledged_messages as f64 / seconds,
        status.bytes_acknowledged.load(Relaxed) as f64 / 1e6 / seconds,
        status.resent.load(Relaxed),
        report.unacknowledged_messages,
    );
    Ok(())
}
