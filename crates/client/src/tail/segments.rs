//! Following a segment directory: the records of each series in order, from one segment to the next.
//!
//! The series take turns. Between series only the per-router sequence numbers inside the messages give an order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arancini_schema::MessageKind;

use super::options::{AtEnd, Begin};
use crate::records::{RecordError, Records};
use crate::segments::{Segment, list};

const CHUNK: usize = 1 << 20;
const POLL: Duration = Duration::from_millis(100);

/// One message of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentMessage {
    /// Its kind.
    pub kind: MessageKind,
    /// The record.
    pub bytes: Vec<u8>,
}

/// Reads a segment directory. A segment that retention removes before it is read is skipped.
pub struct SegmentTail {
    directory: PathBuf,
    at_end: AtEnd,
    cursors: Vec<Cursor>,
    /// The cursor whose turn it is.
    turn: usize,
}

impl SegmentTail {
    /// Opens all series of the directory.
    ///
    /// # Errors
    /// The directory or a segment cannot be read.
    pub fn open(directory: &Path, begin: Begin, at_end: AtEnd) -> io::Result<Self> {
        let mut cursors = Vec::new();
        for kind in MessageKind::ALL {
            let mut cursor = Cursor::new(kind);
            if let (Begin::New, Some(last)) = (begin, list(directory, kind)?.last()) {
                cursor.start(last, last.file()?);
                while cursor.next()?.is_some() {}
            }
            cursors.push(cursor);
        }
        Ok(Self {
            directory: directory.to_owned(),
            at_end,
            cursors,
            turn: 0,
        })
    }

    /// Returns the next message; `None` at the end with [`AtEnd::Stop`].
    ///
    /// # Errors
    /// A file cannot be read, or holds foreign bytes.
    pub async fn next(&mut self) -> io::Result<Option<SegmentMessage>> {
        loop {
            if let Some(message) = self.next_present()? {
                return Ok(Some(message));
            }
            if self.at_end != AtEnd::Follow {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the next message that has been written already.
    ///
    /// # Errors
    /// A file cannot be read, or holds foreign bytes.
    pub fn next_present(&mut self) -> io::Result<Option<SegmentMessage>> {
        for _ in 0..self.cursors.len() {
            let Some(cursor) = self.cursors.get_mut(self.turn) else {
                break;
            };
            if let Some(bytes) = cursor.advance(&self.directory)? {
                return Ok(Some(SegmentMessage {
                    kind: cursor.kind,
                    bytes,
                }));
            }
            self.turn = (self.turn + 1) % self.cursors.len();
        }
        Ok(None)
    }
}

/// Reads one series.
struct Cursor {
    kind: MessageKind,
    /// Number of the segment that is open, or was open last.
    number: u64,
    file: Option<File>,
    /// Name of the open segment's file.
    name: String,
    /// Place in the file behind the end of `buffer`.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have been handed out.
    used: usize,
}

impl Cursor {
    fn new(kind: MessageKind) -> Self {
        Self {
            kind,
            number: 0,
            file: None,
            name: String::new(),
            offset: 0,
            buffer: Vec::new(),
            used: 0,
        }
    }

    fn start(&mut self, segment: &Segment, file: File) {
        self.number = segment.number;
        self.file = Some(file);
        self.name = segment
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.offset = 0;
        self.buffer.clear();
        self.used = 0;
    }

    /// Returns the next record of the series, from the next segment where one ends.
    fn advance(&mut self, directory: &Path) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(message) = self.next()? {
                return Ok(Some(message));
            }
            let Some(next) = list(directory, self.kind)?
                .into_iter()
                .find(|segment| segment.number > self.number)
            else {
                return Ok(None);
            };
            // The writer closes a segment before it creates the next one, so this read sees all of it. That the file was renamed
            // does not matter: it is still the one that is open here.
            if let Some(message) = self.next()? {
                return Ok(Some(message));
            }
            match next.file() {
                Ok(file) => self.start(&next, file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.number = next.number,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next whole record of the open segment. A record that is cut short may still grow, or the writer cuts
    /// it off after a crash: in both cases the next call reads it again.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match Records::new(self.buffer.get(self.used..).unwrap_or_default()).next() {
                Some(Ok(record)) => {
                    let message = record.to_vec();
                    self.used += message.len();
                    return Ok(Some(message));
                }
                Some(Err(RecordError::Foreign { what, .. })) => {
                    let at = self.offset - (self.buffer.len() - self.used) as u64;
                    let text = format!(
                        "{} is damaged at byte {at} (impossible {what}); the collector repairs the last segment at its next \
                         start (docs/operating.md#lost-segments)",
                        self.name
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                Some(Err(RecordError::Torn { .. })) | None => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads more of the file; returns `false` at its end.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        self.buffer.drain(..self.used);
        self.used = 0;
        let whole = self.buffer.len();
        self.buffer.resize(whole + CHUNK, 0);
        let read = file.read_at(self.buffer.get_mut(whole..).unwrap_or_default(), self.offset);
        self.buffer.truncate(whole + *read.as_ref().unwrap_or(&0));
        let read = read?;
        self.offset += read as u64;
        Ok(read > 0)
    }
}
