//! `/api/v1/sink`: whether the sink works, and how far it is behind.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use arancini_client::Trouble;
use arancini_publish::SinkStatus;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::parameters::{Parameters, RawQuery};
use super::problem::{Problem, Problems};
use super::state::Api;

/// The sink. Numbers without another word count since the start of the collector.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sink {
    /// `nats`, `file`, `stdout` or `null`.
    sink: String,
    /// Whether it takes batches and makes them durable.
    ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<SinkTrouble>,
    /// What weakens a promise, though the sink works.
    warnings: Vec<SinkTrouble>,
    /// Messages taken from the workers.
    messages_taken: u64,
    /// Messages that are durable.
    messages_acknowledged: u64,
    /// Messages that were set aside, because they are larger than the server takes.
    messages_set_aside: u64,
    /// Batches taken from the workers that are not durable yet.
    batches_behind: u64,
    /// NATS messages that are published and not acknowledged now.
    window_messages: u64,
    /// Their bytes.
    window_bytes: u64,
    /// Bytes of the spool on disk now.
    spool_bytes: u64,
    /// Connections made.
    connects: u64,
    /// Connections lost.
    disconnects: u64,
}

/// Something that is wrong with the sink.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SinkTrouble {
    /// Its class, as in the label of `arancini_sink_errors_total`.
    reason: &'static str,
    /// What happened.
    cause: String,
    /// What to do.
    remedy: String,
}

impl From<Trouble> for SinkTrouble {
    fn from(trouble: Trouble) -> Self {
        Self {
            reason: trouble.reason.label(),
            cause: trouble.cause,
            remedy: trouble.remedy,
        }
    }
}

impl Sink {
    fn of(sink: String, status: &SinkStatus) -> Self {
        let read = |figure: &AtomicU64| figure.load(Relaxed);
        let acknowledged = read(&status.batches_acknowledged);
        Self {
            sink,
            ready: status.is_ready(),
            trouble: status.trouble().map(SinkTrouble::from),
            warnings: status.warnings().into_iter().map(SinkTrouble::from).collect(),
            messages_taken: read(&status.messages_taken),
            messages_acknowledged: read(&status.messages_acknowledged),
            messages_set_aside: read(&status.messages_set_aside),
            batches_behind: read(&status.batches_taken).saturating_sub(acknowledged),
            window_messages: read(&status.window_messages),
            window_bytes: read(&status.window_bytes),
            spool_bytes: read(&status.spool_bytes),
            connects: read(&status.connects),
            disconnects: read(&status.disconnects),
        }
    }
}

/// The sink of the collector.
#[utoipa::path(get, path = "/api/v1/sink", tag = "collector",
    responses((status = 200, body = Sink), Problems))]
pub(super) async fn sink(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Sink>, Problem> {
    Parameters::read(query, &[])?;
    let name = api.telemetry.sink_name();
    Ok(Json(Sink::of(name, api.telemetry.sink())))
}
