//! Asks and prints.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use arancini_collector::config::Config;
use arancini_schema::json::visible;
use serde_json::{Value, json};

use super::arguments::{Filter, ShowArgs, What};
use super::pages::list;
use super::{print, print_routes};
use crate::control_port::{AskError, Client, Right, Target, encoded};
use crate::exit::fail;
use crate::flags::word;
use crate::output::{print_line, print_words};
use crate::runtime::block_on;
use crate::terminal::print_problem;

/// Asks the collector and prints its answer.
#[must_use]
pub fn run(config: &Config, args: &ShowArgs) -> ExitCode {
    match block_on(ask(config, args)) {
        Ok(answer) if args.json => {
            print_line(visible(&format!("{answer:#}")));
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            match without_gaps(&text(&args.what, &answer)) {
                text if text.is_empty() => print_problem("nothing was found"),
                text => print_words(text),
            }
            for left_out in print::left_out(&answer) {
                print_problem(format_args!("arancini: {left_out}"));
            }
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

async fn ask(config: &Config, args: &ShowArgs) -> Result<Value, AskError> {
    let target = Target::new(&args.port, config, Right::Read)?;
    let mut client = Client::connect(target).await?;
    let client = &mut client;
    match &args.what {
        What::Routers => list(client, "routers", "routers", &[], usize::MAX).await,
        What::Peers { router: Some(router) } => peers(client, *router).await,
        What::Peers { router: None } => all_peers(client).await,
        What::Peer { router, peer } => {
            let path = format!("routers/{}/peers/{}", encoded(&router.to_string()), encoded(peer));
            client.get(&path, &[]).await
        }
        What::Prefix {
            prefix,
            matching,
            filter,
        } => {
            let mut parameters = filter.parameters();
            parameters.push(("match", word(*matching)));
            let path = format!("prefixes/{}", encoded(prefix));
            list(client, &path, "routes", &parameters, filter.limit.get()).await
        }
        What::Routes { filter, attributes } => {
            let parameters = [filter.parameters(), attributes.parameters()].concat();
            list(client, "routes", "routes", &parameters, filter.limit.get()).await
        }
        What::Changes {
            prefix,
            matching,
            filter,
            period,
        } => {
            let mut parameters = filter.parameters();
            if let Some(prefix) = prefix {
                parameters.push(("prefix", prefix.clone()));
                parameters.push(("match", word(*matching)));
            }
            parameters.extend(period.since.clone().map(|since| ("since", since)));
            list(client, "changes", "changes", &parameters, filter.limit.get()).await
        }
        What::Events { past } => list(client, "events", "events", &past.parameters(), past.limit.get()).await,
        What::Malformed { past } => {
            list(
                client,
                "malformed",
                "malformed",
                &past.parameters(),
                past.limit.get(),
            )
            .await
        }
        What::Counts { router, peer } => {
            let filter = Filter {
                router: *router,
                peer: peer.clone(),
                view: None,
                family: None,
                limit: NonZeroUsize::MIN,
            };
            client.get("counts", &filter.parameters()).await
        }
        What::Workers => client.get("workers", &[]).await,
        What::Sink => client.get("sink", &[]).await,
    }
}

async fn peers(client: &mut Client, router: IpAddr) -> Result<Value, AskError> {
    let path = format!("routers/{}/peers", encoded(&router.to_string()));
    list(client, &path, "peers", &[], usize::MAX).await
}

async fn all_peers(client: &mut Client) -> Result<Value, AskError> {
    let routers = list(client, "routers", "routers", &[], usize::MAX).await?;
    let mut all = Vec::new();
    for router in routers["routers"].as_array().into_iter().flatten() {
        let router = router["routerAddr"].as_str().and_then(|text| text.parse().ok());
        let Some(router) = router else {
            continue;
        };
        if let Some(found) = peers(client, router).await?["peers"].as_array_mut() {
            all.append(found);
        }
    }
    Ok(json!({ "peers": all }))
}

/// The text without the gaps that empty tables leave.
fn without_gaps(text: &str) -> String {
    let parts = text.split("\n\n").map(|part| part.trim_matches('\n'));
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

fn text(what: &What, answer: &Value) -> String {
    match what {
        What::Routers => print::routers(answer),
        What::Peers { .. } => print::peers(answer),
        What::Peer { .. } => print::peer(answer),
        What::Prefix { .. } | What::Routes { .. } => print_routes::routes(answer),
        What::Changes { .. } => print::messages(answer, "changes"),
        What::Events { .. } => print::messages(answer, "events"),
        What::Malformed { .. } => print::messages(answer, "malformed"),
        What::Counts { .. } => print::counts(answer),
        What::Workers => print::workers(answer),
        What::Sink => print::sink(answer),
    }
}
