//! The prefixes of a peer, in the groups that share an UPDATE.

use super::form::{Form, MOST_NLRI_OCTETS};
use super::sizes::Sizes;
use crate::prefixes::{prefixes_v4, prefixes_v6};
use crate::random::Random;
use crate::update::{Nlri, Prefix};

/// The families of the prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Families {
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
    /// Four fifths IPv4, one fifth IPv6.
    Both,
}

impl Families {
    /// Returns this many distinct prefixes, in their order.
    pub(super) fn prefixes(self, count: u32, random: &mut Random) -> Vec<Prefix> {
        let ipv6 = match self {
            Self::Ipv4 => 0,
            Self::Ipv6 => count,
            Self::Both => count / 5,
        };
        let mut all = prefixes_v4(count - ipv6, random);
        all.extend(prefixes_v6(ipv6, random));
        all
    }
}

/// Divides prefixes into groups that share an UPDATE, and puts the groups into a random order, because routers that pack
/// their UPDATEs go through their attributes and not through their prefixes.
pub(super) fn groups(prefixes: &[Prefix], sizes: Sizes, random: &mut Random) -> Vec<Vec<Prefix>> {
    let mut groups = Vec::new();
    for family in prefixes.chunk_by(|a, b| a.address.is_ipv4() == b.address.is_ipv4()) {
        let mut rest = family;
        while !rest.is_empty() {
            let (group, behind) = rest.split_at(sizes.next(random).min(rest.len()));
            groups.push(group.to_vec());
            rest = behind;
        }
    }
    for place in (1..groups.len()).rev() {
        groups.swap(place, random.below(place as u32 + 1) as usize);
    }
    groups
}

/// Divides routes into parts that fit into an UPDATE of this form.
pub(super) fn fitting<'r>(routes: &'r [Nlri], form: &Form) -> impl Iterator<Item = &'r [Nlri]> {
    let widest = routes.iter().map(|route| form.octets(*route)).max().unwrap_or(1);
    routes.chunks((MOST_NLRI_OCTETS / widest).max(1))
}
