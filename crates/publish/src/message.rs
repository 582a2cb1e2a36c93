//! One NATS message: a batch, or a part of one that is larger than the server takes.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_client::Compression;
use arancini_client::records::Records;
use arancini_core::window::WindowItem;
use arancini_core::{Batch, BatchKind};
use bytes::Bytes;

/// One life of a collector, from its start on: batch numbers are unique within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The collector's name.
    pub collector: String,
    /// When it started, in Unix nanoseconds.
    pub incarnation: u64,
}

/// A batch or a part of one, as the window holds it.
#[derive(Debug, Clone)]
pub struct Message {
    /// What the messages are.
    pub kind: BatchKind,
    /// Full subject.
    pub subject: Arc<str>,
    /// The router this is about.
    pub router: IpAddr,
    /// Cap'n Proto messages, compressed or not.
    pub payload: Bytes,
    /// How `payload` is compressed.
    pub compression: Compression,
    /// How many.
    pub messages: u32,
    /// Sequence of the batch's first message.
    pub first_sequence: u64,
    /// Sequence of the batch's last message.
    pub last_sequence: u64,
    /// The worker that closed the batch.
    pub worker: u16,
    /// The batch's number within the worker.
    pub number: u64,
    /// Which part of the batch this is; 0 for a whole batch, 1 and up for parts.
    pub part: u32,
    /// The batch is complete with this.
    pub is_last: bool,
    /// The life that made it, if it is not the present one: it came out of the spool.
    pub life: Option<Arc<Life>>,
    /// It lies in the spool, there as this part.
    pub spooled: Option<u32>,
}

impl From<Batch> for Message {
    fn from(batch: Batch) -> Self {
        Self {
            kind: batch.kind,
            subject: batch.subject,
            router: batch.router,
            payload: Bytes::from(batch.payload),
            compression: Compression::None,
            messages: batch.messages,
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
            worker: batch.worker,
            number: batch.number,
            part: 0,
            is_last: true,
            life: None,
            spooled: None,
        }
    }
}

impl WindowItem for Message {
    fn bytes(&self) -> usize {
        self.payload.len()
    }
}

impl Message {
    /// Whether what lies in the spool of it is done with once this is: a whole that was cut goes with its last part.
    pub fn ends_spooled(&self) -> bool {
        self.spooled.is_some_and(|part| part == self.part || self.is_last)
    }

    /// Cuts between Cap'n Proto messages so that each part has at most `most` bytes. A single message larger than
    /// that stays whole, and so does what is compressed or a part already.
    pub fn split(self, most: usize) -> Vec<Self> {
        let is_whole = self.part == 0 && self.compression == Compression::None;
        if self.payload.len() <= most || !is_whole {
            return vec![self];
        }
        let mut parts: Vec<Self> = Vec::new();
        let (mut start, mut end, mut count) = (0, 0, 0);
        let mut push = |from: usize, to: usize, messages: u32| {
            let part = parts.len() as u32 + 1;
            let payload = self.payload.slice(from..to);
            parts.push(Self {
                payload,
                messages,
                part,
                is_last: false,
                ..self.clone()
            });
        };
        for record in Records::new(&self.payload) {
            // The workers' payload is whole; should it not be, the rest goes out as it is.
            let length = record.map_or(self.payload.len() - end, <[u8]>::len);
            if end > start && end + length - start > most {
                push(start, end, count);
                (start, count) = (end, 0);
            }
            end += length;
            count += 1;
            if end == self.payload.len() {
                break;
            }
        }
        push(start, self.payload.len(), count);
        if let Some(last) = parts.last_mut() {
            last.is_last = true;
        }
        match parts.len() {
            1 => vec![self],
            _ => parts,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn message(words: &[u32]) -> Message {
        let mut payload = Vec::new();
        for words in words {
            payload.extend([0, 0, 0, 0]);
            payload.extend(words.to_le_bytes());
            payload.extend(vec![*words as u8; *words as usize * 8]);
        }
        Message {
            kind: BatchKind::Updates,
            subject: "arancini.updates.v4_192_0_2_1.64512.1_1".into(),
            router: IpAddr::from([192, 0, 2, 1]),
            payload: payload.into(),
            compression: Compression::None,
            messages: words.len() as u32,
            first_sequence: 10,
            last_sequence: 20,
            worker: 3,
            number: 77,
            part: 0,
            is_last: true,
            life: None,
            spooled: None,
        }
    }

    #[test]
    fn splits_between_messages_and_loses_nothing() {
        let whole = message(&[4, 5, 6, 7, 1, 2, 30, 1]);
        for most in 1..whole.payload.len() + 2 {
            let parts = whole.clone().split(most);
            let joined: Vec<u8> = parts.iter().flat_map(|part| part.payload.to_vec()).collect();
            assert_eq!(joined, whole.payload);
            assert_eq!(parts.iter().map(|part| part.messages).sum::<u32>(), 8);
            assert_eq!(parts.iter().filter(|part| part.is_last).count(), 1);
            assert!(parts.last().unwrap().is_last);
            assert!(
                parts
                    .iter()
                    .all(|part| part.payload.len() <= most || part.messages == 1)
            );
            if parts.len() > 1 {
                let numbers: Vec<_> = parts.iter().map(|part| part.part).collect();
                assert_eq!(numbers, (1..=parts.len() as u32).collect::<Vec<_>>());
            }
        }
    }
}
