//! The file of an export. It gets its name only when it is whole: until then it is beside that name, with `.part` added.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the file of an export cannot be made.
#[derive(Debug, Error)]
pub enum OutputError {
    /// Something has the name already.
    #[error("{0} exists already; choose another name with --output, or overwrite it with --force")]
    Exists(PathBuf),
    /// The name is that of a device, a pipe or a socket, which no file may replace.
    #[error(
        "{0} exists and is not a regular file; name a file, or write to standard output: --output - > {0}"
    )]
    Special(PathBuf),
    /// The temporary file exists already.
    #[error("{0} exists already: an export that was killed has left it; delete it and export again")]
    Leftover(PathBuf),
    /// The name is no name of a file.
    #[error("{0} is not the name of a file; give --output FILE")]
    NoName(PathBuf),
    /// The file cannot be created, or cannot get its name.
    #[error("can't write {path}: {error}; check the directory and its permissions")]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
}

/// Whether an existing file may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the export is refused.
    Keep,
    /// It is replaced when the export is whole.
    Replace,
}

/// A file that gets its name when it is whole. Dropped before that, it is removed.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    existing: Existing,
    is_named: bool,
}

impl OutputFile {
    /// Creates the file beside its final name.
    ///
    /// # Errors
    /// Something has the name already, or the file cannot be created.
    pub fn create(path: &Path, existing: Existing) -> Result<Self, OutputError> {
        if path.file_name().is_none() || path.is_dir() {
            return Err(OutputError::NoName(path.to_owned()));
        }
        if path.symlink_metadata().is_ok() {
            if existing == Existing::Keep {
                return Err(OutputError::Exists(path.to_owned()));
            }
            // A rename would put a file in the place of `/dev/null`, or of `/dev/stdout`, which is a symbolic link.
            if path.metadata().is_ok_and(|found| !found.is_file()) {
                return Err(OutputError::Special(path.to_owned()));
            }
        }
        // The process id keeps two exports to the same name apart.
        let temporary = path.with_added_extension(format!("{}.part", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&temporary);
        match file {
            Ok(file) => Ok(Self {
                file,
                temporary,
                path: path.to_owned(),
                existing,
                is_named: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OutputError::Leftover(temporary))
            }
            Err(error) => Err(OutputError::File {
                path: temporary,
                error,
            }),
        }
    }

    /// Returns another handle of the file, for a writer.
    ///
    /// # Errors
    /// The process has too many open files.
    pub fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Gives the file its name, after everything was written to the disk.
    ///
    /// # Errors
    /// The file cannot be written to the disk, or something has got the name meanwhile.
    pub fn finish(mut self) -> Result<(), OutputError> {
        let failed = |error| OutputError::File {
            path: self.path.clone(),
            error,
        };
        self.file
            .flush()
            .and_then(|()| self.file.sync_all())
            .map_err(failed)?;
        match self.existing {
            // A link refuses a name that has been taken meanwhile; a rename would replace it.
            Existing::Keep => match std::fs::hard_link(&self.temporary, &self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(OutputError::Exists(self.path.clone()));
                }
                // Some file systems have no links.
                Err(_) => std::fs::rename(&self.temporary, &self.path).map_err(failed)?,
            },
            Existing::Replace => std::fs::rename(&self.temporary, &self.path).map_err(failed)?,
        }
        self.is_named = true;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.is_named {
            // Nothing can be done if the directory has become unwritable; the name says what the file is.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        let file = OutputFile::create(&path, Existing::Keep).unwrap();
        file.handle().unwrap().write_all(b"{").unwrap();
        assert!(!path.exists());
        drop(file);
        assert!(names(directory.path()).is_empty(), "given up: removed");
        let file = OutputFile::create(&path, Existing::Keep).unwrap();
        file.handle().unwrap().write_all(b"{}\n").unwrap();
        file.finish().unwrap();
        assert_eq!(names(directory.path()), ["x.json"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"{}\n");
    }

    #[test]
    fn an_existing_file_stays_without_force() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        let file = OutputFile::create(&path, Existing::Keep).unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert!(
            matches!(file.finish(), Err(OutputError::Exists(_))),
            "taken meanwhile"
        );
        assert!(matches!(
            OutputFile::create(&path, Existing::Keep),
            Err(OutputError::Exists(_))
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        OutputFile::create(&path, Existing::Replace)
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        assert_eq!(names(directory.path()), ["x.json"]);
    }

    #[test]
    fn a_device_or_a_socket_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        for special in [path.as_path(), Path::new("/dev/null")] {
            let refused = OutputFile::create(special, Existing::Replace).unwrap_err();
            assert!(refused.to_string().contains("--output - >"), "{refused}");
        }
        assert_eq!(names(directory.path()), ["socket"]);
    }

    #[test]
    fn the_file_that_a_killed_export_left_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.json");
        let left = directory
            .path()
            .join(format!("x.json.{}.part", std::process::id()));
        std::fs::write(&left, "half").unwrap();
        let refused = OutputFile::create(&path, Existing::Keep).unwrap_err();
        assert!(refused.to_string().contains("delete it"), "{refused}");
        assert_eq!(
            std::fs::read(&left).unwrap(),
            b"half",
            "it may be another export's"
        );
    }

    #[test]
    fn a_directory_is_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let refused = OutputFile::create(directory.path(), Existing::Replace);
        assert!(matches!(refused, Err(OutputError::NoName(_))));
    }
}
