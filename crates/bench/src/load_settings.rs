//! The settings of the load: what is generated, and what a collector must publish for it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::thread;

use arancini_generate::{Ending, Prefix, Scenario};
use serde_json::{Value, json};

use crate::described::Described;
use crate::digits::digits;
use crate::named::Named;

/// The source address of the first router. The other routers have the following addresses.
const FIRST_ROUTER: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 1);

/// The settings of a generated load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSettings {
    /// The named load to send. It uses the number of routers and the seed; the other settings have no meaning for it.
    pub named: Option<Named>,
    /// Number of routers, each with its own source address and connection.
    pub routers: u16,
    /// Number of peers per router.
    pub peers: u16,
    /// Number of prefixes that each peer announces.
    pub prefixes: u32,
    /// Number of prefixes in each UPDATE.
    pub prefixes_per_update: u32,
    /// Percentage of prefixes that are IPv6.
    pub ipv6_percent: u32,
    /// Whether the routes are VPN routes.
    pub vpn: bool,
    /// Prefixes of a real table with their origin AS, used instead of generated prefixes.
    pub table: Arc<[(Prefix, u32)]>,
    /// Rounds of churn after the dump; each covers a tenth of the tables.
    pub churn_rounds: u32,
    /// Whether the second router has twice the prefixes of the first, the third router three times, and so on.
    pub unequal: bool,
    /// Whether only the churn after the dump is measured, when the tables are already filled.
    pub held: bool,
    /// Whether all messages except the Initiations have an unknown type, so that the collector frames and skips them.
    pub framed_only: bool,
    /// The seed from which the details are derived.
    pub seed: u64,
}

impl Default for LoadSettings {
    /// Returns a load of a million routes from one router, each in an UPDATE of its own.
    fn default() -> Self {
        Self {
            named: None,
            routers: 1,
            peers: 4,
            prefixes: 250_000,
            prefixes_per_update: 1,
            ipv6_percent: 20,
            vpn: false,
            table: Arc::default(),
            churn_rounds: 2,
            unequal: false,
            held: false,
            framed_only: false,
            seed: 1,
        }
    }
}

/// What a collector must count for the load if it has not seen the routers before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// BMP messages.
    pub messages: u64,
    /// Announced and withdrawn prefixes in all UPDATEs before the measurement.
    pub elements_before: u64,
    /// Announced and withdrawn prefixes in all measured UPDATEs.
    pub elements: u64,
    /// Updates that curation with the mode `attributes` publishes during the measurement.
    pub emitted: u64,
    /// Routes held at the end.
    pub routes: u64,
}

impl LoadSettings {
    /// Returns the same load without churn: each router only dumps its tables.
    pub(crate) fn dump(&self) -> Self {
        Self {
            churn_rounds: 0,
            ..self.clone()
        }
    }

    /// Calls `make` for each router, on all cores, and returns the results in the order of the routers.
    pub(crate) fn of_each_router<T: Send>(&self, make: impl Fn(u16) -> T + Sync) -> Vec<T> {
        let routers: Vec<u16> = (0..self.routers).collect();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let share = routers.len().div_ceil(cores).max(1);
        let make = &make;
        thread::scope(|scope| {
            let parts: Vec<_> = routers
                .chunks(share)
                .map(|part| scope.spawn(move || part.iter().map(|&router| make(router)).collect::<Vec<_>>()))
                .collect();
            parts
                .into_iter()
                .flat_map(|part| {
                    part.join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        })
    }

    /// Returns the scenario of a router.
    pub(crate) fn scenario(&self, router: u16) -> Scenario {
        Scenario {
            sys_name: format!("bench-{router}"),
            peers: self.peers,
            prefixes_per_peer: self.prefixes * self.weight(router),
            ipv6_percent: self.ipv6_percent,
            table: Arc::clone(&self.table),
            vpn: self.vpn,
            prefixes_per_update: self.prefixes_per_update,
            churn_rounds: self.churn_rounds,
            ending: Ending::Open,
            seed: self.seed.wrapping_add(u64::from(router)),
        }
    }

    /// Returns how many times the prefixes of the smallest router a router has.
    pub(crate) fn weight(&self, router: u16) -> u32 {
        if self.unequal { u32::from(router) + 1 } else { 1 }
    }

    /// Returns what a collector must count for all routers together. The counts do not depend on the seed, so routers of the
    /// same size have the same counts.
    pub(crate) fn wanted(&self) -> Wanted {
        let mut all = Wanted::default();
        let distinct = if self.unequal { self.routers } else { 1 };
        let times = u64::from(self.routers / distinct.max(1));
        for router in 0..distinct {
            let one = self.wanted_of(router);
            all.elements_before += times * one.elements_before;
            all.messages += times * one.messages;
            all.elements += times * one.elements;
            all.emitted += times * one.emitted;
            all.routes += times * one.routes;
        }
        all
    }

    /// Returns what a collector must count for one router. A scenario in which the peers go down at the end tells the number
    /// of routes without generating them.
    fn wanted_of(&self, router: u16) -> Wanted {
        let expected = |churn_rounds| {
            Scenario {
                ending: Ending::PeersDown,
                churn_rounds,
                ..self.scenario(router)
            }
            .expected()
        };
        let one = expected(self.churn_rounds);
        let messages = one.messages - u64::from(self.peers);
        if self.framed_only {
            return Wanted {
                messages,
                ..Wanted::default()
            };
        }
        // Every route of a first dump is published.
        let before = if self.held { expected(0).elements } else { 0 };
        Wanted {
            messages,
            elements_before: before,
            elements: one.elements - before,
            emitted: one.emitted_announces + one.emitted_withdraws - before,
            routes: one.synthetic,
        }
    }
}

impl Described for LoadSettings {
    fn to_json(&self) -> Value {
        if let Some(named) = &self.named {
            let mut object = named.to_json();
            object["routers"] = json!(self.routers);
            object["seed"] = json!(self.seed);
            return object;
        }
        json!({
            "routers": self.routers,
            "peers": self.peers,
            "prefixes": self.prefixes,
            "prefixes_per_update": self.prefixes_per_update,
            "ipv6_percent": self.ipv6_percent,
            "vpn": self.vpn,
            "table": self.table.len(),
            "churn_rounds": self.churn_rounds,
            "unequal": self.unequal,
            "held": self.held,
            "framed_only": self.framed_only,
            "seed": self.seed,
        })
    }
}

impl fmt::Display for LoadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(named) = &self.named {
            return write!(f, "{named}, routers {}, seed {}", self.routers, self.seed);
        }
        let (prefixes, families) = if self.table.is_empty() {
            (self.prefixes as usize, format!("{} % IPv6", self.ipv6_percent))
        } else {
            (self.table.len(), "a real table".to_owned())
        };
        write!(
            f,
            "{} × {} × {} (routers × peers × prefixes), {families}, prefixes per UPDATE {}, rounds of churn {}, seed {}",
            self.routers,
            self.peers,
            digits(prefixes as f64, 0),
            self.prefixes_per_update,
            self.churn_rounds,
            self.seed,
        )?;
        for (is, words) in [
            (self.vpn, ", VPN"),
            (self.unequal, ", each router larger than the one before"),
            (self.held, ", measured after the dump"),
            (self.framed_only, ", messages of an unknown type"),
        ] {
            f.write_str(if is { words } else { "" })?;
        }
        Ok(())
    }
}

/// Returns the source address of a router.
pub(crate) fn source_address(router: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(FIRST_ROUTER.to_bits() + u32::from(router)))
}
