//! Reading a spool's directory without changing it.

use std::io;
use std::path::{Path, PathBuf};

use super::record::SpooledBatch;
use super::segment::{self, Reader, Unreadable};

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
    reader: Option<(Reader, u64)>,
    error: Option<io::Error>,
}

impl Contents {
    fn of(path: PathBuf) -> Self {
        let size = std::fs::metadata(&path).map_err(Unreadable::Io);
        let opened = size.and_then(|data| Ok((Reader::open(&path)?.0, data.len())));
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
                None => Unreadable::Damaged { at },
            },
            Err(error) => error,
        };
        self.reader = None;
        Some(Err(error.explained(&self.path)))
    }
}
