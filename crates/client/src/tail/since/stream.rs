//! What a stream holds behind a place.

use std::time::Duration;

use arancini_schema::subject::Subject;
use async_nats::jetstream;
use tracing::warn;

use super::published::{Published, Wholeness};
use crate::connect::connect;
use crate::readable::PublishedSequence;
use crate::settings::StreamSource;
use crate::streams::find_stream;
use crate::tail::options::Begin;
use crate::tail::stream::{StreamTail, StreamTailError, StreamTailOptions};
use crate::trouble::Trouble;

/// How long the last messages of a dead collector may take from its socket into the stream, where no fence keeps them
/// out. A server needs far less for the content of a socket's buffer.
const LAST_WRITES: Duration = Duration::from_millis(250);

/// A place in a stream: everything before it was stored earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPosition {
    /// When the stream was created, in Unix nanoseconds. A stream that was created again counts from 1.
    pub created_unix_ns: i128,
    /// The last stream sequence before the place.
    pub sequence: u64,
}

/// Whether a dead collector's last messages may still reach the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateWrites {
    /// The stream refuses them: a fence is raised.
    Fenced,
    /// They may still arrive, so they are waited for.
    Possible,
}

/// Hands out what a stream holds behind a place, or all of it with `None`, up to its end at the time of the call.
///
/// # Errors
/// The stream cannot be read now. The caller must discard what was handed out so far.
pub async fn stream_since(
    source: &StreamSource,
    position: Option<StreamPosition>,
    late: LateWrites,
    mut take: impl FnMut(Published<'_>),
) -> Result<Wholeness, Trouble> {
    let name = &source.stream;
    let connection = connect(&source.server, "arancini restore").await?;
    let context = jetstream::new(connection.client.clone());
    let Some(stream) = find_stream(&context, name).await? else {
        return Ok(match position {
            Some(_) => Wholeness::Gap(format!("stream {name} does not exist any more")),
            None => Wholeness::Whole,
        });
    };
    let info = stream.cached_info();
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    let (after, known) = match position {
        None => (0, Wholeness::Whole),
        Some(position)
            if position.created_unix_ns == info.created.unix_timestamp_nanos()
                && position.sequence <= last =>
        {
            (position.sequence, Wholeness::Whole)
        }
        // What the new stream holds is handed out too: its sequence numbers are taken.
        Some(_) => {
            let why = format!("stream {name} was deleted and created again");
            (0, Wholeness::Gap(why))
        }
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
    read_stream(source, after, last, &mut take).await?;
    if late == LateWrites::Fenced {
        return Ok(whole);
    }
    tokio::time::sleep(LAST_WRITES).await;
    let now = find_stream(&context, name)
        .await?
        .map_or(last, |stream| stream.cached_info().state.last_sequence);
    read_stream(source, last, now, &mut take).await?;
    Ok(whole)
}

/// Hands out what is stored behind the sequence `after`, up to the sequence `last`.
async fn read_stream(
    source: &StreamSource,
    after: u64,
    last: u64,
    take: &mut impl FnMut(Published<'_>),
) -> Result<(), Trouble> {
    if last <= after {
        return Ok(());
    }
    let options = StreamTailOptions {
        begin: Begin::Sequence(after + 1),
        ..StreamTailOptions::default()
    };
    let mut tail = StreamTail::open(source.clone(), options).await?;
    loop {
        let message = match tail.next().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(StreamTailError::Stream(trouble)) => return Err(trouble),
            Err(error @ StreamTailError::Message { .. }) => {
                warn!(%error, "skipped a message that no collector has published");
                continue;
            }
        };
        let Some(subject) = Subject::parse(&source.base, &message.subject) else {
            continue;
        };
        let headers = message.batch_headers();
        let sequence = match (headers.router(), headers.last_sequence()) {
            (Some(router), Some(last)) => Some(PublishedSequence { router, last }),
            _ => None,
        };
        take(Published {
            kind: subject.message_kind(),
            payload: &message.payload,
            collector: headers.collector(),
            sequence,
        });
        if message.stream_sequence >= last {
            return Ok(());
        }
    }
}
