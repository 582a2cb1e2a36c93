//! What the metrics of routers and those of peers share.

use std::fmt;

use arancini_wire::bmp::RibView;

use crate::control::{Family, Metrics};

/// A number that each router or each peer has.
pub(super) struct Figure<T> {
    /// The name of the metric, without the prefix and without `_total`.
    pub name: &'static str,
    /// Its HELP text.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Reads the number; `None` if this one has none.
    pub read: fn(&T) -> Option<u64>,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
}

impl<T> Figure<T> {
    /// Starts the metric.
    pub(super) fn family<'m>(&'m self, metrics: &'m mut Metrics<'_>) -> Result<Family<'m>, fmt::Error> {
        match self.kind {
            Kind::Counter => metrics.counter(self.name, self.help),
            Kind::Gauge => metrics.gauge(self.name, self.help),
        }
    }
}

/// Adds routes of a view to the sums by view.
pub(super) fn add_routes(sums: &mut Vec<(&'static str, u64)>, view: RibView, routes: u64) {
    let name = view.name();
    match sums.iter_mut().find(|(known, _)| *known == name) {
        Some((_, sum)) => *sum += routes,
        None => sums.push((name, routes)),
    }
}

/// Seconds since the Unix epoch.
pub(super) const fn seconds(unix_ns: u64) -> u64 {
    unix_ns / 1_000_000_000
}
