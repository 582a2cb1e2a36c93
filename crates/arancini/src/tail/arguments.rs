//! The command line of `arancini tail`.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arancini_client::tail::{AtEnd, Begin};
use arancini_collector::config::{FlagValue, IpPrefix};
use arancini_wire::iana::AfiSafi;
use clap::Args;

use crate::flags::{as_number, flag};

/// Follow the published updates in a NATS stream or in segment files, and print them.
///
/// Prints the updates that are published from now on, until Ctrl-C. --from-start starts with the oldest stored update,
/// --no-follow stops at the newest. Filters are combined: an update is printed if it passes all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  arancini tail --nats nats://127.0.0.1:4222 --origin-as 64512\n  \
    arancini tail --data-dir arancini-data --json --from-start --no-follow\n  \
    arancini tail --covered 192.0.2.0/24 --router 10.0.0.1\n  \
    arancini tail --all --since 10m --peer 192.0.2.1"
)]
pub struct TailArgs {
    /// URL of a NATS server; may be repeated.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    pub nats: Vec<String>,
    /// Name of the stream.
    #[arg(long, value_name = "NAME", conflicts_with = "data_dir")]
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
    /// Start with messages received at most this long ago, like 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "TIME", value_parser = ago, conflicts_with_all = ["from_start", "from_sequence"])]
    pub since: Option<Duration>,
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
    /// Print only updates of this family, like ipv4-unicast or 1/1.
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    pub family: Option<AfiSafi>,
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
    #[arg(long, value_name = "AS", value_parser = as_number)]
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

    /// The time of `--since` in Unix nanoseconds; 0 without it.
    pub(super) fn since_unix_ns(&self) -> u64 {
        self.since.map_or(0, unix_ns_before_now)
    }

    /// Returns where the output starts.
    pub(super) fn begin(&self) -> Begin {
        match self.from_sequence {
            Some(sequence) => Begin::Sequence(sequence),
            None if self.since.is_some() => Begin::Time(self.since_unix_ns()),
            None if self.from_start || self.no_follow => Begin::Beginning,
            None => Begin::New,
        }
    }
}

/// Returns the time that was this long ago, in Unix nanoseconds.
pub(crate) fn unix_ns_before_now(ago: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_sub(ago).as_nanos()).unwrap_or(u64::MAX)
}

/// Parses a time in seconds, minutes, hours or days, like `10m`.
pub(crate) fn ago(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number with s, m, h or d, like 10m".to_owned();
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

/// Parses a family, written as its name, as `1/1`, or as in a subject, `1_1`.
fn family(text: &str) -> Result<AfiSafi, String> {
    let numbers = text.replace('_', "/");
    let family = numbers.parse();
    family.map_err(|()| "write AFI/SAFI, like 1/1, or a name, like ipv4-unicast".to_owned())
}

/// Parses a prefix.
fn prefix(text: &str) -> Result<IpPrefix, String> {
    text.parse()
        .map_err(|()| "write a prefix, like 192.0.2.0/24 or 2001:db8::/32".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("0s", 0)] {
            assert_eq!(ago(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "-1m",
            "1.5h",
            "10 m",
            "10µ",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert!(ago(text).is_err(), "{text}");
        }
    }
}
