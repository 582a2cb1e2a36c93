//! `/api/v1/rates`: updates per second of the last hour.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::parameters::{Parameters, RawQuery};
use super::problem::{Problem, Problems};
use super::state::Api;
use super::text;
use crate::telemetry::{Rates, SAMPLE_EVERY};

/// The rates of the last hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatesOfHour {
    /// How often a sample is taken, in seconds.
    sample_seconds: u64,
    /// The samples, the oldest first.
    rates: Vec<Sample>,
}

/// The rates of the seconds before a moment, over all workers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Sample {
    /// The moment.
    time: String,
    /// Announces and withdraws received from routers, per second.
    received: f64,
    /// Updates published, per second.
    emitted: f64,
    /// Announces and withdraws that were not published, because consumers knew them already, per second.
    suppressed: f64,
}

impl Sample {
    fn of(rates: &Rates) -> Self {
        // A tenth is enough for everybody, and the answer is shorter.
        let rounded = |rate: f64| (10.0 * rate).round() / 10.0;
        Self {
            time: text::time(rates.unix_ns),
            received: rounded(rates.received),
            emitted: rounded(rates.emitted),
            suppressed: rounded(rates.suppressed),
        }
    }
}

/// Updates per second of the last hour, over all workers.
#[utoipa::path(get, path = "/api/v1/rates", tag = "collector",
    responses((status = 200, body = RatesOfHour), Problems))]
pub(super) async fn rates(
    State(api): State<Arc<Api>>,
    query: RawQuery,
) -> Result<Json<RatesOfHour>, Problem> {
    Parameters::read(query, &[])?;
    let samples = api.telemetry.rates().samples();
    Ok(Json(RatesOfHour {
        sample_seconds: SAMPLE_EVERY.as_secs(),
        rates: samples.iter().map(Sample::of).collect(),
    }))
}
