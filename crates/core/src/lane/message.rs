//! The outer fields of a Route Monitoring message with one UPDATE.

use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bmp::{COMMON_HEADER_LEN, PER_PEER_HEADER_LEN, PerPeerHeader};
use arancini_wire::iana::{AfiSafi, attribute_type as code};

/// Where the UPDATE's body starts in the message.
const BODY: usize = COMMON_HEADER_LEN + PER_PEER_HEADER_LEN + HEADER_LEN;
/// Where the path attributes start in a message that has no Withdrawn Routes.
const ATTRIBUTES: usize = BODY + 4;

/// A message that may be of the common kind: whether its routes are announced or withdrawn, and where they are.
pub(super) struct CommonMessage<'f> {
    pub header: &'f [u8; PER_PEER_HEADER_LEN],
    pub family: AfiSafi,
    pub routes: Routes<'f>,
}

/// The routes of a message that may be of the common kind.
pub(super) enum Routes<'f> {
    /// The message has these path attributes and, for IPv4, the routes `from..` of the frame. The other routes are in
    /// MP_REACH_NLRI.
    Announced { attributes: &'f [u8], from: usize },
    /// The routes `from..to` of the frame.
    Withdrawn { from: usize, to: usize },
}

/// Two octets at an offset, as a number.
#[inline(always)]
fn number(front: &[u8; ATTRIBUTES], at: usize) -> usize {
    usize::from(u16::from_be_bytes([front[at], front[at + 1]]))
}

impl<'f> CommonMessage<'f> {
    /// Where path attributes start in the frame.
    pub const ATTRIBUTES: usize = ATTRIBUTES;

    /// Reads the outer fields of a whole BMP message. `None`: it takes the general way.
    #[inline(always)]
    pub fn read(frame: &'f [u8]) -> Option<Self> {
        const ROUTE_MONITORING: u8 = 0;
        const UPDATE: u8 = 2;
        let (front, rest) = frame.split_first_chunk::<ATTRIBUTES>()?;
        let is_one_update = front[COMMON_HEADER_LEN - 1] == ROUTE_MONITORING
            && front[BODY - 1] == UPDATE
            && number(front, BODY - 3) == frame.len() - (BODY - HEADER_LEN);
        if !is_one_update {
            return None;
        }
        let header = front[COMMON_HEADER_LEN..].first_chunk()?;
        let withdrawn = number(front, BODY);
        if withdrawn != 0 {
            // The path attributes are empty: their length ends the message.
            let (from, to) = (BODY + 2, BODY + 2 + withdrawn);
            let is_all = to + 2 == frame.len() && *frame.last_chunk()? == [0, 0];
            return is_all.then_some(Self {
                header,
                family: AfiSafi::IPV4_UNICAST,
                routes: Routes::Withdrawn { from, to },
            });
        }
        let (attributes, nlri) = rest.split_at_checked(number(front, BODY + 2))?;
        let from = ATTRIBUTES + attributes.len();
        if !nlri.is_empty() {
            return Some(Self {
                header,
                family: AfiSafi::IPV4_UNICAST,
                routes: Routes::Announced { attributes, from },
            });
        }
        // MP_UNREACH_NLRI alone, or MP_REACH_NLRI among others.
        let routes = match attributes {
            [0x80, code::MP_UNREACH_NLRI, length, 0, 2, 1, field @ ..]
            | [0x90, code::MP_UNREACH_NLRI, 0, length, 0, 2, 1, field @ ..]
                if usize::from(*length) == field.len() + 3 && !field.is_empty() =>
            {
                Routes::Withdrawn {
                    from: frame.len() - field.len(),
                    to: frame.len(),
                }
            }
            _ => Routes::Announced { attributes, from },
        };
        Some(Self {
            header,
            family: AfiSafi::IPV6_UNICAST,
            routes,
        })
    }

    /// The per-peer header.
    #[inline(always)]
    pub const fn per_peer_header(&self) -> PerPeerHeader<'f> {
        PerPeerHeader::new(self.header)
    }
}
