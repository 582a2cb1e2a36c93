//! The forms of an UPDATE: where its routes stand, and what surrounds each prefix.

use std::net::Ipv4Addr;

use arancini_wire::iana::AfiSafi;

use super::mix::Mix;
use crate::update::Nlri;

/// The size of the largest BGP message (RFC 4271 §4.1), less the header, the two lengths, and the longest attributes that a
/// mix writes.
pub(super) const MOST_NLRI_OCTETS: usize = 3500;

/// Attribute flags (RFC 4271 §4.3): optional, with extended length.
const OPTIONAL_EXTENDED: u8 = 0x90;

/// The form in which routes of one family are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// IPv4 routes in the fields of the UPDATE itself.
    Classic {
        /// NEXT_HOP.
        next_hop: Ipv4Addr,
    },
    /// Routes in MP_REACH_NLRI, which is the first attribute and has the extended-length flag, as FRR and BIRD write it.
    MultiProtocol {
        /// The family.
        family: AfiSafi,
        /// The octets of the next hop.
        next_hop: Vec<u8>,
        /// The octets before each prefix: label and route distinguisher of a VPN route.
        head: Vec<u8>,
    },
}

impl Form {
    /// Returns how many octets a route takes.
    pub(super) fn octets(&self, nlri: Nlri) -> usize {
        let mut octets = Vec::new();
        nlri.write(self.head(), &mut octets);
        octets.len()
    }

    /// Returns the body of an UPDATE that announces routes with the attributes of this set.
    pub(super) fn announce(&self, routes: &[Nlri], mix: &Mix, set: u64) -> Vec<u8> {
        let mut nlri = Vec::new();
        for route in routes {
            route.write(self.head(), &mut nlri);
        }
        let mut attributes = Vec::new();
        let mut classic = Vec::new();
        match self {
            Self::Classic { next_hop } => {
                mix.write(set, Some(*next_hop), &mut attributes);
                classic = nlri;
            }
            Self::MultiProtocol { family, next_hop, .. } => {
                let length = 2 + 1 + 1 + next_hop.len() + 1 + nlri.len();
                attributes.extend([OPTIONAL_EXTENDED, 14]);
                attributes.extend((length as u16).to_be_bytes());
                attributes.extend(family.afi.to_be_bytes());
                attributes.extend([family.safi, next_hop.len() as u8]);
                attributes.extend(next_hop);
                attributes.push(0);
                attributes.extend(nlri);
                mix.write(set, None, &mut attributes);
            }
        }
        let mut body = vec![0, 0];
        body.extend((attributes.len() as u16).to_be_bytes());
        body.extend(attributes);
        body.extend(classic);
        body
    }

    /// Returns the body of an UPDATE that withdraws routes of the classic form.
    pub(super) fn withdraw(&self, routes: &[Nlri]) -> Vec<u8> {
        let mut withdrawn = Vec::new();
        for route in routes {
            route.write(self.head(), &mut withdrawn);
        }
        let mut body = (withdrawn.len() as u16).to_be_bytes().to_vec();
        body.extend(withdrawn);
        body.extend([0, 0]);
        body
    }

    /// Returns the address family of the routes.
    pub(super) const fn afi(&self) -> u16 {
        match self {
            Self::Classic { .. } => 1,
            Self::MultiProtocol { family, .. } => family.afi,
        }
    }

    fn head(&self) -> &[u8] {
        match self {
            Self::Classic { .. } => &[],
            Self::MultiProtocol { head, .. } => head,
        }
    }
}
