//! Everything that was published behind a position, for a restore; and whether that is all there was.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use arancini_core::position::SegmentEnd;
use arancini_core::{BatchKind, Position};
use arancini_schema::subject::Subject;
use async_nats::HeaderValue;
use async_nats::jetstream;
use tracing::warn;

use super::Begin;
use super::stream::{StreamTail, StreamTailError, StreamTailOptions};
use crate::framing::Frames;
use crate::nats::connect::connect;
use crate::nats::message::{HEADER_COLLECTOR, HEADER_LAST_SEQUENCE, HEADER_ROUTER};
use crate::nats::stream::find;
use crate::settings::NatsSettings;
use crate::sink::segment::{Segment, list, series_name};
use crate::status::Trouble;

/// How long a dead collector's last messages may take from its socket into the stream: far longer than a server needs
/// for what a socket's buffer holds.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// Bytes of a segment looked at together.
const CHUNK: usize = 1 << 20;

/// Messages that were published together: one batch of a stream, or some messages of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// What they are.
    pub kind: BatchKind,
    /// Cap'n Proto messages back to back.
    pub payload: &'a [u8],
    /// Who published them, where it is told.
    pub collector: Option<&'a str>,
    /// The router they are about, where it is told, and the last sequence number it got in them.
    pub router: Option<(IpAddr, u64)>,
}

/// Whether what was handed out is all that was published behind the position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wholeness {
    /// It is.
    Whole,
    /// Some is gone; why, for people.
    Gap(String),
}

/// Hands out what a stream holds behind the position, or all of it, up to its end at the time of asking.
///
/// # Errors
/// The stream can't be read now; what was handed out so far must be thrown away.
pub async fn stream_since(
    settings: &NatsSettings,
    position: Option<&Position>,
    mut take: impl FnMut(Published<'_>),
) -> Result<Wholeness, Trouble> {
    let name = &settings.stream.name;
    let connection = connect(settings, "arancini restore").await?;
    let context = jetstream::new(connection.client.clone());
    let Some(stream) = find(&context, name).await? else {
        return Ok(match position {
            Some(_) => Wholeness::Gap(format!("stream {name} is gone")),
            None => Wholeness::Whole,
        });
    };
    let info = stream.cached_info();
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    let after = match position {
        None => 0,
        Some(Position::Stream {
            created_unix_ns,
            sequence,
            ..
        }) if *created_unix_ns == info.created.unix_timestamp_nanos() && *sequence <= last => *sequence,
        Some(_) => return Ok(Wholeness::Gap(format!("stream {name} was made anew"))),
    };
    let whole = if first > after + 1 && last > after {
        Wholeness::Gap(format!(
            "stream {name} begins at {first}, but what was published behind {after} is needed"
        ))
    } else {
        Wholeness::Whole
    };
    if last == 0 {
        return Ok(whole);
    }
    read_stream(settings, after, last, &mut take).await?;
    // What a former life of this collector left in its socket may be stored still.
    tokio::time::sleep(LAST_WORDS).await;
    let now = find(&context, name)
        .await?
        .map_or(last, |stream| stream.cached_info().state.last_sequence);
    read_stream(settings, last, now, &mut take).await?;
    Ok(whole)
}

/// Hands out what is stored behind one sequence up to another.
async fn read_stream(
    settings: &NatsSettings,
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
    let mut tail = StreamTail::open(settings.clone(), options).await?;
    loop {
        let message = match tail.next().await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(StreamTailError::Stream(trouble)) => return Err(trouble),
            Err(error @ StreamTailError::Message { .. }) => {
                warn!(%error, "not a message of ours");
                continue;
            }
        };
        let Some(kind) = kind_of(&settings.stream.base, &message.subject) else {
            continue;
        };
        let header = |name| message.headers.get(name).map(HeaderValue::as_str);
        let router = header(HEADER_ROUTER).and_then(|router| router.parse().ok());
        let sequence = header(HEADER_LAST_SEQUENCE).and_then(|sequence| sequence.parse().ok());
        take(Published {
            kind,
            payload: &message.payload,
            collector: header(HEADER_COLLECTOR),
            router: router.zip(sequence),
        });
        if message.stream_sequence >= last {
            return Ok(());
        }
    }
}

fn kind_of(base: &str, subject: &str) -> Option<BatchKind> {
    Some(match Subject::parse(base, subject)? {
        Subject::Updates { .. } => BatchKind::Updates,
        Subject::Peers { .. } => BatchKind::Peers,
        Subject::Routers { .. } => BatchKind::Routers,
        Subject::Statistics { .. } => BatchKind::Statistics,
        Subject::Malformed { .. } => BatchKind::Malformed,
    })
}

/// Hands out the updates that a directory of segments holds behind the position, or all of them. A torn end is what a
/// crash left and counts for nothing.
///
/// # Errors
/// A file can't be read.
pub fn segments_since(
    directory: &Path,
    position: Option<&Position>,
    mut take: impl FnMut(Published<'_>),
) -> io::Result<Wholeness> {
    let kind = BatchKind::Updates;
    let segments = match list(directory, kind) {
        Ok(segments) => segments,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let start = match position {
        None => SegmentEnd {
            series: series_name(kind).to_owned(),
            number: 1,
            bytes: 0,
        },
        Some(Position::Segments(ends)) => match ends.iter().find(|end| end.series == series_name(kind)) {
            Some(end) => end.clone(),
            None => {
                return Ok(Wholeness::Gap(
                    "the snapshot knows no segments of updates".to_owned(),
                ));
            }
        },
        Some(Position::Stream { .. }) => {
            return Ok(Wholeness::Gap(
                "the snapshot is of a stream, not of segments".to_owned(),
            ));
        }
    };
    let whole = whole_since(directory, &segments, &start);
    for segment in segments.iter().filter(|segment| segment.number >= start.number) {
        let skip = if segment.number == start.number {
            start.bytes
        } else {
            0
        };
        read_segment(segment, skip, &mut take)?;
    }
    Ok(whole)
}

/// Whether the segments from `start` on are all there. The sink never removes the last segment of a series.
fn whole_since(directory: &Path, segments: &[Segment], start: &SegmentEnd) -> Wholeness {
    let there = |number| segments.iter().find(|segment| segment.number == number);
    let later = segments.iter().any(|segment| segment.number > start.number);
    let whole = match there(start.number) {
        Some(segment) => segment.bytes >= start.bytes,
        None if start.bytes > 0 || later => false,
        // Not begun yet when the position was taken: the one before it was the last.
        None => start.number == 1 || there(start.number - 1).is_some(),
    };
    if whole {
        return Wholeness::Whole;
    }
    Wholeness::Gap(format!(
        "segment {} of {} in {} is not there any more, at least not the first {} bytes of it",
        start.number,
        start.series,
        directory.display(),
        start.bytes
    ))
}

fn read_segment(segment: &Segment, skip: u64, take: &mut impl FnMut(Published<'_>)) -> io::Result<()> {
    let mut file = match File::open(&segment.path) {
        Ok(file) => BufReader::with_capacity(CHUNK, file),
        // Removed by retention since it was listed: whole or not was judged by the list.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(skip))?;
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes)?;
        let mut frames = Frames::new(&bytes);
        while let Some(Ok(_)) = frames.next() {}
        let whole = frames.position();
        if whole > 0 {
            take(Published {
                kind: segment.kind,
                payload: &bytes[..whole],
                collector: None,
                router: None,
            });
            bytes.drain(..whole);
        }
        if read == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn end(number: u64, bytes: u64) -> SegmentEnd {
        SegmentEnd {
            series: "updates".to_owned(),
            number,
            bytes,
        }
    }

    fn segment(number: u64, bytes: u64) -> Segment {
        Segment {
            kind: BatchKind::Updates,
            number,
            path: Path::new("x").to_owned(),
            bytes,
            modified: std::time::SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_missing_segment_is_a_gap() {
        let whole =
            |segments: &[Segment], start| whole_since(Path::new("d"), segments, &start) == Wholeness::Whole;
        assert!(whole(&[], end(1, 0)));
        assert!(whole(&[segment(3, 80)], end(3, 80)));
        assert!(whole(&[segment(3, 80), segment(4, 8)], end(3, 16)));
        assert!(whole(&[segment(3, 80)], end(4, 0)), "not begun yet");
        assert!(!whole(&[segment(3, 80)], end(3, 88)), "shorter than it was");
        assert!(!whole(&[segment(5, 80)], end(3, 80)));
        assert!(!whole(&[segment(5, 80)], end(4, 0)));
        assert!(!whole(&[], end(4, 0)), "all were removed by somebody");
        assert!(!whole(&[segment(2, 80)], end(1, 0)), "the first ones aged out");
    }
}
