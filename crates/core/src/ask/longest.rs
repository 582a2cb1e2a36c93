//! The longest prefixes of one table, gathered step by step.
//!
//! Which routes are the longest of their VPN is known only at the end of the table. Until then, candidates are held, in bounded
//! memory: if there are too many, those with the last names are left for another pass through the table.

use std::collections::HashMap;

use super::answer::{Found, RouteName};
use crate::table_key::TableKey;

/// The candidates of one table.
#[derive(Debug, Default)]
pub(super) struct Longest {
    table: Option<TableKey>,
    candidates: Vec<Found>,
    /// The last name of this pass. Routes of later VPNs, and later paths of this prefix, are left for the next pass.
    last: Option<RouteName>,
}

impl Longest {
    /// Adds what a step through a table has found. Holds about `most` candidates. Returns its work, counted in routes.
    pub fn add(&mut self, table: TableKey, found: Vec<Found>, most: usize) -> usize {
        if self.table.replace(table) != Some(table) {
            // The place of the table was given to another one meanwhile.
            self.clear();
            self.table = Some(table);
        }
        let last = self.last.clone();
        let in_this_pass = |found: &Found| last.as_ref().is_none_or(|last| !is_later(&found.name, last));
        self.candidates.extend(found.into_iter().filter(in_this_pass));
        if self.candidates.len() <= most {
            return 0;
        }
        let work = self.candidates.len();
        keep_longest(&mut self.candidates);
        // Half of the room stays free, so that this is not done at each step.
        let half = (most / 2).max(1);
        if self.candidates.len() > half {
            sort(&mut self.candidates);
            self.candidates.truncate(half);
            self.last = self.candidates.last().map(|found| found.name.clone());
        }
        work
    }

    /// Takes the longest prefixes at the end of a pass, sorted by name. If there has to be another pass, also returns the name
    /// behind which it begins.
    pub fn take(&mut self) -> (Vec<Found>, Option<RouteName>) {
        let mut longest = std::mem::take(&mut self.candidates);
        keep_longest(&mut longest);
        sort(&mut longest);
        let behind = longest.last().map(|found| found.name.clone());
        let is_cut = self.last.is_some();
        self.clear();
        (longest, behind.filter(|_| is_cut))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Whether a route is left for a pass after the one that ends with `last`. A longer prefix of the same VPN is not, though its
/// name is behind: it may be the longest one.
fn is_later(name: &RouteName, last: &RouteName) -> bool {
    let (Some((vpn, prefix)), Some((last_vpn, last_prefix))) = (name.prefix(), last.prefix()) else {
        return false;
    };
    vpn > last_vpn || vpn == last_vpn && prefix == last_prefix && name > last
}

fn sort(found: &mut [Found]) {
    found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
}

/// Keeps only the routes with the longest prefix of their route distinguisher.
fn keep_longest(found: &mut Vec<Found>) {
    let mut longest = HashMap::new();
    for (distinguisher, prefix) in found.iter().filter_map(|found| found.name.prefix()) {
        let longest = longest.entry(distinguisher).or_insert(0);
        *longest = prefix.length().max(*longest);
    }
    found.retain(|found| {
        let prefix = found.name.prefix();
        prefix.is_some_and(|(distinguisher, prefix)| longest.get(&distinguisher) == Some(&prefix.length()))
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;

    use arancini_rib::{Held, Standing};
    use arancini_wire::bmp::{PeerIdentity, RibView};
    use arancini_wire::iana::AfiSafi;
    use proptest::prelude::*;

    use super::super::prefix::Prefix;
    use super::*;

    const TABLE: TableKey = TableKey::new(
        PeerIdentity {
            peer_type: 0,
            distinguisher: [0; 8],
            address: [0; 16],
            bgp_id: 1,
        },
        1,
        RibView::AdjRibInPre,
        AfiSafi::IPV4_VPN,
    );

    /// VPN, length of the prefix, path identifier.
    type Id = (u8, u8, u32);

    fn found(&(vpn, length, path_id): &Id) -> Found {
        Found {
            name: RouteName::Prefix {
                distinguisher: Some([vpn; 8]),
                prefix: Prefix::host(IpAddr::from([10, 1, 2, 3])).shortened(length),
                path_id: Some(path_id),
            },
            held: Held::of_fingerprint(1, Standing::Current),
        }
    }

    proptest! {
        #[test]
        fn all_longest_prefixes_are_found_in_as_many_passes_as_it_takes(
            routes in prop::collection::hash_set((0..5_u8, 0..33_u8, 0..6_u32), 0..120),
            step in 1..20_usize,
            most in 1..12_usize,
        ) {
            // A hash set has a random order, as the tables.
            let routes: Vec<Id> = routes.into_iter().collect();
            let longest = |vpn| routes.iter().filter(|id| id.0 == vpn).map(|id| id.1).max();
            let expected = routes.iter().filter(|id| longest(id.0) == Some(id.1));
            let expected: BTreeSet<RouteName> = expected.map(|id| found(id).name).collect();

            let mut answered = Vec::new();
            let mut behind: Option<RouteName> = None;
            let mut candidates = Longest::default();
            loop {
                for step in routes.chunks(step) {
                    let is_new = |found: &Found| behind.as_ref().is_none_or(|behind| found.name > *behind);
                    candidates.add(TABLE, step.iter().map(found).filter(is_new).collect(), most);
                    prop_assert!(candidates.candidates.len() <= most.max(1));
                }
                let (longest, another) = candidates.take();
                answered.extend(longest.into_iter().map(|found| found.name));
                match another {
                    Some(another) => behind = Some(another),
                    None => break,
                }
            }
            prop_assert!(answered.is_sorted(), "no route is answered twice");
            prop_assert_eq!(answered.len(), expected.len());
            prop_assert_eq!(BTreeSet::from_iter(answered), expected);
        }
    }
}
