//! Metrics of each peer of each router.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use arancini_core::ask::{PeerAnswer, TableAnswer};
use arancini_core::{LastStatistics, PeerState};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::bmp::StatisticsType;

use super::figure::{Figure, Kind, add_routes, seconds};
use crate::control::Metrics;
use crate::control::api::peer_key;

/// What `/metrics` has of a peer.
#[derive(Debug)]
pub(super) struct PeerMetrics {
    router: IpAddr,
    router_label: String,
    key: String,
    asn: String,
    is_up: bool,
    changed_seconds: Option<u64>,
    changes: u64,
    announces: u64,
    withdraws: u64,
    settling: u64,
    last_message_seconds: Option<u64>,
    dump_started_seconds: Option<u64>,
    end_of_rib_lag_seconds: Option<u64>,
    without_end_of_rib: u64,
    routes: Vec<(&'static str, u64)>,
    quirks: Vec<(&'static str, u64)>,
    reported: Vec<(&'static str, u64)>,
    reported_seconds: Option<u64>,
    differences: Vec<RouteDifference>,
}

/// A number of routes that the router reported, less the number held.
#[derive(Debug)]
struct RouteDifference {
    view: &'static str,
    family: Cow<'static, str>,
    difference: i64,
}

/// Value of the label `family` for all families together.
const ALL_FAMILIES: &str = "all";

/// The figures of each peer that are one number.
const FIGURES: [Figure<PeerMetrics>; 10] = [
    Figure {
        name: "peer_changed_timestamp_seconds",
        help: "When the peer last came up or went down, in seconds since the Unix epoch.",
        kind: Kind::Gauge,
        read: |peer| peer.changed_seconds,
    },
    Figure {
        name: "peer_changes",
        help: "How often the peer came up or went down.",
        kind: Kind::Counter,
        read: |peer| Some(peer.changes),
    },
    Figure {
        name: "peer_received_announces",
        help: "Routes announced in the tables of the peer, before curation.",
        kind: Kind::Counter,
        read: |peer| Some(peer.announces),
    },
    Figure {
        name: "peer_received_withdraws",
        help: "Routes withdrawn in the tables of the peer, before curation.",
        kind: Kind::Counter,
        read: |peer| Some(peer.withdraws),
    },
    Figure {
        name: "peer_settling_tables",
        help: "Tables of the peer that the router is dumping anew.",
        kind: Kind::Gauge,
        read: |peer| Some(peer.settling),
    },
    Figure {
        name: "peer_last_message_timestamp_seconds",
        help: "When the last BMP message of the peer came, in seconds since the Unix epoch. Absent if none has come since the start of the collector.",
        kind: Kind::Gauge,
        read: |peer| peer.last_message_seconds,
    },
    Figure {
        name: "peer_dump_started_timestamp_seconds",
        help: "When the peer last came up, and the router began to dump its tables, in seconds since the Unix epoch.",
        kind: Kind::Gauge,
        read: |peer| peer.dump_started_seconds,
    },
    Figure {
        name: "peer_end_of_rib_lag_seconds",
        help: "Time from the start of the last dump of the peer until its last table had its End-of-RIB, in seconds. Absent if no table has had one.",
        kind: Kind::Gauge,
        read: |peer| peer.end_of_rib_lag_seconds,
    },
    Figure {
        name: "peer_tables_without_end_of_rib",
        help: "Tables of the peer that have routes and have had no End-of-RIB since the peer came up. Some routers send no End-of-RIB at all.",
        kind: Kind::Gauge,
        read: |peer| Some(peer.without_end_of_rib),
    },
    Figure {
        name: "peer_reported_timestamp_seconds",
        help: "When the router last sent a Statistics Report of the peer, in seconds since the Unix epoch.",
        kind: Kind::Gauge,
        read: |peer| peer.reported_seconds,
    },
];

/// Where a router says how many routes a view has: one statistic for all families, or one for each family. The first that a report
/// has counts.
const REPORTED: [(RibView, StatisticsType); 12] = [
    (RibView::AdjRibInPre, StatisticsType::AdjRibInPre),
    (RibView::AdjRibInPre, StatisticsType::AdjRibInPreFamily),
    (RibView::AdjRibInPre, StatisticsType::AdjRibIn),
    (RibView::AdjRibInPre, StatisticsType::AdjRibInFamily),
    (RibView::AdjRibInPost, StatisticsType::AdjRibInPost),
    (RibView::AdjRibInPost, StatisticsType::AdjRibInPostFamily),
    (RibView::AdjRibOutPre, StatisticsType::AdjRibOutPre),
    (RibView::AdjRibOutPre, StatisticsType::AdjRibOutPreFamily),
    (RibView::AdjRibOutPost, StatisticsType::AdjRibOutPost),
    (RibView::AdjRibOutPost, StatisticsType::AdjRibOutPostFamily),
    (RibView::LocRib, StatisticsType::LocRib),
    (RibView::LocRib, StatisticsType::LocRibFamily),
];

impl PeerMetrics {
    pub(super) fn of(peer: &PeerAnswer) -> Self {
        let mut routes = Vec::new();
        for table in &peer.tables {
            add_routes(&mut routes, table.key.view, table.routes as u64);
        }
        let tables = || peer.tables.iter();
        let quirks = peer.quirks.iter();
        Self {
            router: peer.router,
            router_label: peer.router.to_string(),
            key: peer_key(&peer.identity),
            asn: peer.asn.to_string(),
            is_up: peer.state != PeerState::Down,
            changed_seconds: peer.changes.since_unix_ns().map(seconds),
            changes: peer.changes.count(),
            announces: tables().map(|table| table.received_announces).sum(),
            withdraws: tables().map(|table| table.received_withdraws).sum(),
            settling: tables().filter(|table| table.is_settling).count() as u64,
            last_message_seconds: peer.last_message_unix_ns.map(seconds),
            dump_started_seconds: peer.dump.began_unix_ns().map(seconds),
            end_of_rib_lag_seconds: peer.dump.end_of_rib_lag_ns().map(seconds),
            without_end_of_rib: without_end_of_rib(peer),
            routes,
            quirks: quirks.map(|(quirk, seen)| (quirk.name(), *seen)).collect(),
            reported: peer.statistics.as_deref().map(reported).unwrap_or_default(),
            reported_seconds: peer.statistics.as_ref().map(|last| seconds(last.unix_ns)),
            differences: peer.statistics.as_deref().map(differences).unwrap_or_default(),
        }
    }

    /// Peers are in the order of their routers and keys.
    pub(super) fn order(&self) -> (IpAddr, &str) {
        (self.router, &self.key)
    }

    /// Number of time series.
    pub(super) fn series(&self) -> usize {
        let figures = FIGURES.iter().filter(|figure| (figure.read)(self).is_some());
        1 + figures.count()
            + self.routes.len()
            + self.quirks.len()
            + self.reported.len()
            + self.differences.len()
    }

    pub(super) fn write(peers: &[Self], metrics: &mut Metrics<'_>) -> fmt::Result {
        let mut up = metrics.gauge(
            "peer_up",
            "Whether the peer is up: 1 or 0. A peer whose routes come without a Peer Up counts as up.",
        )?;
        for peer in peers {
            let [router, key] = peer.labels();
            up.sample(&[router, key, ("peer_asn", &peer.asn)], u64::from(peer.is_up))?;
        }
        for figure in &FIGURES {
            let mut family = figure.family(metrics)?;
            for peer in peers {
                if let Some(value) = (figure.read)(peer) {
                    family.sample(&peer.labels(), value)?;
                }
            }
        }
        let mut routes = metrics.gauge("peer_routes", "Routes held of the peer, by RIB view.")?;
        peers.iter().try_for_each(|peer| {
            let [router, key] = peer.labels();
            let mut write =
                |(view, count): &(&str, u64)| routes.sample(&[router, key, ("view", view)], *count);
            peer.routes.iter().try_for_each(&mut write)
        })?;
        let mut reported = metrics.gauge(
            "peer_reported_routes",
            "Routes of the peer by RIB view, as the router says in its last Statistics Report. To be compared with arancini_peer_routes.",
        )?;
        peers.iter().try_for_each(|peer| {
            let [router, key] = peer.labels();
            let mut write =
                |(view, count): &(&str, u64)| reported.sample(&[router, key, ("view", view)], *count);
            peer.reported.iter().try_for_each(&mut write)
        })?;
        let mut differences = metrics.gauge(
            "peer_routes_difference",
            "Routes that the last Statistics Report of the peer counts, less those held when it came, by RIB view and family. Above 0: the router left routes out. Absent where they can't be compared, or the router was dumping the table.",
        )?;
        peers.iter().try_for_each(|peer| {
            let [router, key] = peer.labels();
            peer.differences.iter().try_for_each(|found| {
                let labels = [router, key, ("view", found.view), ("family", &*found.family)];
                differences.signed_sample(&labels, found.difference)
            })
        })?;
        let mut quirks = metrics.counter(
            "peer_quirks",
            "Known deviations from the RFCs that the peer has shown, by kind.",
        )?;
        peers.iter().try_for_each(|peer| {
            let [router, key] = peer.labels();
            let mut write =
                |(quirk, seen): &(&str, u64)| quirks.sample(&[router, key, ("quirk", quirk)], *seen);
            peer.quirks.iter().try_for_each(&mut write)
        })
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [("router", &self.router_label), ("peer", &self.key)]
    }
}

/// Counts the tables of a peer that have routes and have had no End-of-RIB since it came up.
fn without_end_of_rib(peer: &PeerAnswer) -> u64 {
    let waits =
        |table: &&TableAnswer| table.routes > 0 && !peer.dump.has_ended(table.key.view, table.key.family);
    peer.tables.iter().filter(waits).count() as u64
}

/// Returns the differences between the routes that a Statistics Report counts and those that were held.
fn differences(last: &LastStatistics) -> Vec<RouteDifference> {
    let compared = last.comparisons.iter();
    compared
        .map(|compared| RouteDifference {
            view: compared.view.name(),
            family: match compared.family {
                None => Cow::Borrowed(ALL_FAMILIES),
                Some(family) => family
                    .name()
                    .map_or_else(|| Cow::Owned(family.to_string()), Cow::Borrowed),
            },
            difference: compared.difference(),
        })
        .collect()
}

/// Returns how many routes each view has, as a Statistics Report says.
fn reported(last: &LastStatistics) -> Vec<(&'static str, u64)> {
    let mut found: Vec<(&'static str, u64)> = Vec::new();
    for (view, wanted) in REPORTED {
        if found.iter().any(|(known, _)| *known == view.name()) {
            continue;
        }
        let statistics = last.statistics.iter();
        let values: Vec<u64> = statistics
            .filter(|statistic| StatisticsType::from_code(statistic.statistics_type) == wanted)
            .map(|statistic| statistic.value)
            .collect();
        if !values.is_empty() {
            // A sum of numbers from outside.
            found.push((view.name(), values.into_iter().fold(0, u64::saturating_add)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use arancini_core::Statistic;
    use arancini_wire::iana::AfiSafi;

    use super::*;

    #[test]
    fn the_reported_routes_of_a_view_are_one_total_or_the_sum_of_the_families() {
        let statistic = |statistics_type, family, value| Statistic {
            statistics_type,
            family,
            value,
        };
        let last = LastStatistics {
            unix_ns: 0,
            comparisons: Vec::new(),
            statistics: vec![
                statistic(7, None, 100),
                statistic(9, Some(AfiSafi::IPV4_UNICAST), 99),
                statistic(10, Some(AfiSafi::IPV4_UNICAST), 40),
                statistic(10, Some(AfiSafi::IPV6_UNICAST), 2),
                statistic(0, None, 5),
            ],
        };
        assert_eq!(reported(&last), [("adj-rib-in-pre", 100), ("loc-rib", 42)]);
        let later = LastStatistics {
            statistics: vec![
                statistic(7, None, 100),
                statistic(18, None, 90),
                statistic(20, None, u64::MAX),
                statistic(21, None, 1),
            ],
            ..last
        };
        assert_eq!(
            reported(&later),
            [("adj-rib-in-pre", 90), ("adj-rib-in-post", u64::MAX)]
        );
    }
}
