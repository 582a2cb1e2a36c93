//! The expected outcome of a scenario: the number of updates that curation emits, and the routes at the end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::scenario::{Ending, Scenario, Step};
use super::update::{Attributes, Prefix};

/// The expected outcome of a scenario that is sent once to a collector that does not know the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Number of BMP messages.
    pub messages: u64,
    /// Number of announced and withdrawn prefixes in all UPDATEs.
    pub elements: u64,
    /// Number of announced prefixes.
    pub announced: u64,
    /// Number of withdrawn prefixes.
    pub withdrawn: u64,
    /// Announcements that attribute-aware curation passes on.
    pub emitted_announces: u64,
    /// Withdraws that curation passes on, without the synthetic ones.
    pub emitted_withdraws: u64,
    /// Announcements that change nothing and are suppressed.
    pub suppressed: u64,
    /// Withdraws that the collector makes because peers went down. (After a Termination it makes them too, but only when
    /// the session hold is over.)
    pub synthetic: u64,
    /// The routes at the end.
    pub routes: Vec<ExpectedRoute>,
}

impl Expected {
    /// All updates that attribute-aware curation must emit.
    #[must_use]
    pub fn emitted(&self) -> u64 {
        self.emitted_announces + self.emitted_withdraws + self.synthetic
    }
}

/// A route that must be there at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedRoute {
    /// The peer's address.
    pub peer: IpAddr,
    /// The prefix.
    pub prefix: Prefix,
    /// The attributes; only the next hop of the prefix's own family counts.
    pub attributes: Arc<Attributes>,
}

impl Scenario {
    /// The expected outcome of the scenario.
    #[must_use]
    pub fn expected(&self) -> Expected {
        let groups = self.groups();
        let size = |group: usize| groups.get(group).map_or(0, |group| group.prefixes.len() as u64);
        let mut expected = Expected {
            messages: 0,
            elements: 0,
            announced: 0,
            withdrawn: 0,
            emitted_announces: 0,
            emitted_withdraws: 0,
            suppressed: 0,
            synthetic: 0,
            routes: Vec::new(),
        };
        // The version of each group that a peer holds.
        let mut table = BTreeMap::new();
        for step in self.steps(&groups) {
            expected.messages += 1;
            match step {
                Step::Announce {
                    peer,
                    group,
                    version,
                    new,
                } => {
                    expected.announced += size(group);
                    let changed = table.insert((peer, group), version) != Some(version);
                    debug_assert_eq!(changed, new, "the scenario and its table disagree");
                    if changed {
                        expected.emitted_announces += size(group);
                    } else {
                        expected.suppressed += size(group);
                    }
                }
                Step::Withdraw { peer, group } => {
                    expected.withdrawn += size(group);
                    if table.remove(&(peer, group)).is_some() {
                        expected.emitted_withdraws += size(group);
                    }
                }
                Step::Initiation
                | Step::PeerUp { .. }
                | Step::EndOfRib { .. }
                | Step::PeerDown { .. }
                | Step::Termination => {}
            }
        }
        expected.elements = expected.announced + expected.withdrawn;
        if self.ending == Ending::PeersDown {
            expected.synthetic = table.keys().map(|(_, group)| size(*group)).sum();
            return expected;
        }
        for ((peer, group), version) in table {
            let attributes = Arc::new(self.attributes(peer, &groups, group, version));
            let peer = self.peer(peer).address;
            for prefix in groups.get(group).into_iter().flat_map(|group| &group.prefixes) {
                let attributes = Arc::clone(&attributes);
                expected.routes.push(ExpectedRoute {
                    peer,
                    prefix: *prefix,
                    attributes,
                });
            }
        }
        expected
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_must_show_scenario_has_480k_elements() {
        for prefixes_per_update in [1, 10] {
            let expected = Scenario::elements_480k(prefixes_per_update).expected();
            assert_eq!(expected.elements, 480_000);
            assert_eq!(expected.emitted() + expected.suppressed, 480_000);
            assert_eq!(expected.suppressed, 20_000);
            assert_eq!(expected.emitted_withdraws, 20_000);
            assert_eq!(expected.routes.len(), 380_000);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        let scenario = Scenario::default();
        assert_eq!(scenario.to_bytes(), scenario.to_bytes());
        let other = Scenario {
            seed: 2,
            ..scenario.clone()
        };
        assert_ne!(scenario.to_bytes(), other.to_bytes());
    }

    #[test]
    fn prefixes_are_distinct_and_both_families_are_there() {
        let scenario = Scenario {
            prefixes_per_peer: 10_000,
            ..Scenario::default()
        };
        let groups = scenario.groups();
        let prefixes: BTreeSet<_> = groups.iter().flat_map(|group| &group.prefixes).collect();
        assert_eq!(prefixes.len(), 10_000);
        assert_eq!(
            prefixes.iter().filter(|prefix| prefix.address.is_ipv6()).count(),
            2000
        );
        for prefix in prefixes {
            assert_eq!(
                *prefix,
                Prefix::new(prefix.address, prefix.length),
                "host bits are set"
            );
        }
    }

    #[test]
    fn many_rounds_bring_withdrawn_groups_back() {
        let scenario = Scenario {
            churn_rounds: 25,
            ending: Ending::PeersDown,
            ..Scenario::default()
        };
        let expected = scenario.expected();
        assert_eq!(expected.elements, 2 * 1000 + 25 * 2 * 100);
        assert!(expected.routes.is_empty());
        assert_eq!(
            expected.emitted_announces,
            expected.emitted_withdraws + expected.synthetic + changes(&scenario)
        );
    }

    /// Announcements that replace another version of a held route.
    fn changes(scenario: &Scenario) -> u64 {
        let mut present = BTreeMap::new();
        let mut changes = 0;
        for step in scenario.steps(&scenario.groups()) {
            match step {
                Step::Announce {
                    peer, group, version, ..
                } => {
                    let before = present.insert((peer, group), version);
                    changes += u64::from(before.is_some_and(|before| before != version));
                }
                Step::Withdraw { peer, group } => {
                    present.remove(&(peer, group));
                }
                _ => {}
            }
        }
        changes
    }
}
