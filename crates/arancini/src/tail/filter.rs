//! Filters the messages to print.

use std::net::IpAddr;

use arancini_collector::message_filter::{MessageFilter, PrefixCondition};
use arancini_core::ask::PeerSelector;
use arancini_schema::MessageKind;
use arancini_schema::decode::Message;
use arancini_schema::subject::router_token;

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

/// The conditions of a command line.
pub(super) struct Filter(MessageFilter);

impl Filter {
    /// Returns the conditions of this command line.
    pub(super) fn new(args: &TailArgs) -> Self {
        let prefix = PrefixCondition {
            exact: args.prefix,
            covering: args.covering,
            covered: args.covered,
        };
        let peer_like = |address: IpAddr| PeerSelector {
            address: address.to_canonical(),
            bgp_id: None,
            peer_type: None,
            distinguisher: None,
        };
        Self(MessageFilter {
            router: args.router.map(|address| address.to_canonical()),
            peer: args.peer.map(peer_like),
            family: args.family,
            prefix: (prefix != PrefixCondition::default()).then_some(prefix),
            origin_as: args.origin_as,
            since_ns: args.since_unix_ns(),
            ..MessageFilter::default()
        })
    }

    /// Returns the NATS subjects on which a message can pass, so that the server does not send the others.
    pub(super) fn subjects(&self, base: &str, kinds: Kinds) -> Vec<String> {
        let router = self.0.router.map_or_else(|| "*".to_owned(), router_token);
        let family = self.0.family.map_or_else(
            || "*".to_owned(),
            |family| format!("{}_{}", family.afi, family.safi),
        );
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
    pub(super) fn passes(&self, kind: MessageKind, message: &Message<'_>) -> bool {
        self.0.passes(kind, message)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use arancini_core::{Batch, BatchKind, Now, Settings, Shard};
    use arancini_generate::{Attributes, Open, Peer, Prefix, Update, initiation, peer_up, route_monitoring};
    use arancini_schema::decode::Messages;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TailArgs,
    }

    fn filter(flags: &[&str]) -> Filter {
        Filter::new(&Line::try_parse_from(["tail"].iter().chain(flags)).unwrap().args)
    }

    /// What a collector publishes of one router with one peer that announces one route.
    fn published() -> Vec<Batch> {
        let now = Now {
            monotonic_ns: 1,
            unix_ns: 1,
        };
        let local = Ipv4Addr::new(192, 0, 2, 254);
        let peer = Peer::new("2001:db8::1".parse().unwrap(), 64_512, local);
        let open = Open::new(64_512, local);
        let attributes = Attributes::new(&[64_512, 64_513], local, local.to_ipv6_mapped());
        let update = Update::announce([Prefix::new([192, 0, 2, 0].into(), 24)], attributes).to_bytes();
        let bytes = [
            initiation("core-1", "test"),
            peer_up(&peer, local.into(), &open, &open),
            route_monitoring(&peer, &update),
        ];
        let mut shard = Shard::new(0, Settings::default(), std::sync::Arc::default());
        let session = shard.handle_connect([10, 0, 0, 1].into(), 1, now);
        shard.handle_all_bytes(session, &bytes.concat(), now).unwrap();
        shard.handle_flush(now);
        std::iter::from_fn(|| shard.poll_batch()).collect()
    }

    fn passes_of(kind: BatchKind, flags: &[&str]) -> bool {
        let batch = published().into_iter().find(|batch| batch.kind == kind).unwrap();
        let message = Messages::new(&batch.payload).next().unwrap().unwrap();
        filter(flags).passes(kind, &message)
    }

    #[test]
    fn each_condition_lets_pass_what_it_says() {
        for (flags, passes) in [
            (&["--router", "10.0.0.1"][..], true),
            (&["--router", "::ffff:10.0.0.1"], true),
            (&["--router", "10.0.0.2"], false),
            (&["--peer", "2001:db8::1"], true),
            (&["--peer", "2001:db8::2"], false),
            (&["--family", "1/1"], true),
            (&["--family", "ipv4-unicast"], true),
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
            assert_eq!(passes_of(BatchKind::Updates, flags), passes, "{flags:?}");
        }
    }

    #[test]
    fn events_pass_the_conditions_on_routers_and_peers_only() {
        for (flags, passes) in [
            (&["--router", "10.0.0.1"][..], true),
            (&["--router", "10.0.0.2"], false),
            (&["--peer", "2001:db8::1"], true),
            (&["--peer", "2001:db8::2"], false),
            (&["--prefix", "192.0.2.0/24"], false),
        ] {
            assert_eq!(passes_of(BatchKind::Peers, flags), passes, "{flags:?}");
        }
        assert!(!passes_of(BatchKind::Routers, &["--peer", "2001:db8::1"]));
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
