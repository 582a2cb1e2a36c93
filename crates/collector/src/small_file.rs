//! Reads files of tokens, keys and certificates.

use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The largest file that is read. A bundle of all public CAs has some 220 KiB.
const MOST_BYTES: u64 = 1 << 20;
/// `O_NONBLOCK` of Linux: a pipe that nobody writes to opens at once.
const NONBLOCK: i32 = 0o4000;

/// Reads a regular file. Files are read again on SIGHUP, so a pipe that nobody writes to, or a device without an end, must not hold
/// the collector up.
///
/// # Errors
/// The file can't be read, is no regular file, or is larger than 1 MiB.
pub fn read(file: &Path) -> io::Result<Vec<u8>> {
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(NONBLOCK)
        .open(file)?;
    if !opened.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    opened.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    /// A reload read such a file for ever, and the collector heard no signal any more, SIGTERM included.
    #[test]
    fn a_file_that_never_opens_or_never_ends_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let large = directory.path().join("large");
        std::fs::File::create(&large)
            .unwrap()
            .set_len(MOST_BYTES + 1)
            .unwrap();
        for (file, why) in [
            (pipe.as_path(), "no regular file"),
            (Path::new("/dev/zero"), "no regular file"),
            (directory.path(), "no regular file"),
            (large.as_path(), "larger"),
        ] {
            let error = read(file).unwrap_err().to_string();
            assert!(error.contains(why), "{}: {error}", file.display());
        }
    }
}
