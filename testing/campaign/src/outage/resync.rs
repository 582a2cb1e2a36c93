//! The routes of routers are published again from the attributes that the collector retains: on request, and after a purge of the
//! stream. A restart of the collector is measured beside them.
//!
//! The routers change nothing meanwhile, so that the time is that of the resync alone. Then they go on, and everything is judged:
//! consumers drop what was not announced between begin and end, so a route that is missing there is lost.

use std::io;
use std::time::{Duration, Instant};

use super::loss::judge_newcomer;
use super::scenario::{BEFORE_AND_AFTER, Plan, Say, Scenario, WITHIN, note_memory};
use crate::admin::Admin;
use crate::collector::Sink;
use crate::outcome::Outcome;
use crate::rig::Rig;

const SETTINGS: [(&str, &str); 1] = [("rib.attributes", "retain")];

/// A resync is over when nothing more was acknowledged for this time.
const SILENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Requested,
    Purged,
    Restarted,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("requested", |plan, say| run(plan, What::Requested, say)),
    Scenario::new("purged", |plan, say| run(plan, What::Purged, say)),
    Scenario::new("restarted", |plan, say| run(plan, What::Restarted, say)),
];

fn run(plan: &Plan, what: What, say: Say<'_>) -> io::Result<Outcome> {
    let plan = plan.with(&SETTINGS);
    let mut rig = Rig::start(&plan.setup)?;
    let Sink::Nats(urls) = rig.collector.sink().clone() else {
        return Err(io::Error::other("the sink has no stream"));
    };
    let admin = Admin::new(urls)?;
    for _ in 0..plan.times {
        rig.load(BEFORE_AND_AFTER)?;
        rig.check(say)?;
        be_quiet(&mut rig)?;
        let sessions = rig.sessions();
        // Until the collector notices a purge, it publishes changes of routes that a newcomer never heard of.
        rig.outcome.repaired |= what == What::Purged;
        measure(&mut rig, &admin, what, say)?;
        if what != What::Restarted && rig.sessions() != sessions {
            let failure = format!("{} sessions were lost", rig.sessions() - sessions);
            rig.outcome.failures.push(failure);
        }
        rig.hold(false);
        rig.load(BEFORE_AND_AFTER)?;
        rig.check(say)?;
        if what == What::Purged && rig.outcome.is_clean() {
            judge_newcomer(&mut rig, &plan, say)?;
        }
        if !rig.outcome.is_clean() {
            break;
        }
    }
    note_memory(&mut rig, &plan);
    rig.finish()
}

/// Measures one resync or restart, from its cause until everything is acknowledged.
fn measure(rig: &mut Rig, admin: &Admin, what: What, say: Say<'_>) -> io::Result<()> {
    let before = Figures::of(rig)?;
    let routes = held(rig);
    let since = Instant::now();
    match what {
        What::Requested => {
            for client in &rig.clients {
                rig.collector.resync(client.router().address())?;
            }
        }
        What::Purged => {
            admin.purge()?;
            // The collector notices a purge when it publishes.
            rig.hold(false);
            let routers = rig.clients.len() as u64;
            rig.until("the purge is noticed", WITHIN, |rig| {
                Ok(Figures::of(rig)?.resyncs >= before.resyncs + routers)
            })?;
            // What routers announced since is published with the resync, and not by it.
            rig.hold(true);
        }
        What::Restarted => {
            rig.collector.kill()?;
            rig.collector.up()?;
        }
    }
    let (mut last, mut last_change) = (0, Instant::now());
    rig.until("everything is published again", WITHIN, |rig| {
        // While the collector starts, it does not answer.
        let Ok(now) = Figures::of(rig) else {
            return Ok(false);
        };
        if now.acknowledged != last {
            (last, last_change) = (now.acknowledged, Instant::now());
        }
        Ok(last_change.elapsed() > SILENCE && is_quiet(rig)?)
    })?;
    let taken = last_change - since;
    let after = Figures::of(rig)?;
    let repeated = after.repeated.saturating_sub(before.repeated);
    if what == What::Requested && repeated != routes {
        let failure = format!("{repeated} of {routes} routes were published again");
        rig.outcome.failures.push(failure);
    }
    let figures = &mut rig.outcome.figures;
    let mut most = |name, value: u64| {
        let known = figures.entry(name).or_default();
        *known = value.max(*known);
    };
    most("routes", routes);
    most("milliseconds", taken.as_millis() as u64);
    most("published_again", repeated);
    most("longest_turn_us", after.longest_turn.as_micros() as u64);
    say(&format!(
        "     {what:?}: {routes} routes, {repeated} published again in {:.2} s; longest turn since the start {:.2} ms (before: {:.2} ms)",
        taken.as_secs_f64(),
        after.longest_turn.as_secs_f64() * 1e3,
        before.longest_turn.as_secs_f64() * 1e3,
    ));
    Ok(())
}

fn held(rig: &Rig) -> u64 {
    rig.clients.iter().map(|client| client.router().held()).sum()
}

/// Lets the routers stop changing routes, and waits until everything is acknowledged.
fn be_quiet(rig: &mut Rig) -> io::Result<()> {
    rig.hold(true);
    rig.until("everything is acknowledged", WITHIN, is_quiet)
}

/// Whether all routers have a session and the collector all routes, and everything is acknowledged.
fn is_quiet(rig: &mut Rig) -> io::Result<bool> {
    let metrics = rig.collector.metrics()?;
    let talking = rig.clients.iter().any(|client| !client.is_idle());
    Ok(!talking
        && metrics.sum("sessions") == rig.clients.len() as u64
        && metrics.sum("routes") == held(rig)
        && metrics.sum("batches_total") == metrics.sum("sink_batches_acknowledged_total"))
}

/// What the collector says of itself.
struct Figures {
    /// Announces that were published again.
    repeated: u64,
    /// Resyncs after a loss.
    resyncs: u64,
    /// Messages that the broker acknowledged.
    acknowledged: u64,
    longest_turn: Duration,
}

impl Figures {
    fn of(rig: &Rig) -> io::Result<Self> {
        let metrics = rig.collector.metrics()?;
        let turn = metrics.exact("worker_longest_turn_cpu_seconds");
        Ok(Self {
            repeated: metrics.sum("repeated_announces_total"),
            resyncs: metrics.sum("loss_resyncs_total"),
            acknowledged: metrics.sum("sink_messages_acknowledged_total"),
            longest_turn: Duration::from_secs_f64(turn.unwrap_or_default()),
        })
    }
}
