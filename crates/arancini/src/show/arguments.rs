//! The command line of `arancini show`.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use clap::{Args, Subcommand, ValueEnum};

use crate::control_port::ControlArgs;
use crate::flags::as_number;

/// Ask a running collector about its routers, peers, routes, workers and sink.
///
/// Asks the API on the control port of the collector (docs/api.md), and prints a table, or with --json what the API answers.
/// The address is that of the configuration, unless --control names another one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini show routers\n  arancini show peer 192.0.2.1 198.51.100.7\n  \
    arancini show prefix 203.0.113.0/24\n  arancini show prefix 203.0.113.9 --match longest --json\n  \
    arancini show counts --control http://192.0.2.10:8080 --token-file token"
)]
pub struct ShowArgs {
    /// Where the control port is.
    #[command(flatten)]
    pub port: ControlArgs,
    /// Print the answer as JSON instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
    /// What is shown.
    #[command(subcommand)]
    pub what: What,
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum What {
    /// List the routers: whether each has a session, its peers and routes.
    #[command(after_help = "Example:\n  arancini show routers")]
    Routers,
    /// List the peers of a router, or of all routers.
    #[command(after_help = "Example:\n  arancini show peers 192.0.2.1")]
    Peers {
        /// Address of the router.
        router: Option<IpAddr>,
    },
    /// Show one peer: its tables, its BGP session, and when it went up and down.
    #[command(after_help = "Example:\n  arancini show peer 192.0.2.1 198.51.100.7")]
    Peer {
        /// Address of the router.
        router: IpAddr,
        /// Address of the peer, or its key from the list of peers.
        peer: String,
    },
    /// List the routes of a prefix, over all routers, peers and views.
    #[command(
        after_help = "Examples:\n  arancini show prefix 203.0.113.0/24\n  arancini show prefix 203.0.113.9 --match longest\n  \
        arancini show prefix 203.0.0.0/16 --match covered --limit 1000"
    )]
    Prefix {
        /// The prefix; an address alone is a prefix of its full length.
        prefix: String,
        /// How routes agree with the prefix.
        #[arg(long = "match", value_name = "MATCH", default_value = "exact")]
        matching: Matching,
        #[command(flatten)]
        filter: Filter,
    },
    /// List all routes, or those of a router, peer, view or family, or with these attributes.
    #[command(
        after_help = "Examples:\n  arancini show routes --router 192.0.2.1 --view loc-rib\n  \
        arancini show routes --origin-as 64500 --community 64500:100"
    )]
    Routes {
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        attributes: AttributeFilter,
    },
    /// List the changes of a prefix that were published lately, or those of all routes. The newest is first.
    #[command(
        after_help = "Examples:\n  arancini show changes 203.0.113.0/24\n  arancini show changes 203.0.0.0/16 --match covered --since 5m\n  \
        arancini show changes --router 192.0.2.1 --since 2026-11-30T10:48:08Z"
    )]
    Changes {
        /// The prefix; an address alone is a prefix of its full length.
        prefix: Option<String>,
        /// How the prefix of a change agrees with it.
        #[arg(
            long = "match",
            value_name = "MATCH",
            default_value = "exact",
            requires = "prefix"
        )]
        matching: ChangesMatching,
        #[command(flatten)]
        filter: Filter,
        #[command(flatten)]
        period: Period,
    },
    /// List the events of routers and peers that were published lately. The newest is first.
    #[command(after_help = "Example:\n  arancini show events --router 192.0.2.1 --since 1h")]
    Events {
        #[command(flatten)]
        past: Past,
    },
    /// List the messages that could not be read lately, each with the reason and its bytes. The newest is first.
    #[command(after_help = "Example:\n  arancini show malformed --router 192.0.2.1 --limit 1")]
    Malformed {
        #[command(flatten)]
        past: Past,
    },
    /// Show how many routes there are, by view and family.
    #[command(after_help = "Example:\n  arancini show counts --router 192.0.2.1")]
    Counts {
        /// Only this router.
        #[arg(long, value_name = "ADDR")]
        router: Option<IpAddr>,
        /// Only this peer: its address or key.
        #[arg(long, value_name = "PEER")]
        peer: Option<String>,
    },
    /// List the workers with their figures.
    #[command(after_help = "Example:\n  arancini show workers")]
    Workers,
    /// Show whether the sink works, and how far it is behind.
    #[command(after_help = "Example:\n  arancini show sink")]
    Sink,
}

/// How routes agree with a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Matching {
    /// Routes of exactly this prefix.
    Exact,
    /// In each table, the route that a router would use for this destination.
    Longest,
    /// Routes whose prefix contains this one, or is equal.
    Covering,
    /// Routes whose prefix lies within this one, or is equal.
    Covered,
}

/// How the prefix of a change agrees with a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChangesMatching {
    /// Changes of exactly this prefix.
    Exact,
    /// Changes of prefixes that contain this one, and of itself.
    Covering,
    /// Changes of prefixes within this one, and of itself.
    Covered,
}

/// Which part of the past is listed.
#[derive(Debug, Args)]
pub struct Period {
    /// Only what was received at this time or later: a time in UTC, or how long ago, like 90s, 5m, 2h or 1d.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

/// Which messages of the past are listed.
#[derive(Debug, Args)]
pub struct Past {
    /// Only this router.
    #[arg(long, value_name = "ADDR")]
    pub router: Option<IpAddr>,
    /// Only this peer: its address or key.
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    #[command(flatten)]
    pub period: Period,
    /// Most messages that are listed.
    #[arg(long, value_name = "N", default_value = "100")]
    pub limit: NonZeroUsize,
}

impl Past {
    /// The parameters of a request for such messages.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        given([
            ("router", self.router.map(|router| router.to_string())),
            ("peer", self.peer.clone()),
            ("since", self.period.since.clone()),
        ])
    }
}

/// The parameters that have a value.
fn given<const N: usize>(parameters: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    let given = parameters.into_iter();
    given.filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Which routes are listed.
#[derive(Debug, Args)]
pub struct Filter {
    /// Only this router.
    #[arg(long, value_name = "ADDR")]
    pub router: Option<IpAddr>,
    /// Only this peer: its address or key.
    #[arg(long, value_name = "PEER")]
    pub peer: Option<String>,
    /// Only this RIB view, like adj-rib-in-pre or loc-rib.
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// Only this family, like ipv4-unicast or 1/1.
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// Most entries that are listed.
    #[arg(long, value_name = "N", default_value = "100")]
    pub limit: NonZeroUsize,
}

/// Which attributes the listed routes have. The collector has to retain attributes (rib.attributes).
#[derive(Debug, Args)]
pub struct AttributeFilter {
    /// Only routes that this AS originated: the last AS of their path.
    #[arg(long, value_name = "AS", value_parser = as_number)]
    pub origin_as: Option<u32>,
    /// Only routes with this AS anywhere in their path.
    #[arg(long = "as", value_name = "AS", value_parser = as_number)]
    pub path_as: Option<u32>,
    /// Only routes with this community: 64500:100, large 64500:1:2, extended rt:64500:100.
    #[arg(long, value_name = "COMMUNITY")]
    pub community: Option<String>,
    /// Only routes with this next hop.
    #[arg(long, value_name = "ADDR")]
    pub next_hop: Option<IpAddr>,
}

impl AttributeFilter {
    /// The parameters of a request for such routes.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        let parameters = [
            ("origin_as", self.origin_as.map(|asn| asn.to_string())),
            ("as", self.path_as.map(|asn| asn.to_string())),
            ("community", self.community.clone()),
            ("next_hop", self.next_hop.map(|address| address.to_string())),
        ];
        let given = parameters.into_iter();
        given.filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl Filter {
    /// The parameters of a request for such routes.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        given([
            ("router", self.router.map(|router| router.to_string())),
            ("peer", self.peer.clone()),
            ("view", self.view.clone()),
            ("family", self.family.clone()),
        ])
    }
}
