//! `/api/v1/prefixes/{prefix}`: who holds a prefix.

use std::sync::Arc;

use arancini_core::ask::Search;
use axum::Json;
use axum::extract::{Path, State};

use super::parameters::{Parameters, RawQuery, check_family, read_prefix};
use super::problem::{Problem, Problems};
use super::routes::{Routes, page_of_routes};
use super::state::Api;

/// The routes of a prefix, over all routers, peers and views.
#[utoipa::path(get, path = "/api/v1/prefixes/{prefix}", tag = "routes",
    params(
        ("prefix" = String, Path, description = "The prefix, with its slash or with %2F; an address alone is a prefix of its full length"),
        ("match" = Option<String>, Query, description = "How routes agree with the prefix: exact (without this parameter), longest, covering or covered", pattern = "^(exact|longest|covering|covered)$"),
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("view" = Option<String>, Query, description = "Only this RIB view", pattern = "^(adj-rib-(in|out)-(pre|post)|loc-rib)$"),
        ("family" = Option<String>, Query, description = "Only this family: a name, or AFI/SAFI"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Routes), Problems, (status = 409, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn prefix(
    State(api): State<Arc<Api>>,
    Path(prefix): Path<String>,
    query: RawQuery,
) -> Result<Json<Routes>, Problem> {
    let known = ["match", "router", "peer", "view", "family", "limit", "cursor"];
    let parameters = Parameters::read(query, &known)?;
    let search = Search {
        prefix: read_prefix(&prefix)?,
        matching: parameters.matching()?,
    };
    check_family(parameters.selector()?.family, search.prefix)?;
    let choice = format!("prefixes/{}?{}", search.prefix, parameters.choice());
    Ok(Json(
        page_of_routes(&api, &parameters, Some(search), &choice).await?,
    ))
}
