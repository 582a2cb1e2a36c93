//! What every campaign of outages has: a plan, scenarios, and the steps that several scenarios share.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use arancini_bed::process::Process;

use crate::collector::Collector;
use crate::outcome::Outcome;
use crate::rig::{Rig, Setup};

/// Time of load before an outage, and after it is over.
pub(super) const BEFORE_AND_AFTER: Duration = Duration::from_secs(4);
/// What happens by itself happens within this time.
pub(super) const WITHIN: Duration = Duration::from_secs(180);

/// How a scenario runs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The rig.
    pub setup: Setup,
    /// Length of an outage; the longest where there are several.
    pub away: Duration,
    /// Number of outages, where a scenario has several.
    pub times: u32,
    /// Largest resident memory that the collector may have, in MiB.
    pub memory_mib: u64,
}

/// Prints a line of the report.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// One course of events of a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// The scenario's name.
    pub name: &'static str,
    /// Why the scenario can't run on this host; `None` if it can.
    pub unavailable: fn() -> Option<String>,
    /// Runs the scenario.
    pub run: fn(&Plan, Say<'_>) -> io::Result<Outcome>,
}

impl Scenario {
    pub(super) const fn new(name: &'static str, run: fn(&Plan, Say<'_>) -> io::Result<Outcome>) -> Self {
        Self {
            name,
            unavailable: || None,
            run,
        }
    }

    pub(super) const fn where_not(mut self, unavailable: fn() -> Option<String>) -> Self {
        self.unavailable = unavailable;
        self
    }
}

impl Plan {
    /// The plan with further settings of the collector. Settings of the command line overrule them.
    pub(super) fn with(&self, settings: &[(&str, &str)]) -> Self {
        let mut plan = self.clone();
        let own = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        plan.setup.settings.splice(0..0, own);
        plan
    }
}

/// Lets the load go on during an outage. Returns the route changes per second.
pub(super) fn load_meanwhile(rig: &mut Rig, time: Duration) -> io::Result<u64> {
    let before = rig.changes();
    rig.load(time)?;
    Ok(((rig.changes() - before) as f64 / time.as_secs_f64().max(0.001)) as u64)
}

/// Notes the collector's largest memory, and a failure if it is above the bound.
pub(super) fn note_memory(rig: &mut Rig, plan: &Plan) {
    let peak = rig.collector.process().and_then(Process::peak_memory_kib);
    let peak_mib = peak.unwrap_or_default() / 1024;
    let known = rig.outcome.figures.entry("peak_memory_mib").or_default();
    *known = peak_mib.max(*known);
    if peak_mib > plan.memory_mib {
        let failure = format!("{peak_mib} MiB resident, with {} allowed", plan.memory_mib);
        rig.outcome.failures.push(failure);
    }
}

/// Notes the present values of some counters of the collector.
pub(super) fn note(
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

/// Notes the number of sequences that are in no message, and a failure if it is another one than wanted.
pub(super) fn expect_left_out(rig: &mut Rig, wanted: u64) {
    let left_out = rig.judge.sequences_left_out();
    rig.outcome.figures.insert("sequences_left_out", left_out);
    if left_out != wanted {
        let failure = format!("{left_out} sequences are in no message, not {wanted}");
        rig.outcome.failures.push(failure);
    }
}

/// Waits until the collector reports trouble with its sink, and prints the report.
pub(super) fn until_told(rig: &mut Rig, say: Say<'_>) -> io::Result<()> {
    let mut told = None;
    rig.until("the collector says that its sink is not ready", WITHIN, |rig| {
        // A collector that is still starting is not in trouble.
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

/// Waits until the collector is ready.
pub(super) fn until_ready(rig: &mut Rig) -> io::Result<()> {
    rig.until("the collector is ready", WITHIN, |rig| {
        Ok(rig.collector.not_ready()?.is_none())
    })
}
