//! The campaigns of outages in a short form; `scripts/campaign away`, `-cluster`, `-disk`, `-link`, `-loss` and `-resync` run them
//! in full.
//!
//! Where the program, a nats-server, root or what a course of events needs besides is missing, a test says
//! `skipped: …`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use arancini_bed::programs;
use arancini_campaign::network::Places;
use arancini_campaign::outage::{AWAY, CLUSTER, DISK, LINK, LOSS, Plan, RESYNC, Scenario};
use arancini_campaign::rig::Setup;

const SEED: u64 = 5;

/// Runs courses of events and demands that no promise was broken.
fn breaks_no_promise(scenarios: &[Scenario], names: &[&str], away: Duration, settings: &[(&str, &str)]) {
    let Some(collector) = programs::collector() else {
        println!("skipped: no program arancini beside this test, and no ARANCINI_BIN");
        return;
    };
    let Some(broker) = programs::nats_server() else {
        println!("skipped: no nats-server");
        return;
    };
    for name in names {
        let scenario = scenarios.iter().find(|scenario| scenario.name == *name).unwrap();
        if let Some(reason) = (scenario.unavailable)() {
            println!("skipped: {name}: {reason}");
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan {
            setup: Setup {
                seed: SEED,
                rate: 4000,
                routers: 4,
                impatient_every: 4,
                routes: 300,
                brokers: 1,
                quiet_period: Duration::from_millis(1000),
                snapshot_interval_ms: Some(300),
                settings: settings
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
                places: Places::local(),
                collector: collector.clone(),
                broker: broker.clone(),
                folder: folder.path().to_owned(),
            },
            away,
            times: 1,
            memory_mib: 512,
        };
        let outcome = (scenario.run)(&plan, &mut |line| println!("{line}")).unwrap();
        println!("{name}: {}", outcome.to_json());
        assert!(
            outcome.is_clean(),
            "{name}, seed {SEED}: {:#?}\n{:#?}",
            outcome.failures,
            outcome.examples
        );
        assert!(outcome.updates > 3000, "too little load to prove anything");
    }
}

#[test]
fn a_broker_that_is_away_costs_nothing_with_block_and_spool() {
    let names = ["block-killed", "spool-frozen"];
    breaks_no_promise(AWAY, &names, Duration::from_secs(2), &[]);
}

#[test]
fn what_is_thrown_away_is_counted_and_repaired_by_the_next_dump() {
    // So little room that two seconds are too long.
    let settings = [("publish.window_batches", "64"), ("publish.bridge_batches", "16")];
    breaks_no_promise(AWAY, &["drop-frozen"], Duration::from_secs(2), &settings);
}

#[test]
fn the_death_of_a_leader_breaks_no_promise() {
    breaks_no_promise(CLUSTER, &["leader-killed"], Duration::from_secs(2), &[]);
}

#[test]
fn a_full_disk_of_the_snapshots_breaks_no_promise() {
    breaks_no_promise(DISK, &["snapshot-disk"], Duration::from_secs(1), &[]);
}

#[test]
fn a_cut_link_breaks_no_promise() {
    let names = ["broker-silent", "router-silent"];
    breaks_no_promise(LINK, &names, Duration::from_secs(3), &[]);
}

#[test]
fn a_stream_that_is_purged_or_deleted_while_the_collector_is_down_is_made_whole() {
    let names = ["purged-while-down", "deleted-while-down"];
    breaks_no_promise(LOSS, &names, Duration::ZERO, &[]);
}

#[test]
fn a_stream_that_is_purged_while_the_collector_retains_attributes_is_made_whole() {
    let retained = [("rib.attributes", "retain")];
    breaks_no_promise(
        LOSS,
        &["purged-while-running", "deleted-before-snapshot"],
        Duration::ZERO,
        &retained,
    );
}

#[test]
fn routes_are_published_again_on_request_and_after_a_purge_without_a_dump() {
    breaks_no_promise(RESYNC, &["requested", "purged"], Duration::ZERO, &[]);
}
