//! The spool: batches that the window has no room for wait in files (`publish.on_full = "spool"`).
//!
//! It lies between bridge and window. While it is empty and the window has room, batches pass it by; once the window is full
//! they are appended to it, and what comes later queues behind them, so that the order never changes. Behind an
//! acknowledgement a message is released, and a file whose messages all are is removed. What a life leaves behind, crashed or
//! stopped, the next one publishes first, under the ids it had.
//!
//! `Stage` is the publisher's side, `keeper` the thread that waits for the disk, `files` the queue, `segment` a file,
//! `record` the bytes. [`read_all`] reads a directory without changing it.

mod files;
mod keeper;
mod record;
mod segment;
mod stage;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use record::FileHead;
pub use record::SpooledBatch;
pub(crate) use stage::Stage;

use crate::settings::SinkSettings;

/// What an operator can set of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// Where its files are; made when missing.
    pub directory: PathBuf,
    /// With this many bytes it is full; it may hold a few batches more. Default 8 GiB.
    pub max_bytes: u64,
}

impl SpoolSettings {
    /// Defaults in this directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            max_bytes: 8 << 30,
        }
    }
}

/// Says what makes no sense in the settings, and whether the directory is to be had.
pub(crate) fn check(settings: &SpoolSettings, sink: &SinkSettings) -> Result<(), String> {
    if !matches!(sink, SinkSettings::Nats(_)) {
        return Err("only the sink nats has a spool; set publish.on_full to \"block\"".to_owned());
    }
    std::fs::create_dir_all(&settings.directory).map_err(|error| {
        let directory = settings.directory.display();
        format!("the spool's directory {directory} can't be made: {error}; set publish.spool_dir")
    })
}

/// What a directory holds, in the order in which it is going to be published; nothing if there is none. Nothing in it is
/// changed. Before a collector is started on the directory this is exactly what it publishes first, but for what the
/// stream has already.
///
/// An error stands where a file can't be read on: of kind `UnexpectedEof` where it is cut short, as a crash leaves the last
/// one, of kind `InvalidData` where it is damaged. The rest of that file is passed over, as it is in publishing; the
/// iterator goes on with the next one.
pub fn read_all(directory: &Path) -> io::Result<impl Iterator<Item = io::Result<SpooledBatch>> + use<>> {
    // Opened at once: what is published and removed meanwhile can be read still.
    let files = segment::list(directory)?
        .into_iter()
        .map(|number| Contents::of(segment::path_of(directory, number)))
        .collect::<Vec<_>>();
    Ok(files.into_iter().flatten())
}

/// The batches of one file.
struct Contents {
    path: PathBuf,
    /// The file and its size, as long as it can be read.
    reader: Option<(segment::Reader, u64)>,
    error: Option<io::Error>,
}

impl Contents {
    fn of(path: PathBuf) -> Self {
        let size = std::fs::metadata(&path).map_err(segment::Unreadable::Io);
        let opened = size.and_then(|data| Ok((segment::Reader::open(&path)?.0, data.len())));
        let (reader, error) = match opened {
            Ok(reader) => (Some(reader), None),
            Err(error) => (None, Some(error.explained(&path))),
        };
        Self { path, reader, error }
    }
}

impl Iterator for Contents {
    type Item = io::Result<SpooledBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            return Some(Err(error));
        }
        let (reader, end) = self.reader.as_mut()?;
        let at = reader.at();
        let error = match reader.next(*end) {
            Ok(None) => return None,
            Ok(Some(message)) => match SpooledBatch::of(message) {
                Some(batch) => return Some(Ok(batch)),
                None => segment::Unreadable::Damaged { at },
            },
            Err(error) => error,
        };
        self.reader = None;
        Some(Err(error.explained(&self.path)))
    }
}

#[cfg(test)]
mod tests;
