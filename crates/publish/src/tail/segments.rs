//! The messages of a segment directory, in order within each series, across rotation.
//!
//! Series are read one after the other in turns; the order over series is that of the per-router sequence numbers
//! inside the messages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arancini_core::BatchKind;

use super::Begin;
use crate::framing::{Frames, FramingError};
use crate::sink::segment::{SERIES, list};

const CHUNK: usize = 1 << 20;
const POLL: Duration = Duration::from_millis(100);

/// One Cap'n Proto message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentMessage {
    /// What it is.
    pub kind: BatchKind,
    /// The message with its stream framing.
    pub bytes: Vec<u8>,
}

/// Follows a segment directory. A segment that retention removes before it was read is passed over.
pub struct SegmentTail {
    directory: PathBuf,
    follow: bool,
    cursors: Vec<Cursor>,
    /// The cursor whose turn it is.
    turn: usize,
}

impl SegmentTail {
    /// Over all series of the directory.
    pub fn open(directory: &Path, begin: Begin, follow: bool) -> io::Result<Self> {
        let mut cursors = Vec::new();
        for kind in SERIES {
            let mut cursor = Cursor::new(kind);
            if let (Begin::New, Some(last)) = (begin, list(directory, kind)?.last()) {
                cursor.start(last.number, File::open(&last.path)?);
                while cursor.next()?.is_some() {}
            }
            cursors.push(cursor);
        }
        Ok(Self {
            directory: directory.to_owned(),
            follow,
            cursors,
            turn: 0,
        })
    }

    /// The next message; `None` at the end if the directory is not followed.
    pub async fn next(&mut self) -> io::Result<Option<SegmentMessage>> {
        loop {
            if let Some(message) = self.next_present()? {
                return Ok(Some(message));
            }
            if !self.follow {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The next message that is there already.
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

struct Cursor {
    kind: BatchKind,
    /// Number of the open segment, or of the last one that was.
    number: u64,
    file: Option<File>,
    /// File offset behind `buffer`.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out.
    used: usize,
}

impl Cursor {
    fn new(kind: BatchKind) -> Self {
        Self {
            kind,
            number: 0,
            file: None,
            offset: 0,
            buffer: Vec::new(),
            used: 0,
        }
    }

    fn start(&mut self, number: u64, file: File) {
        self.number = number;
        self.file = Some(file);
        self.offset = 0;
        self.buffer.clear();
        self.used = 0;
    }

    /// The next message of the series, going over to the next segment where one ends.
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
            // The writer ends a segment before it makes the next one: what is read now is all there is.
            if let Some(message) = self.next()? {
                return Ok(Some(message));
            }
            match File::open(&next.path) {
                Ok(file) => self.start(next.number, file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => self.number = next.number,
                Err(error) => return Err(error),
            }
        }
    }

    /// The next whole message of the open segment. A torn tail may grow, or the writer cuts it: either way it is
    /// asked for again.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match Frames::new(self.buffer.get(self.used..).unwrap_or_default()).next() {
                Some(Ok(frame)) => {
                    let message = frame.to_vec();
                    self.used += message.len();
                    return Ok(Some(message));
                }
                Some(Err(FramingError::Foreign { what, .. })) => {
                    let at = self.offset - (self.buffer.len() - self.used) as u64;
                    let text = format!("segment {}: no message at byte {at}: {what}", self.number);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
                Some(Err(FramingError::Torn { .. })) | None => {
                    if !self.fill()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Reads on; `false` at the end of the file.
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
