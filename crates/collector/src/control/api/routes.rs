//! Routes as the API shows them, and `/api/v1/routes`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arancini_core::ask::{Answer, Question, RouteAnswer, RouteName, Search, Selector};
use arancini_schema::json::{Distinguisher, Hex};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::attributes::{AttributeReader, Attributes};
use super::cursor::{PageStart, read_cursor};
use super::page::PageEnd;
use super::parameters::{Parameters, RawQuery};
use super::peer_key::peer_key;
use super::peers::state_name;
use super::problem::{Problem, Problems};
use super::state::Api;
use super::text;

/// Routes whose attributes are read in one turn: the sink works on the same thread.
const ROUTES_OF_A_TURN: usize = 50;
/// What an answer without attributes says.
const ATTRIBUTES_ABSENT: &str = "this collector keeps only a fingerprint of the attributes: set rib.attributes = \"retain\" and restart it";

/// A route that consumers hold, with the names of the stream (docs/schema.md).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// The router.
    #[schema(value_type = String)]
    router_addr: IpAddr,
    /// The key of the peer.
    peer: String,
    /// The peer's address; all zeros for a Loc-RIB.
    #[schema(value_type = String)]
    peer_addr: IpAddr,
    /// The peer's AS number.
    peer_asn: u32,
    /// The peer's BGP identifier.
    #[schema(value_type = String)]
    peer_bgp_id: Ipv4Addr,
    /// The BMP peer type.
    peer_type: u8,
    /// The peer's distinguisher. Absent if it is zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_distinguisher: Option<String>,
    /// `up`, `down` or `provisional`.
    peer_state: &'static str,
    /// The RIB view.
    rib_view: &'static str,
    /// The VRF / table name.
    #[serde(skip_serializing_if = "Option::is_none")]
    table_name: Option<String>,
    /// The name of the family, else AFI/SAFI.
    family: String,
    /// Address Family Identifier.
    afi: u16,
    /// Subsequent Address Family Identifier.
    safi: u8,
    /// The prefix, `address/length`. Absent if the family has no prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// The address of the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    prefix_addr: Option<IpAddr>,
    /// The length of the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_len: Option<u8>,
    /// The NLRI in hexadecimal digits, if the family has no prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_nlri: Option<String>,
    /// The route distinguisher of a VPN.
    #[serde(skip_serializing_if = "Option::is_none")]
    route_distinguisher: Option<String>,
    /// The path identifier (RFC 7911).
    #[serde(skip_serializing_if = "Option::is_none")]
    path_id: Option<u32>,
    /// The fingerprint of the attributes, 16 hexadecimal digits as in the stream. Absent with `curation.mode = "presence"`, and
    /// for a route of which the last update was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_fingerprint: Option<String>,
    /// Since when the route has its attributes. Absent if they are not retained, and if the collector restarted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(flatten)]
    attributes: Option<Attributes>,
    /// `current`, or `stale`: the session was lost or the peer came up anew, and the router has not announced the route since.
    state: &'static str,
}

/// Some of the routes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Routes {
    /// The routes.
    routes: Vec<Route>,
    /// Why no route has attributes, and what to do. Absent if attributes are retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_absent: Option<&'static str>,
    #[serde(flatten)]
    end: PageEnd,
}

impl Route {
    fn of(answer: RouteAnswer, reader: &mut AttributeReader) -> Self {
        let table = answer.table;
        let prefix = answer.name.prefix();
        Self {
            router_addr: answer.router,
            peer: peer_key(&answer.peer),
            peer_addr: IpAddr::from(table.peer.address).to_canonical(),
            peer_asn: table.peer_asn,
            peer_bgp_id: Ipv4Addr::from(table.peer.bgp_id),
            peer_type: table.peer.peer_type,
            peer_distinguisher: text::distinguisher(table.peer.distinguisher),
            peer_state: state_name(answer.peer_state),
            rib_view: table.view.name(),
            table_name: text::filled(answer.table_name),
            family: text::family(table.family),
            afi: table.family.afi,
            safi: table.family.safi,
            prefix: prefix.map(|(_, prefix)| prefix.to_string()),
            prefix_addr: prefix.map(|(_, prefix)| prefix.address()),
            prefix_len: prefix.map(|(_, prefix)| prefix.length()),
            raw_nlri: match &answer.name {
                RouteName::Opaque { nlri, .. } => Some(Hex(nlri).to_string()),
                RouteName::Prefix { .. } => None,
            },
            route_distinguisher: prefix
                .and_then(|(distinguisher, _)| distinguisher)
                .map(|bytes| Distinguisher(u64::from_be_bytes(bytes)).to_string()),
            path_id: answer.name.path_id(),
            attribute_fingerprint: answer
                .fingerprint
                .map(|fingerprint| format!("{fingerprint:016x}")),
            since: answer
                .since
                .map(|seconds| text::time(u64::from(seconds) * 1_000_000_000)),
            attributes: answer
                .attributes
                .and_then(|attributes| reader.read(&attributes, table.family)),
            state: if answer.is_stale { "stale" } else { "current" },
        }
    }
}

/// A page of routes: those of a search, or all. `choice` names the request, for its cursors.
pub(super) async fn page_of_routes(
    api: &Api,
    parameters: &Parameters,
    search: Option<Search>,
    choice: &str,
) -> Result<Routes, Problem> {
    if api.telemetry.keeps_no_tables() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "the collector keeps no tables",
            "set curation.mode = \"attributes\" and restart the collector",
        ));
    }
    let attributes = parameters.attributes()?;
    if !attributes.selects_all() && !api.telemetry.retains_attributes() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "the collector keeps only a fingerprint of the attributes, so it can't search for them",
            "set rib.attributes = \"retain\" and restart the collector, or leave out origin_as, as, community and next_hop",
        ));
    }
    let (selector, limit): (Selector, _) = (parameters.selector()?, parameters.limit()?);
    let start = match parameters.get("cursor") {
        Some(cursor) => read_cursor(api.life, choice, cursor)?,
        None => PageStart::FIRST,
    };
    let question = || Question::routes(selector.clone(), search, limit).with_attributes(attributes.clone());
    let gathered = api.asker()?.page(start, limit, question).await?;
    let end = PageEnd::of(&gathered, api.life, choice);
    let mut routes = Vec::new();
    for (_, answer) in gathered.answers {
        if let Answer::Routes(mut answers) = answer {
            routes.append(&mut answers);
        }
    }
    routes.sort_by(|one: &RouteAnswer, other| {
        (&one.name, one.router, one.table).cmp(&(&other.name, other.router, other.table))
    });
    let mut reader = AttributeReader::default();
    let mut shown = Vec::with_capacity(routes.len());
    for (number, route) in routes.into_iter().enumerate() {
        if number % ROUTES_OF_A_TURN == ROUTES_OF_A_TURN - 1 {
            tokio::task::yield_now().await;
        }
        shown.push(Route::of(route, &mut reader));
    }
    Ok(Routes {
        routes: shown,
        attributes_absent: (!api.telemetry.retains_attributes()).then_some(ATTRIBUTES_ABSENT),
        end,
    })
}

/// All routes, or those of a router, peer, view or family, page by page. A page is sorted; pages follow each other in no
/// order.
#[utoipa::path(get, path = "/api/v1/routes", tag = "routes",
    params(
        ("router" = Option<String>, Query, description = "Only this router"),
        ("peer" = Option<String>, Query, description = "Only this peer: its address or key"),
        ("view" = Option<String>, Query, description = "Only this RIB view", pattern = "^(adj-rib-(in|out)-(pre|post)|loc-rib)$"),
        ("family" = Option<String>, Query, description = "Only this family: a name, or AFI/SAFI"),
        ("origin_as" = Option<u32>, Query, description = "Only routes that this AS originated: the last AS of their path"),
        ("as" = Option<u32>, Query, description = "Only routes with this AS anywhere in their path"),
        ("community" = Option<String>, Query, description = "Only routes with this community, as routes show it: AS:VALUE, large ADMINISTRATOR:PART1:PART2, or extended"),
        ("next_hop" = Option<String>, Query, description = "Only routes with this next hop"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Routes), Problems, (status = 409, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn routes(State(api): State<Arc<Api>>, query: RawQuery) -> Result<Json<Routes>, Problem> {
    let known = [
        "router",
        "peer",
        "view",
        "family",
        "origin_as",
        "as",
        "community",
        "next_hop",
        "limit",
        "cursor",
    ];
    let parameters = Parameters::read(query, &known)?;
    let choice = format!("routes?{}", parameters.choice());
    Ok(Json(page_of_routes(&api, &parameters, None, &choice).await?))
}
