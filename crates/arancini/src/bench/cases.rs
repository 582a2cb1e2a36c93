//! Measures the cases of a bench in turns.

use arancini_bench::{BenchError, Case, Described};

use super::start::Start;

/// Measures each load with each way to start the collector. The cases take turns, so that changes of the host during the
/// measurement affect all cases alike.
pub(super) fn cases<L: Described>(
    loads: &[L],
    starts: &[Start],
    runs: u16,
    mut measure: impl FnMut(&L, &Start, &mut Case) -> Result<String, BenchError>,
) -> Result<Vec<Case>, BenchError> {
    let mut cases: Vec<(&L, &Start, Case)> = Vec::new();
    for load in loads {
        cases.extend(starts.iter().map(|start| (load, start, start.case(load))));
    }
    let count = cases.len();
    for number in 1..=runs {
        for (place, (load, start, case)) in cases.iter_mut().enumerate() {
            let line = measure(load, start, case)?;
            eprintln!("run {number} of {runs}, case {} of {count}, {line}", place + 1);
        }
    }
    Ok(cases.into_iter().map(|(_, _, case)| case).collect())
}
