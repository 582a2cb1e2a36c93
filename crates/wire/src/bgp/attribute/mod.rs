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

/// The optional and transitive flags that an attribute of each type must have; [`ANY_FLAGS`] where that is not checked.
/// A table, because it is looked up for every attribute.
const REQUIRED_FLAGS: [u8; 256] = {
    let mut flags = [ANY_FLAGS; 256];
    let mut type_code = 0;
    while type_code < 256 {
        flags[type_code] = match type_code as u8 {
            code::ORIGIN | code::AS_PATH | code::NEXT_HOP | code::LOCAL_PREF | code::ATOMIC_AGGREGATE => {
                FLAG_TRANSITIVE
            }
            code::MULTI_EXIT_DISC
            | code::ORIGINATOR_ID
            | code::CLUSTER_LIST
            | code::MP_REACH_NLRI
            | code::MP_UNREACH_NLRI
            | code::AIGP
            | code::BGP_LS => FLAG_OPTIONAL,
            code::AGGREGATOR
            | code::COMMUNITIES
            | code::EXTENDED_COMMUNITIES
            | code::AS4_PATH
            | code::AS4_AGGREGATOR
            | code::PMSI_TUNNEL
            | code::IPV6_EXTENDED_COMMUNITIES
            | code::LARGE_COMMUNITIES
            | code::ONLY_TO_CUSTOMER
            | code::PREFIX_SID
            | code::ATTR_SET => FLAG_OPTIONAL | FLAG_TRANSITIVE,
            _ => ANY_FLAGS,
        };
        type_code += 1;
    }
    flags
};

/// Stands in [`REQUIRED_FLAGS`] for types whose flags are not checked.
const ANY_FLAGS: u8 = 0xff;

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

    /// Reads the field of [`unread`](Self::unread) attributes: the hot path's [`parse`](Self::parse). What that makes an
    /// error is a [`Handling::SkipMessage`] here, like any other.
    ///
    /// In place, because the attributes are large: to return them by value costs about as much as to read them.
    #[inline(never)]
    pub fn read(&mut self) {
        let mut walk = raw_attributes(self.field);
        loop {
            let offset = walk.offset();
            match walk.next() {
                None => break,
                Some(Ok(attribute)) => self.read_attribute(&attribute),
                Some(Err(_)) => {
                    self.overrun(offset);
                    break;
                }
            }
        }
        if self.as_width == AsWidth::Four && (self.as4_path.is_some() || self.as4_aggregator.is_some()) {
            self.discard_as4();
        }
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
        }
    }

    #[inline]
    fn read_attribute(&mut self, attribute: &RawAttribute<'a>) {
        use FaultKind::{BadLength, BadValue};
        use Handling::{AttributeDiscard, SkipMessage, TreatAsWithdraw};

        let RawAttribute { type_code, value, .. } = *attribute;
        if !self.seen.insert(type_code) {
            return self.duplicate(attribute);
        }
        let required = REQUIRED_FLAGS[usize::from(type_code)];
        if attribute.flags & (FLAG_OPTIONAL | FLAG_TRANSITIVE) != required
            && required != ANY_FLAGS
            && !self.bad_flags(attribute)
        {
            return;
        }
        match type_code {
            code::ORIGIN => match *value {
                [0] => self.origin = Some(Origin::Igp),
                [1] => self.origin = Some(Origin::Egp),
                [2] => self.origin = Some(Origin::Incomplete),
                [_] => self.fault(attribute, BadValue, TreatAsWithdraw),
                _ => self.fault(attribute, BadLength, TreatAsWithdraw),
            },
            code::AS_PATH => self.read_as_path(attribute),
            code::NEXT_HOP => match value.try_into() {
                Ok(address) => self.next_hop = Some(address),
                Err(_) => self.fault(attribute, BadLength, TreatAsWithdraw),
            },
            code::MULTI_EXIT_DISC => {
                self.multi_exit_disc = self.number(attribute, TreatAsWithdraw);
            }
            code::LOCAL_PREF => self.local_preference = self.number(attribute, TreatAsWithdraw),
            code::ATOMIC_AGGREGATE => match value {
                [] => self.atomic_aggregate = true,
                _ => self.fault(attribute, BadLength, AttributeDiscard),
            },
            code::AGGREGATOR => match Aggregator::parse(value) {
                // RFC 7607 §2: AS 0 is malformed.
                Some((Aggregator { asn: 0, .. }, _)) => {
                    self.fault(attribute, BadValue, AttributeDiscard);
                }
                Some((aggregator, width)) => {
                    self.aggregator = Some(aggregator);
                    self.quirk_as_width |= width != self.as_width;
                }
                None => self.fault(attribute, BadLength, AttributeDiscard),
            },
            code::COMMUNITIES => {
                self.communities = Communities::new_checked(value);
                self.require(self.communities.is_some(), attribute);
            }
            code::ORIGINATOR_ID => self.originator_id = self.number(attribute, TreatAsWithdraw),
            code::CLUSTER_LIST => {
                self.cluster_list = ClusterList::new_checked(value);
                self.require(self.cluster_list.is_some(), attribute);
            }
            code::MP_REACH_NLRI => {
                self.mp_reach = MpReach::parse(value, attribute.value_offset());
                if self.mp_reach.is_none() {
                    self.fault(attribute, BadLength, SkipMessage);
                }
            }
            code::MP_UNREACH_NLRI => {
                self.mp_unreach = MpUnreach::parse(value, attribute.value_offset());
                if self.mp_unreach.is_none() {
                    self.fault(attribute, BadLength, SkipMessage);
                }
            }
            code::EXTENDED_COMMUNITIES => {
                self.extended_communities = ExtendedCommunities::new_checked(value);
                self.require(self.extended_communities.is_some(), attribute);
            }
            code::IPV6_EXTENDED_COMMUNITIES => {
                self.ipv6_extended_communities = Ipv6ExtendedCommunities::new_checked(value);
                self.require(self.ipv6_extended_communities.is_some(), attribute);
            }
            code::LARGE_COMMUNITIES => {
                self.large_communities = LargeCommunities::new_checked(value);
                self.require(self.large_communities.is_some(), attribute);
            }
            code::ONLY_TO_CUSTOMER => {
                self.only_to_customer = self.number(attribute, TreatAsWithdraw);
            }
            code::AS4_PATH => match AsPath::new_checked(value, AsWidth::Four) {
                None => self.fault(attribute, BadLength, AttributeDiscard),
                Some(path) if path.is_empty() => {
                    self.fault(attribute, BadLength, AttributeDiscard);
                }
                Some(path) if path.has_as_zero() => {
                    self.fault(attribute, BadValue, AttributeDiscard);
                }
                Some(path) => self.as4_path = Some(path),
            },
            code::AS4_AGGREGATOR => match Aggregator::parse(value) {
                Some((Aggregator { asn: 0, .. }, AsWidth::Four)) => {
                    self.fault(attribute, BadValue, AttributeDiscard);
                }
                Some((aggregator, AsWidth::Four)) => self.as4_aggregator = Some(aggregator),
                _ => self.fault(attribute, BadLength, AttributeDiscard),
            },
            _ => self.read_raw(attribute),
        }
    }

    #[inline]
    fn read_as_path(&mut self, attribute: &RawAttribute<'a>) {
        match AsPath::new_checked(attribute.value, self.as_width) {
            Some(path) => self.take_as_path(attribute, path),
            None => self.read_as_path_otherwise(attribute),
        }
    }

    /// RFC 7607 §2: AS 0 is malformed.
    #[inline]
    fn take_as_path(&mut self, attribute: &RawAttribute<'a>, path: AsPath<'a>) {
        if path.has_as_zero() {
            self.fault(attribute, FaultKind::BadValue, Handling::TreatAsWithdraw);
        } else {
            self.as_path = Some(path);
        }
    }

    /// The second opinion: some senders say one width and write the other.
    #[cold]
    fn read_as_path_otherwise(&mut self, attribute: &RawAttribute<'a>) {
        let other = match self.as_width {
            AsWidth::Two => AsWidth::Four,
            AsWidth::Four => AsWidth::Two,
        };
        match AsPath::new_checked(attribute.value, other) {
            Some(path) => {
                self.as_width = other;
                self.quirk_as_width = true;
                self.take_as_path(attribute, path);
            }
            None => self.fault(attribute, FaultKind::BadLength, Handling::TreatAsWithdraw),
        }
    }

    /// An attribute that is kept raw: only what its RFC calls malformed is looked for.
    fn read_raw(&mut self, attribute: &RawAttribute<'a>) {
        use Handling::{AttributeDiscard, TreatAsWithdraw};

        let value = attribute.value;
        let (well_formed, handling) = match attribute.type_code {
            code::AIGP => (tlv::aigp_is_well_formed(value), AttributeDiscard),
            code::PREFIX_SID => (tlv::prefix_sid_is_well_formed(value), AttributeDiscard),
            code::BGP_LS => (tlv::bgp_ls_is_well_formed(value), AttributeDiscard),
            code::PMSI_TUNNEL => (value.len() >= 5, TreatAsWithdraw),
            code::ATTR_SET => (tlv::attr_set_is_well_formed(value), TreatAsWithdraw),
            _ => (true, AttributeDiscard),
        };
        if well_formed {
            self.has_raw = true;
        } else {
            self.not_raw.insert(attribute.type_code);
            self.fault(attribute, FaultKind::BadLength, handling);
        }
    }

    #[inline]
    fn number(&mut self, attribute: &RawAttribute<'a>, handling: Handling) -> Option<u32> {
        match attribute.value.try_into() {
            Ok(value) => Some(u32::from_be_bytes(value)),
            Err(_) => {
                self.fault(attribute, FaultKind::BadLength, handling);
                None
            }
        }
    }

    #[inline]
    fn require(&mut self, well_formed: bool, attribute: &RawAttribute<'a>) {
        if !well_formed {
            self.fault(attribute, FaultKind::BadLength, Handling::TreatAsWithdraw);
        }
    }

    #[cold]
    fn fault(&mut self, attribute: &RawAttribute<'a>, kind: FaultKind, handling: Handling) {
        self.faults.push(Fault {
            type_code: attribute.type_code,
            kind,
            handling,
            offset: attribute.offset as u32,
        });
    }

    /// RFC 7606 §3 g: the first counts, but which routes a second MP attribute means can't be said.
    #[cold]
    fn duplicate(&mut self, attribute: &RawAttribute<'a>) {
        let handling = match attribute.type_code {
            code::MP_REACH_NLRI | code::MP_UNREACH_NLRI => Handling::SkipMessage,
            _ => Handling::AttributeDiscard,
        };
        self.fault(attribute, FaultKind::Duplicate, handling);
    }

    /// RFC 7606 §3 c. `true` where the attribute is to be read all the same: its routes have to be withdrawn.
    #[cold]
    fn bad_flags(&mut self, attribute: &RawAttribute<'a>) -> bool {
        let handling = match attribute.type_code {
            // RFC 7311 §3.2 and RFC 9552 §8.2.2 have their own: it counts as absent.
            code::AIGP | code::BGP_LS => Handling::AttributeDiscard,
            _ => Handling::TreatAsWithdraw,
        };
        self.fault(attribute, FaultKind::BadFlags, handling);
        self.not_raw.insert(attribute.type_code);
        matches!(attribute.type_code, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)
    }

    /// RFC 7606 §4: the routes found elsewhere count as withdrawn, unless the broken attribute is the one that has them.
    #[cold]
    fn overrun(&mut self, offset: usize) {
        let type_code = self.field.get(offset + 1).copied().unwrap_or(0);
        self.complete = false;
        self.faults.push(Fault {
            type_code,
            kind: FaultKind::Overrun,
            handling: match type_code {
                code::MP_REACH_NLRI | code::MP_UNREACH_NLRI => Handling::SkipMessage,
                _ => Handling::TreatAsWithdraw,
            },
            offset: offset as u32,
        });
    }

    /// The error of a field that breaks off within MP_REACH_NLRI or MP_UNREACH_NLRI.
    #[cold]
    fn located(&self) -> Result<(), WireError> {
        let mut walk = raw_attributes(self.field);
        loop {
            let type_code = self.field.get(walk.offset() + 1);
            match walk.next() {
                None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => match type_code {
                    Some(&(code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)) => return Err(error),
                    _ => return Ok(()),
                },
            }
        }
    }

    /// RFC 6793 §4.1: between NEW speakers these attributes are not sent, and ignored if they are.
    #[cold]
    fn discard_as4(&mut self) {
        let as4 = [
            (code::AS4_PATH, self.as4_path.take().is_some()),
            (code::AS4_AGGREGATOR, self.as4_aggregator.take().is_some()),
        ];
        for attribute in raw_attributes(self.field).map_while(Result::ok) {
            if as4.contains(&(attribute.type_code, true)) {
                self.fault(&attribute, FaultKind::Unexpected, Handling::AttributeDiscard);
            }
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
