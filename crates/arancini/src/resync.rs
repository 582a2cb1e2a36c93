//! `arancini resync`: asks a running collector to publish routes of a router again.

use std::net::IpAddr;
use std::process::ExitCode;

use arancini_collector::config::Config;
use arancini_schema::json::visible;
use clap::Args;
use serde_json::Value;

use crate::control_port::{AskError, Client, ControlArgs, Right, Target, encoded};
use crate::exit::fail;
use crate::output::{print_line, print_words};
use crate::runtime::block_on;

/// Publish routes of a router again, for consumers that have lost a part of the stream.
///
/// Asks the API on the control port of the collector (docs/api.md). The collector publishes the routes that it holds of the router
/// between resync-begin and resync-end; the session of the router goes on. The collector has to retain attributes
/// (rib.attributes = "retain"). --peer, --view and --family limit the resync to a part of the router. If the configuration names a token for acting (control.act_token_file), the command sends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini resync 192.0.2.1\n  arancini resync 192.0.2.1 --family ipv6-unicast\n  \
    arancini resync 192.0.2.1 --peer 198.51.100.7 --view adj-rib-in-pre\n  \
    arancini resync 192.0.2.1 --control http://192.0.2.10:8080 --token-file token"
)]
pub struct ResyncArgs {
    /// Address of the router.
    pub router: IpAddr,
    /// Only this peer: its address or key.
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only this RIB view of the peer, like adj-rib-in-pre or loc-rib.
    #[arg(long, value_name = "VIEW", requires = "peer")]
    pub view: Option<String>,
    /// Only this family, like ipv4-unicast or 1/1.
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// Where the control port is.
    #[command(flatten)]
    pub port: ControlArgs,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Requests the resync, and says what the collector answered.
#[must_use]
pub fn run(config: &Config, args: &ResyncArgs) -> ExitCode {
    match block_on(request(config, args)) {
        Ok(answer) if args.json => {
            print_line(visible(&format!("{answer:#}")));
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            print_words(visible(&text(args, &answer)));
            ExitCode::SUCCESS
        }
        Err(error) => fail(error),
    }
}

async fn request(config: &Config, args: &ResyncArgs) -> Result<Value, AskError> {
    let target = Target::new(&args.port, config, Right::Act)?;
    let path = format!("routers/{}/resync", encoded(&args.router.to_string()));
    Client::connect(target).await?.post(&path, &args.part()).await
}

impl ResyncArgs {
    /// The parameters that name a part of the router.
    fn part(&self) -> Vec<(&'static str, String)> {
        let part = [
            ("peer", &self.peer),
            ("view", &self.view),
            ("family", &self.family),
        ];
        let named = part.into_iter();
        named
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

fn text(args: &ResyncArgs, answer: &Value) -> String {
    let routes = match answer.get("routes").and_then(Value::as_u64) {
        Some(1) => "1 route is".to_owned(),
        Some(routes) => format!("{routes} routes are"),
        None => "its routes are".to_owned(),
    };
    let mut what = args.router.to_string();
    for (_, part) in args.part() {
        what = format!("{what} {part}");
    }
    format!("resync of {what} begun: {routes} published between resync-begin and resync-end")
}
