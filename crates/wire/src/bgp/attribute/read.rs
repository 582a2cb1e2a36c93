//! The one pass over the attributes, and the judgement of each: the code of `docs/rfc7606.md`.

use super::raw::{FLAG_OPTIONAL, FLAG_PARTIAL, FLAG_TRANSITIVE, RawAttribute, raw_attributes};
use super::{
    Aggregator, AsPath, ClusterList, Communities, ExtendedCommunities, Fault, FaultKind, Handling,
    Ipv6ExtendedCommunities, LargeCommunities, MpReach, MpUnreach, Origin, PathAttributes, tlv,
};
use crate::WireError;
use crate::bgp::AsWidth;
use crate::iana::attribute_type as code;

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

impl<'a> PathAttributes<'a> {
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
                Some(Ok(attribute)) => self.read_attribute(attribute),
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

    #[inline]
    fn read_attribute(&mut self, attribute: RawAttribute<'a>) {
        use FaultKind::{BadLength, BadValue};
        use Handling::{AttributeDiscard, SkipMessage, TreatAsWithdraw};

        let RawAttribute {
            flags,
            type_code,
            value,
            offset,
        } = attribute;
        let flags_that_count = FLAG_OPTIONAL | FLAG_TRANSITIVE | FLAG_PARTIAL;
        self.tidy &= flags & !flags_that_count == 0 && type_code >= self.last_type;
        self.last_type = type_code;
        self.last_offset = offset as u32;
        if !self.seen.insert(type_code) {
            return self.duplicate();
        }
        let required = REQUIRED_FLAGS[usize::from(type_code)];
        if flags & (FLAG_OPTIONAL | FLAG_TRANSITIVE) != required && required != ANY_FLAGS && !self.bad_flags()
        {
            return;
        }
        match type_code {
            code::ORIGIN => match *value {
                [0] => self.origin = Some(Origin::Igp),
                [1] => self.origin = Some(Origin::Egp),
                [2] => self.origin = Some(Origin::Incomplete),
                [_] => self.fault(BadValue, TreatAsWithdraw),
                _ => self.fault(BadLength, TreatAsWithdraw),
            },
            code::AS_PATH => self.read_as_path(value),
            code::NEXT_HOP => match value.try_into() {
                Ok(address) => self.next_hop = Some(address),
                Err(_) => self.fault(BadLength, TreatAsWithdraw),
            },
            code::MULTI_EXIT_DISC => {
                self.multi_exit_disc = self.number(value, TreatAsWithdraw);
            }
            code::LOCAL_PREF => self.local_preference = self.number(value, TreatAsWithdraw),
            code::ATOMIC_AGGREGATE => match value {
                [] => self.atomic_aggregate = true,
                _ => self.fault(BadLength, AttributeDiscard),
            },
            code::AGGREGATOR => match Aggregator::parse(value) {
                // RFC 7607 §2: AS 0 is malformed.
                Some((Aggregator { asn: 0, .. }, _)) => {
                    self.fault(BadValue, AttributeDiscard);
                }
                Some((aggregator, width)) => {
                    self.aggregator = Some(aggregator);
                    self.quirk_as_width |= width != self.as_width;
                }
                None => self.fault(BadLength, AttributeDiscard),
            },
            code::COMMUNITIES => {
                self.communities = Communities::new_checked(value);
                self.require(self.communities.is_some());
            }
            code::ORIGINATOR_ID => self.originator_id = self.number(value, TreatAsWithdraw),
            code::CLUSTER_LIST => {
                self.cluster_list = ClusterList::new_checked(value);
                self.require(self.cluster_list.is_some());
            }
            code::MP_REACH_NLRI => {
                self.tidy = false;
                self.mp_reach = MpReach::parse(value, attribute.value_offset());
                if self.mp_reach.is_none() {
                    self.fault(BadLength, SkipMessage);
                }
            }
            code::MP_UNREACH_NLRI => {
                self.tidy = false;
                self.mp_unreach = MpUnreach::parse(value, attribute.value_offset());
                if self.mp_unreach.is_none() {
                    self.fault(BadLength, SkipMessage);
                }
            }
            code::EXTENDED_COMMUNITIES => {
                self.extended_communities = ExtendedCommunities::new_checked(value);
                self.require(self.extended_communities.is_some());
            }
            code::IPV6_EXTENDED_COMMUNITIES => {
                self.ipv6_extended_communities = Ipv6ExtendedCommunities::new_checked(value);
                self.require(self.ipv6_extended_communities.is_some());
            }
            code::LARGE_COMMUNITIES => {
                self.large_communities = LargeCommunities::new_checked(value);
                self.require(self.large_communities.is_some());
            }
            code::ONLY_TO_CUSTOMER => {
                self.only_to_customer = self.number(value, TreatAsWithdraw);
            }
            code::AS4_PATH => match AsPath::new_checked(value, AsWidth::Four) {
                None => self.fault(BadLength, AttributeDiscard),
                Some(path) if path.is_empty() => {
                    self.fault(BadLength, AttributeDiscard);
                }
                Some(path) if path.has_as_zero() => {
                    self.fault(BadValue, AttributeDiscard);
                }
                Some(path) => self.as4_path = Some(path),
            },
            code::AS4_AGGREGATOR => match Aggregator::parse(value) {
                Some((Aggregator { asn: 0, .. }, AsWidth::Four)) => {
                    self.fault(BadValue, AttributeDiscard);
                }
                Some((aggregator, AsWidth::Four)) => self.as4_aggregator = Some(aggregator),
                _ => self.fault(BadLength, AttributeDiscard),
            },
            _ => self.read_raw(value),
        }
    }

    #[inline]
    fn read_as_path(&mut self, value: &'a [u8]) {
        match AsPath::new_checked(value, self.as_width) {
            Some(path) => self.take_as_path(path),
            None => self.read_as_path_otherwise(value),
        }
    }

    /// RFC 7607 §2: AS 0 is malformed.
    #[inline]
    fn take_as_path(&mut self, path: AsPath<'a>) {
        if path.has_as_zero() {
            self.fault(FaultKind::BadValue, Handling::TreatAsWithdraw);
        } else {
            self.as_path = Some(path);
        }
    }

    /// The second opinion: some senders say one width and write the other.
    #[cold]
    fn read_as_path_otherwise(&mut self, value: &'a [u8]) {
        let other = match self.as_width {
            AsWidth::Two => AsWidth::Four,
            AsWidth::Four => AsWidth::Two,
        };
        match AsPath::new_checked(value, other) {
            Some(path) => {
                self.as_width = other;
                self.quirk_as_width = true;
                self.take_as_path(path);
            }
            None => self.fault(FaultKind::BadLength, Handling::TreatAsWithdraw),
        }
    }

    /// An attribute that is kept raw: only what its RFC calls malformed is looked for.
    fn read_raw(&mut self, value: &[u8]) {
        use Handling::{AttributeDiscard, TreatAsWithdraw};

        let (well_formed, handling) = match self.last_type {
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
            self.not_raw.insert(self.last_type);
            self.fault(FaultKind::BadLength, handling);
        }
    }

    #[inline]
    fn number(&mut self, value: &[u8], handling: Handling) -> Option<u32> {
        match value.try_into() {
            Ok(value) => Some(u32::from_be_bytes(value)),
            Err(_) => {
                self.fault(FaultKind::BadLength, handling);
                None
            }
        }
    }

    #[inline]
    fn require(&mut self, well_formed: bool) {
        if !well_formed {
            self.fault(FaultKind::BadLength, Handling::TreatAsWithdraw);
        }
    }

    /// A fault of the attribute that was come to last.
    #[cold]
    fn fault(&mut self, kind: FaultKind, handling: Handling) {
        self.faults.push(Fault {
            type_code: self.last_type,
            kind,
            handling,
            offset: self.last_offset,
        });
    }

    /// RFC 7606 §3 g: the first counts, but which routes a second MP attribute means can't be said.
    #[cold]
    fn duplicate(&mut self) {
        let handling = match self.last_type {
            code::MP_REACH_NLRI | code::MP_UNREACH_NLRI => Handling::SkipMessage,
            _ => Handling::AttributeDiscard,
        };
        self.fault(FaultKind::Duplicate, handling);
    }

    /// RFC 7606 §3 c. `true` where the attribute is to be read all the same: its routes have to be withdrawn.
    #[cold]
    fn bad_flags(&mut self) -> bool {
        let handling = match self.last_type {
            // RFC 7311 §3.2 and RFC 9552 §8.2.2 have their own: it counts as absent.
            code::AIGP | code::BGP_LS => Handling::AttributeDiscard,
            _ => Handling::TreatAsWithdraw,
        };
        self.fault(FaultKind::BadFlags, handling);
        self.not_raw.insert(self.last_type);
        matches!(self.last_type, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)
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
    pub(super) fn located(&self) -> Result<(), WireError> {
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
                (self.last_type, self.last_offset) = (attribute.type_code, attribute.offset as u32);
                self.fault(FaultKind::Unexpected, Handling::AttributeDiscard);
            }
        }
    }
}
