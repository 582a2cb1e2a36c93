//! A short campaign, and the proof that it notices a missing safeguard (`docs/simulator.md`).
#![allow(clippy::unwrap_used)]

use std::thread::available_parallelism;

use arancini_simulator::campaign::{Campaign, Outcome};
use arancini_simulator::{Fault, Plan, run, shrink};

fn campaign(seeds: u64, fault: Option<Fault>) -> Outcome {
    campaign_from(0, seeds, fault)
}

fn campaign_from(first_seed: u64, seeds: u64, fault: Option<Fault>) -> Outcome {
    let campaign = Campaign {
        first_seed,
        seeds,
        steps: Plan::STEPS,
        fault,
        retain: false,
        resyncs: fault == Some(Fault::RequestedResync),
        losses: fault == Some(Fault::LossResync),
    };
    campaign.run(available_parallelism().map_or(1, usize::from))
}

#[test]
fn no_promise_is_broken() {
    let outcome = campaign(2_000, None);
    has_no_violation(&outcome, |plan| plan);
    // Runs in which nothing happens prove nothing.
    let sum = outcome.sum;
    assert_eq!(outcome.runs, 2_000);
    assert!(sum.updates > 50_000 && sum.routes > 10_000, "{sum:?}");
    assert!(
        sum.resent > 500 && sum.doubles > 50 && sum.refusals > 100,
        "{sum:?}"
    );
    assert!(
        sum.crashes > 1_000 && sum.stops > 500 && sum.restored > 2_000 && sum.gaps > 50,
        "{sum:?}"
    );
    assert!(
        sum.strange_starts > 200 && sum.lost_tails > 50 && sum.dropped > 2_000 && sum.slow_dumps > 200,
        "{sum:?}"
    );
}

/// With attribute sets, snapshots have more pieces, so that other snapshots are there when the collector starts again.
/// Consumers hold the same in the end, unless sessions go on that a loss would end without the sets.
#[test]
fn tables_that_retain_attributes_break_no_promise() {
    for seed in 0..500 {
        let plan = Plan::of_seed(seed);
        let retaining = Plan {
            retain: true,
            ..plan.clone()
        };
        let held = |plan: &Plan| run(plan).map(|report| (report.routes, report.resyncs_from_attributes));
        let retained = held(&retaining);
        assert!(retained.is_ok(), "{}: {retained:?}", retaining.command());
        if retained.as_ref().is_ok_and(|(_, resyncs)| *resyncs == 0) {
            assert_eq!(held(&plan), retained, "{}", retaining.command());
        }
    }
}

/// Checks that a campaign found nothing. If it did, the failure has the command that runs its first seed again, with this plan.
fn has_no_violation(outcome: &Outcome, plan: impl Fn(Plan) -> Plan) {
    if let Some((seed, violation)) = outcome.examples.first() {
        panic!(
            "{} of {} runs; seed {seed}: {violation}\nreplay: {}",
            outcome.failures,
            outcome.runs,
            plan(Plan::of_seed(*seed)).command()
        );
    }
}

/// Brokers lose messages that they had acknowledged, and routers are published again without a dump.
#[test]
fn a_resync_from_attributes_after_a_loss_breaks_no_promise() {
    let campaign = Campaign {
        first_seed: 0,
        seeds: 500,
        steps: Plan::STEPS,
        fault: None,
        retain: false,
        resyncs: false,
        losses: true,
    };
    let outcome = campaign.run(available_parallelism().map_or(1, usize::from));
    has_no_violation(&outcome, |plan| Plan { losses: true, ..plan });
    let resyncs = outcome.sum.resyncs_from_attributes;
    assert!(resyncs > 50, "only {resyncs} resyncs from attributes");
}

/// Resyncs are requested while everything else goes on: losses, Peer Downs, crashes, stops.
#[test]
fn a_resync_on_request_breaks_no_promise() {
    let campaign = Campaign {
        first_seed: 0,
        seeds: 500,
        steps: Plan::STEPS,
        fault: None,
        retain: false,
        resyncs: true,
        losses: false,
    };
    let outcome = campaign.run(available_parallelism().map_or(1, usize::from));
    has_no_violation(&outcome, |plan| Plan {
        resyncs: true,
        ..plan
    });
    let sum = outcome.sum;
    assert!(
        sum.requested_resyncs > 300 && sum.resyncs_all_withdrawn > 100,
        "{sum:?}"
    );
}

/// Takes each safeguard out and tries seeds until one has a violation. Prints how many seeds that took.
#[test]
fn a_safeguard_that_is_taken_out_is_missed() {
    let (most, chunk) = (6_000, 200);
    for fault in Fault::ALL {
        let tried = (0..most).step_by(chunk).find(|&first| {
            let outcome = campaign_from(first, chunk as u64, Some(fault));
            outcome.failures > 0
        });
        let tried = tried.unwrap_or_else(|| panic!("no seed has a violation without {fault:?}"));
        println!("without {fault:?}: found within {} seeds", tried + chunk as u64);
    }
}

#[test]
fn a_run_is_a_function_of_its_seed() {
    for seed in 0..50 {
        let plan = Plan::of_seed(seed);
        assert_eq!(run(&plan), run(&plan));
        let broken = plan.with_fault(Some(Fault::EventBarrier));
        assert_eq!(run(&broken), run(&broken));
    }
}

#[test]
fn a_failing_run_shrinks_to_few_steps_that_fail_the_same_way() {
    let plan = Plan::of_seed(1).with_fault(Some(Fault::StaleSweep));
    let failing = (1..100)
        .map(|seed| Plan { seed, ..plan.clone() })
        .find(|plan| run(plan).is_err())
        .unwrap();
    let violation = run(&failing).unwrap_err();
    let shrunk = shrink(&failing, &violation);
    assert_eq!(run(&shrunk).unwrap_err().name(), violation.name());
    let taken = shrunk.steps as usize - shrunk.without.len();
    assert!(taken <= 12, "{}", shrunk.command());
}
