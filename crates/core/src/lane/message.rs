//! The outer fields of a Route Monitoring message with one UPDATE.

use std::ops::Range;

use arancini_schema::encode::Carrier;
use arancini_wire::bgp::attribute::{CommonReach, MP_HEADER_OCTETS};
use arancini_wire::bgp::header::HEADER_LEN;
use arancini_wire::bmp::{COMMON_HEADER_LEN, PER_PEER_HEADER_LEN, PerPeerHeader};
use arancini_wire::iana::{AfiSafi, attribute_type as code};

/// Where the UPDATE's body starts in the message.
const BODY: usize = COMMON_HEADER_LEN + PER_PEER_HEADER_LEN + HEADER_LEN;
/// Where the path attributes start in a message that has no Withdrawn Routes.
const ATTRIBUTES: usize = BODY + 4;

/// A message that may be of the common kind: whether its routes are announced or withdrawn, and where they are.
pub(super) struct CommonMessage<'f> {
    /// The whole BMP message.
    pub frame: &'f [u8],
    /// The bytes behind the message.
    pub behind: &'f [u8],
    pub header: &'f [u8; PER_PEER_HEADER_LEN],
    pub content: Content<'f>,
}

/// The content of a message that may be of the common kind.
pub(super) enum Content<'f> {
    /// The path attributes of announced routes. The routes are the octets `from..` of the frame; if there are none, they are in
    /// MP_REACH_NLRI.
    Announced { attributes: &'f [u8], from: usize },
    /// The withdrawn routes are the octets `from..to` of the frame.
    Withdrawn { part: Part, from: usize, to: usize },
}

/// The part of an UPDATE that carries routes, and their family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub family: AfiSafi,
    pub carrier: Carrier,
}

impl Part {
    /// The UPDATE's own field of announced or withdrawn routes.
    pub const FIELD: Self = Self {
        family: AfiSafi::IPV4_UNICAST,
        carrier: Carrier::UpdateField,
    };

    /// MP_REACH_NLRI or MP_UNREACH_NLRI of this family.
    pub const fn multi_protocol(family: AfiSafi) -> Self {
        Self {
            family,
            carrier: Carrier::MultiProtocol,
        }
    }
}

/// Two octets at an offset, as a number.
#[inline(always)]
fn number(front: &[u8; ATTRIBUTES], at: usize) -> usize {
    usize::from(u16::from_be_bytes([front[at], front[at + 1]]))
}

impl<'f> CommonMessage<'f> {
    /// Reads the outer fields of a whole BMP message, behind which these bytes stand. `None`: it takes the general way.
    #[inline(always)]
    pub fn read(frame: &'f [u8], behind: &'f [u8]) -> Option<Self> {
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
            let content = Content::Withdrawn {
                part: Part::FIELD,
                from,
                to,
            };
            return is_all.then_some(Self {
                frame,
                behind,
                header,
                content,
            });
        }
        let (attributes, nlri) = rest.split_at_checked(number(front, BODY + 2))?;
        let content = match attributes {
            // MP_UNREACH_NLRI alone withdraws routes. Without routes, it is End-of-RIB.
            [0x80, code::MP_UNREACH_NLRI, length, high, low, safi, field @ ..]
            | [
                0x90,
                code::MP_UNREACH_NLRI,
                0,
                length,
                high,
                low,
                safi,
                field @ ..,
            ] if usize::from(*length) == field.len() + MP_HEADER_OCTETS
                && !field.is_empty()
                && nlri.is_empty() =>
            {
                Content::Withdrawn {
                    part: Part::multi_protocol(AfiSafi::new(u16::from_be_bytes([*high, *low]), *safi)),
                    from: frame.len() - field.len(),
                    to: frame.len(),
                }
            }
            _ => Content::Announced {
                attributes,
                from: ATTRIBUTES + attributes.len(),
            },
        };
        Some(Self {
            frame,
            behind,
            header,
            content,
        })
    }

    /// The per-peer header.
    #[inline(always)]
    pub const fn per_peer_header(&self) -> PerPeerHeader<'f> {
        PerPeerHeader::new(self.header)
    }
}

/// Where the routes of MP_REACH_NLRI are in the frame of a message without Withdrawn Routes.
#[inline(always)]
pub(super) const fn routes_of_reach(reach: &CommonReach<'_>) -> Range<usize> {
    let end = ATTRIBUTES + reach.end;
    end - reach.nlri.len()..end
}

/// Where the first announced route of the message at the start of `bytes` is, in the UPDATE's own field. `None` if there is none.
/// The message may be incomplete, and nothing of it has been checked.
#[inline(always)]
pub(super) fn first_route(bytes: &[u8]) -> Option<Range<usize>> {
    let front = bytes.first_chunk::<ATTRIBUTES>()?;
    let end = u32::from_be_bytes([front[1], front[2], front[3], front[4]]) as usize;
    let from = ATTRIBUTES + number(front, BODY + 2);
    let announces = front[COMMON_HEADER_LEN - 1] == 0 && number(front, BODY) == 0 && from < end;
    announces.then_some(from..end)
}
