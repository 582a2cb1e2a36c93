//! Compares positions of sinks, and translates them for the readers of the stream and of the segments.

use arancini_client::segments::{SeriesPosition, series_name};
use arancini_client::tail::since::{StreamPosition, Wholeness};
use arancini_core::Position;
use arancini_core::position::SegmentEnd;
use arancini_schema::MessageKind;

use crate::config::SinkKind;

/// Returns whether the position belongs to this kind of sink.
pub(super) const fn is_of(position: &Position, sink: SinkKind) -> bool {
    matches!(
        (position, sink),
        (Position::Stream { .. }, SinkKind::Nats) | (Position::Segments(_), SinkKind::File)
    )
}

/// Returns the earlier of two positions of the same sink; `None` if the positions belong to different sinks.
pub(super) fn earlier(one: Position, other: Position) -> Option<Position> {
    match (one, other) {
        (
            Position::Stream {
                stream,
                created_unix_ns,
                sequence,
                message,
            },
            Position::Stream {
                stream: other_stream,
                created_unix_ns: other_created,
                sequence: other_sequence,
                message: other_message,
            },
        ) if stream == other_stream && created_unix_ns == other_created => {
            let is_earlier = sequence <= other_sequence;
            Some(Position::Stream {
                stream,
                created_unix_ns,
                sequence: sequence.min(other_sequence),
                message: if is_earlier { message } else { other_message },
            })
        }
        (Position::Segments(one), Position::Segments(other)) => {
            let pick = |end: SegmentEnd| match other.iter().find(|other| other.series == end.series) {
                Some(other) if (other.number, other.bytes) < (end.number, end.bytes) => other.clone(),
                _ => end,
            };
            Some(Position::Segments(one.into_iter().map(pick).collect()))
        }
        _ => None,
    }
}

/// Returns the position in the stream. A position in segments gives a gap, because nothing can be read from it.
pub(super) fn stream_position(position: &Position) -> Result<StreamPosition, Wholeness> {
    match position {
        Position::Stream {
            created_unix_ns,
            sequence,
            message,
            ..
        } => Ok(StreamPosition {
            created_unix_ns: *created_unix_ns,
            sequence: *sequence,
            message: message.clone(),
        }),
        Position::Segments(_) => Err(Wholeness::Gap("the snapshot is not of a stream".to_owned())),
    }
}

/// Returns the positions in the series of segments; none for a position in a stream.
pub(super) fn series_positions(position: &Position) -> Vec<SeriesPosition> {
    let ends: &[SegmentEnd] = match position {
        Position::Segments(ends) => ends,
        Position::Stream { .. } => &[],
    };
    let of_series = |end: &SegmentEnd| {
        let kind = MessageKind::ALL
            .into_iter()
            .find(|kind| series_name(*kind) == end.series)?;
        Some(SeriesPosition {
            kind,
            number: end.number,
            bytes: end.bytes,
        })
    };
    ends.iter().filter_map(of_series).collect()
}
