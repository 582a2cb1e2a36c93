//! Segment files: `<series>-<number>.capnp`, whole records of one kind back to back.
//!
//! Each kind of message is a series of its own, since ClickHouse and `capnp decode` read files of one struct type. The
//! numbers of a series rise and are never used twice. Between series only the per-router sequence numbers inside the
//! messages give an order.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use arancini_schema::MessageKind;

/// Highest number of a segment. The numbers of a series rise by one, so a collector never gets there, and a file with a
/// higher number is not a segment.
pub const LAST_SEGMENT_NUMBER: u64 = u64::MAX / 2;

/// Name of a series in its file names.
pub fn series_name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Updates => "updates",
        MessageKind::Peers => "peers",
        MessageKind::Routers => "routers",
        MessageKind::Statistics => "stats",
        MessageKind::Malformed => "malformed",
    }
}

/// A place in a series: everything before it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesPosition {
    /// The series.
    pub kind: MessageKind,
    /// Number of a segment.
    pub number: u64,
    /// Bytes of that segment that lie before the place.
    pub bytes: u64,
}

/// Returns the path of a segment.
pub fn segment_path(directory: &Path, kind: MessageKind, number: u64) -> PathBuf {
    directory.join(format!("{}-{number:020}.capnp", series_name(kind)))
}

/// Returns the name under which the sink sets a damaged segment aside.
pub fn set_aside_path(segment: &Path) -> PathBuf {
    segment.with_added_extension("damaged")
}

/// One existing segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The kind of its messages.
    pub kind: MessageKind,
    /// Its number.
    pub number: u64,
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Time of its last write.
    pub modified: SystemTime,
}

/// Lists the segments of a series by rising number. Other files are ignored, and so is whatever is not a file: opening a named
/// pipe would wait for ever.
///
/// # Errors
/// The directory cannot be read.
pub fn list(directory: &Path, kind: MessageKind) -> io::Result<Vec<Segment>> {
    list_with_suffix(directory, kind, ".capnp")
}

/// Lists the files of a series that end in `suffix` where a segment ends in `.capnp`, by rising number.
///
/// # Errors
/// The directory cannot be read.
pub fn list_with_suffix(directory: &Path, kind: MessageKind, suffix: &str) -> io::Result<Vec<Segment>> {
    let mut found = named(directory, kind, suffix)?;
    found.retain(|named| named.is_segment);
    found.sort_by_key(|named| named.segment.number);
    Ok(found.into_iter().map(|named| named.segment).collect())
}

/// Lists what has the name of a segment of the series but is none: a directory, a named pipe, a file with a number that no
/// collector reaches.
///
/// # Errors
/// The directory cannot be read.
pub fn list_strangers(directory: &Path, kind: MessageKind) -> io::Result<Vec<PathBuf>> {
    let mut found = named(directory, kind, ".capnp")?;
    found.retain(|named| !named.is_segment);
    Ok(found.into_iter().map(|named| named.segment.path).collect())
}

/// Something with the name of a segment.
struct Named {
    segment: Segment,
    is_segment: bool,
}

/// Lists what has the name of a segment of the series.
fn named(directory: &Path, kind: MessageKind, suffix: &str) -> io::Result<Vec<Named>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| {
                name.strip_prefix(series_name(kind))?
                    .strip_prefix('-')?
                    .strip_suffix(suffix)
            })
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse().ok());
        let Some(number) = number else { continue };
        let data = match std::fs::metadata(entry.path()) {
            Ok(data) => data,
            // Retention has removed the file meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Named {
            is_segment: data.is_file() && number <= LAST_SEGMENT_NUMBER,
            segment: Segment {
                kind,
                number,
                path: entry.path(),
                bytes: data.len(),
                modified: data.modified()?,
            },
        });
    }
    Ok(found)
}
