//! `/api/v1/routers/{router}/resync`: tables of a router are published again.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::ask::Selector;
use arancini_core::{RepeatRefusal, RepeatedPart, RepeatedPeer};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parameters::{Parameters, RawQuery, read_router};
use super::problem::{Problem, Problems};
use super::state::Api;

/// A resync that has begun.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resync {
    /// The router.
    #[schema(value_type = String)]
    router_addr: IpAddr,
    /// Routes that the tables have now that are published again.
    routes: usize,
}

/// Publishes the routes of a router again, between the events `resync-begin` and `resync-end`, without touching its session. The
/// answer comes when `resync-begin` is published. The collector has to retain attributes.
///
/// `peer`, `view` and `family` limit the resync to a part of the router. The events then name the part: one family, one peer in one
/// view, or one family of these. For a peer without `view` there is a pair of events for each view.
#[utoipa::path(post, path = "/api/v1/routers/{router}/resync", tag = "routers",
    params(("router" = String, Path, description = "The address of the router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address, or its key"),
        ("view" = Option<String>, Query, description = "Only this view of the peer"),
        ("family" = Option<String>, Query, description = "Only this family")),
    responses((status = 202, body = Resync), Problems, (status = 409, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn resync(
    State(api): State<Arc<Api>>,
    Path(router): Path<String>,
    query: RawQuery,
) -> Result<(StatusCode, Json<Resync>), Problem> {
    let parameters = Parameters::read(query, &["peer", "view", "family"])?;
    let router_addr = read_router("router", &router)?;
    let part = part_of(&parameters)?;
    let routes = api
        .asker()?
        .resync(router_addr, part)
        .await?
        .map_err(|refusal| problem_of(refusal, router_addr))?;
    let begun = Resync { router_addr, routes };
    Ok((StatusCode::ACCEPTED, Json(begun)))
}

/// Answers requests with another method.
pub(super) async fn only_post() -> Response {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = Problem::new(status, "a resync is requested with POST", "use POST").into_response();
    let allowed = HeaderValue::from_static("POST");
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// The part of a router that the parameters name.
fn part_of(parameters: &Parameters) -> Result<RepeatedPart, Problem> {
    let Selector {
        peer, view, family, ..
    } = parameters.selector()?;
    if peer.is_none() && view.is_some() {
        return Err(Problem::invalid(
            "view",
            "a view without a peer is no part of a router that a resync can name",
            "name the peer too, or leave the view out",
        ));
    }
    let peer = peer.map(|selector| RepeatedPeer { selector, view });
    Ok(RepeatedPart { peer, family })
}

fn problem_of(refusal: RepeatRefusal, router: IpAddr) -> Problem {
    let conflict = |detail: String, remedy: &str| Problem::new(StatusCode::CONFLICT, detail, remedy);
    match refusal {
        RepeatRefusal::UnknownRouter => Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no router {router}"),
            "/api/v1/routers lists the routers",
        ),
        RepeatRefusal::UnknownPeer => Problem::not_found(
            "peer",
            format!("router {router} has no such peer"),
            format!("/api/v1/routers/{router}/peers lists its peers"),
        ),
        RepeatRefusal::SeveralPeers => Problem::invalid(
            "peer",
            format!("several peers of {router} agree with this key"),
            format!("write the whole key of one of them: /api/v1/routers/{router}/peers lists them"),
        ),
        RepeatRefusal::NotRetained => conflict(
            "the collector keeps only a fingerprint of the attributes, so it can't publish routes again"
                .to_owned(),
            "set rib.attributes = \"retain\" and restart the collector, or reset the BMP session on the router",
        ),
        RepeatRefusal::Leaving => conflict(
            format!("{router} stayed away, and its routes are being withdrawn"),
            "nothing is to be done",
        ),
        RepeatRefusal::ResyncDue => conflict(
            format!("the next dump of {router} is a resync"),
            "wait until its dump is over, or reset the BMP session on the router",
        ),
        RepeatRefusal::Running => conflict(
            format!("a resync of {router} is under way"),
            "wait for its resync-end",
        ),
        RepeatRefusal::InDoubt => conflict(
            format!("updates of {router} were dropped, and a resync would leave their routes out"),
            "reset the BMP session on the router: its next dump repairs the stream",
        ),
        RepeatRefusal::UnknownAttributes(routes) => conflict(
            match routes {
                1 => "the attributes of 1 route are not known".to_owned(),
                routes => format!("the attributes of {routes} routes are not known"),
            } + ", of this router or of others on its worker",
            "after a restart with rib.attributes = \"retain\", wait until the routers have announced all routes again, or reset the BMP session on the router; if arancini_attributes_without_room_total rises, raise rib.most_attribute_bytes",
        ),
    }
}
