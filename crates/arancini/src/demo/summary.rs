//! The figures at the end of the demo, and the check that they add up.

use std::fmt;

use serde_json::{Value, json};

/// Why the demo failed.
pub(super) type StoryError = Box<dyn std::error::Error>;

/// The figures at the end of the demo.
pub(super) struct Summary {
    pub(super) received: u64,
    pub(super) emitted: u64,
    pub(super) suppressed: u64,
    pub(super) synthetic: u64,
    pub(super) stored: usize,
    pub(super) routes: usize,
    pub(super) contradictions: u64,
    pub(super) seconds: f64,
}

impl Summary {
    /// Checks that the figures add up, and that the stored updates contradict neither each other nor the figures.
    pub(super) fn check(&self, lost: u64) -> Result<(), StoryError> {
        if lost > 0 {
            return Err(format!("{lost} messages were not stored").into());
        }
        if self.stored as u64 != self.emitted {
            return Err(format!("{} updates were emitted but {} stored", self.emitted, self.stored).into());
        }
        if self.emitted - self.synthetic + self.suppressed != self.received {
            return Err("the counts do not add up: received is not emitted + suppressed - synthetic".into());
        }
        if self.contradictions > 0 {
            return Err(format!(
                "{} updates contradict earlier updates in the stream",
                self.contradictions
            )
            .into());
        }
        Ok(())
    }

    /// Returns the summary as a JSON object.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "received": self.received,
            "emitted": self.emitted,
            "suppressed": self.suppressed,
            "synthetic": self.synthetic,
            "stored": self.stored,
            "routes_held": self.routes,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            (
                "received",
                self.received,
                "announces and withdraws from the routers",
            ),
            (
                "suppressed",
                self.suppressed,
                "not published, because consumers already knew them",
            ),
            (
                "synthetic",
                self.synthetic,
                "withdraws that no router sent, after a Peer Down or a lost session",
            ),
            ("emitted", self.emitted, "= received - suppressed + synthetic"),
            (
                "stored",
                self.stored as u64,
                "updates read back from the segment files",
            ),
            (
                "routes",
                self.routes as u64,
                "held by a consumer that read these files",
            ),
        ];
        writeln!(f, "\nSummary, after {:.1} s", self.seconds)?;
        for (name, figure, meaning) in rows {
            writeln!(f, "  {name:<11} {figure:>7}  {meaning}")?;
        }
        write!(
            f,
            "\nEvery stored update was read back: no withdraw of an unknown route, no announce without a change.\n\
            Next: point a router at `arancini run`, or send your own recording with `arancini replay`."
        )
    }
}
