//! `/api/v1/changes`, `/api/v1/events` and `/api/v1/malformed`: what was published lately.

use std::sync::Arc;

use arancini_core::BatchKind;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;

use super::conditions::read_conditions;
use super::cursor::{read_cursor, write_cursor};
use super::history_reader::{Past, Wanted};
use super::parameters::{Parameters, RawQuery};
use super::problem::{Problem, Problems};
use super::since::read_since;
use super::state::Api;
use super::text;
use crate::history::{Gap, Shelf};
use crate::message_filter::MessageFilter;

/// Changes of routes, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Changes {
    /// The updates, as `arancini tail --json` prints them.
    #[schema(value_type = Vec<Object>)]
    changes: Vec<Box<RawValue>>,
    #[serde(flatten)]
    end: HistoryEnd,
}

/// Events of routers and peers, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Events {
    /// The events, as `arancini tail --all --json` prints them.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Box<RawValue>>,
    #[serde(flatten)]
    end: HistoryEnd,
}

/// Messages that could not be read, the newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MalformedMessages {
    /// The messages, as `arancini tail --all --json` prints them: `raw` has the bytes, `offset` the place of the error in them.
    #[schema(value_type = Vec<Object>)]
    malformed: Vec<Box<RawValue>>,
    #[serde(flatten)]
    end: HistoryEnd,
}

/// How a page of the history ends.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEnd {
    /// Where the history begins: everything that was published after this time is in it, but for the gaps.
    history_since: String,
    /// Times of which updates are missing, because more came than the history takes; the oldest first. Absent without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<HistoryGap>,
    /// The `cursor` of the next page, which is older. There is none behind the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// What this page left out, if it ended for another reason than its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'static str>,
}

/// A time of which updates are missing from the history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HistoryGap {
    /// When the first of them was published.
    from: String,
    /// When the last of them was published.
    to: String,
    /// How many they are.
    updates: u64,
}

impl HistoryGap {
    fn of(gap: &Gap) -> Self {
        Self {
            from: text::time(gap.from_ns),
            to: text::time(gap.to_ns),
            updates: gap.updates,
        }
    }
}

/// What a resource shows of the history.
struct Resource {
    name: &'static str,
    shelf: Shelf,
    parameters: &'static [&'static str],
}

const CHANGES: Resource = Resource {
    name: "changes",
    shelf: Shelf::Updates,
    parameters: &[
        "prefix", "match", "router", "peer", "view", "family", "since", "limit", "cursor",
    ],
};
const EVENTS: Resource = Resource {
    name: "events",
    shelf: Shelf::Events,
    parameters: &["kind", "router", "peer", "since", "limit", "cursor"],
};
const MALFORMED: Resource = Resource {
    name: "malformed",
    shelf: Shelf::Malformed,
    parameters: &["router", "peer", "since", "limit", "cursor"],
};

/// The page of a resource that a request asks for.
async fn page(
    api: &Api,
    resource: &Resource,
    query: RawQuery,
) -> Result<(Vec<Box<RawValue>>, HistoryEnd), Problem> {
    let parameters = Parameters::read(query, resource.parameters)?;
    let choice = format!("{}?{}", resource.name, parameters.choice());
    let before = parameters
        .get("cursor")
        .map(|cursor| read_cursor(api.life, &choice, cursor))
        .transpose()?;
    let wanted = Wanted {
        shelf: resource.shelf,
        kind: parameters.get("kind").map(read_kind).transpose()?,
        filter: MessageFilter {
            since_ns: parameters.get("since").map_or(Ok(0), read_since)?,
            ..read_conditions(&parameters)?
        },
        before,
        limit: parameters.limit()?,
    };
    if wanted.kind == Some(BatchKind::Routers) && wanted.filter.peer.is_some() {
        return Err(Problem::invalid(
            "kind",
            "kind and peer contradict each other: the events of routers are about no peer",
            "write kind=peers, or leave peer out",
        ));
    }
    let Past {
        found,
        since_ns,
        gaps,
        has_lost_place,
    } = api.history.search(wanted).await?;
    let incomplete = if found.is_out_of_time {
        Some("the time for one request was over: go on with next")
    } else {
        has_lost_place.then_some("older messages have left the history meanwhile")
    };
    let end = HistoryEnd {
        history_since: text::time(since_ns),
        gaps: gaps.iter().map(HistoryGap::of).collect(),
        next: found.next.map(|place| write_cursor(api.life, &choice, place)),
        incomplete,
    };
    // The lines are JSON, because the writer of the stream's JSON made them.
    let lines = found.lines.into_iter().map(RawValue::from_string);
    Ok((lines.filter_map(Result::ok).collect(), end))
}

fn read_kind(text: &str) -> Result<BatchKind, Problem> {
    match text {
        "routers" => Ok(BatchKind::Routers),
        "peers" => Ok(BatchKind::Peers),
        _ => Err(Problem::invalid(
            "kind",
            format!("there is no kind {text:?} of events"),
            "write routers or peers, or leave it out for both",
        )),
    }
}

/// The changes of routes that were published lately, the newest first, as far as the history goes back.
#[utoipa::path(get, path = "/api/v1/changes", tag = "history",
    params(
        ("prefix" = Option<String>, Query, description = "Only changes of this prefix; an address alone is a prefix of its full length"),
        ("match" = Option<String>, Query, description = "How the prefix of a change agrees with it: exact (without this parameter), covering or covered", pattern = "^(exact|covering|covered)$"),
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("view" = Option<String>, Query, description = "Only this RIB view", pattern = "^(adj-rib-(in|out)-(pre|post)|loc-rib)$"),
        ("family" = Option<String>, Query, description = "Only this family: a name, or AFI/SAFI"),
        ("since" = Option<String>, Query, description = "Only what was received at this time or later: a time in UTC, or how long ago, like 5m"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Changes), Problems, (status = 409, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn changes(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Changes>, Problem> {
    let (changes, end) = page(&api, &CHANGES, query).await?;
    Ok(Json(Changes { changes, end }))
}

/// The events of routers and peers that were published lately, the newest first, as far as the history goes back.
#[utoipa::path(get, path = "/api/v1/events", tag = "history",
    params(
        ("kind" = Option<String>, Query, description = "Only events of routers, or of peers", pattern = "^(routers|peers)$"),
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("since" = Option<String>, Query, description = "Only what was received at this time or later: a time in UTC, or how long ago, like 5m"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Events), Problems, (status = 409, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn events(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Events>, Problem> {
    let (events, end) = page(&api, &EVENTS, query).await?;
    Ok(Json(Events { events, end }))
}

/// The messages that could not be read lately, the newest first, as far as the history goes back.
#[utoipa::path(get, path = "/api/v1/malformed", tag = "history",
    params(
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("since" = Option<String>, Query, description = "Only what was received at this time or later: a time in UTC, or how long ago, like 5m"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = MalformedMessages), Problems, (status = 409, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn malformed(
    State(api): State<Arc<Api>>,
    query: RawQuery,
) -> Result<Json<MalformedMessages>, Problem> {
    let (malformed, end) = page(&api, &MALFORMED, query).await?;
    Ok(Json(MalformedMessages { malformed, end }))
}
