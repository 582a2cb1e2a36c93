//! What the resources of the API share.

use std::sync::Arc;

use super::asker::Asker;
use super::cursor::Life;
use super::history_reader::HistoryReader;
use super::problem::Problem;
use crate::telemetry::Telemetry;

/// The shared state of the API.
pub struct Api {
    pub(super) asker: Asker,
    pub(super) history: HistoryReader,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) life: Life,
}

impl Api {
    /// An API that asks these workers and shows these figures.
    #[must_use]
    pub fn new(asker: Asker, telemetry: Arc<Telemetry>) -> Self {
        let history = HistoryReader::new(Arc::clone(telemetry.tap()), Arc::clone(telemetry.api()));
        Self {
            asker,
            history,
            telemetry,
            life: Life::begin(),
        }
    }

    /// The asker, once the workers run.
    pub(super) fn asker(&self) -> Result<&Asker, Problem> {
        if self.telemetry.is_listening() {
            return Ok(&self.asker);
        }
        Err(Problem::later(
            5,
            "the tables are being restored",
            "ask again later; /readyz shows how the start goes on",
        ))
    }
}
