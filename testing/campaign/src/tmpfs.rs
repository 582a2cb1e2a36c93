//! A small disk that can be filled and emptied.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const FILLER: &str = "filler";

/// A disk in memory; it is taken away with this value.
#[derive(Debug)]
pub struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Why there can be none here, or nothing.
    #[must_use]
    pub fn unavailable() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("a disk of its own needs root".to_owned());
        }
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(error) => return Some(format!("no temporary directory: {error}")),
        };
        match Self::mount(folder.path(), 1) {
            Ok(_) => None,
            Err(error) => Some(format!("no disk of its own: {error}")),
        }
    }

    /// Mounts one of so many MiB there.
    pub fn mount(folder: &Path, mib: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let size = format!("size={mib}m");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "arancini-campaign"])
            .arg(folder)
            .output()?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(io::Error::other(text));
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Fills it with a file, but for so many MiB.
    pub fn fill(&self, leave_mib: u64) -> io::Result<()> {
        let mut filler = File::create(self.folder.join(FILLER))?;
        while self.free()? > leave_mib * MIB {
            let wanted = (self.free()? - leave_mib * MIB).min(MIB) as usize;
            match filler.write(&vec![1; wanted]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes that file away.
    pub fn make_room(&self) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(FILLER))
    }

    /// Bytes that are free.
    pub fn free(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail * found.f_frsize)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: files may still be open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}
