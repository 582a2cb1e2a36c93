//! Compares positions of sinks.

use arancini_core::Position;
use arancini_core::position::SegmentEnd;

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
            },
            Position::Stream {
                stream: other_stream,
                created_unix_ns: other_created,
                sequence: other_sequence,
            },
        ) if stream == other_stream && created_unix_ns == other_created => Some(Position::Stream {
            stream,
            created_unix_ns,
            sequence: sequence.min(other_sequence),
        }),
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
