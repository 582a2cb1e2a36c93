//! Files of a spool: `<number>.spool`, read in the order of their numbers.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::record::{FILE_HEAD, FileHead, RECORD_HEAD, decode, decode_head};
use crate::message::Message;

/// Returns the path of the file with this number.
pub(crate) fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:020}.spool"))
}

/// Highest number of a file. Numbers are Unix nanoseconds, so a collector never gets there.
const LAST_NUMBER: u64 = u64::MAX / 2;

/// Lists the numbers of the files by rising number; none if there is no directory. Other files are ignored. What has the name
/// of such a file but is no file, or has a number that no collector reaches, is ignored with a warning: opening a named pipe
/// would wait for ever.
pub(crate) fn list(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".spool"));
        let number = digits
            .filter(|digits| digits.len() == 20)
            .and_then(|digits| digits.parse::<u64>().ok());
        let Some(number) = number else { continue };
        match std::fs::metadata(entry.path()) {
            Ok(data) if data.is_file() && (1..=LAST_NUMBER).contains(&number) => numbers.push(number),
            // The file was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => warn!(
                path = %entry.path().display(),
                "ignored: it has the name of a file of the spool, but no collector has written it; remove it"
            ),
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Why a file cannot be read on.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The file ends within a record, as a crash leaves it.
    Torn { at: u64 },
    /// The bytes are not those that were written.
    Damaged { at: u64 },
    /// The disk returns an error.
    Io(io::Error),
}

impl Unreadable {
    /// Turns it into an error of `read_all`.
    pub(crate) fn explained(self, path: &Path) -> io::Error {
        let path = path.display();
        match self {
            Self::Torn { at } => io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{path} ends within the record at byte {at}"),
            ),
            Self::Damaged { at } => io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{path} is damaged at byte {at}"),
            ),
            Self::Io(error) => io::Error::new(error.kind(), format!("{path}: {error}")),
        }
    }
}

/// Reads one file from its beginning.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    at: u64,
    body: Vec<u8>,
}

impl Reader {
    /// Opens the file and reads its head.
    pub(crate) fn open(path: &Path) -> Result<(Self, FileHead), Unreadable> {
        let file = File::open(path).map_err(Unreadable::Io)?;
        let mut bytes = [0; FILE_HEAD];
        read_at(&file, &mut bytes, 0, 0)?;
        let head = FileHead::decode(&bytes).ok_or(Unreadable::Damaged { at: 0 })?;
        let reader = Self {
            file,
            at: FILE_HEAD as u64,
            body: Vec::new(),
        };
        Ok((reader, head))
    }

    /// Returns the place where the next record begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Reads the next message before `end`, which is the end of a record or of the file.
    pub(crate) fn next(&mut self, end: u64) -> Result<Option<Message>, Unreadable> {
        let at = self.at;
        let Some((length, checksum)) = self.head(end)? else {
            return Ok(None);
        };
        self.body.resize(length, 0);
        read_at(&self.file, &mut self.body, at + RECORD_HEAD as u64, at)?;
        let message = decode(&self.body, checksum, at).ok_or(Unreadable::Damaged { at })?;
        self.at = at + (RECORD_HEAD + length) as u64;
        Ok(Some(message))
    }

    /// Skips the next record without reading its body. Returns whether there was one.
    pub(crate) fn skip(&mut self, end: u64) -> Result<bool, Unreadable> {
        let at = self.at;
        let Some((length, _)) = self.head(end)? else {
            return Ok(false);
        };
        self.at = at + (RECORD_HEAD + length) as u64;
        Ok(true)
    }

    fn head(&self, end: u64) -> Result<Option<(usize, u64)>, Unreadable> {
        let at = self.at;
        if at >= end {
            return Ok(None);
        }
        let mut head = [0; RECORD_HEAD];
        if at + RECORD_HEAD as u64 > end {
            return Err(Unreadable::Torn { at });
        }
        read_at(&self.file, &mut head, at, at)?;
        let (length, checksum) = decode_head(&head).ok_or(Unreadable::Damaged { at })?;
        if at + (RECORD_HEAD + length) as u64 > end {
            return Err(Unreadable::Torn { at });
        }
        Ok(Some((length, checksum)))
    }
}

fn read_at(file: &File, bytes: &mut [u8], from: u64, at: u64) -> Result<(), Unreadable> {
    file.read_exact_at(bytes, from)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Unreadable::Torn { at },
            _ => Unreadable::Io(error),
        })
}

/// Content of a file.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) head: FileHead,
    /// Records before the first that cannot be read.
    pub(crate) records: u64,
    /// The place where they end.
    pub(crate) end: u64,
    /// Bytes behind that place.
    pub(crate) unreadable: u64,
}

/// How closely [`scan`] looks at records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It reads each head.
    Heads,
    /// It reads each body too, and compares the checksum.
    Bodies,
}

/// Counts the records of a file.
pub(crate) fn scan(path: &Path, check: Check) -> io::Result<Scan> {
    let size = std::fs::metadata(path)?.len();
    let mut scan = Scan::default();
    match Reader::open(path) {
        Ok((mut reader, head)) => {
            scan.head = head;
            loop {
                let more = match check {
                    Check::Bodies => reader.next(size).map(|message| message.is_some()),
                    Check::Heads => reader.skip(size),
                };
                match more {
                    Ok(true) => scan.records += 1,
                    Err(Unreadable::Io(error)) => return Err(error),
                    Ok(false) | Err(_) => break,
                }
            }
            scan.end = reader.at();
        }
        Err(Unreadable::Io(error)) => return Err(error),
        Err(_) => {}
    }
    scan.unreadable = size - scan.end.min(size);
    Ok(scan)
}

/// Cuts the file at the place `at`, and puts the rest into a file `<name>.damaged-<at>` beside it, where it stays.
pub(crate) fn set_aside(path: &Path, at: u64) -> io::Result<PathBuf> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".damaged-{at}"));
    let aside = PathBuf::from(aside);
    file.seek(SeekFrom::Start(at))?;
    let mut copy = File::create(&aside)?;
    io::copy(&mut file, &mut copy)?;
    copy.sync_all()?;
    file.set_len(at)?;
    file.sync_all()?;
    Ok(aside)
}

/// Makes the names of a directory's files durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
