//! The one pass over the attributes of an UPDATE, with the checks of `docs/rfc7606.md`.

use super::aggregator::Aggregator;
use super::as_path::AsPath;
use super::community::{
    ClusterList, Communities, ExtendedCommunities, Ipv6ExtendedCommunities, LargeCommunities,
};
use super::faults::{Fault, FaultKind, Handling};
use super::mp_reach::{MpReach, MpUnreach};
use super::origin::Origin;
use super::path_attributes::PathAttributes;
use super::raw::{FLAG_OPTIONAL, FLAG_PARTIAL, FLAG_TRANSITIVE, RawAttribute, raw_attributes};
use super::tlv;
use crate::bgp::session_context::AsWidth;
use crate::error::WireError;
use crate::iana::attribute_type as code;

/// The optional and transitive flags that an attribute of each type must have; [`ANY_FLAGS`] if they are not checked.
///
/// This is a table because every attribute needs a look-up.
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

/// Entry of [`REQUIRED_FLAGS`] for types whose flags are not checked.
const ANY_FLAGS: u8 = 0xff;

impl<'a> PathAttributes<'a> {
    /// Reads a Path Attributes field. `as_width` is the width of AS numbers that the session negotiated.
    ///
    /// # Errors
    /// The routes cannot be located: MP_REACH_NLRI or MP_UNREACH_NLRI runs past the end of the field. If one of the two is
    /// malformed inside, [`faults`](Self::faults) hold a [`Handling::SkipMessage`] instead.
    pub fn parse(field: &'a [u8], as_width: AsWidth) -> Result<Self, WireError> {
        let mut attributes = Self::unread(field, as_width);
        attributes.read();
        if !attributes.complete && attributes.faults.worst() == Some(Handling::SkipMessage) {
            attributes.located()?;
        }
        Ok(attributes)
    }

    /// Reads the field of [`unread`](Self::unread) attributes. This is [`parse`](Self::parse) for the hot path.
    ///
    /// An error of `parse` is a fault with [`Handling::SkipMessage`] here. The attributes are read in place because they are
    /// large: returning them by value costs about as much as reading them.
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
                // AS 0 is malformed (RFC 7607 §2).
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

    /// Takes a well-formed path. A path with AS 0 is malformed (RFC 7607 §2).
    #[inline]
    fn take_as_path(&mut self, path: AsPath<'a>) {
        if path.has_as_zero() {
            self.fault(FaultKind::BadValue, Handling::TreatAsWithdraw);
        } else {
            self.as_path = Some(path);
        }
    }

    /// Reads AS_PATH with the other width, since some senders negotiate one width and write the other.
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

    /// Checks an attribute that is kept raw for the errors that its RFC calls malformed.
    fn read_raw(&mut self, value: &[u8]) {
        use Handling::{AttributeDiscard, TreatAsWithdraw};

        let (well_formed, handling) = match self.last_type {
            code::AIGP => (tlv::aigp_is_well_formed(value), AttributeDiscard),
            code::PREFIX_SID => match tlv::prefix_sid_fault(value) {
                None => (true, AttributeDiscard),
                Some(handling) => (false, handling),
            },
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

    /// Adds a fault of the attribute that is being read.
    #[cold]
    fn fault(&mut self, kind: FaultKind, handling: Handling) {
        self.faults.push(Fault {
            type_code: self.last_type,
            kind,
            handling,
            offset: self.last_offset,
        });
    }

    /// Adds the fault of a duplicate. The first one counts (RFC 7606 §3 g), but nobody can say which routes a second MP
    /// attribute means.
    #[cold]
    fn duplicate(&mut self) {
        let handling = match self.last_type {
            code::MP_REACH_NLRI | code::MP_UNREACH_NLRI => Handling::SkipMessage,
            _ => Handling::AttributeDiscard,
        };
        self.fault(FaultKind::Duplicate, handling);
    }

    /// Adds the fault of wrong flags (RFC 7606 §3 c). Returns whether the attribute must be read nevertheless, because its
    /// routes count as withdrawn.
    #[cold]
    fn bad_flags(&mut self) -> bool {
        let handling = match self.last_type {
            // RFC 7311 §3.2 and RFC 9552 §8.2.2 have a rule of their own: the attribute counts as absent.
            code::AIGP | code::BGP_LS => Handling::AttributeDiscard,
            _ => Handling::TreatAsWithdraw,
        };
        self.fault(FaultKind::BadFlags, handling);
        self.not_raw.insert(self.last_type);
        matches!(self.last_type, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI)
    }

    /// Adds the fault of an attribute that runs past the end of the field. Routes that are found elsewhere count as withdrawn
    /// (RFC 7606 §4). If the broken attribute holds the routes, the message is skipped.
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

    /// Checks that the field does not end within MP_REACH_NLRI or MP_UNREACH_NLRI.
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

    /// Discards AS4_PATH and AS4_AGGREGATOR. NEW speakers must not send them to each other, and ignore them (RFC 6793 §4.1).
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
