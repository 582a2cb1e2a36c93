//! A stream with three replicas whose leader is killed or frozen again and again.

use std::io;
use std::time::{Duration, Instant};

use arancini_bed::NatsServer;
use arancini_generate::Random;

use super::scenario::{BEFORE_AND_AFTER, Plan, Say, Scenario, WITHIN, expect_left_out, note, note_memory};
use crate::admin::Admin;
use crate::collector::Sink;
use crate::outcome::Outcome;
use crate::rig::Rig;

const SERVERS: usize = 3;
/// Number of faults between two checks.
const CHECK_EVERY: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Killed,
    Frozen,
}

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("leader-killed", |plan, say| run(plan, How::Killed, say)),
    Scenario::new("leader-frozen", |plan, say| run(plan, How::Frozen, say)),
];

fn run(plan: &Plan, how: How, say: Say<'_>) -> io::Result<Outcome> {
    let mut plan = plan.with(&[("nats.replicas", "3")]);
    plan.setup.brokers = SERVERS;
    let mut rig = Rig::start(&plan.setup)?;
    let urls = match rig.collector.sink() {
        Sink::Nats(urls) => urls.clone(),
        Sink::File => Vec::new(),
    };
    let admin = Admin::new(urls)?;
    let mut random = Random::of(&[plan.setup.seed, 4]);
    for round in 1..=plan.times {
        rig.load(BEFORE_AND_AFTER / 2 + Duration::from_millis(u64::from(random.below(1500))))?;
        let leader = until_whole(&mut rig, &admin)?;
        let Some(index) = (0..SERVERS).find(|index| NatsServer::name_of(index + 1) == leader) else {
            return Err(io::Error::other(format!(
                "the leader is {leader}: nobody knows it"
            )));
        };
        let away = plan.away.mul_f64(f64::from(random.below(1000)) / 1000.0);
        hit(&mut rig, index, how, away)?;
        let fault = if how == How::Killed {
            "leader killed"
        } else {
            "leader frozen"
        };
        *rig.outcome.faults.entry(fault).or_default() += 1;
        let since = Instant::now();
        let next = until_whole(&mut rig, &admin)?;
        say(&format!(
            "{round:>4} {fault} ({leader}) for {} ms; {next} leads, all replicas current {} ms after its return; changes {}",
            away.as_millis(),
            since.elapsed().as_millis(),
            rig.changes(),
        ));
        if round % CHECK_EVERY == 0 || round == plan.times {
            rig.check(say)?;
        }
        if !rig.outcome.is_clean() {
            break;
        }
    }
    expect_left_out(&mut rig, 0);
    note_memory(&mut rig, &plan);
    let counters = [
        "sink_resent_total",
        "sink_duplicates_total",
        "sink_disconnects_total",
        "sink_reordered_total",
    ];
    note(&mut rig.outcome.figures, &rig.collector, &counters)?;
    rig.finish()
}

/// Takes a server away for this time, under load.
fn hit(rig: &mut Rig, index: usize, how: How, away: Duration) -> io::Result<()> {
    let act = |rig: &mut Rig, begins: bool| -> io::Result<()> {
        let Some(broker) = rig.brokers.get_mut(index) else {
            return Ok(());
        };
        match (how, begins, broker.process()) {
            (How::Killed, true, _) => {
                broker.kill();
                Ok(())
            }
            (How::Killed, false, _) => broker.up(),
            (How::Frozen, true, Some(process)) => process.freeze(),
            (How::Frozen, false, Some(process)) => process.thaw(),
            (How::Frozen, _, None) => Ok(()),
        }
    };
    act(rig, true)?;
    rig.load(away)?;
    act(rig, false)
}

/// Waits until the stream has a leader and all replicas are current, so that two are left when the next one dies.
fn until_whole(rig: &mut Rig, admin: &Admin) -> io::Result<String> {
    let mut found = None;
    let since = Instant::now();
    rig.until("the stream has a leader and all its replicas", WITHIN, |_| {
        found = admin.leader();
        Ok(found.as_ref().is_some_and(|(_, is_whole)| *is_whole))
    })?;
    rig.outcome.load_seconds += since.elapsed().as_secs_f64();
    Ok(found.map(|(leader, _)| leader).unwrap_or_default())
}
