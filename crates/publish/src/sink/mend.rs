//! Mending the last segment of a series after a crash or damage.
//!
//! A crash cuts the last record short: the rest of this record was never acknowledged and is cut off. Damage is something
//! else. Acknowledged records are lost, so a consumer may miss them, and the restore has to know of it. Therefore the
//! damaged segment is set aside under another name, and its readable records become the next segment. The number that is
//! missing from then on is a gap for every snapshot that was taken before. The last segment may have been closed or open,
//! and what replaces it is closed.
//!
//! ```text
//! updates-00000000000000000007.capnp.open      damaged
//! updates-00000000000000000008.capnp.tmp       its readable records; complete, because it is synced before the next step
//! updates-00000000000000000007.capnp.damaged   renamed
//! updates-00000000000000000008.capnp           renamed
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use arancini_client::readable::{has_wrong_table, next_readable};
use arancini_client::records::{RecordError, Records, record_length};
use arancini_client::segments::{
    Segment, list, list_with_suffix, open_segment_path, segment_path, set_aside_path,
};
use arancini_schema::MessageKind;

/// A segment table that is not complete within this many bytes is not one of a collector.
const LONGEST_TABLE: usize = 4 + 4 * 512;
const READ_AHEAD: usize = 1 << 20;
/// How the name of a segment ends that is being written in place of a damaged one.
const TEMPORARY: &str = ".capnp.tmp";

/// What was wrong with the last segment of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// A crash had cut its last record short. The bytes behind the last whole record were cut off.
    Torn(MendedBytes),
    /// Some of its records were damaged. The segment is set aside, and its readable records are the next segment.
    Damaged(MendedBytes),
}

/// How much of a segment was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MendedBytes {
    /// Bytes of whole records, which were kept.
    pub kept: u64,
    /// Bytes that are lost.
    pub lost: u64,
}

/// Mends the last segment of a series. Returns what was wrong with it; `None` if it was whole.
///
/// # Errors
/// A file cannot be read, written or renamed.
pub fn mend(directory: &Path, kind: MessageKind) -> io::Result<Option<Mended>> {
    finish_earlier_mend(directory, kind)?;
    let Some(segment) = list(directory, kind)?.pop() else {
        return Ok(None);
    };
    let mut file = OpenOptions::new().read(true).write(true).open(&segment.path)?;
    let size = file.metadata()?.len();
    let whole = whole_bytes(&file, size)?;
    if whole == size {
        return Ok(None);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(whole))?;
    file.read_to_end(&mut rest)?;
    let readable = readable_ranges(kind, &rest);
    if readable.is_empty() && !has_wrong_table(kind, &rest) {
        file.set_len(whole)?;
        file.sync_all()?;
        return Ok(Some(Mended::Torn(MendedBytes {
            kept: whole,
            lost: size - whole,
        })));
    }
    file.seek(SeekFrom::Start(0))?;
    let readable: Vec<&[u8]> = readable.into_iter().filter_map(|range| rest.get(range)).collect();
    let kept = replace(directory, &segment, file.take(whole), &readable.concat())?;
    Ok(Some(Mended::Damaged(MendedBytes {
        kept,
        lost: size - kept,
    })))
}

/// Returns where the last whole record before the first damage ends.
fn whole_bytes(file: &File, size: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(READ_AHEAD, file);
    let mut at = 0;
    let mut head = Vec::with_capacity(64);
    while at < size {
        head.clear();
        let length = loop {
            match record_length(&head, at) {
                Ok(Some(length)) => break length,
                Ok(None) if head.len() >= LONGEST_TABLE => return Ok(at),
                Ok(None) => {}
                Err(RecordError::Foreign { .. } | RecordError::Torn { .. }) => return Ok(at),
            }
            let more = if head.is_empty() { 8 } else { 4 };
            if (&mut reader).take(more).read_to_end(&mut head)? < more as usize {
                return Ok(at);
            }
        };
        let Some(end) = at.checked_add(length).filter(|end| *end <= size) else {
            return Ok(at);
        };
        let rest = i64::try_from(length).unwrap_or(i64::MAX) - head.len() as i64;
        reader.seek_relative(rest)?;
        at = end;
    }
    Ok(at)
}

/// Returns the places of the whole records behind the damaged record at the start of `bytes`.
fn readable_ranges(kind: MessageKind, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut damaged = 0;
    while let Some(rest) = bytes.get(damaged..)
        && let Some(next) = next_readable(kind, rest)
    {
        let mut records = Records::new(rest.get(next..).unwrap_or_default());
        while let Some(Ok(_)) = records.next() {}
        let start = damaged + next;
        damaged = start + records.position();
        ranges.push(start..damaged);
    }
    ranges
}

/// Sets a segment aside and makes its readable records the next segment. Returns the size of the new segment.
fn replace(directory: &Path, segment: &Segment, before: impl Read, behind: &[u8]) -> io::Result<u64> {
    let path = segment_path(directory, segment.kind, segment.number + 1);
    let temporary = path.with_extension("capnp.tmp");
    let mut new = File::create(&temporary)?;
    let kept = io::copy(&mut BufReader::with_capacity(READ_AHEAD, before), &mut new)?;
    new.write_all(behind)?;
    new.sync_all()?;
    let closed = segment_path(directory, segment.kind, segment.number);
    fs::rename(&segment.path, set_aside_path(&closed))?;
    fs::rename(&temporary, &path)?;
    File::open(directory)?.sync_all()?;
    Ok(kept + behind.len() as u64)
}

/// Completes or undoes a [`replace`] that a crash has interrupted.
fn finish_earlier_mend(directory: &Path, kind: MessageKind) -> io::Result<()> {
    for temporary in list_with_suffix(directory, kind, TEMPORARY)? {
        let number = temporary.number.saturating_sub(1);
        let damaged = segment_path(directory, kind, number);
        let is_there = damaged.try_exists()? || open_segment_path(directory, kind, number).try_exists()?;
        if set_aside_path(&damaged).try_exists()? && !is_there {
            fs::rename(&temporary.path, segment_path(directory, kind, temporary.number))?;
            File::open(directory)?.sync_all()?;
        } else {
            fs::remove_file(&temporary.path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KIND: MessageKind = MessageKind::Updates;
    const RECORD: [u8; 16] = [0, 0, 0, 0, 1, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7];

    #[test]
    fn a_mend_that_a_crash_interrupts_is_completed_or_undone() {
        for (is_set_aside, was_open) in [(true, true), (false, true), (true, false), (false, false)] {
            let directory = tempfile::tempdir().unwrap();
            let path = |number| segment_path(directory.path(), KIND, number);
            let damaged = if was_open {
                open_segment_path(directory.path(), KIND, 7)
            } else {
                path(7)
            };
            // Retention may have removed all segments before the damaged one.
            fs::write(&damaged, RECORD).unwrap();
            fs::write(path(8).with_extension("capnp.tmp"), [RECORD, RECORD].concat()).unwrap();
            if is_set_aside {
                fs::rename(&damaged, set_aside_path(&path(7))).unwrap();
            }
            assert_eq!(mend(directory.path(), KIND).unwrap(), None);
            let segments = list(directory.path(), KIND).unwrap();
            let found: Vec<_> = segments
                .iter()
                .map(|segment| (segment.number, segment.bytes))
                .collect();
            assert_eq!(found, if is_set_aside { [(8, 32)] } else { [(7, 16)] });
            assert!(
                list_with_suffix(directory.path(), KIND, TEMPORARY)
                    .unwrap()
                    .is_empty()
            );
        }
    }

    #[test]
    fn zeros_behind_the_last_record_are_cut_off_as_after_a_crash() {
        let directory = tempfile::tempdir().unwrap();
        let path = segment_path(directory.path(), KIND, 1);
        fs::write(&path, [&RECORD[..], &[0; 4096]].concat()).unwrap();
        let torn = Mended::Torn(MendedBytes { kept: 16, lost: 4096 });
        assert_eq!(mend(directory.path(), KIND).unwrap(), Some(torn));
        assert_eq!(fs::read(&path).unwrap(), RECORD);
    }
}
