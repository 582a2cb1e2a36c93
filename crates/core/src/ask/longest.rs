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
