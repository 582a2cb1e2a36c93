//! Labels of a message: its headers and its id.

use std::fmt::Write as _;

use arancini_client::headers::{
    HEADER_COLLECTOR, HEADER_CONTENT_ENCODING, HEADER_CONTENT_TYPE, HEADER_EXPECTED_SEQUENCE,
    HEADER_EXPECTED_STREAM, HEADER_EXPECTED_SUBJECT, HEADER_FIRST_SEQUENCE, HEADER_LAST_SEQUENCE,
    HEADER_MESSAGE_ID, HEADER_MESSAGES, HEADER_ROUTER, HEADER_SCHEMA,
};
use async_nats::HeaderMap;

use crate::message::Message;

/// Bytes that the headers take at most, with the longest names. The server counts headers to `max_payload`.
pub(crate) const HEADER_ALLOWANCE: usize = 1024;

/// The fence that each message is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FenceLabel {
    /// Subject of the fence.
    pub(crate) subject: String,
    /// Its place in the stream.
    pub(crate) place: u64,
}

/// Writes the headers and ids of the messages of one life of a collector.
#[derive(Debug)]
pub(crate) struct Labels {
    collector: String,
    stream: String,
    id_prefix: String,
    schema: String,
    /// The fence, where server and stream check each message against it.
    fence: Option<FenceLabel>,
}

impl Labels {
    /// Creates the labels of this collector in this life, for this stream.
    pub(crate) fn new(collector: &str, incarnation: u64, stream: &str, schema_version: u32) -> Self {
        Self {
            collector: collector.to_owned(),
            stream: stream.to_owned(),
            id_prefix: id_prefix(collector, incarnation),
            schema: schema_version.to_string(),
            fence: None,
        }
    }

    /// Sets the fence: from now on the server takes a message only while the fence's last message is at this place of the
    /// stream.
    pub(crate) fn set_fence(&mut self, fence: Option<FenceLabel>) {
        self.fence = fence;
    }

    /// Returns the collector's name.
    pub(crate) fn collector(&self) -> &str {
        &self.collector
    }

    /// Returns the id of a message: `<collector>-<incarnation>-<worker>-<number>[.<part>]`.
    pub(crate) fn message_id(&self, message: &Message) -> String {
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

    /// Returns the size of a message as it is sent: payload and headers. The server counts both.
    pub(crate) fn wire_bytes(&self, message: &Message) -> usize {
        message.payload.len() + wire_length(&self.headers(message))
    }

    /// Returns all headers of a message.
    pub(crate) fn headers(&self, message: &Message) -> HeaderMap {
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
        if let Some(content_type) = message.form.format.content_type() {
            headers.insert(HEADER_CONTENT_TYPE, content_type);
        }
        if let Some(encoding) = message.form.compression.content_encoding() {
            headers.insert(HEADER_CONTENT_ENCODING, encoding);
        }
        if let Some(fence) = &self.fence {
            headers.insert(HEADER_EXPECTED_SEQUENCE, fence.place.to_string().as_str());
            headers.insert(HEADER_EXPECTED_SUBJECT, fence.subject.as_str());
        }
        headers
    }
}

/// Returns the bytes that the headers take: the version, one line each, and an empty line.
fn wire_length(headers: &HeaderMap) -> usize {
    let lines: usize = headers
        .iter()
        .flat_map(|(name, values)| {
            let name: &str = name.as_ref();
            values
                .iter()
                .map(move |value| name.len() + value.as_str().len() + ": \r\n".len())
        })
        .sum();
    "NATS/1.0\r\n\r\n".len() + lines
}

fn id_prefix(collector: &str, incarnation: u64) -> String {
    format!("{collector}-{incarnation}-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;
    use std::sync::Arc;

    use arancini_client::{Compression, Format, PayloadForm};
    use arancini_core::BatchKind;

    use super::*;
    use crate::message::Life;

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
        labels.set_fence(Some(FenceLabel {
            subject: "f".repeat(150),
            place: u64::MAX,
        }));
        let mut message = message(&[1]);
        message.router = IpAddr::from([0xffff; 8]);
        message.form = PayloadForm {
            format: Format::Json,
            compression: Compression::Zstd,
        };
        (message.first_sequence, message.last_sequence, message.number) = (u64::MAX, u64::MAX, u64::MAX);
        let bytes = labels.wire_bytes(&message) - message.payload.len();
        assert!(bytes <= HEADER_ALLOWANCE, "{bytes}");
    }
}
