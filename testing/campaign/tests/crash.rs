//! The campaign of crashes in a form that takes half a minute; `scripts/campaign crash` runs it in full.
//!
//! The collector is `$ARANCINI_BIN`, or the program that was built beside this one. Where that or a
//! nats-server is missing, a test says `skipped: …`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use arancini_bed::programs;
use arancini_campaign::collector::Collector;
use arancini_campaign::crash::Campaign;
use arancini_campaign::fault::Fault;
use arancini_campaign::network::Places;
use arancini_campaign::rig::Setup;

/// Runs a small campaign and demands that no promise was broken.
fn breaks_no_promise(seed: u64, kinds: &[Fault], faults: usize, with_broker: bool) {
    let Some(collector) = programs::collector() else {
        println!("skipped: no program arancini beside this test, and no ARANCINI_BIN");
        return;
    };
    let Some(broker) = programs::nats_server() else {
        println!("skipped: no nats-server");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let has_snapshots = Collector::knows_section(&collector, "snapshots");
    let campaign = Campaign {
        setup: Setup {
            seed,
            rate: 4000,
            routers: 4,
            impatient_every: 4,
            routes: 200,
            brokers: usize::from(with_broker),
            quiet_period: Duration::from_millis(1000),
            snapshot_interval_ms: has_snapshots.then_some(300),
            settings: Vec::new(),
            places: Places::local(),
            collector,
            broker,
            folder: folder.path().to_owned(),
        },
        faults,
        kinds: kinds.to_vec(),
        check_every: faults.div_ceil(2),
        gap: Duration::from_millis(600),
    };
    let outcome = campaign.run(&mut |line| println!("{line}")).unwrap();
    println!("{}", outcome.to_json());
    assert!(
        outcome.is_clean(),
        "seed {seed}: {:#?}\n{:#?}",
        outcome.failures,
        outcome.examples
    );
    assert_eq!(outcome.checks, 2);
    assert!(outcome.updates > 3000, "too little load to prove anything");
}

#[test]
fn a_broker_that_dies_or_stands_still_breaks_no_promise() {
    let kinds = [Fault::KillBroker, Fault::FreezeBroker, Fault::FreezeCollector];
    breaks_no_promise(1, &kinds, 6, true);
}

#[test]
fn crashes_break_no_promise() {
    breaks_no_promise(2, &Fault::ALL, 12, true);
}

#[test]
fn crashes_break_no_promise_with_files() {
    breaks_no_promise(3, &Fault::ALL, 6, false);
}
