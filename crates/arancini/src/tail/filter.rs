//! Filters the messages to print. A filter looks at the JSON form of a message, so it sees exactly what is printed.

use std::net::IpAddr;

use arancini_schema::subject::router_token;
use serde_json::Value;

use arancini_collector::config::IpPrefix;

use super::arguments::TailArgs;

/// The kinds of messages to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    /// Only updates.
    Updates,
    /// Also events of peers and routers, statistics and malformed messages.
    All,
}

impl Kinds {
    /// Returns the kinds that a command line selects.
    pub(super) const fn of(args: &TailArgs) -> Self {
        if args.all { Self::All } else { Self::Updates }
    }
}

/// The conditions of a command line. A condition that is `None` lets every message pass.
pub(super) struct Filter {
    router: Option<IpAddr>,
    peer: Option<IpAddr>,
    family: Option<(u16, u8)>,
    exact: Option<IpPrefix>,
    covering: Option<IpPrefix>,
    covered: Option<IpPrefix>,
    origin_as: Option<u32>,
    since_unix_ns: u64,
}

impl Filter {
    /// Returns the conditions of this command line.
    pub(super) fn new(args: &TailArgs) -> Self {
        Self {
            router: args.router.map(|address| address.to_canonical()),
            peer: args.peer.map(|address| address.to_canonical()),
            family: args.family,
            exact: args.prefix,
            covering: args.covering,
            covered: args.covered,
            origin_as: args.origin_as,
            since_unix_ns: args.since_unix_ns(),
        }
    }

    /// Returns the NATS subjects on which a message can pass, so that the server does not send the others.
    pub(super) fn subjects(&self, base: &str, kinds: Kinds) -> Vec<String> {
        let router = self.router.map_or_else(|| "*".to_owned(), router_token);
        let family = self
            .family
            .map_or_else(|| "*".to_owned(), |(afi, safi)| format!("{afi}_{safi}"));
        let mut subjects = vec![format!("{base}.updates.{router}.*.{family}")];
        if kinds == Kinds::All {
            for (kind, peer) in [
                ("peers", ".*"),
                ("routers", ""),
                ("stats", ".*"),
                ("malformed", ""),
            ] {
                subjects.push(format!("{base}.{kind}.{router}{peer}"));
            }
        }
        subjects
    }

    /// Returns whether a message passes. With a condition on routes, only updates pass.
    pub(super) fn passes(&self, message: &Value) -> bool {
        let address = |name: &str| {
            message
                .get(name)
                .and_then(Value::as_str)
                .and_then(|text| text.parse().ok())
        };
        let number = |name: &str| message.get(name).and_then(Value::as_u64);
        let route = message
            .get("prefix")
            .and_then(Value::as_str)
            .and_then(|text| text.parse::<IpPrefix>().ok());
        let origin = || {
            message
                .get("asPath")
                .and_then(Value::as_array)
                .and_then(|path| path.last()?.as_u64())
        };
        let peer =
            || address("peerAddr").or_else(|| message.pointer("/peer/address")?.as_str()?.parse().ok());
        let received = || {
            message
                .get("timeReceivedNs")
                .and_then(Value::as_str)?
                .parse::<u64>()
                .ok()
        };
        (self.since_unix_ns == 0 || received() >= Some(self.since_unix_ns))
            && self
                .router
                .is_none_or(|wanted| address("routerAddr") == Some(wanted))
            && self.peer.is_none_or(|wanted| peer() == Some(wanted))
            && self.family.is_none_or(|(afi, safi)| {
                number("afi") == Some(u64::from(afi)) && number("safi") == Some(u64::from(safi))
            })
            && self.exact.is_none_or(|wanted| route == Some(wanted))
            && self
                .covering
                .is_none_or(|inner| route.is_some_and(|route| route.covers(&inner)))
            && self
                .covered
                .is_none_or(|outer| route.is_some_and(|route| outer.covers(&route)))
            && self
                .origin_as
                .is_none_or(|wanted| origin() == Some(u64::from(wanted)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TailArgs,
    }

    fn filter(flags: &[&str]) -> Filter {
        Filter::new(&Line::try_parse_from(["tail"].iter().chain(flags)).unwrap().args)
    }

    #[test]
    fn each_condition_lets_pass_what_it_says() {
        let update = json!({
            "type": "update", "routerAddr": "10.0.0.1", "peerAddr": "2001:db8::1", "afi": 1, "safi": 1,
            "prefix": "192.0.2.0/24", "asPath": [64512, 64513], "timeReceivedNs": "1500000000",
        });
        for (flags, passes) in [
            (&["--router", "10.0.0.1"][..], true),
            (&["--router", "::ffff:10.0.0.1"], true),
            (&["--router", "10.0.0.2"], false),
            (&["--peer", "2001:db8::1"], true),
            (&["--peer", "2001:db8::2"], false),
            (&["--family", "1/1"], true),
            (&["--family", "2/1"], false),
            (&["--prefix", "192.0.2.0/24"], true),
            (&["--prefix", "192.0.2.0/25"], false),
            (&["--covering", "192.0.2.128/25"], true),
            (&["--covering", "192.0.0.0/16"], false),
            (&["--covered", "192.0.0.0/16"], true),
            (&["--covered", "192.0.2.128/25"], false),
            (&["--covered", "::/0"], false),
            (&["--origin-as", "64513"], true),
            (&["--origin-as", "64512"], false),
            (&["--router", "10.0.0.1", "--origin-as", "1"], false),
            (&["--since", "1h"], false),
            (&["--since", "100000d"], true),
        ] {
            assert_eq!(filter(flags).passes(&update), passes, "{flags:?}");
        }
    }

    #[test]
    fn the_server_filters_by_router_and_family() {
        let filter = filter(&["--router", "192.0.2.1", "--family", "2/1"]);
        assert_eq!(
            filter.subjects("arancini", Kinds::Updates),
            ["arancini.updates.v4_192_0_2_1.*.2_1"]
        );
        assert_eq!(filter.subjects("a.b", Kinds::All).len(), 5);
    }
}
