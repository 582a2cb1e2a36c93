//! Recorded BMP: reading streams from files of several kinds, and sending them to a collector as a router would.

mod error;
mod packet;
mod pcap;
mod reassembly;
mod recording;
mod send;

pub use error::ReplayError;
pub use recording::{Messages, RecordedMessage, Recording};
pub use send::{MessageCounts, Options, Pace, Progress, Sent, Summary, connect, send};
