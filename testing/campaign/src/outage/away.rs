//! The broker is killed or frozen for a minute, with each `publish.on_full`.
//!
//! With `spool` and `drop` the collector takes the routers' whole load. With `block` TCP makes the routers wait, and a router
//! with 4 MiB unsent stops changing its routes.

use std::io;
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_judge::FindingKind;

use super::scenario::{
    BEFORE_AND_AFTER, Plan, Say, Scenario, WITHIN, expect_left_out, load_meanwhile, note, note_memory,
};
use crate::client::Client;
use crate::outcome::Outcome;
use crate::rig::Rig;

/// A dump repairs nothing while updates are thrown away. Then it is asked for again, at most this many times.
const MOST_DUMPS: u32 = 3;

/// Number of looks with the same figures, and the time between two looks, after which everything is quiet. The time is
/// longer than a batch lingers and TCP waits.
const QUIET: [&str; 4] = [
    "batches_total",
    "received_bytes_total",
    "sink_batches_acknowledged_total",
    "dropped_updates_total",
];
const QUIET_LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Frozen,
    Killed,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("block-frozen", |plan, say| {
        keeps_all(plan, "block", How::Frozen, say)
    }),
    Scenario::new("block-killed", |plan, say| {
        keeps_all(plan, "block", How::Killed, say)
    }),
    Scenario::new("spool-frozen", |plan, say| {
        keeps_all(plan, "spool", How::Frozen, say)
    }),
    Scenario::new("spool-killed", |plan, say| {
        keeps_all(plan, "spool", How::Killed, say)
    }),
    Scenario::new("drop-frozen", |plan, say| drops(plan, How::Frozen, say)),
    Scenario::new("drop-killed", |plan, say| drops(plan, How::Killed, say)),
];

/// Runs the outage up to the moment at which the broker is back.
fn outage(plan: &Plan, policy: &str, how: How, say: Say<'_>) -> io::Result<Rig> {
    let plan = plan.with(&[("publish.on_full", policy)]);
    let mut rig = Rig::start(&plan.setup)?;
    let before = load_meanwhile(&mut rig, BEFORE_AND_AFTER)?;
    with_broker(&mut rig, |broker| match (how, broker.process()) {
        (How::Frozen, Some(process)) => process.freeze(),
        _ => {
            broker.kill();
            Ok(())
        }
    })?;
    let meanwhile = load_meanwhile(&mut rig, plan.away)?;
    note_memory(&mut rig, &plan);
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &["spool_bytes", "spooled_batches_total", "dropped_updates_total"],
    )?;
    with_broker(&mut rig, |broker| match (how, broker.process()) {
        (How::Frozen, Some(process)) => process.thaw(),
        _ => broker.up(),
    })?;
    let after = load_meanwhile(&mut rig, BEFORE_AND_AFTER)?;
    let figures = &mut rig.outcome.figures;
    figures.extend([
        ("changes_per_second_before", before),
        ("changes_per_second_meanwhile", meanwhile),
        ("changes_per_second_after", after),
    ]);
    let name = if how == How::Frozen {
        "broker frozen"
    } else {
        "broker killed"
    };
    rig.outcome.faults.insert(name, 1);
    say(&format!(
        "     away for {} s; changes per second {before}, meanwhile {meanwhile}, after it {after}",
        plan.away.as_secs()
    ));
    Ok(rig)
}

fn with_broker(rig: &mut Rig, act: impl FnOnce(&mut NatsServer) -> io::Result<()>) -> io::Result<()> {
    rig.brokers.first_mut().map_or(Ok(()), act)
}

/// With `block` and `spool` nothing is lost.
fn keeps_all(plan: &Plan, policy: &str, how: How, say: Say<'_>) -> io::Result<Outcome> {
    let mut rig = outage(plan, policy, how, say)?;
    let since = Instant::now();
    rig.check(say)?;
    let seconds = since.elapsed().as_secs();
    rig.outcome.figures.insert("seconds_until_judged", seconds);
    expect_left_out(&mut rig, 0);
    note_memory(&mut rig, plan);
    rig.finish()
}

/// With `drop` the collector counts what it throws away, and the next dump of each router repairs the stream.
fn drops(plan: &Plan, how: How, say: Say<'_>) -> io::Result<Outcome> {
    let mut rig = outage(plan, "drop", how, say)?;
    rig.outcome.repaired = true;
    rig.brokers.iter_mut().try_for_each(NatsServer::until_ready)?;
    rig.hold(true);
    let mut dropped = until_acknowledged(&mut rig)?;
    if dropped == 0 {
        let failure = "nothing was thrown away: this proves nothing".to_owned();
        rig.outcome.failures.push(failure);
    }
    for dump in 1..=MOST_DUMPS {
        let before: Vec<u64> = rig.clients.iter().map(Client::sessions).collect();
        rig.clients.iter().for_each(Client::renew);
        rig.until("every router dumps again", WITHIN, |rig| {
            let mut pairs = rig.clients.iter().zip(&before);
            Ok(pairs.all(|(client, before)| client.sessions() > *before && client.is_idle()))
        })?;
        let now = until_acknowledged(&mut rig)?;
        rig.outcome.figures.insert("dumps", u64::from(dump));
        if now == dropped {
            break;
        }
        dropped = now;
    }
    rig.check(say)?;
    let repaired = rig.outcome.findings;
    rig.outcome.figures.extend([
        (
            "known_withdrawn_by_repair",
            repaired.of(FindingKind::WithdrawnUnheld),
        ),
        (
            "known_announced_by_repair",
            repaired.of(FindingKind::AnnouncedAsHeld),
        ),
    ]);
    // From here on the stream must be as if nothing had been lost, unless more is thrown away.
    rig.load(BEFORE_AND_AFTER)?;
    rig.hold(true);
    let after = until_acknowledged(&mut rig)?;
    rig.outcome
        .figures
        .insert("dropped_after_repair", after - dropped);
    if after == dropped {
        rig.check(say)?;
        if rig.outcome.findings != repaired {
            let failure = format!("{:?} after the repair, {repaired:?} before", rig.outcome.findings);
            rig.outcome.failures.push(failure);
        }
    }
    rig.outcome.figures.insert("dropped_updates_total", dropped);
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &["snapshots_total", "snapshot_failures_total"],
    )?;
    expect_left_out(&mut rig, dropped);
    note_memory(&mut rig, plan);
    rig.finish()
}

/// Waits until everything that was not thrown away is acknowledged. Returns the number of messages thrown away.
fn until_acknowledged(rig: &mut Rig) -> io::Result<u64> {
    let mut last = Vec::new();
    let mut looks = 0;
    rig.until("everything is acknowledged", WITHIN, |rig| {
        let metrics = rig.collector.metrics()?;
        let now = QUIET.map(|name| metrics.sum(name)).to_vec();
        let is_done = metrics.sum("sink_window_messages") == 0 && rig.clients.iter().all(Client::is_idle);
        looks = if is_done && last == now { looks + 1 } else { 0 };
        last = now;
        std::thread::sleep(BETWEEN_LOOKS);
        Ok(looks >= QUIET_LOOKS)
    })?;
    let metrics = rig.collector.metrics()?;
    let (made, done) = ("batches_total", "sink_batches_acknowledged_total");
    rig.batches_thrown_away = metrics.sum(made).saturating_sub(metrics.sum(done));
    Ok(metrics.sum("dropped_updates_total"))
}
