//! At full speed through default settings into JetStream file storage: stored is what curation must emit, exactly.

use std::time::Instant;

use arancini_bed::NatsServer;
use arancini_generate::Scenario;

use crate::command::Process;
use crate::support::{Stored, eventually, table_of};

/// Sends the scenario as one router, waits until curation is done with it, stops, and looks at the stream.
fn is_exact(scenario: &Scenario) {
    let Some(server) = NatsServer::start() else { return };
    let expected = scenario.expected();
    let chunks: Vec<Vec<u8>> = scenario.stream().collect();
    let process = Process::start(&["--nats", &server.url()], &[]);
    let mut router = process.connect(1);
    let since = Instant::now();
    for chunk in &chunks {
        router.send(chunk);
    }
    let sent = since.elapsed();
    let bytes: usize = chunks.iter().map(Vec::len).sum();
    eventually("everything is received", || {
        process.metric("received_bytes_total") == bytes as u64
    });
    let messages = expected.emitted() + 2 + u64::from(scenario.peers);
    eventually("everything is durable", || {
        process.metric("sink_messages_acknowledged_total") == messages
    });
    let durable = since.elapsed();
    let ended = process.terminate();
    assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
    let stored = Stored::from_stream(&server.url());
    println!(
        "elements {} prefixes_per_update {} expected {} stored {} sent_s {:.2} durable_s {:.2} durable_updates_per_s {:.0}",
        expected.elements,
        scenario.prefixes_per_update,
        expected.emitted(),
        stored.updates.len(),
        sent.as_secs_f64(),
        durable.as_secs_f64(),
        expected.emitted() as f64 / durable.as_secs_f64(),
    );
    assert_eq!(stored.updates.len() as u64, expected.emitted());
    let announced = stored.updates.iter().filter(|update| update.announced).count();
    assert_eq!(announced as u64, expected.emitted_announces);
    assert_eq!(stored.table(1), table_of(scenario));
    let reference = Stored::reference(1, chunks);
    let (stored, reference) = (stored.of(1), reference.of(1));
    for (stored, reference) in stored.into_iter().zip(reference) {
        assert_eq!(
            (&stored.route, stored.announced, &stored.as_path),
            (&reference.route, reference.announced, &reference.as_path)
        );
    }
}

#[test]
fn a_tenth_of_the_480k_elements_is_stored_exactly() {
    for prefixes_per_update in [1, 10] {
        is_exact(&Scenario {
            prefixes_per_peer: 10_000,
            ..Scenario::elements_480k(prefixes_per_update)
        });
    }
}

/// `scripts/campaign 480k` runs this with a release build of the collector.
#[test]
#[ignore = "the full size: scripts/campaign 480k"]
fn campaign_480k() {
    for prefixes_per_update in [1, 10] {
        for _ in 0..3 {
            is_exact(&Scenario::elements_480k(prefixes_per_update));
        }
    }
}
