//! `/v1/ws`: the websocket of RIS Live (`docs/ris-live.md`).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Weak};

use arancini_core::ask::{Answer, Question, Selector};
use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::cursor::PageStart;
use super::problem::Problem;
use super::state::Api;
use crate::control::activity::StreamMark;
use crate::control::ris::{Conversation, Hosts, MOST_RECEIVED_BYTES, Wrong, read_views};
use crate::live::{KnownViews, Views};

/// How many routers a question asks for.
const PAGE: usize = 1000;

/// Opens the websocket. Parameters other than `view` are the client's own business, such as its name.
pub(super) async fn connect(
    State(api): State<Arc<Api>>,
    mark: Option<Extension<StreamMark>>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let most = api.ris_clients;
    if most == 0 {
        let detail = "RIS Live is switched off";
        let remedy = "set control.ris_clients to the number of clients that may connect";
        return Err(Problem::new(StatusCode::NOT_FOUND, detail, remedy));
    }
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "this address is a websocket",
            "connect with a client of RIS Live, to ws:// or wss:// with this host and path",
        )
    })?;
    let views = views_of(query)?;
    let live = &api.telemetry.tap().live;
    if live.ris.connected() == 0 {
        // While nobody was connected, nobody saw which views the peers have. Without an answer, they are learned as routes come.
        live.ris
            .set_known_views(known_views(&api).await.unwrap_or_default());
    }
    let runtime = api.ris_runtime.handle();
    let seat = live.enter_ris(most);
    let (Some(runtime), Some(seat)) = (runtime, seat) else {
        return Err(Problem::later(
            5,
            format!("{most} clients of RIS Live are connected already, or no thread can be started"),
            "ask again later, close connections that nobody reads, or raise control.ris_clients",
        ));
    };
    if let Some(Extension(mark)) = mark {
        mark.set_socket();
    }
    let hosts = hosts_of(Arc::downgrade(&api));
    let upgrade = upgrade
        .max_message_size(MOST_RECEIVED_BYTES)
        .max_frame_size(MOST_RECEIVED_BYTES);
    Ok(upgrade.on_upgrade(async move |socket| {
        runtime.spawn(Conversation::new(socket, seat, views, hosts).run());
    }))
}

/// The answer of the control port if RIS Live has a port of its own.
pub(super) async fn elsewhere() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "RIS Live has a port of its own",
        "connect to the address in control.ris_address",
    )
}

/// The answer of that port to everything else.
pub(super) async fn nothing_else() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "this port has only RIS Live",
        "connect to /v1/ws, or ask the control port (control.address)",
    )
}

fn views_of(query: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Result<Views, Problem> {
    let Query(pairs) = query.unwrap_or_default();
    let Some((_, names)) = pairs.into_iter().find(|(name, _)| name == "view") else {
        return Ok(Views::default());
    };
    let names = names.split(',').map(|name| Value::String(name.to_owned()));
    read_views(&Value::Array(names.collect())).map_err(|wrong| {
        let (detail, remedy) = wrong.into_parts();
        Problem::invalid("view", detail, remedy)
    })
}

/// Gives the routers that the workers know.
fn hosts_of(api: Weak<Api>) -> Hosts {
    Box::new(move || {
        let api = api.clone();
        Box::pin(async move {
            match api.upgrade() {
                Some(api) => routers(&api).await.map_err(|problem| {
                    let (detail, remedy) = problem.into_parts();
                    Wrong::new(detail, remedy)
                }),
                None => Err(Wrong::new("the collector is stopping", "ask again when it runs")),
            }
        })
    })
}

/// The views in which the peers have routes.
async fn known_views(api: &Api) -> Result<KnownViews, Problem> {
    let mut known = KnownViews::default();
    let mut start = Some(PageStart::FIRST);
    while let Some(at) = start {
        let question = || Question::peers(Selector::default(), PAGE);
        let gathered = api.asker()?.page(at, PAGE, question).await?;
        for (_, answer) in gathered.answers {
            let Answer::Peers(peers) = answer else { continue };
            for peer in peers.iter().filter(|peer| peer.identity.distinguisher == [0; 8]) {
                let address = Ipv6Addr::from(peer.identity.address).to_canonical();
                for table in peer.tables.iter().filter(|table| table.routes > 0) {
                    known.note(peer.router.to_canonical(), address, table.key.view);
                }
            }
        }
        start = gathered.next;
    }
    Ok(known)
}

async fn routers(api: &Api) -> Result<Vec<IpAddr>, Problem> {
    let mut routers = Vec::new();
    let mut start = Some(PageStart::FIRST);
    while let Some(at) = start {
        let question = || Question::routers(Selector::default(), PAGE);
        let gathered = api.asker()?.page(at, PAGE, question).await?;
        for (_, answer) in gathered.answers {
            if let Answer::Routers(answers) = answer {
                routers.extend(answers.into_iter().map(|answer| answer.router.to_canonical()));
            }
        }
        start = gathered.next;
    }
    routers.sort_unstable();
    Ok(routers)
}
