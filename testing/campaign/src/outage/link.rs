//! A cut link between collector and broker, or between routers and collector: packets vanish, or the interface loses its
//! carrier. The cut lasts for a moment, then for longer than the collector waits for acknowledgements, then for longer than
//! TCP's keepalive.
//!
//! Every second router drops a session that takes nothing for two seconds, in half of the cases by a reset that nobody
//! hears. It comes back before the collector can know that the old session is dead.

use std::io;
use std::time::Duration;

use super::scenario::{
    BEFORE_AND_AFTER, Plan, Say, Scenario, expect_left_out, load_meanwhile, note, note_memory,
};
use crate::network::{Cable, Cut, Network};
use crate::outcome::Outcome;
use crate::rig::Rig;

/// The shortest cut: no connection ends.
const BLINK: Duration = Duration::from_secs(1);
/// Longer than the default of `publish.ack_timeout_ms`, and shorter than keepalive.
const SHORT: Duration = Duration::from_secs(9);

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new("broker-silent", |plan, say| {
        run(plan, Cable::Broker, Cut::Silent, say)
    })
    .where_not(Network::unavailable),
    Scenario::new("broker-carrier", |plan, say| {
        run(plan, Cable::Broker, Cut::Carrier, say)
    })
    .where_not(Network::unavailable),
    Scenario::new("router-silent", |plan, say| {
        run(plan, Cable::Routers, Cut::Silent, say)
    })
    .where_not(Network::unavailable),
    Scenario::new("router-carrier", |plan, say| {
        run(plan, Cable::Routers, Cut::Carrier, say)
    })
    .where_not(Network::unavailable),
];

fn run(plan: &Plan, cable: Cable, how: Cut, say: Say<'_>) -> io::Result<Outcome> {
    let network = Network::new(plan.setup.routers)?;
    let _inside = network.enter()?;
    let mut plan = plan.clone();
    plan.setup.places = network.places();
    plan.setup.impatient_every = 2;
    let mut rig = Rig::start(&plan.setup)?;
    for time in [BLINK, SHORT.min(plan.away), plan.away] {
        rig.load(BEFORE_AND_AFTER)?;
        let sessions = rig.sessions();
        network.cut(cable, how)?;
        let meanwhile = load_meanwhile(&mut rig, time)?;
        network.mend(cable)?;
        rig.load(BEFORE_AND_AFTER)?;
        *rig.outcome.faults.entry("link cut").or_default() += 1;
        say(&format!(
            "     cut for {} ms, {meanwhile} changes per second meanwhile, {} new sessions",
            time.as_millis(),
            rig.sessions() - sessions,
        ));
        rig.check(say)?;
        if !rig.outcome.is_clean() {
            break;
        }
    }
    expect_left_out(&mut rig, 0);
    note_memory(&mut rig, &plan);
    let metrics = rig.collector.metrics()?;
    for (figure, reason) in [
        ("ended_closed", "closed"),
        ("ended_failed", "failed"),
        ("ended_replaced", "replaced"),
    ] {
        let sample = format!("connections_ended_total{{reason=\"{reason}\"}}");
        rig.outcome
            .figures
            .insert(figure, metrics.sample(&sample).unwrap_or_default());
    }
    note(
        &mut rig.outcome.figures,
        &rig.collector,
        &[
            "sink_disconnects_total",
            "sink_resent_total",
            "sink_duplicates_total",
        ],
    )?;
    rig.finish()
}
