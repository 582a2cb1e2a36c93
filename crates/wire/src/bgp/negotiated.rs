//! The session parameters that two OPENs agree on, and how they decide the reading of UPDATEs.

use super::capability::{ADD_PATH_RECEIVE, ADD_PATH_SEND, Capability};
use super::open::Open;
use super::session_context::{AsWidth, FamilySet, SessionContext};
use crate::iana::AfiSafi;
use crate::rib_view::RibView;

/// Session parameters that the OPENs of a Peer Up agree on. The router sent the "sent" OPEN, its peer the "received" one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Whether both speakers use 4-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// Families with path identifiers in routes that the router receives (Adj-RIB-In).
    pub add_path_in: FamilySet,
    /// Families with path identifiers in routes that the router sends (Adj-RIB-Out).
    pub add_path_out: FamilySet,
    /// Families with path identifiers in the Loc-RIB. The router makes both OPENs of a Loc-RIB itself (RFC 9069 §5.2).
    pub add_path_loc_rib: FamilySet,
    /// Whether both speakers accept messages up to 65535 bytes (RFC 8654).
    pub extended_message: bool,
    /// The router's AS number.
    pub sent_as: u32,
    /// The peer's AS number.
    pub received_as: u32,
}

/// The session parameters that one OPEN offers.
struct Offer {
    four_octet_as: bool,
    extended_message: bool,
    receives: FamilySet,
    sends: FamilySet,
}

impl Offer {
    fn of(open: &Open<'_>) -> Self {
        let mut offer = Self {
            four_octet_as: false,
            extended_message: false,
            receives: FamilySet::EMPTY,
            sends: FamilySet::EMPTY,
        };
        // A damaged capability counts as not offered.
        for capability in open.capabilities().flatten() {
            match capability {
                Capability::FourOctetAs(_) => offer.four_octet_as = true,
                Capability::ExtendedMessage => offer.extended_message = true,
                Capability::AddPath(families) => {
                    // An OPEN with extended parameters can list 15,000 families.
                    for (family, mode) in families.iter() {
                        if mode & ADD_PATH_RECEIVE != 0 && !offer.receives.is_full() {
                            offer.receives.insert(family);
                        }
                        if mode & ADD_PATH_SEND != 0 && !offer.sends.is_full() {
                            offer.sends.insert(family);
                        }
                    }
                }
                _ => {}
            }
        }
        offer
    }

    fn lists(&self, family: AfiSafi) -> bool {
        self.receives.contains(family) || self.sends.contains(family)
    }
}

impl Negotiated {
    /// Compares two OPENs. A family has path identifiers in one direction if one speaker can send them and the other can
    /// receive them (RFC 7911 §4).
    #[must_use]
    pub fn from_opens(sent: &Open<'_>, received: &Open<'_>) -> Self {
        let router = Offer::of(sent);
        let peer = Offer::of(received);
        let mut add_path_loc_rib = FamilySet::EMPTY;
        for family in router.receives.iter().chain(router.sends.iter()) {
            if peer.lists(family) {
                add_path_loc_rib.insert(family);
            }
        }
        Self {
            four_octet_as: router.four_octet_as && peer.four_octet_as,
            add_path_in: common(&router.receives, &peer.sends),
            add_path_out: common(&router.sends, &peer.receives),
            add_path_loc_rib,
            extended_message: router.extended_message && peer.extended_message,
            sent_as: sent.asn(),
            received_as: received.asn(),
        }
    }

    /// The context for reading UPDATEs of this view, according to the OPENs.
    ///
    /// The A flag of a Route Monitoring message could only change the context to 2-octet AS numbers. Senders set that flag
    /// wrong in both ways: FRR 8.4 does not set it although AS_PATH is 2-octet, and GoBGP re-encodes AS_PATH to 4 octets
    /// after policy. Loc-RIB is always 4-octet (RFC 9069 §4.2).
    #[must_use]
    pub const fn context(&self, view: RibView) -> SessionContext {
        let negotiated_width = if self.four_octet_as {
            AsWidth::Four
        } else {
            AsWidth::Two
        };
        let as_width = match view {
            RibView::LocRib => AsWidth::Four,
            _ => negotiated_width,
        };
        SessionContext {
            as_width,
            add_path: *self.add_path(view),
        }
    }

    /// Families with path identifiers in this view.
    #[inline]
    #[must_use]
    pub const fn add_path(&self, view: RibView) -> &FamilySet {
        match view {
            RibView::AdjRibInPre | RibView::AdjRibInPost => &self.add_path_in,
            RibView::AdjRibOutPre | RibView::AdjRibOutPost => &self.add_path_out,
            RibView::LocRib => &self.add_path_loc_rib,
        }
    }
}

/// The families that both sets contain.
fn common(one: &FamilySet, other: &FamilySet) -> FamilySet {
    let mut both = FamilySet::EMPTY;
    for family in one.iter().filter(|&family| other.contains(family)) {
        both.insert(family);
    }
    both
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_opens::open_with;
    use super::*;

    fn negotiated(sent: &[u8], received: &[u8]) -> Negotiated {
        let (sent, received) = (open_with(sent), open_with(received));
        Negotiated::from_opens(
            &Open::new_checked(&sent).unwrap(),
            &Open::new_checked(&received).unwrap(),
        )
    }

    #[test]
    fn four_octet_as_takes_two() {
        let four = [65, 4, 0, 1, 0, 0];
        assert!(negotiated(&four, &four).four_octet_as);
        let half = negotiated(&four, &[]);
        assert!(!half.four_octet_as);
        assert_eq!((half.sent_as, half.received_as), (65536, 64512));
        assert_eq!(half.context(RibView::AdjRibInPre).as_width, AsWidth::Two);
        assert_eq!(half.context(RibView::LocRib).as_width, AsWidth::Four);
    }

    #[test]
    fn path_identifiers_have_a_direction() {
        // The router receives them in both families, the peer sends them in IPv4 only and receives in IPv6.
        let found = negotiated(&[69, 8, 0, 1, 1, 1, 0, 2, 1, 1], &[69, 8, 0, 1, 1, 2, 0, 2, 1, 1]);
        let holds = |view: RibView, family: AfiSafi| found.context(view).add_path.contains(family);
        assert!(holds(RibView::AdjRibInPre, AfiSafi::IPV4_UNICAST));
        assert!(holds(RibView::AdjRibInPost, AfiSafi::IPV4_UNICAST));
        assert!(!holds(RibView::AdjRibInPre, AfiSafi::IPV6_UNICAST));
        assert!(!holds(RibView::AdjRibOutPost, AfiSafi::IPV4_UNICAST));
        assert!(holds(RibView::LocRib, AfiSafi::IPV4_UNICAST));
        assert!(holds(RibView::LocRib, AfiSafi::IPV6_UNICAST));
    }

    #[test]
    fn both_ways_in_both_opens_is_both_directions() {
        let both = [69, 4, 0, 1, 1, 3];
        let found = negotiated(&both, &both);
        assert!(found.add_path_in.contains(AfiSafi::IPV4_UNICAST));
        assert!(found.add_path_out.contains(AfiSafi::IPV4_UNICAST));
        assert!(negotiated(&both, &[]).add_path_loc_rib.is_empty());
    }

    #[test]
    fn extended_messages_take_two() {
        assert!(negotiated(&[6, 0], &[6, 0]).extended_message);
        assert!(!negotiated(&[6, 0], &[]).extended_message);
    }
}
