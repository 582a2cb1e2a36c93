//! A directory of segments or of the spool, locked and watched: somebody may remove it, or its lock, while it is in use.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::directory_lock::{is_in_place, lock_directory, lock_path};

/// Interval of the checks whether the directory and its files are still in place.
pub(crate) const CHECK_EVERY: Duration = Duration::from_millis(500);

/// A locked directory. The directory and its lock are held open, to see whether their paths still name them.
pub(crate) struct Place {
    path: PathBuf,
    directory: File,
    lock: File,
    checked_at: Instant,
}

impl Place {
    /// Creates the directory if it is missing, and locks it.
    pub(crate) fn claim(path: &Path) -> io::Result<Self> {
        let lock = lock_directory(path)?;
        Ok(Self {
            path: path.to_owned(),
            directory: File::open(path)?,
            lock,
            checked_at: Instant::now(),
        })
    }

    /// Returns the path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the next check is due.
    pub(crate) fn is_check_due(&self) -> bool {
        self.checked_at.elapsed() >= CHECK_EVERY
    }

    /// Returns whether the path still names the directory.
    pub(crate) fn has_directory(&self) -> io::Result<bool> {
        is_in_place(&self.directory, &self.path)
    }

    /// Returns whether the directory still has the lock that this collector holds.
    pub(crate) fn has_lock(&self) -> io::Result<bool> {
        is_in_place(&self.lock, &lock_path(&self.path))
    }

    /// Notes that everything is in place.
    pub(crate) fn note_checked(&mut self) {
        self.checked_at = Instant::now();
    }
}
