//! A JetStream stream as a source.

use std::io;

use arancini_client::StreamSource;
use arancini_client::connect::connect;
use arancini_client::streams::existing_stream;
use arancini_client::tail::{Begin, PublishedMessage, StreamTail, StreamTailError, StreamTailOptions};
use arancini_schema::SCHEMA_VERSION;
use arancini_schema::subject::Subject;
use async_nats::jetstream;
use async_nats::jetstream::stream::State;

use crate::error::ExportError;
use crate::payload::Destination;

/// Exports a stream up to the end that it has at the time of the call.
///
/// Messages that no collector has published, that cannot be read, or that were removed before the export came to them, are
/// problems; everything else is exported.
///
/// # Errors
/// The stream cannot be read, or the file cannot be written.
pub async fn export_stream(
    source: &StreamSource,
    destination: &mut Destination<'_>,
) -> Result<(), ExportError> {
    let connection = connect(&source.server, "arancini export")
        .await
        .map_err(ExportError::Stream)?;
    let context = jetstream::new(connection.client.clone());
    let last = state(&context, source).await?.last_sequence;
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
    let mut place = Place::default();
    loop {
        let next = tail.next().await;
        if let Err(StreamTailError::Recreated { .. }) = next {
            export.destination.problems.add(format_args!(
                "the export ends early: stream {} was deleted and created again while it was read; export again for the new stream",
                source.stream
            ));
            return Ok(());
        }
        let sequence = match &next {
            Ok(Some(message)) => message.stream_sequence,
            Err(StreamTailError::Message { sequence, .. }) => *sequence,
            Ok(None) | Err(StreamTailError::Stream(_) | StreamTailError::Recreated { .. }) => u64::MAX,
        };
        // What has been published since the export began is left to the next export.
        let is_over = sequence > last;
        if place.may_have_lost(&tail, last, is_over) {
            let first = state(&context, source).await?.first_sequence;
            export.tell_removed(place.sequence, first.min(sequence).min(last + 1));
        }
        place = Place {
            sequence,
            missing_until: tail.missing_until(),
        };
        match next {
            Err(StreamTailError::Stream(trouble)) => return Err(ExportError::Stream(trouble)),
            _ if is_over => return Ok(()),
            Ok(None) => return Ok(()),
            Ok(Some(message)) => export.take(&message)?,
            Err(error) => export.destination.problems.add(format_args!(
                "{error}; remove it with `nats stream rmm` if another program has published it"
            )),
        }
    }
}

/// Returns what the stream has now.
async fn state(context: &jetstream::Context, source: &StreamSource) -> Result<State, ExportError> {
    existing_stream(context, &source.stream)
        .await
        .map(|stream| stream.cached_info().state.clone())
        .map_err(ExportError::Stream)
}

/// How far the export has come.
#[derive(Default)]
struct Place {
    /// Sequence of the last message; 0 before the first one.
    sequence: u64,
    /// [`StreamTail::missing_until`] at that message.
    missing_until: u64,
}

impl Place {
    /// Returns whether messages behind this place may have been removed before the tail came to them. What the stream has
    /// removed before the first message is no loss of the export.
    const fn may_have_lost(&self, tail: &StreamTail, last: u64, is_over: bool) -> bool {
        self.sequence > 0 && (tail.missing_until() > self.missing_until || (is_over && self.sequence < last))
    }
}

/// Takes the messages of a stream.
struct StreamExport<'a, 'd> {
    source: &'a StreamSource,
    destination: &'a mut Destination<'d>,
    /// The highest schema that was told, or the own one.
    newest_schema: u32,
}

impl StreamExport<'_, '_> {
    /// Tells that the messages behind `last` and before `first` were removed, if there are any. Without them, a message was deleted
    /// earlier, by a person or by a limit of its subject.
    fn tell_removed(&mut self, last: u64, first: u64) {
        if first > last + 1 {
            self.destination.problems.add(format_args!(
                "messages {} to {} of the stream {} were removed while the export read it, by its limits or by a purge, and are not \
                 exported; export again, or raise nats.max_bytes and nats.max_age_s",
                last + 1,
                first - 1,
                self.source.stream
            ));
        }
    }

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
