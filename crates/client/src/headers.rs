//! Headers of a published batch: their names, and reading them.

use std::net::IpAddr;

use async_nats::{HeaderMap, HeaderValue};

use crate::form::{PayloadError, PayloadForm};

/// Version of the payload's schema.
pub const HEADER_SCHEMA: &str = "Arancini-Schema";
/// Name of the collector.
pub const HEADER_COLLECTOR: &str = "Arancini-Collector";
/// Start of the collector that raised the fence, in Unix nanoseconds.
pub const HEADER_INCARNATION: &str = "Arancini-Incarnation";
/// Address of the router.
pub const HEADER_ROUTER: &str = "Arancini-Router";
/// Per-router sequence number of the batch's first message.
pub const HEADER_FIRST_SEQUENCE: &str = "Arancini-First-Sequence";
/// Per-router sequence number of the batch's last message.
pub const HEADER_LAST_SEQUENCE: &str = "Arancini-Last-Sequence";
/// Number of messages in the payload: Cap'n Proto messages, or lines of JSON.
pub const HEADER_MESSAGES: &str = "Arancini-Messages";
/// Compression of the payload, `lz4` or `zstd`. A plain payload has no such header.
pub const HEADER_CONTENT_ENCODING: &str = "Content-Encoding";
/// Format of the payload: `application/x-ndjson` for JSON Lines. A payload of Cap'n Proto has no such header.
pub const HEADER_CONTENT_TYPE: &str = "Content-Type";
/// Message id, by which the server recognizes a message that it has stored already.
pub const HEADER_MESSAGE_ID: &str = "Nats-Msg-Id";

/// Name of the stream that must take the message: guards against a subject that another stream has taken over.
pub const HEADER_EXPECTED_STREAM: &str = "Nats-Expected-Stream";
/// Stream sequence that must be the last one of a subject.
pub const HEADER_EXPECTED_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The subject that [`HEADER_EXPECTED_SEQUENCE`] means, where it is not the message's own.
pub const HEADER_EXPECTED_SUBJECT: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// What tells a batch from every other batch of its collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchId {
    /// Start of the run that closed the batch, in Unix nanoseconds.
    pub incarnation: u64,
    /// The worker that closed the batch.
    pub worker: u16,
    /// The batch's number within the worker. A worker numbers its batches without gaps.
    pub number: u64,
}

impl BatchId {
    /// Reads a message id: `<collector>-<incarnation>-<worker>-<number>[.<part>]`.
    fn parse(id: &str) -> Option<Self> {
        let mut from_the_right = id.rsplit('-');
        let number = from_the_right.next()?.split('.').next()?;
        let worker = from_the_right.next()?;
        let incarnation = from_the_right.next()?;
        Some(Self {
            incarnation: incarnation.parse().ok()?,
            worker: worker.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

/// Headers of one published batch, as a reader needs them. A header that is missing or cannot be read is `None`.
#[derive(Debug, Clone, Copy)]
pub struct BatchHeaders<'a> {
    headers: &'a HeaderMap,
}

impl<'a> BatchHeaders<'a> {
    /// Reads these headers.
    pub const fn new(headers: &'a HeaderMap) -> Self {
        Self { headers }
    }

    /// Name of the collector that published the batch.
    pub fn collector(&self) -> Option<&'a str> {
        self.text(HEADER_COLLECTOR)
    }

    /// The batch of which this is the whole or a part.
    pub fn id(&self) -> Option<BatchId> {
        BatchId::parse(self.text(HEADER_MESSAGE_ID)?)
    }

    /// Version of the schema of the batch's messages.
    pub fn schema_version(&self) -> Option<u32> {
        self.text(HEADER_SCHEMA)?.parse().ok()
    }

    /// Address of the router that the batch is about.
    pub fn router(&self) -> Option<IpAddr> {
        self.text(HEADER_ROUTER)?.parse().ok()
    }

    /// Per-router sequence number of the batch's first message.
    pub fn first_sequence(&self) -> Option<u64> {
        self.text(HEADER_FIRST_SEQUENCE)?.parse().ok()
    }

    /// Per-router sequence number of the batch's last message.
    pub fn last_sequence(&self) -> Option<u64> {
        self.text(HEADER_LAST_SEQUENCE)?.parse().ok()
    }

    /// Number of messages in the payload.
    pub fn messages(&self) -> Option<u32> {
        self.text(HEADER_MESSAGES)?.parse().ok()
    }

    /// Format and compression of the payload.
    ///
    /// # Errors
    /// A header names a format or an encoding that Arancini does not write.
    pub fn form(&self) -> Result<PayloadForm, PayloadError> {
        PayloadForm::from_headers(self.text(HEADER_CONTENT_TYPE), self.text(HEADER_CONTENT_ENCODING))
    }

    fn text(&self, name: &'static str) -> Option<&'a str> {
        self.headers.get(name).map(HeaderValue::as_str)
    }
}

/// Returns what tells a message from every other one at the same place of a stream: the id of a batch, or the life that raised
/// a fence.
pub fn message_identity(headers: &HeaderMap) -> Option<&str> {
    let header = headers
        .get(HEADER_MESSAGE_ID)
        .or_else(|| headers.get(HEADER_INCARNATION))?;
    Some(header.as_str())
}

/// Returns whether a subject carries collectors' fences, which are nothing for consumers.
pub fn is_fence(base: &str, subject: &str) -> bool {
    subject
        .strip_prefix(base)
        .is_some_and(|rest| rest.starts_with(".fence."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_a_missing_or_damaged_one_is_none() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_ROUTER, "2001:db8::1");
        headers.insert(HEADER_FIRST_SEQUENCE, "18446744073709551615");
        headers.insert(HEADER_LAST_SEQUENCE, "-1");
        let read = BatchHeaders::new(&headers);
        assert_eq!(read.router(), "2001:db8::1".parse().ok());
        assert_eq!(read.first_sequence(), Some(u64::MAX));
        assert_eq!(read.last_sequence(), None, "not a sequence number");
        assert_eq!(read.collector(), None);
        assert_eq!(read.id(), None);
        assert!(read.form().is_ok_and(PayloadForm::is_plain));
        headers.insert(HEADER_CONTENT_ENCODING, "br");
        assert!(BatchHeaders::new(&headers).form().is_err());
    }

    #[test]
    fn only_the_fence_below_the_base_is_a_fence() {
        assert!(is_fence("arancini", "arancini.fence.collector-1"));
        assert!(!is_fence("arancini", "arancini.fences.collector-1"));
        assert!(!is_fence("arancini", "other.fence.collector-1"));
    }

    #[test]
    fn a_message_id_names_the_batch_also_of_a_part() {
        let batch = BatchId {
            incarnation: 17,
            worker: 3,
            number: 4,
        };
        assert_eq!(BatchId::parse("my-name-17-3-4"), Some(batch));
        assert_eq!(BatchId::parse("my-name-17-3-4.2"), Some(batch));
        for foreign in ["", "4", "17-3", "a-b-c-d", "name-17-70000-4"] {
            assert_eq!(BatchId::parse(foreign), None, "{foreign}");
        }
    }
}
