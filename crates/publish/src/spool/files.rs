//! The queue of the spool in files: appended at one end, read at the other, removed file by file once released.
//!
//! ```text
//!   read and released   read, not released      unread                appended next
//!   ──── gone ────────▶ [ 7.spool ][ 8.spool ][ 9.spool ]…[ 12.spool ]◀───────────
//! ```
//!
//! The queue is synchronous and single-threaded; `keeper` runs it. A write goes to a fixed place, so that a second attempt
//! after an error cannot double anything. No content of a file makes it panic. Somebody may remove the files or their
//! directory meanwhile: `keeper` has that checked twice a second.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{error, warn};

use super::record::{FILE_HEAD, FileHead, encode};
use super::segment::{Check, Reader, Unreadable, list, path_of, scan, set_aside, sync_directory};
use crate::directory_lock::is_in_place;
use crate::message::{Life, Message};
use crate::place::Place;

/// Size at which a file is closed, unless an eighth of the spool's limit is smaller.
const FILE_BYTES: u64 = 64 << 20;

/// One file.
#[derive(Debug)]
struct Segment {
    number: u64,
    /// An earlier life left it.
    is_former: bool,
    head: FileHead,
    /// The place where its last record ends.
    end: u64,
    records: u64,
    read: u64,
    released: u64,
    /// Messages of this life that are not read.
    own: Count,
}

impl Segment {
    /// Returns the messages that are not read.
    fn unread(&self) -> Lost {
        Lost {
            messages: self.records - self.read,
            own: self.own,
        }
    }
}

/// A number of messages of this life, counted in two ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Batches that end in them.
    pub(crate) batches: u64,
    /// Cap'n Proto messages.
    pub(crate) messages: u64,
}

impl Count {
    /// Returns what a message counts for; nothing if it is of an earlier life.
    pub(crate) fn of(message: &Message) -> Self {
        match message.life {
            Some(_) => Self::default(),
            None => Self {
                batches: u64::from(message.is_last),
                messages: u64::from(message.messages),
            },
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.batches += other.batches;
        self.messages += other.messages;
    }

    fn subtract(&mut self, other: Self) {
        self.batches = self.batches.saturating_sub(other.batches);
        self.messages = self.messages.saturating_sub(other.messages);
    }
}

/// Messages that will not be read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// All of them.
    pub(crate) messages: u64,
    /// Those of this life.
    pub(crate) own: Count,
}

impl Lost {
    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.own.add(other.own);
    }
}

/// The next entry of the queue.
#[derive(Debug)]
pub(crate) enum Next {
    /// A message.
    Message(Message),
    /// These messages are lost, because the file cannot be read on.
    Lost(Lost),
    /// Everything has been read.
    Nothing,
}

/// The queue.
pub(crate) struct Spool {
    directory: PathBuf,
    place: Place,
    own: Life,
    file_bytes: u64,
    segments: VecDeque<Segment>,
    /// Index of the file that is read, and its reader once reading has begun.
    reading: usize,
    reader: Option<Reader>,
    /// The last file, while it is written to.
    writer: Option<File>,
    /// Something was written since the last [`Spool::sync`].
    dirty: bool,
    /// A file was created since the last [`Spool::sync`].
    made: bool,
    buffer: Vec<u8>,
    /// Places where a file was cut at the start.
    cut: u64,
    /// Messages that were read from files which somebody has removed, and that are not released yet. They count as
    /// released before all others.
    homeless: u64,
}

impl Spool {
    /// Opens the directory with the files in it. Creates it if it is missing.
    pub(crate) fn open(directory: &Path, max_bytes: u64, own: Life) -> io::Result<Self> {
        let mut spool = Self {
            directory: directory.to_owned(),
            place: Place::claim(directory)?,
            own,
            file_bytes: FILE_BYTES.min(max_bytes / 8).max(1),
            segments: VecDeque::new(),
            reading: 0,
            reader: None,
            writer: None,
            dirty: false,
            made: false,
            buffer: Vec::new(),
            cut: 0,
            homeless: 0,
        };
        let numbers = list(directory)?;
        let last = numbers.last().copied();
        for number in numbers {
            let path = path_of(directory, number);
            // Only the last file can have an end that never reached the disk. The others are checked when they are read.
            let check = if Some(number) == last {
                Check::Bodies
            } else {
                Check::Heads
            };
            let found = scan(&path, check)?;
            if found.unreadable > 0 {
                spool.cut += 1;
                let aside = set_aside(&path, found.end)?;
                warn!(
                    file = %path.display(), at = found.end, bytes = found.unreadable, aside = %aside.display(),
                    "cut a file of the spool that a crash left torn or damaged; the part behind the cut was put aside, and its \
                     batches are not published"
                );
            }
            if found.records == 0 {
                std::fs::remove_file(&path)?;
                continue;
            }
            spool.segments.push_back(Segment {
                number,
                is_former: true,
                head: found.head,
                end: found.end,
                records: found.records,
                read: 0,
                released: 0,
                own: Count::default(),
            });
        }
        Ok(spool)
    }

    /// Returns the head of the first file. If the stream has messages of the spool, they lie behind the place in it.
    pub(crate) fn head(&self) -> Option<FileHead> {
        self.segments.front().map(|segment| segment.head)
    }

    /// Returns the number of places where a file was cut at the start.
    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    /// Returns the bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.end).sum()
    }

    /// Returns the number of messages that are not released.
    pub(crate) fn held(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.records - segment.released)
            .sum()
    }

    /// Returns the number of messages of earlier lives that are not released.
    pub(crate) fn held_of_former(&self) -> u64 {
        let former = self.segments.iter().filter(|segment| segment.is_former);
        former.map(|segment| segment.records - segment.released).sum()
    }

    /// Returns the number of messages that are not read.
    #[cfg(test)]
    pub(crate) fn unread(&self) -> u64 {
        self.unread_of(self.segments.len())
    }

    /// Returns whether [`Spool::sync`] has something to do.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Appends a message. If the stream has it, it lies behind the stream sequence `floor`.
    pub(crate) fn append(&mut self, message: &Message, floor: u64) -> io::Result<()> {
        let full = |segment: &Segment| segment.records > 0 && segment.end >= self.file_bytes;
        if self.segments.back().is_some_and(full) {
            self.sync()?;
            self.writer = None;
        }
        if self.writer.is_none() {
            self.begin(floor)?;
        }
        let (Some(file), Some(segment)) = (&self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("no file to write to"));
        };
        self.buffer.clear();
        encode(message, &self.own, segment.end, &mut self.buffer);
        file.write_all_at(&self.buffer, segment.end)?;
        segment.end += self.buffer.len() as u64;
        segment.records += 1;
        segment.own.add(Count::of(message));
        self.dirty = true;
        Ok(())
    }

    fn begin(&mut self, floor: u64) -> io::Result<()> {
        if !self.place.has_lock()? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the directory or its lock was removed while the collector runs",
            ));
        }
        let number = self.segments.back().map_or(0, |segment| segment.number + 1);
        // No number is used twice, so that a part that was put aside keeps its name.
        let number = number.max(unix_ns());
        let path = path_of(&self.directory, number);
        let head = FileHead {
            floor,
            created_ns: unix_ns(),
        };
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        if let Err(error) = file.write_all_at(&head.encode(), 0) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        self.writer = Some(file);
        self.made = true;
        self.segments.push_back(Segment {
            number,
            is_former: false,
            head,
            end: FILE_HEAD as u64,
            records: 0,
            read: 0,
            released: 0,
            own: Count::default(),
        });
        Ok(())
    }

    /// Makes durable everything that was appended.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if let Some(file) = self.writer.as_ref().filter(|_| self.dirty) {
            file.sync_data()?;
        }
        if self.made {
            sync_directory(&self.directory)?;
        }
        (self.dirty, self.made) = (false, false);
        Ok(())
    }

    /// Reads the next message. An error comes from the disk; the caller may try again.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
        loop {
            let Some(segment) = self.segments.get_mut(self.reading) else {
                return Ok(Next::Nothing);
            };
            if segment.read == segment.records {
                if self.reading + 1 >= self.segments.len() {
                    return Ok(Next::Nothing);
                }
                self.reading += 1;
                self.reader = None;
                continue;
            }
            let path = path_of(&self.directory, segment.number);
            let read = match &mut self.reader {
                Some(reader) => reader.next(segment.end),
                None => {
                    Reader::open(&path).and_then(|(reader, _)| self.reader.insert(reader).next(segment.end))
                }
            };
            let at = match read {
                Ok(Some(mut message)) => {
                    segment.read += 1;
                    if message.life.as_deref() == Some(&self.own) {
                        message.life = None;
                    }
                    segment.own.subtract(Count::of(&message));
                    return Ok(Next::Message(message));
                }
                // The record was counted, so it must exist.
                Ok(None) => segment.end,
                Err(Unreadable::Torn { at } | Unreadable::Damaged { at }) => at,
                // The file was removed, and nothing of it can be had.
                Err(Unreadable::Io(error)) if is_gone(&error) => {
                    return Ok(Next::Lost(self.give_up_removed()));
                }
                Err(Unreadable::Io(error)) => return Err(error),
            };
            return Ok(Next::Lost(self.give_up(at)));
        }
    }

    /// Gives up the rest of the file that is read, from this place on, and puts it aside. Returns the messages that are lost.
    fn give_up(&mut self, at: u64) -> Lost {
        let Some(segment) = self.segments.get_mut(self.reading) else {
            return Lost::default();
        };
        let lost = segment.unread();
        let path = path_of(&self.directory, segment.number);
        let aside = match set_aside(&path, at) {
            Ok(aside) => aside.display().to_string(),
            Err(error) => format!("not put aside: {error}"),
        };
        error!(
            file = %path.display(), at, lost = lost.messages, %aside,
            "a file of the spool is damaged; the rest of it was put aside, and its batches are not published"
        );
        segment.records = segment.read;
        segment.own = Count::default();
        segment.end = at;
        if self.reading + 1 == self.segments.len() {
            // Messages that are appended from now on must not lie behind the damage.
            self.writer = None;
        }
        self.remove_released();
        lost
    }

    /// Returns whether the next check of what is in place is due.
    pub(crate) fn is_check_due(&self) -> bool {
        self.place.is_check_due()
    }

    /// Gives up the files that somebody has removed, replaced or cut. Returns the messages that are lost with them. Messages
    /// that were read from these files are in memory and not lost.
    pub(crate) fn give_up_removed(&mut self) -> Lost {
        let mut lost = Lost::default();
        let last = self.segments.len().saturating_sub(1);
        let mut kept = VecDeque::new();
        let mut reading = 0;
        for (index, segment) in std::mem::take(&mut self.segments).into_iter().enumerate() {
            let path = path_of(&self.directory, segment.number);
            let has_bytes = match std::fs::metadata(&path) {
                Ok(data) => data.len() >= segment.end,
                Err(error) => !is_gone(&error),
            };
            let is_replaced = index == last
                && self
                    .writer
                    .as_ref()
                    .is_some_and(|open| !is_in_place(open, &path).unwrap_or(true));
            if has_bytes && !is_replaced {
                if index < self.reading {
                    reading += 1;
                }
                kept.push_back(segment);
                continue;
            }
            lost.add(segment.unread());
            self.homeless += segment.read - segment.released;
            if index == self.reading {
                self.reader = None;
            }
            if index == last {
                (self.writer, self.dirty, self.made) = (None, false, false);
            }
        }
        (self.segments, self.reading) = (kept, reading);
        lost
    }

    /// Returns whether the directory and its lock are in place. If they were removed, claims the path again.
    ///
    /// # Errors
    /// The directory cannot be created, or another collector holds its lock.
    pub(crate) fn keep_place(&mut self) -> io::Result<bool> {
        if self.place.has_lock()? {
            self.place.note_checked();
            return Ok(true);
        }
        self.place = Place::claim(&self.directory)?;
        Ok(false)
    }

    /// Returns the messages that were read from files which are gone, and that are not released yet.
    pub(crate) fn homeless(&self) -> u64 {
        self.homeless
    }

    /// Releases the next messages, in the order in which they were read.
    pub(crate) fn release(&mut self, mut messages: u64) {
        let homeless = messages.min(self.homeless);
        self.homeless -= homeless;
        messages -= homeless;
        for segment in &mut self.segments {
            let here = messages.min(segment.read - segment.released);
            segment.released += here;
            messages -= here;
        }
        self.remove_released();
    }

    fn remove_released(&mut self) {
        while let Some(first) = self
            .segments
            .front()
            .filter(|first| first.released == first.records)
        {
            let path = path_of(&self.directory, first.number);
            if let Err(error) = std::fs::remove_file(&path) {
                warn!(file = %path.display(), %error, "can't remove a file of the spool whose batches are all published");
            }
            self.segments.pop_front();
            match self.reading {
                0 => self.reader = None,
                _ => self.reading -= 1,
            }
            if self.segments.is_empty() {
                (self.writer, self.dirty) = (None, false);
            }
        }
    }

    /// Puts these messages into a file in front of everything that is unread, and removes the files that they were read from.
    /// They were read from the spool or come before it. For the end of a life.
    pub(crate) fn park(&mut self, mut front: Vec<Message>, floor: u64) -> io::Result<()> {
        let head = FileHead {
            floor,
            // Used if the place is not known: this life has published nothing before it began.
            created_ns: self.own.incarnation,
        };
        let begun = self
            .segments
            .iter()
            .take_while(|segment| segment.read > 0)
            .count();
        while self.unread_of(begun) > 0 {
            match self.next()? {
                Next::Message(message) => front.push(message),
                Next::Lost(_) => {}
                Next::Nothing => break,
            }
        }
        // Giving up the rest of a file may have removed files.
        let begun = self
            .segments
            .iter()
            .take_while(|segment| segment.read > 0)
            .count();
        let replaced: Vec<_> = self.segments.drain(..begun).collect();
        let head = replaced.iter().fold(head, |head, segment| FileHead {
            floor: head.floor.min(segment.head.floor),
            created_ns: head.created_ns.min(segment.head.created_ns),
        });
        if self.segments.is_empty() {
            self.writer = None;
        }
        let first = replaced.first().or(self.segments.front());
        let number = first.map_or_else(unix_ns, |segment| segment.number.saturating_sub(1));
        let path = path_of(&self.directory, number);
        let unfinished = path.with_extension("unfinished");
        let file = File::create(&unfinished)?;
        let mut end = FILE_HEAD as u64;
        file.write_all_at(&head.encode(), 0)?;
        for message in &front {
            self.buffer.clear();
            encode(message, &self.own, end, &mut self.buffer);
            file.write_all_at(&self.buffer, end)?;
            end += self.buffer.len() as u64;
        }
        file.sync_all()?;
        std::fs::rename(&unfinished, &path)?;
        sync_directory(&self.directory)?;
        for segment in replaced {
            std::fs::remove_file(path_of(&self.directory, segment.number))?;
        }
        (self.reading, self.reader) = (0, None);
        self.segments.push_front(Segment {
            number,
            is_former: false,
            head,
            end,
            records: front.len() as u64,
            read: 0,
            released: 0,
            // The life ends, so nothing more is lost of it.
            own: Count::default(),
        });
        self.homeless = 0;
        Ok(())
    }

    /// Returns the number of unread messages in the first `files` files.
    fn unread_of(&self, files: usize) -> u64 {
        let files = self.segments.iter().take(files);
        files.map(|segment| segment.records - segment.read).sum()
    }
}

/// Returns whether the error says that the file does not exist.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
