//! Readiness: whether updates get from the routers to the sink, and what prevents it, as `/readyz` shows it.

use serde_json::{Value, json};

/// Something that prevents updates from reaching the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The part of the collector that has the problem: `sink` or `restore`.
    pub part: &'static str,
    /// The class of the problem, as in the label of `arancini_sink_errors_total`.
    pub reason: &'static str,
    /// What is wrong.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// All current problems. Without any, the collector is ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// The current problems.
    pub problems: Vec<Problem>,
    /// What weakens a promise, though updates reach the sink.
    pub warnings: Vec<Problem>,
}

impl Readiness {
    /// The state without problems.
    pub const READY: Self = Self {
        problems: Vec::new(),
        warnings: Vec::new(),
    };

    /// Returns whether there is no problem.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }

    /// Returns the body of `/readyz`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let list = |problems: &[Problem]| -> Vec<Value> {
            let one = |problem: &Problem| json!({"part": problem.part, "reason": problem.reason, "cause": problem.cause, "remedy": problem.remedy});
            problems.iter().map(one).collect()
        };
        json!({"ready": self.is_ready(), "problems": list(&self.problems), "warnings": list(&self.warnings)})
    }
}
