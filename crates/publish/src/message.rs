//! One message to NATS: a batch, or a part of a batch that is larger than the server takes.

use std::net::IpAddr;
use std::sync::Arc;

use arancini_client::PayloadForm;
use arancini_client::records::Records;
use arancini_core::window::WindowItem;
use arancini_core::{Batch, BatchKind};
use bytes::Bytes;

/// One life of a collector: the time from a start to the next. Batch numbers are unique within a life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The collector's name.
    pub collector: String,
    /// The start, in Unix nanoseconds.
    pub incarnation: u64,
}

/// A batch or a part of one, as the window holds it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Kind of the records.
    pub kind: BatchKind,
    /// Full subject.
    pub subject: Arc<str>,
    /// The router that the records are about.
    pub router: IpAddr,
    /// Records as they are sent.
    pub payload: Bytes,
    /// Format and compression of `payload`.
    pub form: PayloadForm,
    /// Number of records.
    pub messages: u32,
    /// Per-router sequence number of the batch's first record.
    pub first_sequence: u64,
    /// Per-router sequence number of the batch's last record.
    pub last_sequence: u64,
    /// The worker that closed the batch.
    pub worker: u16,
    /// The batch's number within the worker.
    pub number: u64,
    /// Number of the part, from 1; 0 for a whole batch.
    pub part: u32,
    /// This is the whole batch or its last part.
    pub is_last: bool,
    /// The life that made the batch, if it is not the present one: the message comes from the spool.
    pub life: Option<Arc<Life>>,
    /// The number of the part under which the spool holds the message, if it does.
    pub spooled: Option<u32>,
    /// The message is larger than the server takes, so it is not published.
    pub set_aside: bool,
}

impl From<Batch> for Message {
    fn from(batch: Batch) -> Self {
        Self {
            kind: batch.kind,
            subject: batch.subject,
            router: batch.router,
            payload: Bytes::from(batch.payload),
            form: PayloadForm::default(),
            messages: batch.messages,
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
            worker: batch.worker,
            number: batch.number,
            part: 0,
            is_last: true,
            life: None,
            spooled: None,
            set_aside: false,
        }
    }
}

impl WindowItem for Message {
    fn bytes(&self) -> usize {
        self.payload.len()
    }
}

impl Message {
    /// Returns whether the spool may release its record once this message is durable. The record of a whole batch that was
    /// cut is released with the last part.
    pub fn ends_spooled(&self) -> bool {
        self.spooled.is_some_and(|part| part == self.part || self.is_last)
    }

    /// Splits the message between records so that each part has at most `most` bytes. A single record that is larger stays
    /// whole. Only whole batches of plain Cap'n Proto are split.
    pub fn split(self, most: usize) -> Vec<Self> {
        let is_whole = self.part == 0 && self.form.is_plain();
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
            // The workers write whole records. If a payload had anything else, its rest would be published as it is.
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
            form: PayloadForm::default(),
            messages: words.len() as u32,
            first_sequence: 10,
            last_sequence: 20,
            worker: 3,
            number: 77,
            part: 0,
            is_last: true,
            life: None,
            spooled: None,
            set_aside: false,
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
