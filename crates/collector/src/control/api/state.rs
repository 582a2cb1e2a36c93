//! What the resources of the API share.

use std::sync::Arc;

use super::asker::Asker;
use super::cursor::Life;
use super::history_reader::HistoryReader;
use super::problem::Problem;
use crate::control::ris::RisRuntime;
use crate::telemetry::Telemetry;

/// The shared state of the API.
pub struct Api {
    pub(super) asker: Asker,
    pub(super) history: HistoryReader,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) life: Life,
    /// Most clients of RIS Live.
    pub(super) ris_clients: usize,
    pub(super) ris_runtime: RisRuntime,
}

impl Api {
    /// An API that asks these workers and shows these figures, with at most so many clients of RIS Live
    /// on this runtime.
    #[must_use]
    pub fn new(asker: Asker, telemetry: Arc<Telemetry>, ris_clients: usize, ris_runtime: RisRuntime) -> Self {
        let history = HistoryReader::new(Arc::clone(telemetry.tap()), Arc::clone(telemetry.api()));
        Self {
            asker,
            history,
            telemetry,
            life: Life::begin(),
            ris_clients,
            ris_runtime,
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
