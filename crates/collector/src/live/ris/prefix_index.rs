//! Finds the subscriptions of a prefix.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::config::IpPrefix;

/// Longest prefix of a family, plus one for the length 0.
const LENGTHS: usize = 129;

/// Entries by their prefix.
pub(super) struct PrefixIndex<T> {
    /// In the order of the prefixes, so that those within a prefix stand together.
    entries: BTreeMap<IpPrefix, Vec<T>>,
    /// How many prefixes of each length there are: of IPv4, and of IPv6.
    lengths: HashMap<bool, Box<[usize; LENGTHS]>>,
}

impl<T> Default for PrefixIndex<T> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            lengths: HashMap::new(),
        }
    }
}

impl<T> PrefixIndex<T> {
    /// Adds an entry.
    pub fn add(&mut self, prefix: IpPrefix, entry: T) {
        let entries = self.entries.entry(prefix).or_default();
        if entries.is_empty() {
            let lengths = self.lengths.entry(prefix.address().is_ipv6());
            lengths.or_insert_with(|| Box::new([0; LENGTHS]))[usize::from(prefix.length())] += 1;
        }
        entries.push(entry);
    }

    /// Removes the entries of a prefix that `is_gone` selects.
    pub fn remove(&mut self, prefix: IpPrefix, is_gone: impl Fn(&T) -> bool) {
        let Some(entries) = self.entries.get_mut(&prefix) else {
            return;
        };
        entries.retain(|entry| !is_gone(entry));
        if entries.is_empty() {
            self.entries.remove(&prefix);
            if let Some(lengths) = self.lengths.get_mut(&prefix.address().is_ipv6()) {
                lengths[usize::from(prefix.length())] -= 1;
            }
        }
    }

    /// Calls `with` for the entries of all prefixes that contain this one, and of this one itself.
    pub fn covering<'t>(&'t self, prefix: IpPrefix, mut with: impl FnMut(IpPrefix, &'t T)) {
        let Some(lengths) = self.lengths.get(&prefix.address().is_ipv6()) else {
            return;
        };
        for length in (0..=prefix.length()).filter(|length| lengths[usize::from(*length)] > 0) {
            let Some(outer) = IpPrefix::new(prefix.address(), length) else {
                continue;
            };
            let entries = self.entries.get(&outer).into_iter().flatten();
            entries.for_each(|entry| with(outer, entry));
        }
    }

    /// Calls `with` for the entries of all prefixes within this one, without this one itself.
    pub fn within<'t>(&'t self, prefix: IpPrefix, mut with: impl FnMut(&'t T)) {
        let full = if prefix.address().is_ipv4() { 32 } else { 128 };
        let Some(last) = IpPrefix::new(prefix.last_address(), full) else {
            return;
        };
        if last <= prefix {
            return;
        }
        let range = (Bound::Excluded(prefix), Bound::Included(last));
        self.entries
            .range(range)
            .for_each(|(_, entries)| entries.iter().for_each(&mut with));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PREFIXES: &[&str] = &[
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/16",
        "10.0.0.0/32",
        "10.1.0.0/16",
        "10.255.255.255/32",
        "11.0.0.0/8",
        "255.255.255.255/32",
        "::/0",
        "2001:db8::/32",
        "2001:db8::/48",
        "2001:db8:1::/48",
        "2001:db9::/32",
        "::ffff:0:0/90",
        "ffff::/16",
    ];

    fn prefix(text: &str) -> IpPrefix {
        text.parse().unwrap()
    }

    #[test]
    fn an_index_finds_what_a_look_at_each_prefix_finds() {
        let mut index = PrefixIndex::default();
        for text in PREFIXES {
            index.add(prefix(text), *text);
        }
        for asked in PREFIXES {
            let asked = prefix(asked);
            let mut covering = Vec::new();
            index.covering(asked, |outer, text| {
                assert_eq!(outer, prefix(text));
                covering.push(*text);
            });
            let mut within = Vec::new();
            index.within(asked, |text| within.push(*text));
            let expected = |is_wanted: &dyn Fn(IpPrefix) -> bool| -> Vec<&str> {
                let all = PREFIXES.iter().copied();
                let mut wanted: Vec<_> = all.filter(|text| is_wanted(prefix(text))).collect();
                wanted.sort_unstable();
                wanted
            };
            covering.sort_unstable();
            within.sort_unstable();
            assert_eq!(covering, expected(&|other| other.covers(&asked)), "{asked}");
            assert_eq!(
                within,
                expected(&|other| asked.covers(&other) && other != asked),
                "{asked}"
            );
        }
        for text in PREFIXES {
            index.remove(prefix(text), |entry| entry == text);
        }
        index.covering(prefix("10.0.0.0/32"), |_, text| panic!("{text} is still there"));
        assert!(index.entries.is_empty());
    }
}
