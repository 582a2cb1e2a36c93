//! Messages to the broker: a batch, or a part of one.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use arancini_core::{Batch, BatchKind};

/// A message id: life of the collector, number of the batch in that life, part of the batch. There is one worker, so the id
/// does not name it.
pub type Id = (u32, u64, u32);

/// A batch or a part of one.
#[derive(Debug, Clone)]
pub struct Message {
    /// The id by which the broker drops doubles.
    pub id: Id,
    /// The kind of the messages in it.
    pub kind: BatchKind,
    /// The subject.
    pub subject: Arc<str>,
    /// The router.
    pub router: IpAddr,
    /// Cap'n Proto messages.
    pub payload: Rc<Vec<u8>>,
    /// Number of Cap'n Proto messages.
    pub messages: u32,
    /// Sequence of the first message.
    pub first_sequence: u64,
    /// Sequence of the last message.
    pub last_sequence: u64,
}

impl Message {
    /// The message of a whole batch, in this life of the collector.
    #[must_use]
    pub fn of(batch: Batch, life: u32) -> Self {
        Self {
            id: (life, batch.number, 0),
            kind: batch.kind,
            subject: batch.subject,
            router: batch.router,
            payload: Rc::new(batch.payload),
            messages: batch.messages,
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
        }
    }
}
