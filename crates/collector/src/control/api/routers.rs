//! `/api/v1/routers` and `/api/v1/routers/{id}`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::ask::{Answer, Question, RouterAnswer, Selector};
use arancini_core::{RouterChange, RouterLife};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::change_lists::{a_day_ago_ns, keep_last};
use super::counts::Count;
use super::cursor::{PageStart, read_cursor};
use super::page::PageEnd;
use super::parameters::{Parameters, RawQuery, read_router};
use super::problem::{Problem, Problems};
use super::state::Api;
use super::text;

/// A router and everything that is known of it, without its peers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Router {
    /// Its address, which identifies it.
    #[schema(value_type = String)]
    router_addr: IpAddr,
    /// Its name in the settings of the collector (`routers.identity`).
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its labels in the settings of the collector.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// The port that it last connected from. Absent if it has not connected since the start of the collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    router_port: Option<u16>,
    /// Its sysName.
    #[serde(skip_serializing_if = "Option::is_none")]
    sys_name: Option<String>,
    /// Its sysDescr.
    #[serde(skip_serializing_if = "Option::is_none")]
    sys_descr: Option<String>,
    /// `up`: it has a session. `lost`: the session ended, and its routes are kept until the hold time is over. `leaving`: its
    /// routes are being withdrawn.
    state: &'static str,
    /// Since when. Absent if the session has not changed since the start of the collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Whether it is not known what consumers hold of the router: its next dump is published between resync-begin and
    /// resync-end.
    needs_resync: bool,
    /// The worker that owns it.
    worker: usize,
    /// Its peers, those included that are down.
    peers: usize,
    /// Its peers that are up or provisional.
    peers_up: usize,
    /// Routes held.
    routes: usize,
    /// BMP messages received since the start of the collector.
    messages: u64,
    /// Messages that could not be read, since the start of the collector.
    malformed: u64,
    /// The routes by view and family.
    counts: Vec<Count>,
    /// Changes of the session since the start of the collector.
    change_count: u64,
    /// Changes of the session in the last 24 hours. Those before the last 128 are counted by the hour, so that some of them can be up
    /// to 25 hours old.
    changes_of_last_day: u64,
    /// The last changes of the session, the oldest first: at most 128, and in lists at most 16.
    changes: Vec<SessionChange>,
}

/// A change of the session of a router.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionChange {
    /// When the collector noticed it.
    time: String,
    /// The new state: `up` or `lost`.
    state: &'static str,
    /// Why the session ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Some of the routers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Routers {
    /// The routers.
    routers: Vec<Router>,
    #[serde(flatten)]
    end: PageEnd,
}

impl Router {
    fn of(worker: usize, answer: RouterAnswer) -> Self {
        let state = match answer.life {
            RouterLife::Up { .. } => "up",
            RouterLife::Lost { .. } => "lost",
            RouterLife::Leaving => "leaving",
        };
        let changes = answer.changes.last().iter();
        Self {
            router_addr: answer.router,
            name: text::filled(answer.naming.name.clone()),
            labels: answer.naming.labels.clone(),
            router_port: (answer.port != 0).then_some(answer.port),
            sys_name: text::filled(answer.sys_name),
            sys_descr: text::filled(answer.sys_descr),
            state,
            since: answer.changes.since_unix_ns().map(text::time),
            needs_resync: answer.needs_resync,
            worker,
            peers: answer.peers,
            peers_up: answer.peers_up,
            routes: answer.routes,
            messages: answer.messages,
            malformed: answer.malformed,
            counts: answer.counts.iter().map(Count::of).collect(),
            change_count: answer.changes.count(),
            changes_of_last_day: answer.changes.count_since(a_day_ago_ns()),
            changes: changes
                .map(|change| SessionChange {
                    time: text::time(change.unix_ns),
                    state: match change.what {
                        RouterChange::Connected => "up",
                        RouterChange::Lost(_) => "lost",
                    },
                    reason: match &change.what {
                        RouterChange::Connected => None,
                        RouterChange::Lost(reason) => Some(reason.to_string()),
                    },
                })
                .collect(),
        }
    }
}

/// The routers that the collector knows, page by page.
#[utoipa::path(get, path = "/api/v1/routers", tag = "routers",
    params(
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Routers), Problems, (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn routers(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Routers>, Problem> {
    let parameters = Parameters::read(query, &["limit", "cursor"])?;
    let limit = parameters.limit()?;
    let choice = "routers";
    let start = match parameters.get("cursor") {
        Some(cursor) => read_cursor(api.life, choice, cursor)?,
        None => PageStart::FIRST,
    };
    let gathered = api
        .asker()?
        .page(start, limit, || Question::routers(Selector::default(), limit))
        .await?;
    let end = PageEnd::of(&gathered, api.life, choice);
    let mut routers = routers_of(gathered.answers);
    for router in &mut routers {
        keep_last(&mut router.changes);
    }
    routers.sort_by_key(|router| router.router_addr);
    Ok(Json(Routers { routers, end }))
}

/// One router.
#[utoipa::path(get, path = "/api/v1/routers/{router}", tag = "routers",
    params(("router" = String, Path, description = "Address of the router")),
    responses((status = 200, body = Router), Problems, (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn router(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Router>, Problem> {
    Parameters::read(query, &[])?;
    let id = read_router("router", &id)?;
    Ok(Json(find_router(&api, id).await?))
}

/// The router of this address; 404 if it is not known.
pub(super) async fn find_router(api: &Api, id: IpAddr) -> Result<Router, Problem> {
    let selector = Selector {
        router: Some(id),
        ..Selector::default()
    };
    let question = || Question::routers(selector.clone(), 1);
    let gathered = api.asker()?.page(PageStart::FIRST, 1, question).await?;
    let router = routers_of(gathered.answers).into_iter().next();
    router.ok_or_else(|| {
        Problem::not_found(
            "router",
            format!("no router {id} is known"),
            "look at /api/v1/routers: a router that has not come back within routers.session_hold_ms is forgotten",
        )
    })
}

fn routers_of(answers: Vec<(usize, Answer)>) -> Vec<Router> {
    let mut routers = Vec::new();
    for (worker, answer) in answers {
        if let Answer::Routers(answers) = answer {
            routers.extend(answers.into_iter().map(|answer| Router::of(worker, answer)));
        }
    }
    routers
}
