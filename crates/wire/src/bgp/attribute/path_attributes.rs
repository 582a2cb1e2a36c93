//! The attributes of one UPDATE as typed fields.

use super::aggregator::{AS_TRANS, Aggregator};
use super::as_path::AsPath;
use super::community::{
    ClusterList, Communities, ExtendedCommunities, Ipv6ExtendedCommunities, LargeCommunities,
};
use super::effective_as_path::EffectiveAsPath;
use super::faults::{Fault, FaultKind, Faults, Handling};
use super::mp_reach::{MpReach, MpUnreach, mapped};
use super::origin::Origin;
use super::raw::{UnknownAttributes, raw_attributes};
use super::type_set::TypeSet;
use crate::bgp::session_context::AsWidth;
use crate::iana::attribute_type as code;

/// Type codes that have a field of their own in [`PathAttributes`].
pub(super) const TYPED: TypeSet = TypeSet::of(&[
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

/// The attributes of one UPDATE.
///
/// A field is `None` if the attribute is absent or malformed. [`faults`](Self::faults) has the malformed attributes.
#[derive(Debug, Clone, Copy)]
pub struct PathAttributes<'a> {
    /// ORIGIN.
    pub origin: Option<Origin>,
    /// AS_PATH as sent; see [`effective_as_path`](Self::effective_as_path).
    pub as_path: Option<AsPath<'a>>,
    /// NEXT_HOP of the routes in the NLRI field.
    pub next_hop: Option<[u8; 4]>,
    /// MULTI_EXIT_DISC.
    pub multi_exit_disc: Option<u32>,
    /// LOCAL_PREF.
    pub local_preference: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR as sent; see [`effective_aggregator`](Self::effective_aggregator).
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES.
    pub communities: Option<Communities<'a>>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<u32>,
    /// CLUSTER_LIST.
    pub cluster_list: Option<ClusterList<'a>>,
    /// EXTENDED_COMMUNITIES.
    pub extended_communities: Option<ExtendedCommunities<'a>>,
    /// IPv6_EXTENDED_COMMUNITIES.
    pub ipv6_extended_communities: Option<Ipv6ExtendedCommunities<'a>>,
    /// LARGE_COMMUNITY.
    pub large_communities: Option<LargeCommunities<'a>>,
    /// AS4_PATH of an OLD speaker.
    pub as4_path: Option<AsPath<'a>>,
    /// AS4_AGGREGATOR of an OLD speaker.
    pub as4_aggregator: Option<Aggregator>,
    /// Only to Customer (RFC 9234).
    pub only_to_customer: Option<u32>,
    /// MP_REACH_NLRI.
    pub mp_reach: Option<MpReach<'a>>,
    /// MP_UNREACH_NLRI.
    pub mp_unreach: Option<MpUnreach<'a>>,
    /// Size of AS numbers in AS_PATH: the negotiated size, unless AS_PATH can only be read with the other size.
    pub as_width: AsWidth,
    /// Whether AS_PATH or AGGREGATOR has the other size of AS numbers than negotiated.
    pub quirk_as_width: bool,
    /// Whether the field was read to its end. If not, routes may be missing, since nobody knows what follows a broken attribute.
    pub complete: bool,
    /// Faults in the attributes.
    pub faults: Faults,
    pub(super) field: &'a [u8],
    pub(super) seen: TypeSet,
    /// Type codes that [`unknown`](Self::unknown) leaves out.
    pub(super) not_raw: TypeSet,
    pub(super) has_raw: bool,
    /// See [`is_tidy`](Self::is_tidy). While the field is being read, this holds for the part that was read.
    pub(super) tidy: bool,
    /// Type and offset of the attribute that is being read.
    pub(super) last_type: u8,
    pub(super) last_offset: u32,
}

impl<'a> PathAttributes<'a> {
    /// Makes attributes of a field that is still to be [`read`](Self::read). All attributes are absent.
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

    /// Whether no attribute is malformed, mandatory but missing, or without its next hop. This is a quick check for the UPDATEs
    /// of nearly all senders. If it returns `false`, the faults have to be looked at one by one.
    #[inline]
    #[must_use]
    pub fn is_sound(&self, has_ipv4_nlri: bool) -> bool {
        const WITH_MP_REACH: TypeSet = TypeSet::of(&[code::ORIGIN, code::AS_PATH]);
        const WITH_NLRI: TypeSet = TypeSet::of(&[code::ORIGIN, code::AS_PATH, code::NEXT_HOP]);
        let mandatory = if has_ipv4_nlri {
            WITH_NLRI
        } else if self.mp_reach.is_some() {
            WITH_MP_REACH
        } else {
            TypeSet::EMPTY
        };
        self.faults.is_empty() && self.seen.contains_low(mandatory) && self.absent_next_hop().is_none()
    }

    /// The fault of an UPDATE that announces routes without a mandatory attribute (RFC 7606 §3 d); `None` if it does not.
    ///
    /// Mandatory are ORIGIN, AS_PATH, and NEXT_HOP for routes in the NLRI field. BGPsec_PATH takes the place of AS_PATH (RFC
    /// 8205 §3). A malformed attribute is not missing.
    ///
    /// This fault is not among [`faults`](Self::faults), because it depends on the RIB view, which the caller knows. Only
    /// Adj-RIB-In before policy mirrors an UPDATE of a peer. In other views, the router wrote the UPDATE itself for a route
    /// that it holds. Some routers leave out attributes there (GoBGP AS_PATH, FRR NEXT_HOP), and such a route is valid.
    #[inline]
    #[must_use]
    pub fn missing_mandatory(&self, has_ipv4_nlri: bool) -> Option<Fault> {
        if !has_ipv4_nlri && self.mp_reach.is_none() {
            return None;
        }
        let type_code = if !self.seen.contains(code::ORIGIN) {
            code::ORIGIN
        } else if !self.seen.contains(code::AS_PATH) && !self.seen.contains(code::BGPSEC_PATH) {
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

    /// The fault of an MP_REACH_NLRI whose routes to prefixes have no next hop (RFC 7606 §7.11); `None` if there is none.
    ///
    /// As [`missing_mandatory`](Self::missing_mandatory), this fault depends on the RIB view.
    #[inline]
    #[must_use]
    pub fn absent_next_hop(&self) -> Option<Fault> {
        self.mp_reach
            .is_some_and(|mp| mp.next_hop_is_absent())
            .then(|| self.next_hop_fault())
    }

    #[cold]
    fn next_hop_fault(&self) -> Fault {
        let reach = raw_attributes(self.field)
            .map_while(Result::ok)
            .find(|attribute| attribute.type_code == code::MP_REACH_NLRI);
        Fault {
            type_code: code::MP_REACH_NLRI,
            kind: FaultKind::BadLength,
            handling: Handling::SkipMessage,
            offset: reach.map_or(0, |attribute| attribute.offset as u32),
        }
    }

    /// The AS path of the routes: AS_PATH, merged with AS4_PATH if the sender is an OLD speaker (RFC 6793 §4.2.3).
    #[inline]
    #[must_use]
    pub fn effective_as_path(&self) -> Option<EffectiveAsPath<'a>> {
        let path = self.as_path?;
        match self.as4_path {
            Some(as4_path) if self.as4_counts() => Some(EffectiveAsPath::merged(path, as4_path)),
            _ => Some(EffectiveAsPath::whole(path)),
        }
    }

    /// The aggregator of the routes: AS4_AGGREGATOR if AGGREGATOR has AS_TRANS, else AGGREGATOR (RFC 6793 §4.2.3).
    #[inline]
    #[must_use]
    pub fn effective_aggregator(&self) -> Option<Aggregator> {
        match (self.aggregator, self.as4_aggregator) {
            (Some(aggregator), Some(as4)) if aggregator.asn == AS_TRANS => Some(as4),
            (aggregator, _) => aggregator,
        }
    }

    /// Whether AS4_PATH is valid. It is stale if an OLD speaker aggregated the route again.
    const fn as4_counts(&self) -> bool {
        match (self.aggregator, self.as4_aggregator) {
            (Some(aggregator), Some(_)) => aggregator.asn == AS_TRANS,
            _ => true,
        }
    }

    /// NEXT_HOP in 16 octets as IPv4-mapped IPv6.
    #[inline]
    #[must_use]
    pub fn next_hop_mapped(&self) -> Option<[u8; 16]> {
        self.next_hop.map(|address| mapped(u32::from_be_bytes(address)))
    }

    /// Whether the field is in the form of a tidy sender.
    ///
    /// Its types are in ascending order, its flags are only flags with a meaning, its lengths have the short form, it was
    /// read to its end, and it has neither MP_REACH_NLRI nor MP_UNREACH_NLRI.
    #[inline]
    #[must_use]
    pub const fn is_tidy(&self) -> bool {
        self.tidy && self.complete
    }

    /// Whether [`unknown`](Self::unknown) may return an attribute.
    #[inline]
    #[must_use]
    pub const fn has_unknown(&self) -> bool {
        self.has_raw
    }

    /// Iterates over attributes without a typed field, in order: AIGP, Prefix-SID, BGP-LS, ATTR_SET and all unknown
    /// attributes. Attributes that a fault discarded are left out.
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
