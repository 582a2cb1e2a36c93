//! Segment files: `<series>-<number>.capnp`, whole Cap'n Proto messages of one struct type back to back.
//!
//! One series per kind of batch, since ClickHouse and `capnp decode` read files of one struct type. Numbers rise and
//! are never used twice. The order over series is that of the per-router sequence numbers inside.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use arancini_core::BatchKind;

use crate::framing::{FramingError, message_length};

/// Enough of a message to tell its length: segments beyond this many are not ours.
const LONGEST_HEADER: usize = 4 + 4 * 512;
const READ_AHEAD: usize = 1 << 20;

/// All series, in the order of their discriminants.
pub const SERIES: [BatchKind; 5] = [
    BatchKind::Updates,
    BatchKind::Peers,
    BatchKind::Routers,
    BatchKind::Statistics,
    BatchKind::Malformed,
];

/// The file name part of a series.
pub fn series_name(kind: BatchKind) -> &'static str {
    match kind {
        BatchKind::Updates => "updates",
        BatchKind::Peers => "peers",
        BatchKind::Routers => "routers",
        BatchKind::Statistics => "stats",
        BatchKind::Malformed => "malformed",
    }
}

/// Path of a segment.
pub fn segment_path(directory: &Path, kind: BatchKind, number: u64) -> PathBuf {
    directory.join(format!("{}-{number:020}.capnp", series_name(kind)))
}

/// One existing segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What it holds.
    pub kind: BatchKind,
    /// Its number.
    pub number: u64,
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its last write.
    pub modified: SystemTime,
}

/// The segments of a series, by rising number. Foreign files are passed over.
pub fn list(directory: &Path, kind: BatchKind) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| {
                name.strip_prefix(series_name(kind))?
                    .strip_prefix('-')?
                    .strip_suffix(".capnp")
            })
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse().ok());
        let Some(number) = number else { continue };
        let data = match entry.metadata() {
            Ok(data) => data,
            // Removed meanwhile by retention.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Segment {
            kind,
            number,
            path: entry.path(),
            bytes: data.len(),
            modified: data.modified()?,
        });
    }
    found.sort_by_key(|segment| segment.number);
    Ok(found)
}

/// What [`mend`] found at the end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Bytes of whole messages, kept.
    pub kept: u64,
    /// Bytes after them, cut off.
    pub cut: u64,
}

/// Cuts what a crash left behind the last whole message.
pub fn mend(path: &Path) -> io::Result<Option<TornTail>> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let kept = whole_bytes(&file, size)?;
    if kept == size {
        return Ok(None);
    }
    file.set_len(kept)?;
    file.sync_all()?;
    Ok(Some(TornTail {
        kept,
        cut: size - kept,
    }))
}

fn whole_bytes(file: &File, size: u64) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(READ_AHEAD, file);
    let mut at = 0;
    let mut head = Vec::with_capacity(64);
    while at < size {
        head.clear();
        let length = loop {
            match message_length(&head, at) {
                Ok(Some(length)) => break length,
                Ok(None) if head.len() >= LONGEST_HEADER => return Ok(at),
                Ok(None) => {}
                Err(FramingError::Foreign { .. } | FramingError::Torn { .. }) => return Ok(at),
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
