//! The paths of the API, and its description as OpenAPI.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use utoipa::OpenApi;

use super::access::{Access, guard};
use super::parameters::{Parameters, RawQuery};
use super::problem::Problem;
use super::state::Api;
use super::{counts, history, peers, prefixes, rates, resync, ris, routers, routes, sink, stream, workers};
use crate::control::etag::with_etag;

/// The description of the API, made from the resources and their types.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Arancini",
        description = "Routers, peers, routes, workers and the sink, as the collector holds them now. GET only reads; POST acts.",
    ),
    paths(
        routers::routers,
        routers::router,
        peers::peers,
        peers::peer,
        prefixes::prefix,
        routes::routes,
        counts::counts,
        history::changes,
        history::events,
        history::malformed,
        stream::stream,
        workers::workers,
        rates::rates,
        sink::sink,
        resync::resync,
    )
)]
struct Description;

/// The paths of the API, for those who have access. If RIS Live has a port of its own, its path only says where.
pub fn paths(api: Arc<Api>, access: Access, has_ris_port: bool) -> Router {
    let websocket = || {
        if has_ris_port {
            get(ris::elsewhere)
        } else {
            get(ris::connect)
        }
    };
    Router::new()
        .route("/api/v1/routers", get(routers::routers).layer(from_fn(with_etag)))
        .route("/api/v1/routers/{router}", get(routers::router))
        .route("/api/v1/routers/{router}/peers", get(peers::peers))
        .route("/api/v1/routers/{router}/peers/{peer}", get(peers::peer))
        .route("/api/v1/prefixes/{*prefix}", get(prefixes::prefix))
        .route("/api/v1/routes", get(routes::routes))
        .route("/api/v1/counts", get(counts::counts))
        .route("/api/v1/changes", get(history::changes))
        .route("/api/v1/events", get(history::events))
        .route("/api/v1/malformed", get(history::malformed))
        .route("/api/v1/stream", get(stream::stream))
        .route("/v1/ws", websocket())
        .route("/v1/ws/", websocket())
        .route("/api/v1/workers", get(workers::workers))
        .route("/api/v1/rates", get(rates::rates))
        .route("/api/v1/sink", get(sink::sink))
        .route(
            "/api/v1/routers/{router}/resync",
            post(resync::resync).fallback(resync::only_post),
        )
        .route("/api/v1/openapi.json", get(description).layer(from_fn(with_etag)))
        .route("/api/{*unknown}", get(unknown))
        .method_not_allowed_fallback(only_get)
        .with_state(api)
        .layer(from_fn_with_state(Arc::new(access), guard))
}

/// The paths of a port of its own for RIS Live, for those who have access.
pub fn ris_paths(api: Arc<Api>, access: Access) -> Router {
    Router::new()
        .route("/v1/ws", get(ris::connect))
        .route("/v1/ws/", get(ris::connect))
        .fallback(ris::nothing_else)
        .method_not_allowed_fallback(only_get)
        .with_state(api)
        .layer(from_fn_with_state(Arc::new(access), guard))
}

async fn description(query: RawQuery) -> Result<impl IntoResponse, Problem> {
    Parameters::read(query, &[])?;
    Ok(Json(Description::openapi()))
}

async fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "the API has no such resource",
        "look at /api/v1/openapi.json",
    )
}

async fn only_get() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Problem::new(status, "the API only answers GET", "use GET").into_response();
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}
