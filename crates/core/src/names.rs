//! What the settings say about routers beside their addresses: names and labels.
//!
//! It is looked up when a router becomes known, never while messages flow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What the settings say about one router, or about the routers of a prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its labels, for metrics and the API.
    pub labels: BTreeMap<String, String>,
}

impl Naming {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.labels.is_empty()
    }
}

/// The names and labels of routers, by prefixes of their addresses.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Prefixes with what is said about them, the shorter ones first.
    entries: Vec<(IpAddr, u8, Naming)>,
}

impl Names {
    /// The names of these prefixes: address, number of bits, and what is said about its routers.
    #[must_use]
    pub fn new(mut entries: Vec<(IpAddr, u8, Naming)>) -> Self {
        entries.sort_by_key(|(_, length, _)| *length);
        Self { entries }
    }

    /// What is said about this router. Of several prefixes that contain it, the longest one that has a name or a label counts
    /// for that name or label.
    #[must_use]
    pub fn of(&self, router: IpAddr) -> Arc<Naming> {
        let mut naming = Naming::default();
        let of_router = self
            .entries
            .iter()
            .filter(|(address, length, _)| contains(*address, *length, router));
        for (_, _, said) in of_router {
            if !said.name.is_empty() {
                naming.name.clone_from(&said.name);
            }
            naming.labels.extend(said.labels.clone());
        }
        Arc::new(naming)
    }
}

/// Whether the first bits of both addresses are the same.
fn contains(prefix: IpAddr, length: u8, address: IpAddr) -> bool {
    let shift = |bits: u32| bits.saturating_sub(u32::from(length));
    match (prefix, address) {
        (IpAddr::V4(prefix), IpAddr::V4(address)) => {
            let differing = prefix.to_bits() ^ address.to_bits();
            differing.checked_shr(shift(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(prefix), IpAddr::V6(address)) => {
            let differing = prefix.to_bits() ^ address.to_bits();
            differing.checked_shr(shift(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(name: &str, labels: &[(&str, &str)]) -> Naming {
        Naming {
            name: name.to_owned(),
            labels: labels
                .iter()
                .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn the_longest_prefix_counts_for_each_name_and_label() {
        let names = Names::new(vec![
            ([192, 0, 2, 7].into(), 32, naming("edge-7", &[("role", "edge")])),
            ([0, 0, 0, 0].into(), 0, naming("", &[("site", "any")])),
            (
                [192, 0, 2, 0].into(),
                25,
                naming("", &[("site", "fra"), ("role", "core")]),
            ),
        ]);
        let of = |router: [u8; 4]| Naming::clone(&names.of(router.into()));
        assert_eq!(
            of([192, 0, 2, 7]),
            naming("edge-7", &[("role", "edge"), ("site", "fra")])
        );
        assert_eq!(
            of([192, 0, 2, 8]),
            naming("", &[("role", "core"), ("site", "fra")])
        );
        assert_eq!(of([192, 0, 2, 128]), naming("", &[("site", "any")]));
        let v6: IpAddr = std::net::Ipv6Addr::LOCALHOST.into();
        assert_eq!(*names.of(v6), Naming::default());
    }
}
