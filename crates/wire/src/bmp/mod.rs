//! BMP version 3 (RFC 7854, 8671, 9069, 9515, 9736, 9972), one file per message type.
//!
//! [`header::frame_length`] finds a message in a stream, [`Message::new_checked`] reads it. A message is refused only
//! where its fixed part is incomplete. Lists inside a message are read by iterators, which return each damaged element as
//! an error of its own. Offsets in errors count from the first byte of the message, common header included.

pub mod header;
mod message;
mod per_peer_header;
mod initiation;
mod peer_up;
mod route_monitoring;
mod statistics_report;
mod route_mirroring;
mod peer_down;
mod termination;
mod tlv;
#[cfg(test)]
mod test_frames;

pub use crate::rib_view::RibView;
pub use header::{COMMON_HEADER_LEN, MessageType, VERSION, frame_length};
pub use initiation::Initiation;
pub use message::Message;
pub use peer_down::{PeerDown, PeerDownData, PeerDownReason};
pub use peer_up::PeerUp;
pub use per_peer_header::{PER_PEER_HEADER_LEN, PeerIdentity, PeerType, PerPeerHeader};
pub use route_mirroring::{Mirrored, MirroredItems, RouteMirroring};
pub use route_monitoring::RouteMonitoring;
pub use statistics_report::{Statistic, StatisticValue, Statistics, StatisticsReport};
pub use termination::{Termination, TerminationReason};
pub use tlv::{LossyText, Tlv, Tlvs};
