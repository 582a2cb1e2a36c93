//! A JetStream stream as a source.

use std::io;

use arancini_client::connect::connect;
use arancini_client::streams::{find_stream, missing_stream};
use arancini_client::tail::{Begin, PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};
use arancini_client::{StreamSource, Trouble};
use arancini_schema::SCHEMA_VERSION;
use arancini_schema::subject::Subject;
use async_nats::jetstream;

use crate::error::ExportError;
use crate::payload::Destination;

/// Exports a stream up to the end that it has at the time of the call.
///
/// Messages that no collector has published, or that cannot be read, are problems; everything else is exported.
///
/// # Errors
/// The stream cannot be read, or the file cannot be written.
pub async fn export_stream(
    source: &StreamSource,
    destination: &mut Destination<'_>,
) -> Result<(), ExportError> {
    let last = last_sequence(source).await.map_err(ExportError::Stream)?;
    let options = StreamTailOptions {
        begin: match destination.filter.since_unix_ns {
            0 => Begin::Beginning,
            // A message is stored after its updates were received.
            since => Begin::Time(since),
        },
        ..StreamTailOptions::default()
    };
    let mut tail = StreamTail::open(source.clone(), options)
        .await
        .map_err(ExportError::Stream)?;
    let mut export = StreamExport {
        source,
        destination,
        newest_schema: SCHEMA_VERSION.into(),
    };
    loop {
        match tail.next().await {
            // What has been published since the export began is left to the next export.
            Ok(Some(message)) if message.stream_sequence > last => return Ok(()),
            Ok(Some(message)) => export.take(&message)?,
            Ok(None) => return Ok(()),
            Err(StreamTailError::Stream(trouble)) => return Err(ExportError::Stream(trouble)),
            Err(StreamTailError::Message { sequence, .. }) if sequence > last => return Ok(()),
            Err(error @ StreamTailError::Message { .. }) => export.destination.problems.add(format_args!(
                "{error}; remove it with `nats stream rmm` if another program has published it"
            )),
        }
    }
}

/// Returns the sequence of the last message of the stream; 0 if it has none.
async fn last_sequence(source: &StreamSource) -> Result<u64, Trouble> {
    let connection = connect(&source.server, "arancini export").await?;
    let context = jetstream::new(connection.client.clone());
    let stream = find_stream(&context, &source.stream).await?;
    let stream = stream.ok_or_else(|| missing_stream(&source.stream))?;
    Ok(stream.cached_info().state.last_sequence)
}

/// Takes the messages of a stream.
struct StreamExport<'a, 'd> {
    source: &'a StreamSource,
    destination: &'a mut Destination<'d>,
    /// The highest schema that was told, or the own one.
    newest_schema: u32,
}

impl StreamExport<'_, '_> {
    fn take(&mut self, message: &PublishedMessage) -> io::Result<()> {
        let (sequence, name) = (message.stream_sequence, &message.subject);
        let headers = message.batch_headers();
        let subject = Subject::parse(&self.source.base, name).filter(|_| headers.collector().is_some());
        let Some(subject) = subject else {
            self.destination.problems.add(format_args!(
                "message {sequence} of the stream, on {name}, is not exported: no collector has published it; find the program \
                 that publishes into the stream {}",
                self.source.stream
            ));
            return Ok(());
        };
        if let Some(schema) = headers
            .schema_version()
            .filter(|schema| *schema > self.newest_schema)
        {
            self.newest_schema = schema;
            self.destination.problems.add(format_args!(
                "message {sequence} of the stream has schema {schema}, and this program knows the fields of schema \
                 {SCHEMA_VERSION}: newer fields are not exported; use the arancini of the collector's version"
            ));
        }
        let place = |number| format!("message {sequence} of the stream, on {name}, part {}", number + 1);
        self.destination
            .take(subject.message_kind(), &message.payload, place)
    }
}
