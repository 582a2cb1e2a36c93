//! Path attributes, read in one pass and judged as RFC 7606 says.
//!
//! [`PathAttributes::parse`] never gives up where the routes can still be found: a damaged attribute becomes a
//! [`Fault`] whose [`Handling`] says what happens to the routes. `docs/rfc7606.md` has the table.
//!
//! BMP mirrors what a router accepted, and does not say for every table whether the peer is internal. So LOCAL_PREF,
//! ORIGINATOR_ID and CLUSTER_LIST are judged as from an internal peer and never discarded for coming from an
//! external one (RFC 7606 §7.5, §7.9, §7.10); nor are confederation segments refused (RFC 5065 §5), nor is an absent
//! LOCAL_PREF held against a route.

mod aggregator;
mod as_path;
mod community;
mod faults;
mod mp_reach;
mod raw;
mod read;
#[cfg(test)]
mod rfc7606_tests;
mod tlv;

pub use aggregator::{AS_TRANS, Aggregator};
pub use as_path::{
    AsPath, Asns, EffectiveAsPath, EffectiveSegments, Segment, SegmentKind, Segments, as_path_is_well_formed,
};
pub use community::{
    ClusterList, Communities, ExtendedCommunities, Ipv6ExtendedCommunities, LargeCommunities,
};
pub use faults::{Fault, FaultKind, Faults, Handling};
pub use mp_reach::{MP_HEADER_OCTETS, MpReach, MpUnreach};
pub use raw::{
    FLAG_EXTENDED_LENGTH, FLAG_OPTIONAL, FLAG_PARTIAL, FLAG_TRANSITIVE, RawAttribute, RawAttributes,
    UnknownAttributes, raw_attributes,
};

use crate::WireError;
use crate::bgp::AsWidth;
use crate::iana::attribute_type as code;
use raw::TypeSet;

/// ORIGIN (RFC 4271 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// Interior to the originating AS.
    Igp = 0,
    /// Learned by EGP.
    Egp = 1,
    /// By some other means.
    Incomplete = 2,
}

impl Origin {
    /// `IGP`, `EGP` or `INCOMPLETE`.
    #[inline]
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}

/// Type codes which have a field of their own in [`PathAttributes`].
const TYPED: TypeSet = TypeSet::of(&[
    code::ORIGIN,
    code::AS_PATH,
    code::NEXT_HOP,
    code::MULTI_EXIT_DISC,
    code::LOCAL_PREF,
    code::ATOMIC_AGGREGATE,
    code::AGGREGATOR,
    code::COMMUNITIES,
    code::ORIGINATOR_ID,
    code::CLUSTER_LIST,
    code::MP_REACH_NLRI,
    code::MP_UNREACH_NLRI,
    code::EXTENDED_COMMUNITIES,
    code::AS4_PATH,
    code::AS4_AGGREGATOR,
    code::IPV6_EXTENDED_COMMUNITIES,
    code::LARGE_COMMUNITIES,
    code::ONLY_TO_CUSTOMER,
]);

/// The attributes of one UPDATE. A field is `None` where the attribute is absent or was malformed
/// (then [`faults`](Self::faults) says so).
#[derive(Debug, Clone, Copy)]
pub struct PathAttributes<'a> {
    /// ORIGIN.
    pub origin: Option<Origin>,
    /// AS_PATH as it was sent; see [`effective_as_path`](Self::effective_as_path).
    pub as_path: Option<AsPath<'a>>,
    /// NEXT_HOP: that of the routes in the NLRI field.
    pub next_hop: Option<[u8; 4]>,
    /// MULTI_EXIT_DISC.
    pub multi_exit_disc: Option<u32>,
    /// LOCAL_PREF.
    pub local_preference: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR as it was sent; see [`effective_aggregator`](Self::effective_aggregator).
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES.
    pub communities: Option<Communities<'a>>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<u32>,
    /// CLUSTER_LIST.
    pub cluster_list: Option<ClusterList<'a>>,
    /// EXTENDED_COMMUNITIES.
    pub extended_communities: Option<ExtendedCommunities<'a>>,
    /// IPv6 address specific extended communities.
    pub ipv6_extended_communities: Option<Ipv6ExtendedCommunities<'a>>,
    /// LARGE_COMMUNITY.
    pub large_communities: Option<LargeCommunities<'a>>,
    /// AS4_PATH, from an OLD speaker.
    pub as4_path: Option<AsPath<'a>>,
    /// AS4_AGGREGATOR, from an OLD speaker.
    pub as4_aggregator: Option<Aggregator>,
    /// Only to Customer (RFC 9234).
    pub only_to_customer: Option<u32>,
    /// MP_REACH_NLRI.
    pub mp_reach: Option<MpReach<'a>>,
    /// MP_UNREACH_NLRI.
    pub mp_unreach: Option<MpUnreach<'a>>,
    /// The width of AS numbers in AS_PATH: the one given, unless AS_PATH is exact with the other only.
    pub as_width: AsWidth,
    /// AS_PATH or AGGREGATOR was not of the width given but exact with the other.
    pub quirk_as_width: bool,
    /// The field was read to its end. If not, routes may be missing: what stands behind the broken attribute is unknown.
    pub complete: bool,
    /// What was wrong.
    pub faults: Faults,
    field: &'a [u8],
    seen: TypeSet,
    /// Codes that [`unknown`](Self::unknown) leaves out.
    not_raw: TypeSet,
    has_raw: bool,
    /// See [`is_tidy`](Self::is_tidy); while the field is read, that of the part that was.
    tidy: bool,
    /// The attribute that was come to last, and where it starts in the field.
    last_type: u8,
    last_offset: u32,
}

impl<'a> PathAttributes<'a> {
    /// Reads a Path Attributes field. `as_width` is what the session negotiated.
    ///
    /// The error means that the routes can't be located: MP_REACH_NLRI or MP_UNREACH_NLRI runs past the end of the
    /// field. Where [`faults`](Self::faults) hold a [`Handling::SkipMessage`], one of them can't be read inside.
    pub fn parse(field: &'a [u8], as_width: AsWidth) -> Result<Self, WireError> {
        let mut attributes = Self::unread(field, as_width);
        attributes.read();
        if !attributes.complete && attributes.faults.worst() == Some(Handling::SkipMessage) {
            attributes.located()?;
        }
        Ok(attributes)
    }

    /// The attributes of a field that is still to be [`read`](Self::read): none.
    #[inline]
    #[must_use]
    pub const fn unread(field: &'a [u8], as_width: AsWidth) -> Self {
        Self {
            origin: None,
            as_path: None,
            next_hop: None,
            multi_exit_disc: None,
            local_preference: None,
            atomic_aggregate: false,
            aggregator: None,
            communities: None,
            originator_id: None,
            cluster_list: None,
            extended_communities: None,
            ipv6_extended_communities: None,
            large_communities: None,
            as4_path: None,
            as4_aggregator: None,
            only_to_customer: None,
            mp_reach: None,
            mp_unreach: None,
            as_width,
            quirk_as_width: false,
            complete: true,
            faults: Faults::NONE,
            field,
            seen: TypeSet::EMPTY,
            not_raw: TYPED,
            has_raw: false,
            tidy: true,
            last_type: 0,
            last_offset: 0,
        }
    }

    /// The fault of announcing routes without a mandatory attribute (RFC 7606 §3 d): ORIGIN, AS_PATH, and NEXT_HOP for
    /// routes in the NLRI field. `None` where nothing is announced. An attribute that is there but malformed is
    /// not missing.
    ///
    /// It is not among [`faults`](Self::faults), because the caller has to judge it by the RIB view: only Adj-RIB-In
    /// before policy mirrors what a peer sent. In the others the router wrote the UPDATE itself, of a route that it
    /// holds, and some routers leave attributes out there (GoBGP AS_PATH, an FRR NEXT_HOP): such a route is true.
    #[inline]
    #[must_use]
    pub fn missing_mandatory(&self, has_ipv4_nlri: bool) -> Option<Fault> {
        if !has_ipv4_nlri && self.mp_reach.is_none() {
            return None;
        }
        let type_code = if !self.seen.contains(code::ORIGIN) {
            code::ORIGIN
        } else if !self.seen.contains(code::AS_PATH) {
            code::AS_PATH
        } else if has_ipv4_nlri && !self.seen.contains(code::NEXT_HOP) {
            code::NEXT_HOP
        } else {
            return None;
        };
        Some(Fault {
            type_code,
            kind: FaultKind::Missing,
            handling: Handling::TreatAsWithdraw,
            offset: self.field.len() as u32,
        })
    }

    /// The path that counts: AS_PATH, with AS4_PATH worked in where the sender is an OLD speaker (RFC 6793 §4.2.3).
    #[inline]
    #[must_use]
    pub fn effective_as_path(&self) -> Option<EffectiveAsPath<'a>> {
        let path = self.as_path?;
        match self.as4_path {
            Some(as4_path) if self.as4_counts() => Some(EffectiveAsPath::merged(path, as4_path)),
            _ => Some(EffectiveAsPath::whole(path)),
        }
    }

    /// The aggregator that counts: that of AS4_AGGREGATOR where AGGREGATOR holds AS_TRANS (RFC 6793 §4.2.3).
    #[inline]
    #[must_use]
    pub fn effective_aggregator(&self) -> Option<Aggregator> {
        match (self.aggregator, self.as4_aggregator) {
            (Some(aggregator), Some(as4)) if aggregator.asn == AS_TRANS => Some(as4),
            (aggregator, _) => aggregator,
        }
    }

    /// Whether AS4_PATH may count: not where an OLD speaker aggregated anew and left the AS4 attributes stale.
    const fn as4_counts(&self) -> bool {
        match (self.aggregator, self.as4_aggregator) {
            (Some(aggregator), Some(_)) => aggregator.asn == AS_TRANS,
            _ => true,
        }
    }

    /// NEXT_HOP in 16 octets, as IPv4-mapped IPv6.
    #[inline]
    #[must_use]
    pub fn next_hop_mapped(&self) -> Option<[u8; 16]> {
        self.next_hop
            .map(|address| mp_reach::mapped(u32::from_be_bytes(address)))
    }

    /// Whether the field stands as a tidy sender writes it: types in ascending order, flags that have a meaning only, the
    /// short form of the length, read to its end, and neither MP_REACH_NLRI nor MP_UNREACH_NLRI in it.
    #[inline]
    #[must_use]
    pub const fn is_tidy(&self) -> bool {
        self.tidy && self.complete
    }

    /// Whether [`unknown`](Self::unknown) has anything to give.
    #[inline]
    #[must_use]
    pub const fn has_unknown(&self) -> bool {
        self.has_raw
    }

    /// Every attribute that has no field here, in order: AIGP, Prefix-SID, BGP-LS, ATTR_SET and all that this
    /// crate doesn't know. Those that a fault discarded are left out.
    #[inline]
    #[must_use]
    pub const fn unknown(&self) -> UnknownAttributes<'a> {
        UnknownAttributes {
            walk: raw_attributes(if self.has_raw { self.field } else { &[] }),
            skip: self.not_raw,
        }
    }

    /// The field these attributes were read from.
    #[inline]
    #[must_use]
    pub const fn field(&self) -> &'a [u8] {
        self.field
    }
}
