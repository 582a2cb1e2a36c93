//! What a directory of segments holds behind a place.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arancini_schema::MessageKind;

use super::published::{Published, Wholeness};
use super::resyncs::Resyncs;
use crate::records::Records;
use crate::segments::{Segment, SeriesPosition, list, series_name};

/// Bytes of a segment that are looked at together.
const CHUNK: usize = 1 << 20;

/// Hands out what a directory of segments holds behind the places of its series, or all of it with `None`: the updates,
/// and the resync events of routers at their places between the updates. A record that a crash has cut short at the end
/// of a segment is ignored.
///
/// # Errors
/// A file cannot be read.
pub fn segments_since(
    directory: &Path,
    positions: Option<&[SeriesPosition]>,
    mut take: impl FnMut(Published<'_>),
) -> io::Result<Wholeness> {
    let Some(start) = start_of(MessageKind::Updates, positions) else {
        return Ok(Wholeness::Gap(
            "the snapshot does not say which segments of updates came before it".to_owned(),
        ));
    };
    let mut events = Resyncs::default();
    if let Some(start) = start_of(MessageKind::Routers, positions) {
        for (segment, skip) in segments_from(directory, &start)? {
            read_segment(&segment, skip, &mut |published| events.collect(published.payload))?;
        }
    }
    let segments = list_present(directory, MessageKind::Updates)?;
    let whole = whole_since(directory, &segments, &start);
    for (segment, skip) in segments_from(directory, &start)? {
        read_segment(&segment, skip, &mut |published| {
            events.merge(published, &mut take)
        })?;
    }
    events.finish(&mut take);
    Ok(whole)
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

/// Returns the segments from `start` on, each with the number of bytes to skip.
fn segments_from(directory: &Path, start: &SeriesPosition) -> io::Result<Vec<(Segment, u64)>> {
    let mut segments = list_present(directory, start.kind)?;
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

/// Says whether the segments from `start` on are all present. The sink never removes the last segment of a series.
fn whole_since(directory: &Path, segments: &[Segment], start: &SeriesPosition) -> Wholeness {
    let there = |number| segments.iter().find(|segment| segment.number == number);
    let later = segments.iter().any(|segment| segment.number > start.number);
    let whole = match there(start.number) {
        Some(segment) => segment.bytes >= start.bytes,
        None if start.bytes > 0 || later => false,
        // The sink had not begun this segment when the position was taken: the one before it was the last.
        None => start.number == 1 || there(start.number - 1).is_some(),
    };
    if whole {
        return Wholeness::Whole;
    }
    Wholeness::Gap(format!(
        "segment {} of the series {} in {} is missing, or is shorter than {} bytes",
        start.number,
        series_name(start.kind),
        directory.display(),
        start.bytes
    ))
}

/// Hands out the whole records of a segment behind the first `skip` bytes.
fn read_segment(segment: &Segment, skip: u64, take: &mut impl FnMut(Published<'_>)) -> io::Result<()> {
    let mut file = match File::open(&segment.path) {
        Ok(file) => BufReader::with_capacity(CHUNK, file),
        // Retention has removed the file since it was listed. The list has decided already what is missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(skip))?;
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut bytes)?;
        let mut records = Records::new(&bytes);
        while let Some(Ok(_)) = records.next() {}
        let whole = records.position();
        if whole > 0 {
            take(Published {
                kind: segment.kind,
                payload: &bytes[..whole],
                collector: None,
                sequence: None,
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
