//! The command line of `arancini tail`.

use std::net::IpAddr;

use arancini_client::tail::{AtEnd, Begin};
use arancini_collector::config::{FlagValue, IpPrefix};
use clap::Args;

use crate::flags::flag;

/// Follow the published updates in a NATS stream or in segment files, and print them.
///
/// Prints the updates that are published from now on, until Ctrl-C. --from-start starts with the oldest stored update,
/// --no-follow stops at the newest. Filters are combined: an update is printed if it passes all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini tail --nats nats://127.0.0.1:4222 --origin-as 64512\n  \
    arancini tail --data-dir arancini-data --json --from-start --no-follow\n  \
    arancini tail --covered 192.0.2.0/24 --router 10.0.0.1"
)]
pub struct TailArgs {
    /// URL of a NATS server; may be repeated.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Data directory of a collector with the sink `file`; reads its segment files instead of a stream.
    #[arg(long, value_name = "DIR", conflicts_with = "nats")]
    pub data_dir: Option<String>,
    /// Print one line of JSON per message instead of text.
    #[arg(long)]
    pub json: bool,
    /// Start with the oldest stored message.
    #[arg(long)]
    pub from_start: bool,
    /// Start with this sequence number of the stream.
    #[arg(long, value_name = "N", conflicts_with_all = ["from_start", "data_dir"])]
    pub from_sequence: Option<u64>,
    /// Stop at the newest message instead of waiting for more. Starts with the oldest message unless --from-sequence is
    /// given.
    #[arg(long)]
    pub no_follow: bool,
    /// Also print events of peers and routers, statistics, and malformed messages.
    #[arg(long)]
    pub all: bool,
    /// Print only messages of this router.
    #[arg(long, value_name = "ADDR")]
    pub router: Option<IpAddr>,
    /// Print only messages of this peer.
    #[arg(long, value_name = "ADDR")]
    pub peer: Option<IpAddr>,
    /// Print only updates of this family, written as AFI/SAFI like 1/1.
    #[arg(long, value_name = "AFI/SAFI", value_parser = family)]
    pub family: Option<(u16, u8)>,
    /// Print only routes of exactly this prefix.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub prefix: Option<IpPrefix>,
    /// Print only routes that cover this prefix, or have exactly this prefix.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub covering: Option<IpPrefix>,
    /// Print only routes inside this prefix, or with exactly this prefix.
    #[arg(long, value_name = "PREFIX", value_parser = prefix)]
    pub covered: Option<IpPrefix>,
    /// Print only announces whose AS path ends with this AS.
    #[arg(long, value_name = "ASN")]
    pub origin_as: Option<u32>,
}

impl TailArgs {
    /// Returns the settings that the given flags set.
    #[must_use]
    pub fn flags(&self) -> Vec<FlagValue> {
        let file = self.data_dir.as_ref().map(|_| "file".to_owned());
        let nats = (!self.nats.is_empty()).then(|| "nats".to_owned());
        [
            flag("nats", "urls", "--nats").list(&self.nats),
            flag("nats", "stream", "--stream").value(self.stream.clone()),
            flag("file", "data_dir", "--data-dir").value(self.data_dir.clone()),
            flag("publish", "sink", "--data-dir").value(file),
            flag("publish", "sink", "--nats").value(nats),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns what to do at the end.
    pub(super) const fn at_end(&self) -> AtEnd {
        if self.no_follow {
            AtEnd::Stop
        } else {
            AtEnd::Follow
        }
    }

    /// Returns where the output starts.
    pub(super) fn begin(&self) -> Begin {
        match self.from_sequence {
            Some(sequence) => Begin::Sequence(sequence),
            None if self.from_start || self.no_follow => Begin::Beginning,
            None => Begin::New,
        }
    }
}

/// Parses a family, written as `1/1` or `1_1`.
fn family(text: &str) -> Result<(u16, u8), String> {
    text.split_once(['/', '_'])
        .and_then(|(afi, safi)| Some((afi.parse().ok()?, safi.parse().ok()?)))
        .ok_or_else(|| "write AFI/SAFI, like 1/1 for IPv4 unicast".to_owned())
}

/// Parses a prefix.
fn prefix(text: &str) -> Result<IpPrefix, String> {
    text.parse()
        .map_err(|()| "write a prefix, like 192.0.2.0/24 or 2001:db8::/32".to_owned())
}
