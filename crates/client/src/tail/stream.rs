//! Following a stream: its messages in order, over reconnects.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::stream::Stream;
use async_nats::{Event, HeaderMap, datetime, jetstream};
use bytes::Bytes;
use futures_util::StreamExt;
use thiserror::Error;

use super::options::{AtEnd, Begin};
use crate::connect::{Connection, connect};
use crate::form::PayloadError;
use crate::headers::{BatchHeaders, is_fence};
use crate::settings::StreamSource;
use crate::streams::existing_stream;
use crate::trouble::{Reason, Trouble};

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Messages that one request to the server asks for.
const REQUEST_MESSAGES: usize = 500;
/// Time between the server's signs of life while there is no message. After twice this time without one, the consumer is made again.
const HEARTBEAT: Duration = Duration::from_secs(5);

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
    /// Records back to back: Cap'n Proto, decompressed.
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
    /// The stream was deleted and created again. The next call goes on at the beginning of the new stream, which counts its messages
    /// from 1. Tables that were kept from the former stream have a gap.
    #[error(
        "stream {stream} was deleted and created again, so it is read from its beginning; messages of the former stream may be \
         missing: tables are right again after the next resync-end of each router, which `arancini resync` asks for"
    )]
    Recreated {
        /// Name of the stream.
        stream: String,
    },
    /// One message cannot be read. The next call goes on behind it.
    #[error("message {sequence} of the stream, on {subject}, can't be read: {cause}; it is skipped")]
    Message {
        /// Sequence of the message in the stream.
        sequence: u64,
        /// Its subject.
        subject: String,
        /// What is wrong with it.
        cause: PayloadError,
    },
}

/// Reads a stream in order.
pub struct StreamTail {
    source: StreamSource,
    options: StreamTailOptions,
    subscription: Option<Subscription>,
    /// When the stream was created, in Unix nanoseconds; `None` before the first connection.
    created_unix_ns: Option<i128>,
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
    /// The messages of a plain consumer. The ordered consumer of async-nats replaces a lost consumer by itself, behind the last
    /// sequence, and so waits without a word at a stream that was created again.
    messages: pull::Stream,
    /// Sequence of the last message among those of the consumer.
    consumer_sequence: u64,
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
            created_unix_ns: None,
            last: None,
            missing_until: 0,
            pending: 0,
        };
        match tail.connect().await {
            Ok(()) => Ok(tail),
            Err(StreamTailError::Stream(trouble)) => Err(trouble),
            Err(error) => Err(Trouble::new(Reason::Other, error.to_string(), "try again")),
        }
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
    /// The stream cannot be read now (only with [`AtEnd::Stop`]), it was created again, or the next message is damaged.
    pub async fn next(&mut self) -> Result<Option<PublishedMessage>, StreamTailError> {
        let follows = self.options.at_end == AtEnd::Follow;
        loop {
            if self.pending == 0 && self.ends_here() {
                return Ok(None);
            }
            let Some(subscription) = &mut self.subscription else {
                match self.connect().await {
                    Ok(()) => {}
                    Err(StreamTailError::Stream(_)) if follows => tokio::time::sleep(RECONNECT_PAUSE).await,
                    Err(error) => return Err(error),
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
            if info.consumer_sequence != subscription.consumer_sequence + 1 {
                // A message was lost on its way from the server.
                self.subscription = None;
                continue;
            }
            subscription.consumer_sequence += 1;
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
                .form()
                .and_then(|form| form.read(message.payload))
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

    async fn connect(&mut self) -> Result<(), StreamTailError> {
        let connection = connect(&self.source.server, "arancini tail")
            .await
            .map_err(StreamTailError::Stream)?;
        let context = jetstream::new(connection.client.clone());
        let stream = self.look_up(&context).await?;
        self.note_created(&stream)?;
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
        let (messages, pending) = self.consume(&stream).await.map_err(StreamTailError::Stream)?;
        // The stream may have been created again between the two answers of the server.
        let stream = self.look_up(&context).await?;
        self.note_created(&stream)?;
        self.pending = pending;
        self.subscription = Some(Subscription {
            connection,
            messages,
            consumer_sequence: 0,
        });
        Ok(())
    }

    async fn look_up(&self, context: &jetstream::Context) -> Result<Stream, StreamTailError> {
        existing_stream(context, &self.source.stream)
            .await
            .map_err(StreamTailError::Stream)
    }

    /// Compares when the stream was created with what is known. A tail of a stream that was created again goes on at its beginning.
    fn note_created(&mut self, stream: &Stream) -> Result<(), StreamTailError> {
        let created = stream.cached_info().created.unix_timestamp_nanos();
        if self
            .created_unix_ns
            .replace(created)
            .is_none_or(|known| known == created)
        {
            return Ok(());
        }
        self.last = Some(0);
        self.missing_until = 0;
        Err(StreamTailError::Recreated {
            stream: self.source.stream.clone(),
        })
    }

    /// Creates a consumer. Returns its messages, and how many of them the stream has now.
    async fn consume(&self, stream: &Stream) -> Result<(pull::Stream, u64), Trouble> {
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
        let config = pull::Config::from(pull::OrderedConfig {
            deliver_policy,
            filter_subjects: self.options.filters.clone(),
            ..pull::OrderedConfig::default()
        });
        let refused = |error: &dyn std::fmt::Display| {
            Trouble::new(
                Reason::Other,
                format!("stream {} can't be read: {error}", self.source.stream),
                "allow the user to create consumers on the stream ($JS.API.CONSUMER.>) and to subscribe to its inbox",
            )
        };
        let consumer = stream
            .create_consumer(config)
            .await
            .map_err(|error| refused(&error))?;
        let pending = consumer.cached_info().num_pending;
        let messages = consumer
            .stream()
            .max_messages_per_batch(REQUEST_MESSAGES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| refused(&error))?;
        Ok((messages, pending))
    }
}
