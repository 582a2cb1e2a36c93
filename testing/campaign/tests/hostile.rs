//! The campaign of hostile clients in a short form; `scripts/campaign hostile` runs it in full.
//!
//! Each attack goes on for a moment. Times are not judged here, because the build is not optimised and the machine has
//! other work. Where the program or a nats-server is missing, the test says `skipped: …`.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use arancini_bed::programs;
use arancini_campaign::hostile::{Attack, Bounds, Campaign};

/// The attacks that need only a moment to do their harm.
const ATTACKS: [Attack; 10] = [
    Attack::LargeMalformed,
    Attack::LargeInitiation,
    Attack::FourWideUpdates,
    Attack::LongTableName,
    Attack::LongSystemName,
    Attack::FreshStatistics,
    Attack::FreshAsNumbers,
    Attack::DynamicNeighbours,
    Attack::EmptyConnects,
    Attack::ControlPort,
];

#[test]
fn no_attack_costs_the_honest_router_an_update_or_the_collector_its_memory() {
    let Some(collector) = programs::collector() else {
        println!("skipped: no program arancini beside this test, and no ARANCINI_BIN");
        return;
    };
    let Some(broker) = programs::nats_server() else {
        println!("skipped: no nats-server");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let campaign = Campaign {
        attack_for: Duration::from_millis(400),
        attacks: ATTACKS.to_vec(),
        collector,
        broker,
        folder: folder.path().to_owned(),
    };
    for attack in &campaign.attacks {
        let outcome = campaign.run(*attack).unwrap();
        let broken = Bounds::WITHOUT_TIMES.broken_by(&outcome);
        println!("{}", outcome.row(&broken));
        assert!(broken.is_empty(), "{}: {broken:#?}", attack.name());
        assert!(outcome.strikes > 0, "{}: nothing was sent", attack.name());
    }
}
