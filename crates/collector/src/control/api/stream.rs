//! `/api/v1/stream`: published messages as they come, as Server-Sent Events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use arancini_core::BatchKind;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use tokio::time::timeout;

use super::conditions::read_conditions;
use super::parameters::{Parameters, RawQuery, read_asn};
use super::problem::{Problem, Problems};
use super::state::Api;
use crate::control::activity::StreamMark;
use crate::live::{GREETING, KEEP_ALIVE, Kinds, MOST_LISTENERS, Subscription, Wanted};
use crate::message_filter::{Action, MessageFilter};

/// How often something is sent. It is less than what the control port gives a client for taking a part of an answer.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(2);

const PARAMETERS: &[&str] = &[
    "kinds",
    "router",
    "peer",
    "view",
    "family",
    "prefix",
    "match",
    "action",
    "origin_as",
];

/// The published messages as they come, as Server-Sent Events. The data of an event is the message as `arancini tail --json`
/// prints it. `slow` is the last event of a client that reads too slowly, and `gap` says that messages were left out.
#[utoipa::path(get, path = "/api/v1/stream", tag = "history",
    params(
        ("kinds" = Option<String>, Query, description = "Which messages: updates (without this parameter), peers, routers, stats and malformed, joined by commas", pattern = "^(updates|peers|routers|stats|malformed)(,(updates|peers|routers|stats|malformed))*$"),
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("view" = Option<String>, Query, description = "Only updates of this RIB view", pattern = "^(adj-rib-(in|out)-(pre|post)|loc-rib)$"),
        ("family" = Option<String>, Query, description = "Only updates of this family: a name, or AFI/SAFI"),
        ("prefix" = Option<String>, Query, description = "Only updates of this prefix; an address alone is a prefix of its full length"),
        ("match" = Option<String>, Query, description = "How the prefix of an update agrees with it: exact (without this parameter), covering or covered", pattern = "^(exact|covering|covered)$"),
        ("action" = Option<String>, Query, description = "Only announces, or only withdraws", pattern = "^(announce|withdraw)$"),
        ("origin_as" = Option<u32>, Query, description = "Only announces whose AS path ends with this AS"),
    ),
    responses((status = 200, description = "The events", body = String, content_type = "text/event-stream"), Problems))]
pub(super) async fn stream(
    State(api): State<Arc<Api>>,
    mark: Option<Extension<StreamMark>>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(query, PARAMETERS)?;
    let wanted = Wanted {
        kinds: read_kinds(parameters.get("kinds").unwrap_or("updates"))?,
        filter: MessageFilter {
            action: parameters.get("action").map(read_action).transpose()?,
            origin_as: parameters
                .get("origin_as")
                .map(|text| read_asn("origin_as", text))
                .transpose()?,
            ..read_conditions(&parameters)?
        },
    };
    if wanted.filter.is_about_routes() && !wanted.kinds.contain(BatchKind::Updates) {
        return Err(Problem::invalid(
            "kinds",
            "kinds contradicts the other parameters: only updates have a view, family, prefix, action or origin_as",
            "add updates to kinds, or leave out view, family, prefix, match, action and origin_as",
        ));
    }
    check_action(&wanted)?;
    check_peer(&wanted)?;
    let hub = &api.telemetry.tap().live;
    let Some(subscription) = hub.subscribe(wanted) else {
        return Err(Problem::later(
            5,
            format!("{MOST_LISTENERS} clients listen already"),
            "ask again later, and close streams that nobody reads; arancini tail follows the stream itself",
        ));
    };
    if let Some(Extension(mark)) = mark {
        mark.set();
    }
    let events = stream::once(std::future::ready(GREETING)).chain(stream::unfold(subscription, next));
    let body = Body::from_stream(events.map(Ok::<Bytes, Infallible>));
    // The connection ends with the stream.
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CONNECTION, "close"),
    ];
    Ok((headers, body).into_response())
}

/// The next part of the answer. The subscription ends with the connection, which drops it.
async fn next(subscription: Subscription) -> Option<(Bytes, Subscription)> {
    let events = match timeout(KEEP_ALIVE_EVERY, subscription.next()).await {
        Ok(events) => events?,
        Err(_) => KEEP_ALIVE,
    };
    Some((events, subscription))
}

/// Refuses an origin of withdraws: they have no path.
fn check_action(wanted: &Wanted) -> Result<(), Problem> {
    if wanted.filter.action == Some(Action::Withdraw) && wanted.filter.origin_as.is_some() {
        return Err(Problem::invalid(
            "action",
            "action and origin_as contradict each other: a withdraw has no AS path",
            "leave out one of them",
        ));
    }
    Ok(())
}

/// Refuses a peer if only events of routers are wanted: they are about no peer.
fn check_peer(wanted: &Wanted) -> Result<(), Problem> {
    let of_peers = [
        BatchKind::Updates,
        BatchKind::Peers,
        BatchKind::Statistics,
        BatchKind::Malformed,
    ];
    if wanted.filter.peer.is_some() && !of_peers.iter().any(|kind| wanted.kinds.contain(*kind)) {
        return Err(Problem::invalid(
            "kinds",
            "kinds and peer contradict each other: the events of routers are about no peer",
            "add peers to kinds, or leave peer out",
        ));
    }
    Ok(())
}

fn read_kinds(text: &str) -> Result<Kinds, Problem> {
    text.split(',').try_fold(Kinds::default(), |kinds, name| {
        let kind = match name {
            "updates" => BatchKind::Updates,
            "peers" => BatchKind::Peers,
            "routers" => BatchKind::Routers,
            "stats" | "statistics" => BatchKind::Statistics,
            "malformed" => BatchKind::Malformed,
            _ => {
                return Err(Problem::invalid(
                    "kinds",
                    format!("there is no kind {name:?} of messages"),
                    "write updates, peers, routers, stats or malformed, joined by commas",
                ));
            }
        };
        Ok(kinds.with(kind))
    })
}

fn read_action(text: &str) -> Result<Action, Problem> {
    match text {
        "announce" => Ok(Action::Announce),
        "withdraw" => Ok(Action::Withdraw),
        _ => Err(Problem::invalid(
            "action",
            format!("there is no action {text:?}"),
            "write announce or withdraw",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_a_kind_under_both_of_their_names() {
        for name in ["stats", "statistics", "updates,statistics"] {
            assert!(read_kinds(name).is_ok(), "{name}");
        }
        assert!(read_kinds("statistic").is_err());
    }
}
