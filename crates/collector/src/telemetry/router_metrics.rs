//! Metrics of each router.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::ask::RouterAnswer;
use arancini_core::{Naming, RouterLife};

use super::figure::{Figure, Kind, add_routes, seconds};
use crate::control::Metrics;

/// What `/metrics` has of a router.
#[derive(Debug)]
pub(super) struct RouterMetrics {
    address: IpAddr,
    label: String,
    sys_name: String,
    naming: Arc<Naming>,
    is_up: bool,
    changed_seconds: Option<u64>,
    changes: u64,
    needs_resync: bool,
    messages: u64,
    last_message_seconds: Option<u64>,
    malformed: u64,
    quirks: u64,
    peers_up: u64,
    peers_down: u64,
    settling: u64,
    routes: Vec<(&'static str, u64)>,
}

/// The figures of each router that are one number.
const FIGURES: [Figure<RouterMetrics>; 9] = [
    Figure {
        name: "router_session_up",
        help: "Whether the router has a BMP session: 1 or 0. A router that stays away is forgotten after routers.session_hold_ms.",
        kind: Kind::Gauge,
        read: |router| Some(router.is_up as u64),
    },
    Figure {
        name: "router_session_changed_timestamp_seconds",
        help: "When the BMP session of the router last began or ended, in seconds since the Unix epoch.",
        kind: Kind::Gauge,
        read: |router| router.changed_seconds,
    },
    Figure {
        name: "router_session_changes",
        help: "How often a BMP session of the router began or ended.",
        kind: Kind::Counter,
        read: |router| Some(router.changes),
    },
    Figure {
        name: "router_messages",
        help: "BMP messages received from the router.",
        kind: Kind::Counter,
        read: |router| Some(router.messages),
    },
    Figure {
        name: "router_last_message_timestamp_seconds",
        help: "When the last BMP message of the router came, in seconds since the Unix epoch. Absent if none has come since the start of the collector.",
        kind: Kind::Gauge,
        read: |router| router.last_message_seconds,
    },
    Figure {
        name: "router_malformed_messages",
        help: "Messages of the router skipped because they can't be read.",
        kind: Kind::Counter,
        read: |router| Some(router.malformed),
    },
    Figure {
        name: "router_quirks",
        help: "Known deviations from the RFCs that the peers of the router have shown.",
        kind: Kind::Counter,
        read: |router| Some(router.quirks),
    },
    Figure {
        name: "router_settling_tables",
        help: "Tables that the router is dumping anew. Routes that it does not announce again are withdrawn at the end.",
        kind: Kind::Gauge,
        read: |router| Some(router.settling),
    },
    Figure {
        name: "router_resync_due",
        help: "Whether the next dump of the router is published in full, because it is unknown what consumers hold: 1 or 0.",
        kind: Kind::Gauge,
        read: |router| Some(router.needs_resync as u64),
    },
];

impl RouterMetrics {
    pub(super) fn of(router: &RouterAnswer) -> Self {
        let mut routes = Vec::new();
        for count in &router.counts {
            add_routes(&mut routes, count.view, count.routes as u64);
        }
        Self {
            address: router.router,
            label: router.router.to_string(),
            sys_name: router.sys_name.clone(),
            naming: Arc::clone(&router.naming),
            is_up: matches!(router.life, RouterLife::Up { .. }),
            changed_seconds: router.changes.since_unix_ns().map(seconds),
            changes: router.changes.count(),
            needs_resync: router.needs_resync,
            messages: router.messages,
            last_message_seconds: router.last_message_unix_ns.map(seconds),
            malformed: router.malformed,
            quirks: router.quirks,
            peers_up: router.peers_up as u64,
            peers_down: (router.peers - router.peers_up) as u64,
            settling: router.settling as u64,
            routes,
        }
    }

    /// Routers are in the order of their addresses.
    pub(super) const fn order(&self) -> IpAddr {
        self.address
    }

    /// Number of time series.
    pub(super) fn series(&self) -> usize {
        let figures = FIGURES.iter().filter(|figure| (figure.read)(self).is_some());
        // The information, and the peers that are up and down.
        1 + figures.count() + 2 + self.routes.len()
    }

    pub(super) fn write(routers: &[Self], metrics: &mut Metrics<'_>) -> fmt::Result {
        let mut information = metrics.gauge(
            "router_info",
            "Name of the router, as it says in its Initiation message (sysName), and its name and labels in routers.identity. Always 1.",
        )?;
        for router in routers {
            let Naming { name, labels: given } = &*router.naming;
            let mut labels: Vec<(&str, &str)> =
                vec![("router", &router.label), ("sys_name", &router.sys_name)];
            labels.extend((!name.is_empty()).then_some(("name", name.as_str())));
            labels.extend(
                given
                    .iter()
                    .map(|(label, value)| (label.as_str(), value.as_str())),
            );
            information.sample(&labels, 1)?;
        }
        for figure in &FIGURES {
            let mut family = figure.family(metrics)?;
            for router in routers {
                if let Some(value) = (figure.read)(router) {
                    family.sample(&[("router", &router.label)], value)?;
                }
            }
        }
        let mut peers = metrics.gauge(
            "router_peers",
            "Peers of the router, by state. A peer whose routes come without a Peer Up counts as up.",
        )?;
        for router in routers {
            for (state, count) in [("up", router.peers_up), ("down", router.peers_down)] {
                peers.sample(&[("router", &router.label), ("state", state)], count)?;
            }
        }
        let mut routes = metrics.gauge("router_routes", "Routes held of the router, by RIB view.")?;
        for router in routers {
            for (view, count) in &router.routes {
                routes.sample(&[("router", &router.label), ("view", view)], *count)?;
            }
        }
        Ok(())
    }
}
