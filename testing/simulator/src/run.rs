//! Running a plan, and shrinking one that fails.

use crate::plan::Plan;
use crate::report::Report;
use crate::violation::Violation;
use crate::world::World;

/// Runs a plan.
///
/// # Errors
/// The first violation.
pub fn run(plan: &Plan) -> Result<Report, Violation> {
    let mut world = World::new(plan);
    for step in (0..plan.steps).filter(|step| !plan.without.contains(step)) {
        world.step(plan.seed, step)?;
    }
    world.settle(plan.seed)
}

/// Finds a shorter plan with the same violation: first with fewer steps, then without each step that is not needed.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation) -> Plan {
    let same = |plan: &Plan| run(plan).is_err_and(|found| found.name() == violation.name());
    let mut shrunk = plan.clone();
    for steps in 0..plan.steps {
        let shorter = Plan {
            steps,
            ..shrunk.clone()
        };
        if same(&shorter) {
            shrunk = shorter;
            break;
        }
    }
    loop {
        let before = shrunk.without.len();
        for step in (0..shrunk.steps).rev() {
            let mut fewer = shrunk.clone();
            if fewer.without.insert(step) && same(&fewer) {
                shrunk = fewer;
            }
        }
        if shrunk.without.len() == before {
            return shrunk;
        }
    }
}
