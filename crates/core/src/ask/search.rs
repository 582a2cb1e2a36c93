//! Which routes of a table a search is about, found by look-ups where the keys can be made, else by a scan.

use arancini_rib::{CuratedTable, Held, KeyShape, RouteKey, Standing};
use arancini_wire::iana::AfiSafi;

use super::answer::{Found, RouteName};
use super::prefix::Prefix;
use crate::table::key_shape;

/// Cost of one look-up, counted as this many routes that a scan visits: a look-up waits for memory.
const LOOK_UP_COST: usize = 4;

/// How the prefix of a route and the prefix that somebody asks for have to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// They are equal.
    Exact,
    /// The route has the longest prefix of its table that contains the other one: a router would use it for that destination.
    /// Each VPN (route distinguisher) of a table has its own longest prefix.
    Longest,
    /// The route's prefix contains the other one, or is equal.
    Covering,
    /// The route's prefix lies within the other one, or is equal.
    Covered,
}

/// A search for the routes of a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Search {
    /// The prefix that somebody asks for.
    pub prefix: Prefix,
    /// How routes have to agree with it.
    pub matching: Match,
}

/// What one step through a table has found.
pub(super) struct Step {
    pub found: Vec<Found>,
    /// The next step; `None` behind the last one.
    pub next: Option<u32>,
    /// Work done, counted in routes.
    pub cost: usize,
}

impl Search {
    /// Whether tables of this family can hold routes of the search.
    pub(super) fn is_about(&self, family: AfiSafi) -> bool {
        match key_shape(family) {
            KeyShape::Ipv4 | KeyShape::Vpn4 => self.prefix.address().is_ipv4(),
            KeyShape::Ipv6 | KeyShape::Vpn6 => self.prefix.address().is_ipv6(),
            KeyShape::Opaque => false,
        }
    }

    /// Whether a route may be one of those searched for. With [`Match::Longest`], others of its table may be longer.
    fn admits(&self, key: &RouteKey<'_>) -> bool {
        let prefix = Prefix::of_key(key);
        match self.matching {
            Match::Exact => prefix == self.prefix,
            Match::Longest | Match::Covering => prefix.covers(&self.prefix),
            Match::Covered => self.prefix.covers(&prefix),
        }
    }

    /// The lengths at which a look-up can find a route, the longest first; `None` if only a scan can.
    fn lengths(&self, family: AfiSafi, rib: &CuratedTable) -> Option<std::ops::RangeInclusive<u8>> {
        let is_plain = matches!(key_shape(family), KeyShape::Ipv4 | KeyShape::Ipv6) && !rib.has_path_ids();
        let length = self.prefix.length();
        match self.matching {
            _ if !is_plain => None,
            Match::Covered => None,
            Match::Exact => Some(length..=length),
            Match::Longest | Match::Covering => Some(0..=length),
        }
    }
}

/// Makes one step through the routes of a table: all look-ups, or a part of a scan. Without a search, every route is found that
/// `admits` admits; it adds the cost of its answer to the number that it gets.
pub(super) fn step(
    search: Option<&Search>,
    family: AfiSafi,
    rib: &CuratedTable,
    from: u32,
    mut admits: impl FnMut(Held, &mut usize) -> bool,
) -> Step {
    let mut found = Vec::new();
    if rib.is_empty() {
        return Step {
            found,
            next: None,
            cost: 1,
        };
    }
    let mut cost = 1;
    if let Some(search) = search
        && let Some(lengths) = search.lengths(family, rib)
    {
        for length in lengths.rev() {
            let key = search.prefix.shortened(length).key();
            cost += LOOK_UP_COST;
            let held = rib
                .get(&key)
                .filter(|held| held.standing != Standing::Doomed && admits(*held, &mut cost));
            found.extend(held.map(|held| Found {
                name: RouteName::of(&key),
                held,
            }));
            if search.matching == Match::Longest && !found.is_empty() {
                break;
            }
        }
        return Step {
            found,
            next: None,
            cost,
        };
    }
    let next = rib.visit_held(from as usize, |key, held| {
        cost += 1;
        if held.standing != Standing::Doomed
            && search.is_none_or(|search| search.admits(&key))
            && admits(held, &mut cost)
        {
            let name = RouteName::of(&key);
            found.push(Found { name, held });
        }
    });
    Step {
        found,
        next: next.and_then(|next| u32::try_from(next).ok()),
        cost,
    }
}
