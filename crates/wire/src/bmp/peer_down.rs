//! Peer Down Notification (RFC 7854 §4.9, RFC 9069 §5.3): which peer's session ended, and why.

use super::per_peer_header::{PEER_BODY_OFFSET, PerPeerHeader};
use super::tlv::Tlvs;
use crate::bgp::Notification;
use crate::error::WireError;
pub use crate::iana::bmp::PeerDownReason;
use crate::iana::bmp::PeerUpTlv;

/// A Peer Down Notification.
#[derive(Debug, Clone, Copy)]
pub struct PeerDown<'a> {
    peer: PerPeerHeader<'a>,
    reason: u8,
    data: &'a [u8],
}

/// The data behind the reason of a Peer Down.
///
/// Data that does not match the reason is [`PeerDownData::Raw`]. The message is still valid: that a peer is down is too
/// important to refuse the message.
#[derive(Debug, Clone)]
pub enum PeerDownData<'a> {
    /// The NOTIFICATION that the router sent (reason 1) or received (reason 3).
    Notification(Notification<'a>),
    /// The FSM event of RFC 4271 §8.1 that ended the session (reason 2); 0 if no event code applies.
    FsmEvent(u16),
    /// Information about the table (reason 6).
    Tlvs(Tlvs<'a>),
    /// Any other data.
    Raw(&'a [u8]),
}

impl<'a> PeerDown<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let (peer, rest) = PerPeerHeader::split(body)?;
        let Some((&reason, data)) = rest.split_first() else {
            return Err(WireError::truncated(PEER_BODY_OFFSET, 1, 0));
        };
        Ok(Self { peer, reason, data })
    }

    /// The peer whose session ended.
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// Why the session ended.
    #[must_use]
    pub const fn reason(&self) -> PeerDownReason {
        PeerDownReason::from_code(self.reason)
    }

    /// The data behind the reason, decoded.
    #[must_use]
    pub fn data(&self) -> PeerDownData<'a> {
        let raw = PeerDownData::Raw(self.data);
        match self.reason() {
            PeerDownReason::LocalNotification | PeerDownReason::RemoteNotification => {
                Notification::new_checked(self.data).map_or(raw, PeerDownData::Notification)
            }
            PeerDownReason::LocalNoNotification => match *self.data {
                [a, b] => PeerDownData::FsmEvent(u16::from_be_bytes([a, b])),
                _ => raw,
            },
            PeerDownReason::LocalSystemClosed => {
                PeerDownData::Tlvs(Tlvs::new(self.data, PEER_BODY_OFFSET + 1))
            }
            _ => raw,
        }
    }

    /// The bytes behind the reason.
    #[must_use]
    pub const fn raw_data(&self) -> &'a [u8] {
        self.data
    }

    /// Name of the VRF or table (reason 6, RFC 9069 §5.3).
    #[must_use]
    pub fn table_name(&self) -> Option<&'a [u8]> {
        match self.data() {
            PeerDownData::Tlvs(tlvs) => tlvs.find_value(PeerUpTlv::TableName.code()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::{body, pdu, peer_frame};
    use super::*;

    fn peer_down(frame: &[u8]) -> PeerDown<'_> {
        PeerDown::new(body(frame)).unwrap()
    }

    #[test]
    fn the_notification_is_readable() {
        let mut body = vec![3];
        body.extend(pdu(3, &[6, 2]));
        let frame = peer_frame(2, &body);
        let message = peer_down(&frame);
        assert_eq!(message.reason(), PeerDownReason::RemoteNotification);
        let PeerDownData::Notification(notification) = message.data() else {
            panic!("{:?}", message.data());
        };
        assert_eq!((notification.code(), notification.subcode()), (6, 2));
    }

    #[test]
    fn a_missing_notification_does_not_hide_that_the_peer_is_down() {
        let frame = peer_frame(2, &[1, 0xff]);
        assert!(matches!(peer_down(&frame).data(), PeerDownData::Raw(&[0xff])));
    }

    #[test]
    fn fsm_events_and_table_names_are_readable() {
        let frame = peer_frame(2, &[2, 0, 24]);
        assert!(matches!(peer_down(&frame).data(), PeerDownData::FsmEvent(24)));
        let frame = peer_frame(2, &[6, 0, 3, 0, 2, b'A', b'2']);
        assert_eq!(peer_down(&frame).table_name(), Some(b"A2".as_slice()));
    }

    #[test]
    fn a_peer_down_without_a_reason_is_refused() {
        assert_eq!(
            PeerDown::new(body(&peer_frame(2, &[]))).unwrap_err(),
            WireError::truncated(48, 1, 0)
        );
    }
}
