//! Reading a spool's directory without changing it.

use std::io;
use std::path::{Path, PathBuf};

use super::record::SpooledBatch;
use super::segment::{self, Reader, Unreadable};

/// Reads the batches of a directory in the order in which they will be published; none if there is no directory. A collector
/// that starts on the directory publishes exactly these batches first, except for those that the stream has already.
///
/// The iterator returns an error where a file cannot be read on: of kind `UnexpectedEof` if the file is cut short, as a crash
/// leaves the last one, of kind `InvalidData` if it is damaged. It skips the rest of that file, as publishing does, and goes
/// on with the next file.
///
/// # Errors
/// The directory or a file cannot be opened.
pub fn read_all(directory: &Path) -> io::Result<impl Iterator<Item = io::Result<SpooledBatch>> + use<>> {
    // All files are opened now, so that those which are published and removed meanwhile can still be read.
    let files = segment::list(directory)?
        .into_iter()
        .map(|number| Contents::of(segment::path_of(directory, number)))
        .collect::<Vec<_>>();
    Ok(files.into_iter().flatten())
}

/// Iterator over the batches of one file.
struct Contents {
    path: PathBuf,
    /// The file and its size, while it can be read.
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
