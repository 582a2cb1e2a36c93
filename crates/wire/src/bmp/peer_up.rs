//! Peer Up Notification (RFC 7854 §4.10, RFC 9069 §5.2, RFC 9736 §3): which peer's session came up, and its OPENs.

use super::per_peer_header::{PEER_BODY_OFFSET, PerPeerHeader, address_16};
use super::tlv::Tlvs;
use crate::bgp::header::HEADER_LEN;
use crate::bgp::{MessageType, Negotiated, Open, Pdu};
use crate::error::WireError;
use crate::iana::bmp::PeerUpTlv;

/// Length of the local address and the two ports.
const FIXED_LEN: usize = 20;

/// A Peer Up Notification.
#[derive(Debug, Clone, Copy)]
pub struct PeerUp<'a> {
    peer: PerPeerHeader<'a>,
    fixed: &'a [u8; FIXED_LEN],
    sent: Open<'a>,
    received: Open<'a>,
    open_error: Option<WireError>,
    information: &'a [u8],
    information_offset: usize,
}

impl<'a> PeerUp<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let (peer, rest) = PerPeerHeader::split(body)?;
        let offset = PEER_BODY_OFFSET;
        let Some((fixed, rest)) = rest.split_first_chunk() else {
            return Err(WireError::truncated(offset, FIXED_LEN, rest.len()));
        };
        let offset = offset + FIXED_LEN;
        let (sent, rest, sent_error) = split_open(rest, offset)?;
        let offset = offset + sent.as_bytes().len();
        let (received, information, received_error) = split_open(rest, offset)?;
        let information_offset = offset + received.as_bytes().len();
        Ok(Self {
            peer,
            fixed,
            sent,
            received,
            open_error: sent_error.or(received_error),
            information,
            information_offset,
        })
    }

    /// The peer whose session came up.
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// The router's own address in the session, in 16 bytes, IPv4 as IPv4-mapped IPv6. All zero for Loc-RIB.
    #[must_use]
    pub const fn local_address(&self) -> [u8; 16] {
        if self.peer.is_loc_rib() {
            return [0; 16];
        }
        let f = self.fixed;
        address_16(
            [
                f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12], f[13],
                f[14], f[15],
            ],
            self.peer.is_ipv6(),
        )
    }

    /// The router's TCP port in the session.
    #[must_use]
    pub const fn local_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[16], self.fixed[17]])
    }

    /// The peer's TCP port in the session.
    #[must_use]
    pub const fn remote_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[18], self.fixed[19]])
    }

    /// The OPEN that the router sent.
    #[must_use]
    pub const fn sent_open(&self) -> Open<'a> {
        self.sent
    }

    /// The OPEN that the router received.
    #[must_use]
    pub const fn received_open(&self) -> Open<'a> {
        self.received
    }

    /// The first error in the two OPENs; `None` if both are well-formed.
    ///
    /// The peer is up nevertheless. The OPENs then hold what could be read: an OPEN may be a header only, may be cut off, or may
    /// have octets behind its parameters.
    #[must_use]
    pub const fn open_error(&self) -> Option<WireError> {
        self.open_error
    }

    /// The session parameters that the two OPENs agree on.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        Negotiated::from_opens(&self.sent, &self.received)
    }

    /// All information TLVs.
    #[must_use]
    pub const fn tlvs(&self) -> Tlvs<'a> {
        Tlvs::new(self.information, self.information_offset)
    }

    /// The first free text about the peer.
    #[must_use]
    pub fn string(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(PeerUpTlv::String.code())
    }

    /// Name of the VRF or table (RFC 9069 §5.2.1).
    #[must_use]
    pub fn table_name(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(PeerUpTlv::TableName.code())
    }

    /// Administrative label (RFC 8671 §6.3.1).
    #[must_use]
    pub fn admin_label(&self) -> Option<&'a [u8]> {
        self.tlvs().find_value(PeerUpTlv::AdminLabel.code())
    }
}

/// Splits one OPEN off the front of `bytes`, which start at `offset` of the BMP message. Returns the OPEN as far as it can be
/// read, the bytes behind it, and the first error in it.
///
/// # Errors
/// No OPEN starts here, so that nobody knows what follows.
fn split_open(bytes: &[u8], offset: usize) -> Result<(Open<'_>, &[u8], Option<WireError>), WireError> {
    let (pdu, rest, missing_end) = Pdu::split_readable(bytes).map_err(|error| error.at(offset))?;
    if pdu.kind() != MessageType::Open {
        let message_type = u64::from(pdu.message_type);
        return Err(WireError::invalid(
            offset + HEADER_LEN - 1,
            "BGP message type",
            message_type,
        ));
    }
    let (open, error) = Open::readable(pdu.as_bytes());
    let error = missing_end.or(error).map(|error| error.at(offset));
    Ok((open, rest, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::{body as body_of, pdu, peer_frame};
    use super::*;

    /// OPEN of AS 64512 with `parameters`.
    fn open(parameters: &[u8]) -> Vec<u8> {
        let mut body = vec![4, 0xfc, 0, 0, 180, 192, 0, 2, 1];
        body.push(u8::try_from(parameters.len()).unwrap());
        body.extend_from_slice(parameters);
        pdu(1, &body)
    }

    fn body(sent: &[u8], received: &[u8], information: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 12];
        body.extend_from_slice(&[203, 0, 113, 1, 0, 179, 0x80, 0x01]);
        body.extend_from_slice(sent);
        body.extend_from_slice(received);
        body.extend_from_slice(information);
        body
    }

    #[test]
    fn all_parts_are_found() {
        let frame = peer_frame(
            3,
            &body(
                &open(&[]),
                &open(&[2, 2, 2, 0]),
                &[0, 3, 0, 3, b'v', b'r', b'f', 0, 4, 0, 1, b'x'],
            ),
        );
        let message = PeerUp::new(body_of(&frame)).unwrap();
        assert_eq!(message.local_address()[10..], [0xff, 0xff, 203, 0, 113, 1]);
        assert_eq!(message.local_port(), 179);
        assert_eq!(message.remote_port(), 32769);
        assert_eq!(message.sent_open().my_as(), 64512);
        assert_eq!(message.received_open().capabilities().count(), 1);
        assert_eq!(message.table_name(), Some(b"vrf".as_slice()));
        assert_eq!(message.admin_label(), Some(b"x".as_slice()));
        assert_eq!(message.string(), None);
        assert_eq!(message.tlvs().next().unwrap().unwrap().offset, 130);
    }

    /// Some routers send OPENs that are a header only, or with octets behind their parameters.
    #[test]
    fn the_peer_is_up_with_what_can_be_read_of_its_opens() {
        let whole = open(&[2, 6, 65, 4, 0, 1, 0, 0]);
        let header_only = pdu(1, &[]);
        let trailing = pdu(1, &[4, 0xfc, 0, 0, 180, 192, 0, 2, 1, 0, 7, 7]);
        let information = [0, 3, 0, 1, b'v'];
        for (received, offset, asn) in [(&header_only, 68 + 37 + 19, 0), (&trailing, 68 + 37 + 29, 64512)] {
            let frame = peer_frame(3, &body(&whole, received, &information));
            let message = PeerUp::new(body_of(&frame)).unwrap();
            assert_eq!(message.open_error().map(|error| error.offset), Some(offset));
            assert_eq!(message.sent_open().asn(), 65536);
            assert_eq!(message.received_open().asn(), asn);
            assert_eq!(message.received_open().capabilities().count(), 0);
            assert_eq!(message.received_open().as_bytes(), &received[..]);
            assert_eq!(message.table_name(), Some(b"v".as_slice()));
            assert!(!message.negotiated().four_octet_as);
        }
        // The frame ends within the second OPEN.
        let frame = peer_frame(3, &body(&whole, &whole[..25], &[]));
        let message = PeerUp::new(body_of(&frame)).unwrap();
        assert_eq!(message.open_error(), Some(WireError::truncated(68 + 37, 37, 25)));
        assert_eq!(message.tlvs().count(), 0);
        let frame = peer_frame(3, &body(&whole, &whole, &[]));
        assert_eq!(PeerUp::new(body_of(&frame)).unwrap().open_error(), None);
    }

    #[test]
    fn a_damaged_open_is_named_with_its_offset() {
        let mut sent = open(&[]);
        sent[18] = 2;
        let frame = peer_frame(3, &body(&sent, &open(&[]), &[]));
        assert_eq!(
            PeerUp::new(body_of(&frame)).unwrap_err(),
            WireError::invalid(68 + 18, "BGP message type", 2)
        );

        let frame = peer_frame(3, &body(&open(&[]), &[0xff; 7], &[]));
        assert_eq!(
            PeerUp::new(body_of(&frame)).unwrap_err(),
            WireError::truncated(68 + 29, 19, 7)
        );
    }
}
