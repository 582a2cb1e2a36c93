//! One NATS message: a batch, or a part of one that is larger than the server takes.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::window::WindowItem;
use arancini_core::{Batch, BatchKind};
use async_nats::HeaderMap;
use bytes::Bytes;

use super::fence::{HEADER_EXPECTED_SEQUENCE, HEADER_EXPECTED_SUBJECT};
use crate::framing::Frames;
use crate::settings::Compression;

/// Version of the payload's schema.
pub const HEADER_SCHEMA: &str = "Arancini-Schema";
/// Name of the collector.
pub const HEADER_COLLECTOR: &str = "Arancini-Collector";
/// Address of the router.
pub const HEADER_ROUTER: &str = "Arancini-Router";
/// Per-router sequence of the batch's first message.
pub const HEADER_FIRST_SEQUENCE: &str = "Arancini-First-Sequence";
/// Per-router sequence of the batch's last message.
pub const HEADER_LAST_SEQUENCE: &str = "Arancini-Last-Sequence";
/// Cap'n Proto messages in the payload.
pub const HEADER_MESSAGES: &str = "Arancini-Messages";
/// How the payload is compressed: `lz4` or `zstd`; not there where it is not.
pub const HEADER_CONTENT_ENCODING: &str = "Content-Encoding";
/// What the broker drops doubles by.
pub const HEADER_MESSAGE_ID: &str = "Nats-Msg-Id";
/// Guards against a subject that another stream has taken over.
pub const HEADER_EXPECTED_STREAM: &str = "Nats-Expected-Stream";

/// The headers are counted to `max_payload`; ours fit in this with the longest names.
pub const HEADER_ALLOWANCE: usize = 1024;

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
        for frame in Frames::new(&self.payload) {
            // The workers' payload is whole; should it not be, the rest goes out as it is.
            let length = frame.map_or(self.payload.len() - end, <[u8]>::len);
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

/// Writes the headers and message ids of one life of a collector.
#[derive(Debug)]
pub struct Labels {
    collector: String,
    stream: String,
    id_prefix: String,
    schema: String,
    /// Subject and place of the fence, where each message is checked against it.
    fence: Option<(String, String)>,
}

impl Labels {
    /// For this collector in this life, publishing to this stream.
    pub fn new(collector: &str, incarnation: u64, stream: &str, schema_version: u32) -> Self {
        Self {
            collector: collector.to_owned(),
            stream: stream.to_owned(),
            id_prefix: id_prefix(collector, incarnation),
            schema: schema_version.to_string(),
            fence: None,
        }
    }

    /// From now on messages are to be taken only while the last message of this subject is at this place of the stream.
    pub fn set_fence(&mut self, fence: Option<(&str, u64)>) {
        self.fence = fence.map(|(subject, place)| (subject.to_owned(), place.to_string()));
    }

    /// The collector's name.
    pub fn collector(&self) -> &str {
        &self.collector
    }

    /// `<collector>-<incarnation>-<worker>-<number>[.<part>]`.
    pub fn message_id(&self, message: &Message) -> String {
        let mut id = String::with_capacity(self.id_prefix.len() + 24);
        match &message.life {
            None => id.push_str(&self.id_prefix),
            Some(life) => id.push_str(&id_prefix(&life.collector, life.incarnation)),
        }
        // Writing to a String can't fail.
        let _ = write!(id, "{}-{}", message.worker, message.number);
        if message.part > 0 {
            let _ = write!(id, ".{}", message.part);
        }
        id
    }

    /// All headers of a message.
    pub fn headers(&self, message: &Message) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_MESSAGE_ID, self.message_id(message).as_str());
        headers.insert(HEADER_EXPECTED_STREAM, self.stream.as_str());
        headers.insert(HEADER_SCHEMA, self.schema.as_str());
        let collector = message
            .life
            .as_ref()
            .map_or(&self.collector, |life| &life.collector);
        headers.insert(HEADER_COLLECTOR, collector.as_str());
        headers.insert(HEADER_ROUTER, message.router.to_string().as_str());
        headers.insert(HEADER_FIRST_SEQUENCE, message.first_sequence.to_string().as_str());
        headers.insert(HEADER_LAST_SEQUENCE, message.last_sequence.to_string().as_str());
        headers.insert(HEADER_MESSAGES, message.messages.to_string().as_str());
        if let Some(encoding) = message.compression.content_encoding() {
            headers.insert(HEADER_CONTENT_ENCODING, encoding);
        }
        if let Some((subject, place)) = &self.fence {
            headers.insert(HEADER_EXPECTED_SEQUENCE, place.as_str());
            headers.insert(HEADER_EXPECTED_SUBJECT, subject.as_str());
        }
        headers
    }
}

fn id_prefix(collector: &str, incarnation: u64) -> String {
    format!("{collector}-{incarnation}-")
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

    #[test]
    fn ids_are_unique_over_parts_and_lives() {
        let labels = Labels::new("col-1", 99, "ARANCINI", 1);
        let mut message = message(&[1]);
        assert_eq!(labels.message_id(&message), "col-1-99-3-77");
        message.part = 2;
        assert_eq!(labels.message_id(&message), "col-1-99-3-77.2");
        assert_eq!(
            Labels::new("col-1", 100, "ARANCINI", 1).message_id(&message),
            "col-1-100-3-77.2"
        );
        message.life = Some(Arc::new(Life {
            collector: "col-0".to_owned(),
            incarnation: 98,
        }));
        assert_eq!(
            labels.message_id(&message),
            "col-0-98-3-77.2",
            "the id of its own life"
        );
    }

    #[test]
    fn headers_fit_the_allowance() {
        let mut labels = Labels::new(&"c".repeat(64), u64::MAX, &"S".repeat(255), u32::MAX);
        labels.set_fence(Some((&"f".repeat(150), u64::MAX)));
        let mut message = message(&[1]);
        message.router = IpAddr::from([0xffff; 8]);
        message.compression = Compression::Zstd;
        (message.first_sequence, message.last_sequence, message.number) = (u64::MAX, u64::MAX, u64::MAX);
        let headers = labels.headers(&message);
        let bytes: usize = headers
            .iter()
            .map(|(name, values)| name.to_string().len() + values[0].as_str().len() + 4)
            .sum();
        assert!(bytes + "NATS/1.0\r\n\r\n".len() <= HEADER_ALLOWANCE, "{bytes}");
    }
}
