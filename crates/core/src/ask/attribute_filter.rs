//! Which routes a question is about, by their attributes. A set of attributes is looked at once for all of its routes.

use std::net::{IpAddr, Ipv6Addr};

use arancini_rib::{AttributeSets, Held};
use arancini_schema::encode::Carrier;
use arancini_schema::json::ExtendedCommunity;
use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::iana::AfiSafi;

use crate::route_attributes::SetReader;

/// Cost of looking at a set, counted as this many routes that a scan visits.
const SET_COST: usize = 20;
/// Octets of a set that take as long as one route that a scan visits.
const OCTETS_PER_COST: usize = 16;
/// Most octets of sets that are looked at in one step of a scan, which cannot stop in between. It takes less than a millisecond.
const MOST_OCTETS_OF_STEP: usize = 256 << 10;

/// Selects routes by their attributes. A field that is not set selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeFilter {
    /// Only routes that this AS originated: the last AS of their path.
    pub origin_as: Option<u32>,
    /// Only routes with this AS anywhere in their path.
    pub path_as: Option<u32>,
    /// Only routes with this community.
    pub community: Option<CommunityFilter>,
    /// Only routes with this next hop.
    pub next_hop: Option<IpAddr>,
}

/// A community of any kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommunityFilter {
    /// A community (RFC 1997): AS and value.
    Standard(u16, u16),
    /// A large community (RFC 8092).
    Large([u32; 3]),
    /// An extended community, as the JSON form of the stream writes it.
    Extended(String),
}

impl AttributeFilter {
    /// Whether it selects all routes, so that no attributes have to be known.
    #[must_use]
    pub fn selects_all(&self) -> bool {
        *self == Self::default()
    }

    fn selects(&self, carrier: Carrier, attributes: &PathAttributes<'_>) -> bool {
        let path = || attributes.effective_as_path();
        self.origin_as
            .is_none_or(|asn| path().is_some_and(|path| path.origin_as() == Some(asn)))
            && self
                .path_as
                .is_none_or(|asn| path().is_some_and(|path| path.flat_asns().any(|other| other == asn)))
            && self
                .community
                .as_ref()
                .is_none_or(|community| community.is_in(attributes))
            && self
                .next_hop
                .is_none_or(|next_hop| next_hop_of(carrier, attributes) == Some(next_hop))
    }
}

impl CommunityFilter {
    fn is_in(&self, attributes: &PathAttributes<'_>) -> bool {
        match self {
            Self::Standard(asn, value) => attributes
                .communities
                .is_some_and(|members| members.pairs().any(|pair| pair == (*asn, *value))),
            Self::Large(parts) => attributes
                .large_communities
                .is_some_and(|members| members.iter().any(|member| member == *parts)),
            Self::Extended(text) => attributes.extended_communities.is_some_and(|members| {
                members.iter().any(|[type_high, type_low, value @ ..]| {
                    let member = ExtendedCommunity {
                        type_high,
                        type_low,
                        value: &value,
                    };
                    member.to_string() == *text
                })
            }),
        }
    }
}

fn next_hop_of(carrier: Carrier, attributes: &PathAttributes<'_>) -> Option<IpAddr> {
    let mapped = match carrier {
        Carrier::UpdateField => attributes.next_hop_mapped(),
        Carrier::MultiProtocol => attributes.mp_reach?.next_hop_mapped(),
    };
    Some(IpAddr::from(Ipv6Addr::from(mapped?)).to_canonical())
}

/// What is known of the sets of a shard while a question runs: which of them its filter selects.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    /// [`AttributeSets::changed_numbers`] when the verdicts were last renewed.
    changed_numbers: u64,
    /// Two bits for each set: whether it was looked at, and whether it is selected.
    words: Vec<u64>,
    octets: Vec<u8>,
    /// Octets that were looked at in the present step.
    octets_of_step: usize,
    reader: SetReader,
    /// Whether a route was left out because its attributes are not known, or the sets of its step have too many octets.
    pub left_out: bool,
}

/// Sets in a word of [`Verdicts`].
const SETS_IN_WORD: usize = 32;

/// The word of a set in [`Verdicts`], and the place of its two bits there.
const fn place_of(number: usize) -> (usize, usize) {
    (number / SETS_IN_WORD, number % SETS_IN_WORD * 2)
}

impl Verdicts {
    /// Forgets the verdicts of sets whose numbers mean something else by now. Call it before each slice.
    pub fn renew(&mut self, sets: &AttributeSets) {
        match sets.changed_since(self.changed_numbers) {
            Some(numbers) => numbers.for_each(|number| self.forget(number)),
            None => self.words.fill(0),
        }
        self.changed_numbers = sets.changed_numbers();
    }

    fn forget(&mut self, number: usize) {
        let (word, shift) = place_of(number);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !(3 << shift);
        }
    }

    /// Begins a step of a scan.
    pub const fn begin_step(&mut self) {
        self.octets_of_step = 0;
    }

    /// Whether the filter selects a route of this family. Adds the cost of the answer to `cost`.
    pub fn admits(
        &mut self,
        filter: &AttributeFilter,
        sets: &AttributeSets,
        family: AfiSafi,
        held: Held,
        cost: &mut usize,
    ) -> bool {
        let set = held.set().set;
        let (word, shift) = place_of(set.number());
        if let Some(verdict @ 2..) = self.words.get(word).map(|word| word >> shift & 3) {
            return verdict == 3;
        }
        let content = if self.octets_of_step < MOST_OCTETS_OF_STEP {
            sets.content(set, &mut self.octets)
        } else {
            None
        };
        let Some(content) = content else {
            self.left_out = true;
            return false;
        };
        self.octets_of_step += content.attributes.len();
        *cost += SET_COST + content.attributes.len() / OCTETS_PER_COST;
        let selected = self
            .reader
            .read(&content, family)
            .is_some_and(|(carrier, attributes)| filter.selects(carrier, &attributes));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= (2 | u64::from(selected)) << shift;
        selected
    }
}
