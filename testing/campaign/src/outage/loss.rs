//! The stream is purged or deleted: it loses messages that it had acknowledged.
//!
//! Two consumers are judged: one that read everything up to shortly before, and a newcomer that reads only what is left of
//! the stream.

use std::io;

use arancini_judge::Judge;

use super::scenario::{BEFORE_AND_AFTER, Plan, Say, Scenario, WITHIN, note, note_memory};
use crate::admin::Admin;
use crate::book::NumberedBook;
use crate::collector::Sink;
use crate::outcome::Outcome;

use crate::reader::Reader;
use crate::rig::Rig;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Purged,
    Deleted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While the collector is down.
    Down,
    /// While the collector runs. It goes on.
    Running,
    /// While the collector runs. After its next snapshots it is killed and started.
    BeforeSnapshot,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("purged-while-down", |plan, say| {
        run(plan, What::Purged, When::Down, say)
    }),
    Scenario::new("deleted-while-down", |plan, say| {
        run(plan, What::Deleted, When::Down, say)
    }),
    Scenario::new("purged-while-running", |plan, say| {
        run(plan, What::Purged, When::Running, say)
    }),
    Scenario::new("deleted-while-running", |plan, say| {
        run(plan, What::Deleted, When::Running, say)
    }),
    Scenario::new("purged-before-snapshot", |plan, say| {
        run(plan, What::Purged, When::BeforeSnapshot, say)
    }),
    Scenario::new("deleted-before-snapshot", |plan, say| {
        run(plan, What::Deleted, When::BeforeSnapshot, say)
    }),
];

fn run(plan: &Plan, what: What, when: When, say: Say<'_>) -> io::Result<Outcome> {
    let mut rig = Rig::start(&plan.setup)?;
    let Sink::Nats(urls) = rig.collector.sink().clone() else {
        return Err(io::Error::other("the sink has no stream"));
    };
    let admin = Admin::new(urls)?;
    for _ in 0..plan.times {
        // The consumer has read everything up to here. It may miss what is published from here on.
        rig.load(BEFORE_AND_AFTER)?;
        rig.check(say)?;
        rig.load(BEFORE_AND_AFTER)?;
        lose(&mut rig, &admin, what, when)?;
        // Until the collector notices the loss, it publishes changes of routes that the consumer never heard of.
        rig.outcome.repaired = when != When::Down;
        rig.load(BEFORE_AND_AFTER)?;
        let name = if what == What::Purged { "purged" } else { "deleted" };
        *rig.outcome.faults.entry(name).or_default() += 1;
        if what == What::Deleted {
            // The sequences of a new stream begin at 1.
            rig.reader = None;
        }
        rig.check(say)?;
        let (first, last) = admin.range()?;
        say(&format!("     {name}; the stream has {first} to {last}"));
        if !rig.outcome.is_clean() {
            break;
        }
        judge_newcomer(&mut rig, plan, say)?;
        if !rig.outcome.is_clean() {
            break;
        }
    }
    note_memory(&mut rig, plan);
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &["restored_routes", "snapshots_total"],
    )?;
    rig.finish()
}

fn lose(rig: &mut Rig, admin: &Admin, what: What, when: When) -> io::Result<()> {
    let lose = || match what {
        What::Purged => admin.purge(),
        What::Deleted => admin.delete(),
    };
    match when {
        When::Down => {
            rig.collector.kill()?;
            lose()?;
            rig.collector.up()
        }
        When::Running => lose(),
        When::BeforeSnapshot => {
            lose()?;
            let before = rig.collector.metrics()?.sum("snapshots_total");
            rig.until("snapshots are taken", WITHIN, |rig| {
                Ok(rig.collector.metrics()?.sum("snapshots_total") > before + 2)
            })?;
            rig.collector.kill()?;
            rig.collector.up()
        }
    }
}

/// Judges a consumer that comes now and reads what is left.
pub(super) fn judge_newcomer(rig: &mut Rig, plan: &Plan, say: Say<'_>) -> io::Result<()> {
    let addresses: Vec<_> = rig
        .clients
        .iter()
        .map(|client| client.router().address())
        .collect();
    let book = NumberedBook::new(addresses, plan.setup.routes);
    let newcomer = Judge::new(book, Reader::rules(rig.collector.sink()));
    let known = std::mem::replace(&mut rig.judge, newcomer);
    let reader = rig.reader.take();
    let (updates, resyncs) = (rig.outcome.updates, rig.outcome.resyncs);
    say("     a newcomer:");
    rig.check(say)?;
    let newcomer = (rig.outcome.updates, rig.outcome.resyncs);
    rig.outcome
        .figures
        .extend([("newcomer_updates", newcomer.0), ("newcomer_resyncs", newcomer.1)]);
    (rig.outcome.updates, rig.outcome.resyncs) = (updates, resyncs);
    if rig.outcome.is_clean() {
        (rig.judge, rig.reader) = (known, reader);
    }
    Ok(())
}
