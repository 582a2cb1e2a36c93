//! What a stream holds behind a place.

use std::time::Duration;

use arancini_schema::subject::Subject;
use async_nats::jetstream;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use tracing::warn;

use super::published::{Published, Wholeness};
use crate::connect::connect;
use crate::headers::message_identity;
use crate::readable::PublishedSequence;
use crate::settings::StreamSource;
use crate::streams::{explain_api, find_stream};
use crate::tail::options::{AtEnd, Begin};
use crate::tail::stream::{StreamTail, StreamTailError, StreamTailOptions};
use crate::trouble::{Reason, Trouble};

/// How long the last messages of a dead collector may take from its socket into the stream, where no fence keeps them
/// out. A server needs far less for the content of a socket's buffer.
const LAST_WRITES: Duration = Duration::from_millis(250);

/// How long a stream may hand out nothing before a message that it is known to have. A busy host needs a part of this.
const SILENCE: Duration = Duration::from_secs(30);

/// A place in a stream: everything before it was stored earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition {
    /// When the stream was created, in Unix nanoseconds. A stream that was created again counts from 1.
    pub created_unix_ns: i128,
    /// The last stream sequence before the place.
    pub sequence: u64,
    /// The [identity](message_identity) of the message with this sequence, if it is known.
    pub message: Option<String>,
}

/// Whether a dead collector's last messages may still reach the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateWrites {
    /// The stream refuses them: a fence is raised.
    Fenced,
    /// They may still arrive, so they are waited for.
    Possible,
}

/// What to read of a stream, and what is known of it.
#[derive(Debug)]
pub struct Since {
    /// The place behind which the messages are needed; `None` for all messages.
    pub position: Option<StreamPosition>,
    /// The last message that the reader counts as stored. If it is gone, the stream has lost its end.
    pub relies_on: Option<StreamPosition>,
    /// A stream sequence that is known to be stored, such as the reader's fence; 0 if none is. In a stream with replicas, the
    /// server may read from a replica that lags behind, so the end counts only behind that sequence.
    pub stored: u64,
    /// Whether a dead collector's last messages may still reach the stream.
    pub late: LateWrites,
}

/// Hands out what a stream holds behind a place, up to its end at the time of the call.
///
/// # Errors
/// The stream cannot be read now. The caller must discard what was handed out so far.
pub async fn stream_since(
    source: &StreamSource,
    since: &Since,
    mut take: impl FnMut(Published<'_>),
) -> Result<Wholeness, Trouble> {
    let name = &source.stream;
    let connection = connect(&source.server, "arancini restore").await?;
    let context = jetstream::new(connection.client.clone());
    let Some(stream) = find_stream(&context, name).await? else {
        return Ok(match since.position {
            Some(_) => Wholeness::Gap(format!("stream {name} does not exist any more")),
            None => Wholeness::Whole,
        });
    };
    let info = stream.cached_info();
    let (first, last) = (
        info.state.first_sequence,
        info.state.last_sequence.max(since.stored),
    );
    let created = info.created.unix_timestamp_nanos();
    let is_recreated = |position: &StreamPosition| position.created_unix_ns != created;
    let known = since.position.iter().chain(&since.relies_on);
    let mut loss = None;
    for position in known {
        let sequence = position.sequence;
        loss = if is_recreated(position) {
            Some(format!("stream {name} was deleted and created again"))
        } else if sequence > last {
            Some(format!(
                "stream {name} ends at sequence {last}, but it had stored sequence {sequence}"
            ))
        } else if sequence >= first && !has_message(&stream, position).await? {
            // A place before the first message was removed by a limit, which is no loss.
            Some(format!(
                "stream {name} has another message at sequence {sequence} than before, so it has lost what it had stored"
            ))
        } else {
            continue;
        };
        break;
    }
    // What the stream holds is handed out also after a loss: its sequence numbers are taken.
    let (after, known) = match (&since.position, loss) {
        (_, Some(why)) => (0, Wholeness::Gap(why)),
        (Some(position), None) => (position.sequence, Wholeness::Whole),
        (None, None) => (0, Wholeness::Whole),
    };
    let whole = known.and(if first > after + 1 && last > after {
        let needed = if after == 0 {
            "all messages".to_owned()
        } else {
            format!("the messages behind sequence {after}")
        };
        Wholeness::Gap(format!(
            "stream {name} begins at sequence {first}, but {needed} are needed"
        ))
    } else {
        Wholeness::Whole
    });
    if last == 0 {
        return Ok(whole);
    }
    // A purge may have removed the known message meanwhile.
    let stored = if since.stored >= first { since.stored } else { 0 };
    read_stream(source, after, last, stored, &mut take).await?;
    if since.late == LateWrites::Fenced {
        return Ok(whole);
    }
    tokio::time::sleep(LAST_WRITES).await;
    let now = find_stream(&context, name)
        .await?
        .map_or(last, |stream| stream.cached_info().state.last_sequence);
    read_stream(source, last, now, 0, &mut take).await?;
    Ok(whole)
}

/// Returns whether the stream has the message of the position at its place; also if it is not known which one that was.
async fn has_message(stream: &Stream, position: &StreamPosition) -> Result<bool, Trouble> {
    let Some(message) = &position.message else {
        return Ok(true);
    };
    match stream.get_raw_message(position.sequence).await {
        Ok(found) => Ok(message_identity(&found.headers) == Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
        Err(error) => {
            let name = &stream.cached_info().config.name;
            Err(explain_api(name, "STREAM.MSG.GET", &error.to_string()))
        }
    }
}

/// Hands out what is stored behind the sequence `after`, up to the sequence `last`, and at least up to the sequence `stored`.
async fn read_stream(
    source: &StreamSource,
    after: u64,
    last: u64,
    stored: u64,
    take: &mut impl FnMut(Published<'_>),
) -> Result<(), Trouble> {
    if last <= after {
        return Ok(());
    }
    let stored = if stored > after { stored } else { 0 };
    let options = StreamTailOptions {
        begin: Begin::Sequence(after + 1),
        at_end: AtEnd::StopBehind(stored),
        ..StreamTailOptions::default()
    };
    let mut tail = StreamTail::open(source.clone(), options).await?;
    let mut strangers = Strangers::default();
    loop {
        let next = tokio::time::timeout(SILENCE, tail.next());
        let message = match next.await.unwrap_or_else(|_| Err(silent(&source.stream, stored))) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(StreamTailError::Stream(trouble)) => return Err(trouble),
            // What was asked for is gone. The next attempt compares the new stream with the position, and finds a gap.
            Err(error @ StreamTailError::Recreated { .. }) => {
                return Err(Trouble::new(
                    Reason::Other,
                    error.to_string(),
                    "the stream is asked again",
                ));
            }
            Err(error @ StreamTailError::Message { .. }) => {
                warn!(%error, "skipped a message that no collector has published");
                continue;
            }
        };
        let Some(subject) = Subject::parse(&source.base, &message.subject) else {
            continue;
        };
        let headers = message.batch_headers();
        if headers.collector().is_none() {
            strangers.note(&message.subject);
            if message.stream_sequence >= last {
                return Ok(());
            }
            continue;
        }
        let sequence = match (headers.router(), headers.last_sequence()) {
            (Some(router), Some(last)) => Some(PublishedSequence { router, last }),
            _ => None,
        };
        take(Published {
            kind: subject.message_kind(),
            payload: &message.payload,
            collector: headers.collector(),
            sequence,
            id: headers.id(),
        });
        if message.stream_sequence >= last {
            return Ok(());
        }
    }
}

/// Messages on the subjects of the stream that no collector has published. They say nothing about a router, whatever is in
/// them, so they are passed over.
#[derive(Default)]
struct Strangers {
    messages: u64,
    /// Subject of the first one.
    first: Option<String>,
}

impl Strangers {
    fn note(&mut self, subject: &str) {
        self.messages += 1;
        self.first.get_or_insert_with(|| subject.to_owned());
    }
}

impl Drop for Strangers {
    /// Logs the messages once, however the reading ends.
    fn drop(&mut self) {
        if let Some(first) = &self.first {
            warn!(
                messages = self.messages,
                first,
                "passed over messages of the stream that no collector has published, because they have no \
                 Arancini-Collector header; find out who publishes on the collector's subjects"
            );
        }
    }
}

/// The error of a stream that hands out nothing more, though it has not come to a message that it has stored.
fn silent(stream: &str, stored: u64) -> StreamTailError {
    StreamTailError::Stream(Trouble::new(
        Reason::Timeout,
        format!("stream {stream} hands out no messages, though it has one at sequence {stored}"),
        "check the load of the servers; with replicas, check that each of them is current (`nats stream info`)",
    ))
}
