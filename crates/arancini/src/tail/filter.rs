//! Which messages are printed. Judged by the JSON form, so that what is filtered is what is shown.

use std::net::IpAddr;

use arancini_schema::subject::router_token;
use serde_json::Value;

use super::TailArgs;
use arancini_collector::config::IpPrefix;

/// All conditions of a command line; what is `None` lets everything pass.
pub(super) struct Filter {
    router: Option<IpAddr>,
    peer: Option<IpAddr>,
    family: Option<(u16, u8)>,
    exact: Option<IpPrefix>,
    covering: Option<IpPrefix>,
    covered: Option<IpPrefix>,
    origin_as: Option<u32>,
}

impl Filter {
    pub(super) fn new(args: &TailArgs) -> Self {
        Self {
            router: args.router.map(|address| address.to_canonical()),
            peer: args.peer.map(|address| address.to_canonical()),
            family: args.family,
            exact: args.prefix,
            covering: args.covering,
            covered: args.covered,
            origin_as: args.origin_as,
        }
    }

    /// The NATS subjects under which something can pass, so that the server leaves out the rest.
    pub(super) fn subjects(&self, base: &str, all_kinds: bool) -> Vec<String> {
        let router = self.router.map_or_else(|| "*".to_owned(), router_token);
        let family = self
            .family
            .map_or_else(|| "*".to_owned(), |(afi, safi)| format!("{afi}_{safi}"));
        let mut subjects = vec![format!("{base}.updates.{router}.*.{family}")];
        if all_kinds {
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

    /// Whether a message passes. Conditions on routes let no other messages pass.
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
        self.router
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

/// A family of the command line, as `1/1` or `1_1`.
pub(super) fn family(text: &str) -> Result<(u16, u8), String> {
    text.split_once(['/', '_'])
        .and_then(|(afi, safi)| Some((afi.parse().ok()?, safi.parse().ok()?)))
        .ok_or_else(|| "write AFI/SAFI, like 1/1 for IPv4 unicast".to_owned())
}

/// A prefix of the command line.
pub(super) fn prefix(text: &str) -> Result<IpPrefix, String> {
    text.parse()
        .map_err(|()| "write a prefix, like 192.0.2.0/24 or 2001:db8::/32".to_owned())
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
            "prefix": "192.0.2.0/24", "asPath": [64512, 64513],
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
        ] {
            assert_eq!(filter(flags).passes(&update), passes, "{flags:?}");
        }
    }

    #[test]
    fn the_server_filters_by_router_and_family() {
        let filter = filter(&["--router", "192.0.2.1", "--family", "2/1"]);
        assert_eq!(
            filter.subjects("arancini", false),
            ["arancini.updates.v4_192_0_2_1.*.2_1"]
        );
        assert_eq!(filter.subjects("a.b", true).len(), 5);
    }
}
