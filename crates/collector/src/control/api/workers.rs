//! `/api/v1/workers`: the figures of each worker.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::parameters::{Parameters, RawQuery};
use super::problem::{Problem, Problems};
use super::state::Api;
use crate::ingest::WorkerCounters;

/// A worker. Numbers without another word count since the start of the collector.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Worker {
    /// Its number.
    worker: usize,
    /// Routers that it owns now, those without a session included.
    routers: u64,
    /// Sessions that are open now.
    sessions: u64,
    /// Routes held now.
    routes: u64,
    /// Bytes received in the last second.
    bytes_per_second: u64,
    /// Bytes received from routers.
    received_bytes: u64,
    /// Announces and withdraws received from routers.
    received: u64,
    /// Updates published.
    emitted: u64,
    /// Announces and withdraws that were not published, because consumers knew them already.
    suppressed: u64,
    /// Messages that could not be read.
    malformed: u64,
    /// Messages dropped because the sink was too slow.
    dropped: u64,
    /// The longest time that one of its tasks kept the others waiting, in seconds.
    longest_turn_seconds: f64,
}

/// The workers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Workers {
    /// The workers.
    workers: Vec<Worker>,
}

impl Worker {
    fn of(worker: usize, counters: &WorkerCounters) -> Self {
        let core = &counters.core;
        Self {
            worker,
            routers: core.routers.get(),
            sessions: core.sessions.get(),
            routes: core.routes.get(),
            bytes_per_second: counters.rate.get(),
            received_bytes: core.received_bytes.get(),
            received: core.received_announces.total() + core.received_withdraws.total(),
            emitted: core.emitted_announces.total() + core.emitted_withdraws.total(),
            suppressed: core.suppressed.total(),
            malformed: core.malformed.get(),
            dropped: counters.dropped.get(),
            longest_turn_seconds: counters.turns.wall.longest().as_secs_f64(),
        }
    }
}

/// The workers of the collector.
#[utoipa::path(get, path = "/api/v1/workers", tag = "collector",
    responses((status = 200, body = Workers), Problems))]
pub(super) async fn workers(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Workers>, Problem> {
    Parameters::read(query, &[])?;
    let counters = api.telemetry.workers().enumerate();
    let workers = counters
        .map(|(worker, counters)| Worker::of(worker, counters))
        .collect();
    Ok(Json(Workers { workers }))
}
