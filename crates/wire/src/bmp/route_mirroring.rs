//! Route Mirroring (RFC 7854 §4.7): unchanged copies of the BGP messages that a peer sent.

use super::per_peer_header::{PEER_BODY_OFFSET, PerPeerHeader};
use super::tlv::Tlvs;
use crate::error::WireError;
use crate::iana::bmp::{MirroringInformation, RouteMirroringTlv};

/// A Route Mirroring message.
#[derive(Debug, Clone, Copy)]
pub struct RouteMirroring<'a> {
    peer: PerPeerHeader<'a>,
    list: &'a [u8],
}

impl<'a> RouteMirroring<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let (peer, list) = PerPeerHeader::split(body)?;
        Ok(Self { peer, list })
    }

    /// The peer whose messages are mirrored. Its A flag has no meaning here (RFC 7854 §4.2).
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// The elements as raw TLVs.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.list, PEER_BODY_OFFSET)
    }

    /// The elements, in order.
    #[must_use]
    pub const fn items(&self) -> MirroredItems<'a> {
        MirroredItems(self.tlvs())
    }
}

/// One element of a Route Mirroring message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirrored<'a> {
    /// A BGP message, header included. It may be damaged: routers mirror messages that they could not read.
    BgpMessage(&'a [u8]),
    /// A code about the mirroring itself, such as lost messages.
    Information(MirroringInformation),
    /// An element of an unknown type.
    Unknown {
        /// Number of the type.
        tlv_type: u16,
        /// Value of the element.
        value: &'a [u8],
    },
}

/// Iterates over the elements of a Route Mirroring message.
#[derive(Debug, Clone)]
pub struct MirroredItems<'a>(Tlvs<'a>);

impl<'a> Iterator for MirroredItems<'a> {
    type Item = Result<Mirrored<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let tlv = match self.0.next()? {
            Ok(tlv) => tlv,
            Err(error) => return Some(Err(error)),
        };
        Some(match RouteMirroringTlv::from_code(tlv.tlv_type) {
            RouteMirroringTlv::BgpMessage => Ok(Mirrored::BgpMessage(tlv.value)),
            RouteMirroringTlv::Information => match *tlv.value {
                [a, b] => Ok(Mirrored::Information(MirroringInformation::from_code(
                    u16::from_be_bytes([a, b]),
                ))),
                _ => Err(WireError::invalid(
                    tlv.offset + 2,
                    "Route Mirroring information length",
                    tlv.value.len() as u64,
                )),
            },
            RouteMirroringTlv::Unknown(tlv_type) => Ok(Mirrored::Unknown {
                tlv_type,
                value: tlv.value,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::{body, peer_frame};
    use super::*;

    #[test]
    fn messages_and_information_are_told_apart() {
        let list = [
            0, 1, 0, 2, 0, 1, // messages lost
            0, 0, 0, 3, 1, 2, 3, // a BGP message
            0, 1, 0, 1, 0, // information cut short
            0, 7, 0, 1, 9, // unknown
        ];
        let frame = peer_frame(6, &list);
        let message = RouteMirroring::new(body(&frame)).unwrap();
        let items: Vec<_> = message.items().collect();
        assert_eq!(
            items,
            [
                Ok(Mirrored::Information(MirroringInformation::MessagesLost)),
                Ok(Mirrored::BgpMessage(&[1, 2, 3])),
                Err(WireError::invalid(63, "Route Mirroring information length", 1)),
                Ok(Mirrored::Unknown {
                    tlv_type: 7,
                    value: &[9]
                }),
            ]
        );
    }
}
