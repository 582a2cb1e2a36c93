//! A file for code that reads by path only. It is in memory if possible, because targets rewrite it for each input.

use std::path::{Path, PathBuf};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Writes a file of this thread alone with this content.
    pub fn new(purpose: &str, content: &[u8]) -> Self {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let thread = std::thread::current().id();
        let name = format!("arancini-fuzzing-{}-{thread:?}-{purpose}", std::process::id());
        let path = directory.join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn content(&self) -> Vec<u8> {
        std::fs::read(&self.0).expect("what was written can be read")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failure is no matter, because the next input writes the file again.
        let _ = std::fs::remove_file(&self.0);
    }
}
