//! What a directory of segments holds behind a place.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arancini_schema::MessageKind;

use super::events::Events;
use super::published::{Published, Wholeness};
use crate::readable::{PublishedSequence, next_readable, read_sequence};
use crate::records::{RecordError, Records};
use crate::segments::{Segment, SeriesPosition, list, segment_path, series_name, set_aside_path};

/// Bytes of a segment that are looked at together.
const CHUNK: usize = 1 << 20;

/// Hands out what a directory of segments holds behind the places of its series, or all of it with `None`: the updates,
/// and at their places between the updates the resync events of routers and the Peer Ups. A record that a crash has cut
/// short at the end of the last segment is ignored. A damaged record is a gap, and the records behind it are handed out.
/// Peer Ups that are missing are no gap, because the routes do not depend on them.
///
/// # Errors
/// A file cannot be read, or `cancelled` has become true. It is asked before each piece of about 1 MiB.
pub fn segments_since(
    directory: &Path,
    positions: Option<&[SeriesPosition]>,
    cancelled: &dyn Fn() -> bool,
    mut take: impl FnMut(Published<'_>),
) -> io::Result<Wholeness> {
    let mut whole = Wholeness::Whole;
    let mut events = Events::default();
    for kind in [MessageKind::Peers, MessageKind::Routers, MessageKind::Updates] {
        let of_kind = match start_of(kind, positions) {
            Some(start) => {
                let segments = list_present(directory, kind)?;
                let present = whole_since(directory, &segments, &start);
                let read = read_series(segments, &start, cancelled, &mut |published| match kind {
                    MessageKind::Updates => events.merge(published, &mut take),
                    _ => events.collect(kind, published.payload),
                });
                present.and(read?)
            }
            None => Wholeness::Gap(format!(
                "the snapshot does not say which segments of the series {} came before it",
                series_name(kind)
            )),
        };
        if kind != MessageKind::Peers {
            whole = whole.and(of_kind);
        }
    }
    events.finish(&mut take);
    Ok(whole)
}

/// Hands out router and sequence number of every message behind the places, or of all messages with `None`, except those
/// of the updates: [`segments_since`] hands out the updates.
///
/// # Errors
/// A file cannot be read, or `cancelled` has become true. It is asked before each piece of about 1 MiB.
pub fn segment_sequences(
    directory: &Path,
    positions: Option<&[SeriesPosition]>,
    cancelled: &dyn Fn() -> bool,
    mut take: impl FnMut(PublishedSequence),
) -> io::Result<()> {
    for kind in MessageKind::ALL {
        if kind == MessageKind::Updates {
            continue;
        }
        // A series that the places do not name is read from its beginning.
        let start = start_of(kind, positions).or_else(|| start_of(kind, None));
        let Some(start) = start else { continue };
        read_series(
            list_present(directory, kind)?,
            &start,
            cancelled,
            &mut |published| {
                let records = Records::new(published.payload).filter_map(Result::ok);
                records
                    .filter_map(|record| read_sequence(kind, record))
                    .for_each(&mut take);
            },
        )?;
    }
    Ok(())
}

/// Returns where a series goes on; `None` if the places do not name the series.
fn start_of(kind: MessageKind, positions: Option<&[SeriesPosition]>) -> Option<SeriesPosition> {
    match positions {
        None => Some(SeriesPosition {
            kind,
            number: 1,
            bytes: 0,
        }),
        Some(positions) => positions.iter().find(|position| position.kind == kind).cloned(),
    }
}

/// Lists the segments of a series; none where there is no directory.
fn list_present(directory: &Path, kind: MessageKind) -> io::Result<Vec<Segment>> {
    match list(directory, kind) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed,
    }
}

/// Hands out the whole records of a series from `start` on. The outcome is a gap if a segment is damaged.
fn read_series(
    segments: Vec<Segment>,
    start: &SeriesPosition,
    cancelled: &dyn Fn() -> bool,
    take: &mut impl FnMut(Published<'_>),
) -> io::Result<Wholeness> {
    let mut whole = Wholeness::Whole;
    let last = segments.last().map_or(0, |segment| segment.number);
    for segment in segments {
        if segment.number < start.number {
            continue;
        }
        let skip = if segment.number == start.number {
            start.bytes
        } else {
            0
        };
        let damage = match read_segment(&segment, skip, cancelled, take)? {
            // The sink may be writing the record, or a crash has cut it short.
            Some(damage) if damage.is_at_end && segment.number == last => None,
            damage => damage,
        };
        if let Some(damage) = damage {
            whole = whole.and(Wholeness::Gap(format!(
                "segment {} of the series {} is damaged at byte {}",
                segment.number,
                series_name(segment.kind),
                damage.at
            )));
        }
    }
    Ok(whole)
}

/// Says whether the segments from `start` on are all present. The sink never removes the last segment of a series, and uses
/// the numbers one after the other.
fn whole_since(directory: &Path, segments: &[Segment], start: &SeriesPosition) -> Wholeness {
    let there = |number| segments.iter().find(|segment| segment.number == number);
    let last = segments.last().map_or(0, |segment| segment.number);
    let missing = match there(start.number) {
        Some(segment) if segment.bytes < start.bytes => Some(start.number),
        // The sink had not begun this segment when the position was taken: the one before it was the last.
        None if start.bytes == 0 && last < start.number => {
            (start.number > 1 && there(start.number - 1).is_none()).then_some(start.number - 1)
        }
        _ => (start.number..=last.max(start.number)).find(|number| there(*number).is_none()),
    };
    let Some(missing) = missing else {
        return Wholeness::Whole;
    };
    let series = series_name(start.kind);
    let place = directory.display();
    let set_aside = set_aside_path(&segment_path(directory, start.kind, missing));
    Wholeness::Gap(if set_aside.exists() {
        format!("segment {missing} of the series {series} in {place} was damaged and is set aside")
    } else {
        format!("segment {missing} of the series {series} in {place} is missing or shorter than it was")
    })
}

/// Bytes of a segment that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentDamage {
    /// Where they begin in the segment.
    pub at: u64,
    /// Whether no record follows.
    pub is_at_end: bool,
}

/// Hands out the whole records of a segment behind the first `skip` bytes, in pieces of about 1 MiB. Returns the first damage;
/// the records behind it are handed out too.
///
/// # Errors
/// The file cannot be read, or `cancelled` has become true. It is asked before each piece.
pub fn read_segment(
    segment: &Segment,
    skip: u64,
    cancelled: &dyn Fn() -> bool,
    take: &mut impl FnMut(Published<'_>),
) -> io::Result<Option<SegmentDamage>> {
    let mut file = match segment.file() {
        Ok(file) => BufReader::with_capacity(CHUNK, file),
        // Retention has removed the file since it was listed. The list has decided already what is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(skip))?;
    let mut at = skip;
    let mut bytes: Vec<u8> = Vec::new();
    let mut damage: Option<SegmentDamage> = None;
    loop {
        if cancelled() {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the reading was cancelled",
            ));
        }
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes)?;
        let mut records = Records::new(&bytes);
        let is_foreign = loop {
            match records.next() {
                Some(Ok(_)) => {}
                Some(Err(RecordError::Foreign { .. })) => break true,
                Some(Err(RecordError::Torn { .. })) | None => break false,
            }
        };
        let whole = records.position();
        if whole > 0 {
            take(Published {
                kind: segment.kind,
                payload: &bytes[..whole],
                collector: None,
                sequence: None,
                id: None,
            });
            bytes.drain(..whole);
            at += whole as u64;
        }
        if read > 0 && !is_foreign {
            continue;
        }
        if bytes.is_empty() {
            return Ok(damage);
        }
        // The next readable record may be anywhere.
        file.read_to_end(&mut bytes)?;
        let next = next_readable(segment.kind, &bytes);
        damage.get_or_insert(SegmentDamage {
            at,
            is_at_end: next.is_none(),
        });
        let Some(next) = next else { return Ok(damage) };
        bytes.drain(..next);
        at += next as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn end(number: u64, bytes: u64) -> SeriesPosition {
        SeriesPosition {
            kind: MessageKind::Updates,
            number,
            bytes,
        }
    }

    fn segment(number: u64, bytes: u64) -> Segment {
        Segment {
            kind: MessageKind::Updates,
            number,
            path: Path::new("x").to_owned(),
            is_open: false,
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
        assert!(
            !whole(&[segment(3, 80), segment(5, 80)], end(3, 16)),
            "4 was set aside"
        );
        assert!(!whole(&[], end(4, 0)), "all were removed by somebody");
        assert!(!whole(&[segment(2, 80)], end(1, 0)), "the first ones aged out");
    }

    /// A collector that restored its tables from large segments did not end until it had read all of them.
    #[test]
    fn reading_large_segments_ends_when_it_is_cancelled() {
        let directory = tempfile::tempdir().unwrap();
        let path = segment_path(directory.path(), MessageKind::Updates, 1);
        // The frame of a record with one word of content, over and over: three pieces.
        let record: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        std::fs::write(&path, record.repeat(3 * CHUNK / record.len())).unwrap();
        let asked = std::cell::Cell::new(0);
        let mut taken = 0;
        let cancelled = || {
            asked.set(asked.get() + 1);
            asked.get() > 1
        };
        let read = segments_since(directory.path(), None, &cancelled, |published| {
            taken += published.payload.len();
        });
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::Interrupted);
        assert_eq!(taken, CHUNK);
    }
}
