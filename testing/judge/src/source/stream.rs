//! A JetStream stream, read from its first message to its present end.

use std::io;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::{HeaderValue, jetstream};
use futures_util::StreamExt;
use tokio::runtime::Runtime;

use super::compression::decompress;
use crate::book::Book;
use crate::judge::Judge;

/// Marks of collectors that hold no messages of routers.
const FENCE: &str = "fence";

/// A stream and the place up to which it is read.
///
/// Each reading has a connection of its own: a connection that nobody reads between two readings is closed by the server
/// as that of a slow consumer.
#[derive(Debug)]
pub struct PublishedStream {
    runtime: Runtime,
    urls: Vec<String>,
    stream: String,
    base: String,
    next: u64,
}

impl PublishedStream {
    /// The stream of this name on these servers, with subjects below this base. Nothing of it is read yet.
    ///
    /// # Errors
    /// No runtime can be made.
    pub fn new(urls: Vec<String>, stream: &str, base: &str) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            urls,
            stream: stream.to_owned(),
            base: base.to_owned(),
            next: 1,
        })
    }

    /// Lets the judge hear everything that the stream holds now and did not hold at the last reading.
    ///
    /// # Errors
    /// The server can't be reached, there is no such stream, or the connection broke.
    pub fn read<B: Book>(&mut self, judge: &mut Judge<B>) -> io::Result<()> {
        let Self {
            runtime,
            urls,
            stream,
            base,
            next,
        } = self;
        runtime.block_on(async {
            let failed = |error: &dyn std::fmt::Display| {
                io::Error::other(format!("stream {stream} can't be read: {error}"))
            };
            let client = async_nats::connect(urls.as_slice())
                .await
                .map_err(|error| failed(&error))?;
            let context = jetstream::new(client.clone());
            let found = context
                .get_stream(&*stream)
                .await
                .map_err(|error| failed(&error))?;
            let config = pull::OrderedConfig {
                deliver_policy: DeliverPolicy::ByStartSequence {
                    start_sequence: *next,
                },
                ..pull::OrderedConfig::default()
            };
            let consumer = found
                .create_consumer(config)
                .await
                .map_err(|error| failed(&error))?;
            let mut pending = consumer.cached_info().num_pending;
            let mut messages = consumer.messages().await.map_err(|error| failed(&error))?;
            while pending > 0 {
                let message = messages
                    .next()
                    .await
                    .ok_or_else(|| failed(&"its messages end early"))?;
                let message = message.map_err(|error| failed(&error))?;
                let info = message.info().map_err(|error| failed(&error))?;
                pending = info.pending;
                *next = info.stream_sequence + 1;
                hear(judge, base, &message.message);
            }
            // Ends the connection now, and not when the server notices it.
            let _ = client.drain().await;
            Ok(())
        })
    }
}

fn hear<B: Book>(judge: &mut Judge<B>, base: &str, message: &async_nats::Message) {
    let subject = &*message.subject;
    let Some(stands) = subject.strip_prefix(base).and_then(|rest| rest.strip_prefix('.')) else {
        return judge.unreadable(subject, &format!("the subject is not below {base}"));
    };
    if stands.split('.').next() == Some(FENCE) {
        return;
    }
    let headers = message.headers.as_ref();
    let encoding = headers.and_then(|headers| headers.get("Content-Encoding"));
    match encoding.map(HeaderValue::as_str) {
        None => judge.payload(stands, &message.payload),
        encoding => match decompress(encoding, &message.payload) {
            Ok(payload) => judge.payload(stands, &payload),
            Err(error) => judge.unreadable(stands, &error),
        },
    }
}
