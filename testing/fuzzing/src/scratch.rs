//! Files for code that reads by path only. They are in memory if possible, because targets rewrite them for each input.

use std::path::{Path, PathBuf};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Writes a file of this thread alone with this content.
    pub fn new(purpose: &str, content: &[u8]) -> Self {
        let path = path_for(purpose);
        std::fs::write(&path, content).expect("a temporary file can be written");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// A directory of this thread alone, removed when this is dropped.
pub(crate) struct ScratchDirectory(PathBuf);

impl ScratchDirectory {
    /// Makes an empty directory.
    pub fn new(purpose: &str) -> Self {
        let path = path_for(purpose);
        // An input that ended in a panic has left its files.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("a temporary directory can be made");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn path_for(purpose: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let directory = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let thread = std::thread::current().id();
    directory.join(format!(
        "arancini-fuzzing-{}-{thread:?}-{purpose}",
        std::process::id()
    ))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failure is no matter, because the next input writes the file again.
        let _ = std::fs::remove_file(&self.0);
    }
}
