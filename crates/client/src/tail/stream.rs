//! Following a stream: its messages in order, over reconnects.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::{Event, HeaderMap, datetime, jetstream};
use bytes::Bytes;
use futures_util::StreamExt;
use thiserror::Error;

use super::options::{AtEnd, Begin};
use crate::compression::DecompressError;
use crate::connect::{Connection, connect};
use crate::headers::{BatchHeaders, is_fence};
use crate::settings::StreamSource;
use crate::streams::{find_stream, missing_stream};
use crate::trouble::{Reason, Trouble};

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// What to read of a stream.
#[derive(Debug, Clone, Default)]
pub struct StreamTailOptions {
    /// Subject filters as NATS writes them (`arancini.updates.v4_192_0_2_1.>`). An empty list means all subjects.
    pub filters: Vec<String>,
    /// Where to begin.
    pub begin: Begin,
    /// What to do at the end of the stream.
    pub at_end: AtEnd,
}

/// One message of the stream: a batch, or a part of one.
#[derive(Debug, Clone)]
pub struct PublishedMessage {
    /// Full subject.
    pub subject: String,
    /// The headers as they were published.
    pub headers: HeaderMap,
    /// Records back to back, decompressed.
    pub payload: Bytes,
    /// Sequence of the message in the stream.
    pub stream_sequence: u64,
    /// When the server stored the message, in Unix nanoseconds.
    pub stored_unix_ns: u64,
}

impl PublishedMessage {
    /// Returns the headers, read.
    pub fn batch_headers(&self) -> BatchHeaders<'_> {
        BatchHeaders::new(&self.headers)
    }
}

/// Why there is no next message.
#[derive(Debug, Error)]
pub enum StreamTailError {
    /// The stream cannot be read now. The caller may ask again after a while.
    #[error("{0}")]
    Stream(Trouble),
    /// One message cannot be read. The next call goes on behind it.
    #[error("message {sequence} of the stream, on {subject}, can't be read: {cause}; it is skipped")]
    Message {
        /// Sequence of the message in the stream.
        sequence: u64,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        cause: DecompressError,
    },
}

/// Reads a stream in order.
pub struct StreamTail {
    source: StreamSource,
    options: StreamTailOptions,
    subscription: Option<Subscription>,
    /// The last stream sequence that was handed out.
    last: Option<u64>,
    /// Messages up to this stream sequence may not have been handed out.
    missing_until: u64,
    /// Messages that the stream holds behind the last one, as the server counted them.
    pending: u64,
}

/// One connection, and the messages that arrive on it.
struct Subscription {
    connection: Connection,
    messages: pull::Ordered,
}

impl StreamTail {
    /// Connects and begins to read. Once this has succeeded, a lost connection is made again by [`StreamTail::next`].
    ///
    /// # Errors
    /// The server cannot be reached, or the stream does not exist.
    pub async fn open(source: StreamSource, options: StreamTailOptions) -> Result<Self, Trouble> {
        let mut tail = Self {
            source,
            options,
            subscription: None,
            last: None,
            missing_until: 0,
            pending: 0,
        };
        tail.connect().await?;
        Ok(tail)
    }

    /// Returns the stream sequence up to which messages may not have been handed out, because the tail began behind them or because the
    /// stream has removed them before the tail came to them. A reader that is behind this sequence has missed messages. With subject
    /// filters, only what was removed before a connection is noticed.
    pub const fn missing_until(&self) -> u64 {
        self.missing_until
    }

    /// Returns the next message; `None` at the end of the stream, unless it is followed.
    ///
    /// # Errors
    /// The stream cannot be read now (only with [`AtEnd::Stop`]), or the next message is damaged.
    pub async fn next(&mut self) -> Result<Option<PublishedMessage>, StreamTailError> {
        let follows = self.options.at_end == AtEnd::Follow;
        loop {
            if self.pending == 0 && self.ends_here() {
                return Ok(None);
            }
            let Some(subscription) = &mut self.subscription else {
                match self.connect().await {
                    Ok(()) => {}
                    Err(trouble) if !follows => return Err(StreamTailError::Stream(trouble)),
                    Err(_) => tokio::time::sleep(RECONNECT_PAUSE).await,
                }
                continue;
            };
            let message = tokio::select! {
                message = subscription.messages.next() => message,
                event = subscription.connection.events.recv() => match event {
                    Some(Event::Disconnected | Event::Closed) | None => None,
                    Some(_) => continue,
                },
            };
            let Some(Ok(message)) = message else {
                // A new client goes on behind the last message that was handed out.
                self.subscription = None;
                continue;
            };
            let Ok(info) = message.info() else { continue };
            let stream_sequence = info.stream_sequence;
            let stored_unix_ns = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
            self.pending = info.pending;
            let expected = self.last.unwrap_or(self.missing_until) + 1;
            if self.options.filters.is_empty() && stream_sequence > expected {
                self.missing_until = stream_sequence - 1;
            }
            self.last = Some(stream_sequence);
            let message = message.message;
            if is_fence(&self.source.base, &message.subject) {
                continue;
            }
            let headers = message.headers.unwrap_or_default();
            let payload = BatchHeaders::new(&headers)
                .compression()
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

    /// Returns whether the tail may end behind the last message.
    fn ends_here(&self) -> bool {
        match self.options.at_end {
            AtEnd::Stop => true,
            AtEnd::StopBehind(sequence) => self.last.unwrap_or_default() >= sequence,
            AtEnd::Follow => false,
        }
    }

    async fn connect(&mut self) -> Result<(), Trouble> {
        let connection = connect(&self.source.server, "arancini tail").await?;
        let context = jetstream::new(connection.client.clone());
        let name = &self.source.stream;
        let stream = find_stream(&context, name)
            .await?
            .ok_or_else(|| missing_stream(name))?;
        let state = &stream.cached_info().state;
        let behind = self.last.unwrap_or(match self.options.begin {
            Begin::Beginning | Begin::Time(_) => 0,
            Begin::New => state.last_sequence,
            Begin::Sequence(first) => first.saturating_sub(1),
        });
        if self.last.is_none() {
            self.missing_until = behind;
        }
        if state.first_sequence > behind + 1 {
            self.missing_until = state.first_sequence - 1;
        }
        let deliver_policy = match (self.last, self.options.begin) {
            (Some(last), _) => DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            (None, Begin::Beginning) => DeliverPolicy::All,
            (None, Begin::New) => DeliverPolicy::New,
            (None, Begin::Sequence(start_sequence)) => DeliverPolicy::ByStartSequence { start_sequence },
            (None, Begin::Time(unix_ns)) => match datetime::from_nanos(unix_ns.into()) {
                Ok(start_time) => DeliverPolicy::ByStartTime { start_time },
                // A time that no calendar has is before every message.
                Err(_) => DeliverPolicy::All,
            },
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
                "allow the user to create consumers on the stream ($JS.API.CONSUMER.>) and to subscribe to its inbox",
            )
        };
        let consumer = stream
            .create_consumer(config)
            .await
            .map_err(|error| refused(&error))?;
        self.pending = consumer.cached_info().num_pending;
        let messages = consumer.messages().await.map_err(|error| refused(&error))?;
        self.subscription = Some(Subscription { connection, messages });
        Ok(())
    }
}
