//! Any BMP message: names the type and reads the message's own part.

use super::header::{MessageType, split_frame};
use super::initiation::Initiation;
use super::peer_down::PeerDown;
use super::peer_up::PeerUp;
use super::per_peer_header::PerPeerHeader;
use super::route_mirroring::RouteMirroring;
use super::route_monitoring::RouteMonitoring;
use super::statistics_report::StatisticsReport;
use super::termination::Termination;
use crate::error::WireError;

/// One BMP message.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// Routes of one peer (RFC 7854 §4.6).
    RouteMonitoring(RouteMonitoring<'a>),
    /// Counters and gauges of one peer (RFC 7854 §4.8).
    StatisticsReport(StatisticsReport<'a>),
    /// The end of a peer's session (RFC 7854 §4.9).
    PeerDown(PeerDown<'a>),
    /// The start of a peer's session (RFC 7854 §4.10).
    PeerUp(PeerUp<'a>),
    /// The router's name and description (RFC 7854 §4.3).
    Initiation(Initiation<'a>),
    /// The router's reason for ending the BMP session (RFC 7854 §4.5).
    Termination(Termination<'a>),
    /// Copies of BGP messages that a peer sent (RFC 7854 §4.7).
    RouteMirroring(RouteMirroring<'a>),
    /// A message of an unknown type. The caller skips and counts it.
    Unknown {
        /// Number of the type.
        message_type: u8,
        /// All bytes after the common header.
        body: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Reads the message that fills `frame`, common header included.
    ///
    /// # Errors
    /// The frame is not exactly one version 3 message, or the fixed part of the message is incomplete. The caller can skip
    /// the frame, since its end is known.
    #[inline]
    pub fn new_checked(frame: &'a [u8]) -> Result<Self, WireError> {
        let (message_type, body) = split_frame(frame)?;
        Ok(match message_type {
            MessageType::RouteMonitoring => Self::RouteMonitoring(RouteMonitoring::new(body)?),
            MessageType::StatisticsReport => Self::StatisticsReport(StatisticsReport::new(body)?),
            MessageType::PeerDown => Self::PeerDown(PeerDown::new(body)?),
            MessageType::PeerUp => Self::PeerUp(PeerUp::new(body)?),
            MessageType::Initiation => Self::Initiation(Initiation::new(body)),
            MessageType::Termination => Self::Termination(Termination::new(body)),
            MessageType::RouteMirroring => Self::RouteMirroring(RouteMirroring::new(body)?),
            MessageType::Unknown(message_type) => Self::Unknown { message_type, body },
        })
    }

    /// Type of the message.
    #[must_use]
    pub const fn message_type(&self) -> MessageType {
        match self {
            Self::RouteMonitoring(_) => MessageType::RouteMonitoring,
            Self::StatisticsReport(_) => MessageType::StatisticsReport,
            Self::PeerDown(_) => MessageType::PeerDown,
            Self::PeerUp(_) => MessageType::PeerUp,
            Self::Initiation(_) => MessageType::Initiation,
            Self::Termination(_) => MessageType::Termination,
            Self::RouteMirroring(_) => MessageType::RouteMirroring,
            Self::Unknown { message_type, .. } => MessageType::Unknown(*message_type),
        }
    }

    /// Per-peer header; `None` for message types that have none.
    #[must_use]
    pub const fn peer(&self) -> Option<PerPeerHeader<'a>> {
        match self {
            Self::RouteMonitoring(message) => Some(message.peer()),
            Self::StatisticsReport(message) => Some(message.peer()),
            Self::PeerDown(message) => Some(message.peer()),
            Self::PeerUp(message) => Some(message.peer()),
            Self::RouteMirroring(message) => Some(message.peer()),
            Self::Initiation(_) | Self::Termination(_) | Self::Unknown { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::test_frames::{frame, pdu, peer_frame};
    use super::*;

    #[test]
    fn every_type_is_read_as_its_own_message() {
        let open = pdu(1, &[4, 0xfc, 0, 0, 180, 192, 0, 2, 1, 0]);
        let peer_up = [&[0; 20][..], &open, &open].concat();
        for (code, frame) in [
            (0, peer_frame(0, &pdu(2, &[0, 0, 0, 0]))),
            (1, peer_frame(1, &[0; 4])),
            (2, peer_frame(2, &[4])),
            (3, peer_frame(3, &peer_up)),
            (4, frame(4, &[])),
            (5, frame(5, &[])),
            (6, peer_frame(6, &[])),
            (9, frame(9, &[1])),
        ] {
            let message = Message::new_checked(&frame).unwrap();
            assert_eq!(message.message_type(), MessageType::from_code(code));
            assert_eq!(message.peer().is_some(), !matches!(code, 4 | 5 | 9));
        }
    }

    #[test]
    fn an_error_of_the_own_part_counts_from_the_frame() {
        assert_eq!(
            Message::new_checked(&peer_frame(0, &[])).unwrap_err(),
            WireError::truncated(48, 19, 0)
        );
    }
}
