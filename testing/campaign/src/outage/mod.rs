//! Campaigns of outages: what the collector needs is away, full, cut off or gone for a while, under load; then it
//! is there again, and everything is judged.

mod away;
mod cluster;
mod disk;
mod link;
mod loss;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use arancini_bed::process::Process;

use crate::collector::Collector;
use crate::outcome::Outcome;
use crate::rig::{Rig, Setup};

/// Load before something happens, and after it is over.
const BEFORE_AND_AFTER: Duration = Duration::from_secs(4);
/// What comes by itself comes within this.
const WITHIN: Duration = Duration::from_secs(180);

/// How much of it.
#[derive(Debug, Clone)]
pub struct Plan {
    /// On what.
    pub setup: Setup,
    /// How long something is away.
    pub away: Duration,
    /// How often, where it happens several times.
    pub times: u32,
    /// The collector may have as much memory resident, in MiB.
    pub memory_mib: u64,
}

/// Says a line.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// One course of events.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Why it can't be run here, if so.
    pub unavailable: fn() -> Option<String>,
    /// Runs it.
    pub run: fn(&Plan, Say<'_>) -> io::Result<Outcome>,
}

impl Scenario {
    const fn new(name: &'static str, run: fn(&Plan, Say<'_>) -> io::Result<Outcome>) -> Self {
        Self {
            name,
            unavailable: || None,
            run,
        }
    }

    const fn where_not(mut self, unavailable: fn() -> Option<String>) -> Self {
        self.unavailable = unavailable;
        self
    }
}

/// The broker is away for long, with each `publish.on_full`.
pub const AWAY: &[Scenario] = away::SCENARIOS;
/// The leader of a stream with three replicas dies or stands still.
pub const CLUSTER: &[Scenario] = cluster::SCENARIOS;
/// A disk is full.
pub const DISK: &[Scenario] = disk::SCENARIOS;
/// A link is cut.
pub const LINK: &[Scenario] = link::SCENARIOS;
/// The stream loses what it had acknowledged.
pub const LOSS: &[Scenario] = loss::SCENARIOS;

impl Plan {
    /// The plan with further settings of the collector, which those of the command line overrule.
    fn with(&self, settings: &[(&str, &str)]) -> Self {
        let mut plan = self.clone();
        let own = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        plan.setup.settings.splice(0..0, own);
        plan
    }
}

/// Load beside what is wrong, and what it came to in changes of routes per second.
fn load_meanwhile(rig: &mut Rig, time: Duration) -> io::Result<u64> {
    let before = rig.changes();
    rig.load(time)?;
    Ok(((rig.changes() - before) as f64 / time.as_secs_f64().max(0.001)) as u64)
}

/// Notes the collector's peak of memory; above the bound is a failure.
fn note_memory(rig: &mut Rig, plan: &Plan) {
    let peak = rig.collector.process().and_then(Process::peak_memory_kib);
    let peak_mib = peak.unwrap_or_default() / 1024;
    let known = rig.outcome.figures.entry("peak_memory_mib").or_default();
    *known = peak_mib.max(*known);
    if peak_mib > plan.memory_mib {
        let failure = format!("{peak_mib} MiB resident, with {} allowed", plan.memory_mib);
        rig.outcome.failures.push(failure);
    }
}

/// Notes counters of the collector as they are now.
fn note(
    figures: &mut BTreeMap<&'static str, u64>,
    collector: &Collector,
    names: &[&'static str],
) -> io::Result<()> {
    let metrics = collector.metrics()?;
    for name in names {
        figures.insert(name, metrics.sum(name));
    }
    Ok(())
}

/// A life of the collector that lost nothing leaves no sequence out.
fn expect_left_out(rig: &mut Rig, wanted: u64) {
    let left_out = rig.judge.sequences_left_out();
    rig.outcome.figures.insert("sequences_left_out", left_out);
    if left_out != wanted {
        let failure = format!("{left_out} sequences are in no message, not {wanted}");
        rig.outcome.failures.push(failure);
    }
}

/// Waits until the collector says that its sink is in trouble; says with which words.
fn until_told(rig: &mut Rig, say: Say<'_>) -> io::Result<()> {
    let mut told = None;
    rig.until("the collector says that its sink is not ready", WITHIN, |rig| {
        // That it is still starting is no trouble.
        told = rig
            .collector
            .not_ready()?
            .filter(|words| !words.contains("has not started"));
        Ok(told.is_some())
    })?;
    let words = told.unwrap_or_default();
    say(&format!(
        "     /readyz: {}",
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    ));
    Ok(())
}

/// Waits until it is ready.
fn until_ready(rig: &mut Rig) -> io::Result<()> {
    rig.until("the collector is ready", WITHIN, |rig| {
        Ok(rig.collector.not_ready()?.is_none())
    })
}
