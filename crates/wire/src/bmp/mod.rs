//! BMP version 3 (RFC 7854, 8671, 9069, 9515, 9736, 9972): one file a message.
//!
//! [`header::frame_length`] finds a message in a stream, [`Message::new_checked`] says which one it is. A message is
//! refused only where its fixed part is not whole; lists inside it are walked by iterators that give each damage as
//! an error of its own. Offsets in errors count from the first byte of the message, common header included.

pub mod header;
mod initiation;
mod peer_down;
mod peer_up;
mod per_peer_header;
mod rib_view;
mod route_mirroring;
mod route_monitoring;
mod statistics_report;
mod termination;
mod tlv;

pub use header::{COMMON_HEADER_LEN, MessageType, VERSION, frame_length};
pub use initiation::Initiation;
pub use peer_down::{PeerDown, PeerDownData, PeerDownReason};
pub use peer_up::PeerUp;
pub use per_peer_header::{PER_PEER_HEADER_LEN, PeerIdentity, PeerType, PerPeerHeader};
pub use rib_view::RibView;
pub use route_mirroring::{Mirrored, MirroredItems, RouteMirroring};
pub use route_monitoring::RouteMonitoring;
pub use statistics_report::{Statistic, StatisticValue, Statistics, StatisticsReport};
pub use termination::{Termination, TerminationReason};
pub use tlv::{LossyText, Tlv, Tlvs};

use crate::WireError;

/// One BMP message.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// Routes of one peer.
    RouteMonitoring(RouteMonitoring<'a>),
    /// Counters and gauges of one peer.
    StatisticsReport(StatisticsReport<'a>),
    /// A peer's session ended.
    PeerDown(PeerDown<'a>),
    /// A peer's session came up.
    PeerUp(PeerUp<'a>),
    /// The router says who it is.
    Initiation(Initiation<'a>),
    /// The router says why it ends the session.
    Termination(Termination<'a>),
    /// Copies of what a peer sent.
    RouteMirroring(RouteMirroring<'a>),
    /// A type that is not known here; to be skipped and counted.
    Unknown {
        /// The number of the type.
        message_type: u8,
        /// What follows the common header.
        body: &'a [u8],
    },
}

impl<'a> Message<'a> {
    /// Checks and names the one message that fills `frame`, common header included.
    ///
    /// # Errors
    /// The frame is not exactly one version 3 message, or the fixed part of the message is not whole. The frame as
    /// such can be skipped: its end is known.
    #[inline]
    pub fn new_checked(frame: &'a [u8]) -> Result<Self, WireError> {
        let (message_type, body) = header::split_frame(frame)?;
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

    /// The type of the message.
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

    /// The per-peer header, in the messages that have one.
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

/// Where the part behind the per-peer header starts.
const PEER_BODY_OFFSET: usize = COMMON_HEADER_LEN + PER_PEER_HEADER_LEN;

/// Splits the body of a message that has a per-peer header.
#[inline]
fn split_peer(body: &[u8]) -> Result<(PerPeerHeader<'_>, &[u8]), WireError> {
    PerPeerHeader::split(body, COMMON_HEADER_LEN)
}

#[cfg(test)]
mod test_frames;
