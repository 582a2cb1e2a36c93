//! The soak in a form of some seconds, and with a stream that is too small for the consumer; `scripts/campaign soak` runs it for an hour.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use arancini_bed::programs;
use arancini_campaign::network::Places;
use arancini_campaign::outcome::Outcome;
use arancini_campaign::rig::Setup;
use arancini_campaign::soak::Soak;

fn soak(max_bytes: u64) -> Option<Outcome> {
    let Some(collector) = programs::collector() else {
        println!("skipped: no program arancini beside this test, and no ARANCINI_BIN");
        return None;
    };
    let Some(broker) = programs::nats_server() else {
        println!("skipped: no nats-server");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let soak = Soak {
        setup: Setup {
            seed: 1,
            rate: 8000,
            routers: 2,
            impatient_every: u8::MAX,
            routes: 500,
            brokers: 1,
            quiet_period: Duration::from_millis(1000),
            snapshot_interval_ms: None,
            settings: vec![("nats.max_bytes".to_owned(), max_bytes.to_string())],
            places: Places::local(),
            collector,
            broker,
            folder: folder.path().to_owned(),
        },
        time: Duration::from_secs(4),
        // How far the consumer is behind says nothing in a test run: the machine has other work.
        lag: Duration::MAX,
        say_every: Duration::from_secs(1),
    };
    let outcome = soak.run(&mut |line| println!("{line}")).unwrap();
    println!("{}", outcome.to_json());
    Some(outcome)
}

#[test]
fn a_consumer_that_follows_a_bounded_stream_has_all_routes() {
    if let Some(outcome) = soak(64 << 20) {
        assert!(
            outcome.is_clean(),
            "{:#?}\n{:#?}",
            outcome.failures,
            outcome.examples
        );
        assert!(outcome.updates > 3000, "too little load to prove anything");
    }
}

#[test]
fn messages_that_age_out_before_they_are_read_are_noticed() {
    if let Some(outcome) = soak(64 << 10) {
        assert!(
            outcome.difference.lost + outcome.difference.ghosts > 0,
            "{}",
            outcome.to_json()
        );
    }
}
