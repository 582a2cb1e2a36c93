//! Segment files: `<series>-<number>.capnp`, whole records of one kind back to back.
//!
//! Each kind of message is a series of its own, since ClickHouse and `capnp decode` read files of one struct type. The
//! numbers of a series rise and are never used twice. Between series only the per-router sequence numbers inside the
//! messages give an order.
//!
//! The segment that the collector writes ends in `.capnp.open`. It gets its final name when it is closed, and never changes
//! from then on, so what reads `*.capnp` reads nothing twice ([ADR 31](../../../docs/adr/0031-closed-segments.md)). The
//! functions of this module find both.

use std::collections::BTreeMap;
use std::fs::File;
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

/// How the name of a closed segment ends.
const CLOSED: &str = ".capnp";
/// How the name of the segment ends that the collector writes.
const OPEN: &str = ".capnp.open";

/// Returns the path of a closed segment.
pub fn segment_path(directory: &Path, kind: MessageKind, number: u64) -> PathBuf {
    directory.join(format!("{}-{number:020}{CLOSED}", series_name(kind)))
}

/// Returns the path of a segment that is not closed yet.
pub fn open_segment_path(directory: &Path, kind: MessageKind, number: u64) -> PathBuf {
    directory.join(format!("{}-{number:020}{OPEN}", series_name(kind)))
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
    /// Its path when it was listed.
    pub path: PathBuf,
    /// Whether it was not closed yet when it was listed.
    pub is_open: bool,
    /// Its size.
    pub bytes: u64,
    /// Time of its last write.
    pub modified: SystemTime,
}

impl Segment {
    /// Opens the file, also if the segment was closed since it was listed.
    ///
    /// # Errors
    /// The file cannot be opened; [`io::ErrorKind::NotFound`] if the segment was removed.
    pub fn file(&self) -> io::Result<File> {
        match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_open => {
                File::open(closed_path(&self.path))
            }
            opened => opened,
        }
    }
}

/// Returns the path that an open segment gets when it is closed.
fn closed_path(open: &Path) -> PathBuf {
    open.with_extension("")
}

/// Lists the segments of a series by rising number, closed and open. Other files are ignored, and so is whatever is not a
/// file: opening a named pipe would wait for ever.
///
/// # Errors
/// The directory cannot be read.
pub fn list(directory: &Path, kind: MessageKind) -> io::Result<Vec<Segment>> {
    list_with_suffixes(directory, kind, &[CLOSED, OPEN])
}

/// Lists the files of a series that end in `suffix` where a segment ends in `.capnp`, by rising number.
///
/// # Errors
/// The directory cannot be read.
pub fn list_with_suffix(directory: &Path, kind: MessageKind, suffix: &str) -> io::Result<Vec<Segment>> {
    list_with_suffixes(directory, kind, &[suffix])
}

/// Lists what has the name of a segment of the series but is none: a directory, a named pipe, a file with a number that no
/// collector reaches, the copy of an open segment beside the closed one.
///
/// # Errors
/// The directory cannot be read.
pub fn list_strangers(directory: &Path, kind: MessageKind) -> io::Result<Vec<PathBuf>> {
    let mut strangers = Vec::new();
    for (number, forms) in numbers(directory, kind, &[CLOSED, OPEN])? {
        if forms == [CLOSED, OPEN] {
            strangers.push(open_segment_path(directory, kind, number));
        }
        let Some(form) = forms.first() else { continue };
        if let Some(named) = look(directory, kind, number, form)?
            && !named.is_segment
        {
            strangers.push(named.segment.path);
        }
    }
    Ok(strangers)
}

/// Something with the name of a segment.
struct Named {
    segment: Segment,
    is_segment: bool,
}

/// Lists the segments of a series whose names end in one of these suffixes; of two with the same number, the one whose suffix
/// comes first.
fn list_with_suffixes(directory: &Path, kind: MessageKind, suffixes: &[&str]) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for (number, forms) in numbers(directory, kind, suffixes)? {
        let Some(form) = forms.first() else { continue };
        if let Some(named) = look(directory, kind, number, form)?
            && named.is_segment
        {
            found.push(named.segment);
        }
    }
    Ok(found)
}

/// Numbers of a series, each with the suffixes that are there in the order of the search.
type Numbers<'a> = BTreeMap<u64, Vec<&'a str>>;

/// Returns the numbers of a series. A file that is renamed while the directory is read may appear under neither name
/// (`readdir`), so the directory is read until two readings agree.
fn numbers<'a>(directory: &Path, kind: MessageKind, suffixes: &[&'a str]) -> io::Result<Numbers<'a>> {
    let mut found = numbers_once(directory, kind, suffixes)?;
    loop {
        let again = numbers_once(directory, kind, suffixes)?;
        if again == found {
            return Ok(found);
        }
        found = again;
    }
}

fn numbers_once<'a>(directory: &Path, kind: MessageKind, suffixes: &[&'a str]) -> io::Result<Numbers<'a>> {
    let mut found = Numbers::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let rest = name
            .to_str()
            .and_then(|name| name.strip_prefix(series_name(kind))?.strip_prefix('-'));
        let Some((digits, suffix)) = rest.and_then(|rest| rest.split_at_checked(20)) else {
            continue;
        };
        // All are digits: a sign is none.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number);
        if let Some(number) = number
            && let Some(suffix) = suffixes.iter().find(|known| **known == suffix)
        {
            found.entry(number).or_default().push(*suffix);
        }
    }
    for forms in found.values_mut() {
        forms.sort_by_key(|form| suffixes.iter().position(|suffix| suffix == form));
    }
    Ok(found)
}

/// Looks at a file of a series; `None` if it was removed meanwhile.
fn look(directory: &Path, kind: MessageKind, number: u64, suffix: &str) -> io::Result<Option<Named>> {
    let mut path = directory.join(format!("{}-{number:020}{suffix}", series_name(kind)));
    let mut is_open = suffix == OPEN;
    let data = loop {
        match std::fs::metadata(&path) {
            Ok(data) => break data,
            // The collector has closed the segment meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_open => {
                path = closed_path(&path);
                is_open = false;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    Ok(Some(Named {
        is_segment: data.is_file() && number <= LAST_SEGMENT_NUMBER,
        segment: Segment {
            kind,
            number,
            path,
            is_open,
            bytes: data.len(),
            modified: data.modified()?,
        },
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

    use super::*;

    const KIND: MessageKind = MessageKind::Updates;

    #[test]
    fn closed_and_open_segments_are_listed_and_a_copy_of_an_open_one_is_a_stranger() {
        let folder = tempfile::tempdir().unwrap();
        let closed = |number| segment_path(folder.path(), KIND, number);
        let open = |number| open_segment_path(folder.path(), KIND, number);
        for path in [closed(1), closed(2), open(2), open(3)] {
            std::fs::write(path, "").unwrap();
        }
        let listed: Vec<_> = list(folder.path(), KIND)
            .unwrap()
            .into_iter()
            .map(|segment| (segment.path, segment.is_open))
            .collect();
        assert_eq!(listed, [(closed(1), false), (closed(2), false), (open(3), true)]);
        assert_eq!(list_strangers(folder.path(), KIND).unwrap(), [open(2)]);
    }

    #[test]
    fn a_segment_that_is_closed_after_it_was_listed_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let open = open_segment_path(folder.path(), KIND, 1);
        std::fs::write(&open, "").unwrap();
        let listed = list(folder.path(), KIND).unwrap().pop().unwrap();
        std::fs::rename(open, segment_path(folder.path(), KIND, 1)).unwrap();
        assert!(listed.file().is_ok());
        std::fs::remove_file(segment_path(folder.path(), KIND, 1)).unwrap();
        assert_eq!(listed.file().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// `readdir` may show a file that is renamed meanwhile under neither name.
    #[test]
    fn a_segment_that_is_closed_while_the_directory_is_read_is_listed() {
        const SEGMENTS: u64 = 2000;
        let folder = tempfile::tempdir().unwrap();
        let (opened, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1..=SEGMENTS {
                    let open = open_segment_path(folder.path(), KIND, number);
                    std::fs::write(&open, "").unwrap();
                    opened.store(number, SeqCst);
                    std::fs::rename(open, segment_path(folder.path(), KIND, number)).unwrap();
                }
                is_over.store(true, SeqCst);
            });
            while !is_over.load(SeqCst) {
                let least = opened.load(SeqCst);
                let listed = list(folder.path(), KIND).unwrap();
                let numbers: Vec<_> = listed.iter().map(|segment| segment.number).collect();
                let last = numbers.last().copied().unwrap_or(0);
                assert!(last >= least, "{least} was there, and {last} is the last one");
                assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
            }
        });
    }
}
