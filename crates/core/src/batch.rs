//! A batch: it crosses the bridge, and becomes one NATS message.

use std::net::IpAddr;
use std::sync::Arc;

/// The kind of a batch's messages. Every batch holds messages of one kind and one subject.
pub use arancini_schema::MessageKind as BatchKind;

/// Whole Cap'n Proto messages of one subject, back to back, ready to be published.
///
/// Invariants: `payload` holds exactly `messages` messages, at least one; `first_sequence <= last_sequence`;
/// batches of one worker carry rising `number`s, and those of one router rising sequences per subject.
#[derive(Debug)]
pub struct Batch {
    /// The kind of the messages.
    pub kind: BatchKind,
    /// Full subject, base included.
    pub subject: Arc<str>,
    /// The router that the messages are about.
    pub router: IpAddr,
    /// Cap'n Proto messages, standard unpacked stream framing.
    pub payload: Vec<u8>,
    /// How many messages `payload` holds.
    pub messages: u32,
    /// Per-router sequence number of the first message.
    pub first_sequence: u64,
    /// Per-router sequence number of the last message.
    pub last_sequence: u64,
    /// The worker that closed the batch.
    pub worker: u16,
    /// Rising number of the batch within its worker, from 1.
    pub number: u64,
}
