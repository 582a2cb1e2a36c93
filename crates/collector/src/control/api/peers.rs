//! `/api/v1/routers/{router}/peers` and `/api/v1/routers/{router}/peers/{peer}`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use arancini_core::ask::{Answer, PeerAnswer, Question, Selector, TableAnswer};
use arancini_core::{Change, PeerChange, PeerState};
use arancini_wire::iana::bmp::PeerDownReason;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;

use super::bgp_session::BgpSession;
use super::change_lists::{a_day_ago_ns, keep_last};
use super::cursor::{PageStart, read_cursor};
use super::page::PageEnd;
use super::parameters::{Parameters, RawQuery, read_router};
use super::peer_key::{peer_key, read_peer};
use super::problem::{Problem, Problems};
use super::routers::find_router;
use super::state::Api;
use super::statistics::Statistics;
use super::text;

/// Most keys that a problem lists.
const MOST_KEYS: usize = 10;

/// A peer of a router.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Its key, for the address of this resource and for `peer=`.
    key: String,
    /// The router.
    #[schema(value_type = String)]
    router_addr: IpAddr,
    /// Its address; all zeros for a Loc-RIB.
    #[schema(value_type = String)]
    peer_addr: IpAddr,
    /// Its AS number.
    peer_asn: u32,
    /// Its BGP identifier.
    #[schema(value_type = String)]
    peer_bgp_id: Ipv4Addr,
    /// Its BMP peer type.
    peer_type: u8,
    /// Its distinguisher. Absent if it is zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer_distinguisher: Option<String>,
    /// `up`, `down`, or `provisional`: the router sent routes but no Peer Up.
    state: &'static str,
    /// Since when. Absent if the state has not changed since the start of the collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Routes held.
    routes: usize,
    /// Its tables.
    tables: Vec<Table>,
    /// How often it showed each quirk (docs/interop.md), since the start of the collector.
    quirks: BTreeMap<&'static str, u64>,
    /// Changes of its state since the start of the collector.
    change_count: u64,
    /// Changes of its state in the last 24 hours. Those before the last 128 are counted by the hour, so that some of them can be up
    /// to 25 hours old.
    changes_of_last_day: u64,
    /// The last changes of its state, the oldest first: at most 128, and in lists at most 16.
    changes: Vec<StateChange>,
    /// The BGP session of its last Peer Up. Absent in lists, and if there was no Peer Up since the start of the collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    bgp_session: Option<BgpSession>,
    /// What the router counts of the peer, for a comparison with `tables`. Absent in lists, and if there was no Statistics
    /// Report since the start of the collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
}

/// A table of a peer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// The RIB view.
    rib_view: &'static str,
    /// The name of the family, else AFI/SAFI.
    family: String,
    /// Address Family Identifier.
    afi: u16,
    /// Subsequent Address Family Identifier.
    safi: u8,
    /// The VRF / table name.
    #[serde(skip_serializing_if = "Option::is_none")]
    table_name: Option<String>,
    /// The AS number under which the routes are published. It can be an earlier one of the peer.
    peer_asn: u32,
    /// The BGP identifier under which the routes are published, likewise.
    #[schema(value_type = String)]
    peer_bgp_id: Ipv4Addr,
    /// Routes held.
    routes: usize,
    /// Routes announced by the router, before curation, since the start of the collector.
    received_announces: u64,
    /// Routes withdrawn by the router, before curation, since the start of the collector.
    received_withdraws: u64,
    /// Whether path identifiers were negotiated.
    add_path: bool,
    /// Whether the router dumps the table anew: routes that it has not announced again are stale.
    settling: bool,
}

/// A change of a peer's state.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateChange {
    /// When the collector noticed it.
    time: String,
    /// The new state: `up`, `down` or `provisional`.
    state: &'static str,
    /// Why the peer went down: the reason of the Peer Down, or `session_lost` if the BMP session of the router ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The reason code of the Peer Down (RFC 7854 §4.9).
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<u8>,
}

/// Some of the peers of a router.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Peers {
    /// The peers.
    peers: Vec<Peer>,
    #[serde(flatten)]
    end: PageEnd,
}

/// The name of a peer's state.
pub(super) const fn state_name(state: PeerState) -> &'static str {
    match state {
        PeerState::Down => "down",
        PeerState::Up => "up",
        PeerState::Provisional => "provisional",
    }
}

impl Peer {
    fn of(answer: PeerAnswer) -> Self {
        Self {
            key: peer_key(&answer.identity),
            router_addr: answer.router,
            peer_addr: IpAddr::from(answer.identity.address).to_canonical(),
            peer_asn: answer.asn,
            peer_bgp_id: Ipv4Addr::from(answer.identity.bgp_id),
            peer_type: answer.identity.peer_type,
            peer_distinguisher: text::distinguisher(answer.identity.distinguisher),
            state: state_name(answer.state),
            since: answer.changes.since_unix_ns().map(text::time),
            routes: answer.tables.iter().map(|table| table.routes).sum(),
            tables: answer.tables.into_iter().map(Table::of).collect(),
            quirks: answer
                .quirks
                .into_iter()
                .map(|(quirk, seen)| (quirk.name(), seen))
                .collect(),
            change_count: answer.changes.count(),
            changes_of_last_day: answer.changes.count_since(a_day_ago_ns()),
            changes: answer.changes.last().iter().map(StateChange::of).collect(),
            bgp_session: answer.opens.map(|opens| BgpSession::of(&opens)),
            statistics: answer.statistics.map(|last| Statistics::of(&last)),
        }
    }
}

impl Table {
    fn of(answer: TableAnswer) -> Self {
        Self {
            rib_view: answer.key.view.name(),
            family: text::family(answer.key.family),
            afi: answer.key.family.afi,
            safi: answer.key.family.safi,
            table_name: text::filled(answer.table_name),
            peer_asn: answer.key.peer_asn,
            peer_bgp_id: Ipv4Addr::from(answer.key.peer.bgp_id),
            routes: answer.routes,
            received_announces: answer.received_announces,
            received_withdraws: answer.received_withdraws,
            add_path: answer.add_path,
            settling: answer.is_settling,
        }
    }
}

impl StateChange {
    fn of(change: &Change<PeerChange>) -> Self {
        let (state, reason, reason_code) = match change.what {
            PeerChange::Up => ("up", None, None),
            PeerChange::Provisional => ("provisional", None, None),
            PeerChange::Down(code) => ("down", Some(PeerDownReason::from_code(code).name()), Some(code)),
            PeerChange::SessionLost => ("down", Some("session_lost"), None),
        };
        Self {
            time: text::time(change.unix_ns),
            state,
            reason,
            reason_code,
        }
    }
}

/// The peers of a router, page by page.
#[utoipa::path(get, path = "/api/v1/routers/{router}/peers", tag = "peers",
    params(
        ("router" = String, Path, description = "Address of the router"),
        ("peer" = Option<String>, Query, description = "Only peers with this address, or with this beginning of a key"),
        ("limit" = Option<usize>, Query, description = "Most entries of the page, at most 1000; 100 without it", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, body = Peers), Problems, (status = 404, body = Problem, content_type = "application/problem+json"), (status = 410, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn peers(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Peers>, Problem> {
    let parameters = Parameters::read(query, &["peer", "limit", "cursor"])?;
    let (selector, limit) = (parameters.selector()?, parameters.limit()?);
    let router = read_router("router", &id)?;
    let selector = Selector {
        router: Some(router),
        ..selector
    };
    let choice = format!("{router}/peers?{}", parameters.choice());
    let start = match parameters.get("cursor") {
        Some(cursor) => read_cursor(api.life, &choice, cursor)?,
        None => PageStart::FIRST,
    };
    let gathered = api
        .asker()?
        .page(start, limit, || Question::peers(selector.clone(), limit))
        .await?;
    let end = PageEnd::of(&gathered, api.life, &choice);
    let mut peers: Vec<_> = answers(gathered.answers).into_iter().map(Peer::of).collect();
    if peers.is_empty() {
        // A router without such peers and a router that is not there have different answers.
        find_router(&api, router).await?;
    }
    for peer in &mut peers {
        peer.bgp_session = None;
        peer.statistics = None;
        keep_last(&mut peer.changes);
    }
    peers.sort_by(|one, other| (one.peer_addr, &one.key).cmp(&(other.peer_addr, &other.key)));
    Ok(Json(Peers { peers, end }))
}

/// One peer of a router, with the BGP session of its last Peer Up and its last Statistics Report.
#[utoipa::path(get, path = "/api/v1/routers/{router}/peers/{peer}", tag = "peers",
    params(
        ("router" = String, Path, description = "Address of the router"),
        ("peer" = String, Path, description = "Address or key of the peer"),
    ),
    responses((status = 200, body = Peer), Problems, (status = 404, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn peer(
    State(api): State<Arc<Api>>,
    Path((id, key)): Path<(String, String)>,
    query: RawQuery,
) -> Result<Json<Peer>, Problem> {
    Parameters::read(query, &[])?;
    let router = read_router("router", &id)?;
    let selector = Selector {
        router: Some(router),
        peer: Some(read_peer("peer", &key)?),
        ..Selector::default()
    };
    let question = || Question::peers(selector.clone(), MOST_KEYS);
    let gathered = api.asker()?.page(PageStart::FIRST, MOST_KEYS, question).await?;
    let mut found = answers(gathered.answers);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(Json(Peer::of(only))),
        (Some(last), false) => {
            let keys: Vec<_> = found
                .iter()
                .chain([&last])
                .map(|peer| peer_key(&peer.identity))
                .collect();
            Err(Problem::invalid(
                "peer",
                format!("several peers of {router} agree with {key:?}"),
                format!("write the key of one of them: {}", keys.join(", ")),
            ))
        }
        (None, _) => {
            find_router(&api, router).await?;
            Err(Problem::not_found(
                "peer",
                format!("router {router} has no peer {key:?}"),
                format!("look at /api/v1/routers/{router}/peers"),
            ))
        }
    }
}

fn answers(answers: Vec<(usize, Answer)>) -> Vec<PeerAnswer> {
    let mut peers = Vec::new();
    for (_, answer) in answers {
        if let Answer::Peers(mut answers) = answer {
            peers.append(&mut answers);
        }
    }
    peers
}
