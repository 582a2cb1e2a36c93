//! Everything that was published behind a position, for a restore; and whether that is all there was.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use arancini_core::position::SegmentEnd;
use arancini_core::{BatchKind, Position};
use arancini_schema::decode::Messages;
use arancini_schema::subject::Subject;
use arancini_schema::update_capnp::RouterEventKind;
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

/// How long a dead collector's last messages may take from its socket into the stream, where no fence keeps them out: far
/// longer than a server needs for what a socket's buffer holds.
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

/// Hands out what a stream holds behind the position, or all of it, up to its end at the time of asking. What a former
/// life left in its socket may be stored later than that, unless it is `fenced` off ([`crate::SinkStatus::is_fenced`]): without,
/// it is waited for.
///
/// # Errors
/// The stream can't be read now; what was handed out so far must be thrown away.
pub async fn stream_since(
    settings: &NatsSettings,
    position: Option<&Position>,
    fenced: bool,
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
    if fenced {
        return Ok(whole);
    }
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

/// Hands out what a directory of segments holds behind the position, or all of it: the updates, and the resync events of
/// routers at their places between them. A torn end is what a crash left and counts for nothing.
///
/// # Errors
/// A file can't be read.
pub fn segments_since(
    directory: &Path,
    position: Option<&Position>,
    mut take: impl FnMut(Published<'_>),
) -> io::Result<Wholeness> {
    let Some(start) = start_of(BatchKind::Updates, position) else {
        return Ok(Wholeness::Gap(
            "the snapshot knows no segments of updates".to_owned(),
        ));
    };
    let mut events = Resyncs::default();
    if let Some(start) = start_of(BatchKind::Routers, position) {
        for (segment, skip) in segments_from(directory, BatchKind::Routers, &start)? {
            read_segment(&segment, skip, &mut |published| events.collect(published.payload))?;
        }
    }
    let segments = list_present(directory, BatchKind::Updates)?;
    let whole = whole_since(directory, &segments, &start);
    for (segment, skip) in segments_from(directory, BatchKind::Updates, &start)? {
        read_segment(&segment, skip, &mut |published| {
            events.merge(published, &mut take)
        })?;
    }
    events.hand_out(None, &mut take);
    Ok(whole)
}

/// Where a series goes on behind the position; `None` if the position does not know it.
fn start_of(kind: BatchKind, position: Option<&Position>) -> Option<SegmentEnd> {
    match position {
        None => Some(SegmentEnd {
            series: series_name(kind).to_owned(),
            number: 1,
            bytes: 0,
        }),
        Some(Position::Segments(ends)) => ends.iter().find(|end| end.series == series_name(kind)).cloned(),
        Some(Position::Stream { .. }) => None,
    }
}

fn list_present(directory: &Path, kind: BatchKind) -> io::Result<Vec<Segment>> {
    match list(directory, kind) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// The segments from `start` on, each with the bytes to skip.
fn segments_from(directory: &Path, kind: BatchKind, start: &SegmentEnd) -> io::Result<Vec<(Segment, u64)>> {
    let mut segments = list_present(directory, kind)?;
    segments.retain(|segment| segment.number >= start.number);
    let skip = |segment: &Segment| {
        if segment.number == start.number {
            start.bytes
        } else {
            0
        }
    };
    Ok(segments
        .into_iter()
        .map(|segment| {
            let skip = skip(&segment);
            (segment, skip)
        })
        .collect())
}

/// Resync events, which lie in another series than the updates between which they belong. There are hardly ever any.
#[derive(Default)]
struct Resyncs {
    /// By router: sequence and message, rising.
    waiting: BTreeMap<Vec<u8>, VecDeque<(u64, Vec<u8>)>>,
}

impl Resyncs {
    /// Keeps what is a resync event.
    fn collect(&mut self, payload: &[u8]) {
        for message in Messages::new(payload).map_while(Result::ok) {
            let Ok(event) = message.router_event() else {
                continue;
            };
            if let Ok(RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd) = event.get_kind() {
                let router = event.get_router_addr().unwrap_or_default().to_vec();
                let waiting = self.waiting.entry(router).or_default();
                waiting.push_back((event.get_sequence(), message.bytes().to_vec()));
            }
        }
    }

    /// Hands out updates, and each event before the first update of its router that came after it.
    fn merge(&mut self, published: Published<'_>, take: &mut impl FnMut(Published<'_>)) {
        if self.waiting.is_empty() {
            return take(published);
        }
        for message in Messages::new(published.payload) {
            // What can't be read is for the taker to find.
            let Ok(message) = message else {
                return take(published);
            };
            if let Ok(update) = message.update() {
                let router = update.get_router_addr().unwrap_or_default();
                self.hand_out(Some((router, update.get_sequence())), take);
            }
            take(Published {
                payload: message.bytes(),
                ..published
            });
        }
    }

    /// Hands out a router's events before a sequence, or all that are left.
    fn hand_out(&mut self, before: Option<(&[u8], u64)>, take: &mut impl FnMut(Published<'_>)) {
        for (router, waiting) in &mut self.waiting {
            let limit = match before {
                Some((of, _)) if of != &router[..] => continue,
                Some((_, sequence)) => sequence,
                None => u64::MAX,
            };
            while waiting.front().is_some_and(|(sequence, _)| *sequence < limit)
                && let Some((_, message)) = waiting.pop_front()
            {
                take(Published {
                    kind: BatchKind::Routers,
                    payload: &message,
                    collector: None,
                    router: None,
                });
            }
        }
    }
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
