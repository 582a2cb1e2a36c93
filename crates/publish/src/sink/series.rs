//! One series of the sink `file`: the segment that is written, and how it is closed.
//!
//! The open segment ends in `.capnp.open`. Closing it means to sync it, to rename it to `.capnp`, and to sync the directory
//! ([ADR 31](../../../../docs/adr/0031-closed-segments.md)).

use std::fs::{File, OpenOptions, rename};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use arancini_client::segments::{LAST_SEGMENT_NUMBER, list, open_segment_path, segment_path, series_name};
use arancini_core::BatchKind;
use arancini_core::position::SegmentEnd;

use crate::directory_lock::is_in_place;
use crate::settings::{FileSettings, Fsync};

/// Writes one series. Invariant: the first `written` bytes of the open file are whole records; `buffer` comes after them.
pub(super) struct Series {
    /// The kind of its messages.
    pub(super) kind: BatchKind,
    next_number: u64,
    file: Option<File>,
    /// When the open file was created.
    opened: Instant,
    written: u64,
    unsynced: bool,
    buffer: Vec<u8>,
}

impl Series {
    pub(super) fn new(kind: BatchKind) -> Self {
        Self {
            kind,
            next_number: 1,
            file: None,
            opened: Instant::now(),
            written: 0,
            unsynced: false,
            buffer: Vec::new(),
        }
    }

    /// Notes that the numbers up to this one are used.
    pub(super) fn begin_after(&mut self, number: u64) {
        self.next_number = number + 1;
    }

    /// Appends whole records in memory.
    pub(super) fn append(&mut self, records: &[u8]) {
        self.buffer.extend_from_slice(records);
    }

    /// Returns how many bytes wait in memory to be written.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Returns whether the open segment is as old as the settings let it become.
    pub(super) fn is_old(&self, settings: &FileSettings) -> bool {
        self.file.is_some()
            && settings
                .segment_age
                .is_some_and(|age| self.opened.elapsed() >= age)
    }

    /// Returns the end of the series: in the open segment, or before the first byte of the next one.
    pub(super) fn end(&self) -> SegmentEnd {
        let (number, bytes) = match self.file {
            Some(_) => (self.next_number - 1, self.written),
            None => (self.next_number, 0),
        };
        SegmentEnd {
            series: series_name(self.kind).to_owned(),
            number,
            bytes,
        }
    }

    /// Returns whether somebody has removed, replaced or cut the open segment.
    pub(super) fn is_removed(&self, directory: &Path) -> io::Result<bool> {
        match &self.file {
            Some(file) => {
                let path = open_segment_path(directory, self.kind, self.next_number - 1);
                Ok(!is_in_place(file, &path)? || file.metadata()?.len() < self.written)
            }
            None => Ok(false),
        }
    }

    /// Writes no more to the open segment. What waits to be written goes to the next one.
    pub(super) fn give_up(&mut self) {
        self.file = None;
        self.written = 0;
        self.unsynced = false;
    }

    /// Returns the size of the open segment with what waits to be written.
    pub(super) fn length(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Creates the next segment, unless one is open.
    pub(super) fn open(&mut self, directory: &Path) -> io::Result<()> {
        while self.file.is_none() {
            if self.next_number > LAST_SEGMENT_NUMBER {
                return Err(io::Error::other(
                    "the numbers of the segments are used up; remove the segment with the highest number",
                ));
            }
            if is_taken(&segment_path(directory, self.kind, self.next_number))? {
                self.next_number += 1;
                continue;
            }
            let path = open_segment_path(directory, self.kind, self.next_number);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    // The name must survive a power failure as well as the content.
                    File::open(directory)?.sync_all()?;
                    self.file = Some(file);
                    self.opened = Instant::now();
                    self.written = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            self.next_number += 1;
        }
        Ok(())
    }

    /// Writes what waits in memory.
    pub(super) fn write_out(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if !self.buffer.is_empty() {
            file.write_all_at(&self.buffer, self.written)?;
            self.written += self.buffer.len() as u64;
            self.unsynced = true;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Makes what is written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let (Some(file), true) = (&self.file, self.unsynced) {
            file.sync_data()?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Closes the open segment, if there is one: its content is durable before it gets its final name. After a failure, the
    /// next call goes on.
    pub(super) fn close(&mut self, settings: &FileSettings) -> io::Result<()> {
        if self.file.is_none() {
            return Ok(());
        }
        self.write_out()?;
        if let Fsync::Every(_) = settings.fsync {
            self.sync()?;
        }
        let number = self.next_number - 1;
        let directory = &settings.directory;
        rename(
            open_segment_path(directory, self.kind, number),
            segment_path(directory, self.kind, number),
        )?;
        self.give_up();
        File::open(directory)?.sync_all()
    }
}

/// Closes the segments of a series that a crash has left open. The last one must be mended already.
pub(super) fn close_left_open(directory: &Path, kind: BatchKind) -> io::Result<()> {
    for segment in list(directory, kind)? {
        if segment.is_open {
            segment.file()?.sync_all()?;
            rename(&segment.path, segment_path(directory, kind, segment.number))?;
            File::open(directory)?.sync_all()?;
        }
    }
    Ok(())
}

/// Returns whether something has this name, also a link that leads nowhere.
fn is_taken(path: &Path) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
