//! Lock of a directory: keeps two collectors from writing the same files, and notices that files are removed meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Creates the directory if it is missing and locks it. The lock lasts as long as the returned file.
///
/// # Errors
/// The directory cannot be used. The kind is `ResourceBusy` if another collector holds the lock.
pub fn lock_directory(directory: &Path) -> io::Result<File> {
    std::fs::create_dir_all(directory)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path(directory))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another collector holds its lock",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the path of a directory's lock.
#[must_use]
pub fn lock_path(directory: &Path) -> PathBuf {
    directory.join("LOCK")
}

/// Returns whether `path` still names the open file (or directory). It does not if somebody removed or replaced it.
///
/// # Errors
/// The path cannot be read.
pub fn is_in_place(open: &File, path: &Path) -> io::Result<bool> {
    let open = open.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_is_not_in_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = lock_path(directory.path());
        let lock = lock_directory(directory.path()).unwrap();
        assert!(is_in_place(&lock, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_in_place(&lock, &path).unwrap());
        let _another = lock_directory(directory.path()).unwrap();
        assert!(!is_in_place(&lock, &path).unwrap());
    }
}
