//! Ready or not, and why not, as `/readyz` shows it.

use serde_json::{Value, json};

/// Something that keeps updates from getting through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The part that has it, like `sink` or `listener`.
    pub part: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Everything that is in the way; nothing means ready.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// What is in the way.
    pub problems: Vec<Problem>,
}

impl Readiness {
    /// Nothing is in the way.
    pub const READY: Self = Self { problems: Vec::new() };

    /// Whether nothing is in the way.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }

    /// The body of `/readyz`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let problems: Vec<_> = self
            .problems
            .iter()
            .map(|problem| json!({"part": problem.part, "reason": problem.reason, "remedy": problem.remedy}))
            .collect();
        json!({"ready": self.is_ready(), "problems": problems})
    }
}
