//! Replay of recorded BMP streams: reads recordings from raw files, packet captures and MRT files, and sends them to a collector as a
//! router would.

mod pcap;
mod packet;
mod reassembly;
mod mrt;
mod recording;
mod pauses;
mod summary;
mod send;
mod error;

pub use error::ReplayError;
pub use pauses::Pace;
pub use recording::{Messages, RecordedMessage, Recording};
pub use send::{AtTheEnd, Options, Sent, connect, send};
pub use summary::{MessageCounts, Progress, Summary};
