//! The messages of the stream in order, over reconnects.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::{Event, HeaderMap, HeaderValue, jetstream};
use bytes::Bytes;
use futures_util::StreamExt;
use thiserror::Error;

use super::Begin;
use crate::compression::DecompressError;
use crate::nats::connect::{Connection, connect};
use crate::nats::fence::is_fence;
use crate::nats::message::HEADER_CONTENT_ENCODING;
use crate::nats::stream::missing;
use crate::settings::{Compression, NatsSettings};
use crate::status::{Reason, Trouble};

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// What to follow.
#[derive(Debug, Clone, Default)]
pub struct StreamTailOptions {
    /// Subject filters as NATS writes them (`arancini.updates.v4_192_0_2_1.>`); none for all.
    pub filters: Vec<String>,
    /// Where to begin.
    pub begin: Begin,
    /// Wait for more at the end of the stream.
    pub follow: bool,
}

/// One message of the stream.
#[derive(Debug, Clone)]
pub struct PublishedMessage {
    /// Full subject.
    pub subject: String,
    /// Headers, see [`crate::nats::message`].
    pub headers: HeaderMap,
    /// Cap'n Proto messages back to back, decompressed.
    pub payload: Bytes,
    /// Its sequence in the stream.
    pub stream_sequence: u64,
    /// When the server stored it, in Unix nanoseconds.
    pub stored_unix_ns: u64,
}

/// Why there is no next message.
#[derive(Debug, Error)]
pub enum StreamTailError {
    /// The stream can't be read; to be asked again after a while, or given up.
    #[error("{0}")]
    Stream(Trouble),
    /// This one message can't be read. The next call goes on behind it.
    #[error("message {sequence} of the stream, on {subject}, can't be read: {cause}; it is passed over")]
    Message {
        /// Its sequence in the stream.
        sequence: u64,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        cause: DecompressError,
    },
}

/// Follows a stream.
pub struct StreamTail {
    settings: NatsSettings,
    options: StreamTailOptions,
    source: Option<Source>,
    /// The last sequence that was handed out.
    last: Option<u64>,
    /// Messages behind the last one handed out, as the server counted.
    pending: u64,
}

struct Source {
    connection: Connection,
    messages: pull::Ordered,
}

impl StreamTail {
    /// Connects. A stream that can't be reached or does not exist is an error here; later it is waited for.
    pub async fn open(settings: NatsSettings, options: StreamTailOptions) -> Result<Self, Trouble> {
        let mut tail = Self {
            settings,
            options,
            source: None,
            last: None,
            pending: 0,
        };
        tail.connect().await?;
        Ok(tail)
    }

    /// The next message; `None` at the end of the stream if it is not followed.
    pub async fn next(&mut self) -> Result<Option<PublishedMessage>, StreamTailError> {
        loop {
            if self.pending == 0 && !self.options.follow {
                return Ok(None);
            }
            let Some(source) = &mut self.source else {
                match self.connect().await {
                    Ok(()) => continue,
                    Err(trouble) if !self.options.follow => return Err(StreamTailError::Stream(trouble)),
                    Err(_) => tokio::time::sleep(RECONNECT_PAUSE).await,
                }
                continue;
            };
            let message = tokio::select! {
                message = source.messages.next() => message,
                event = source.connection.events.recv() => match event {
                    Some(Event::Disconnected | Event::Closed) | None => None,
                    Some(_) => continue,
                },
            };
            let Some(Ok(message)) = message else {
                // A fresh client goes on behind the last one handed out.
                self.source = None;
                continue;
            };
            let Ok(info) = message.info() else { continue };
            let stream_sequence = info.stream_sequence;
            let stored_unix_ns = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
            self.pending = info.pending;
            self.last = Some(stream_sequence);
            let message = message.message;
            if is_fence(&self.settings.stream.base, &message.subject) {
                continue;
            }
            let headers = message.headers.unwrap_or_default();
            let encoding = headers.get(HEADER_CONTENT_ENCODING).map(HeaderValue::as_str);
            let payload = Compression::from_content_encoding(encoding)
                .and_then(|compression| compression.decompress(message.payload))
                .map_err(|cause| StreamTailError::Message {
                    sequence: stream_sequence,
                    subject: message.subject.to_string(),
                    cause,
                })?;
            return Ok(Some(PublishedMessage {
                subject: message.subject.to_string(),
                headers,
                payload,
                stream_sequence,
                stored_unix_ns,
            }));
        }
    }

    async fn connect(&mut self) -> Result<(), Trouble> {
        let connection = connect(&self.settings, "arancini tail").await?;
        let context = jetstream::new(connection.client.clone());
        let name = &self.settings.stream.name;
        let stream = context.get_stream(name).await.map_err(|error| {
            let absent = missing(name);
            Trouble::new(
                absent.reason,
                format!("{} ({error})", absent.cause),
                absent.remedy,
            )
        })?;
        let deliver_policy = match (self.last, self.options.begin) {
            (Some(last), _) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            (None, Begin::Beginning) => DeliverPolicy::All,
            (None, Begin::New) => DeliverPolicy::New,
            (None, Begin::Sequence(start_sequence)) => DeliverPolicy::ByStartSequence { start_sequence },
        };
        let config = pull::OrderedConfig {
            deliver_policy,
            filter_subjects: self.options.filters.clone(),
            ..pull::OrderedConfig::default()
        };
        let refused = |error: &dyn std::fmt::Display| {
            Trouble::new(
                Reason::Other,
                format!("stream {name} can't be read: {error}"),
                "let the user create consumers on it ($JS.API.CONSUMER.>) and subscribe its inbox",
            )
        };
        let consumer = stream
            .create_consumer(config)
            .await
            .map_err(|error| refused(&error))?;
        self.pending = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.map_err(|error| refused(&error))?;
        self.source = Some(Source { connection, messages });
        Ok(())
    }
}
