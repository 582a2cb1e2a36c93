//! The lock of a directory, so that two collectors don't write the same files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Makes the directory where it is missing and takes its lock, which lasts as long as the file lives.
///
/// # Errors
/// The directory can't be used; of kind `ResourceBusy` where another collector holds its lock.
pub fn lock_directory(directory: &Path) -> io::Result<File> {
    std::fs::create_dir_all(directory)?;
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("LOCK"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another collector holds its lock",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
