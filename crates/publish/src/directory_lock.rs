//! Lock of a directory: keeps two collectors from writing the same files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

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
