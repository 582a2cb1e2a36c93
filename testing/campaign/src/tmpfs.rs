//! A small disk that can be filled and emptied.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: u64 = 1 << 20;
const FILLER: &str = "filler";

/// A disk in memory. Dropping the value unmounts it.
#[derive(Debug)]
pub struct Tmpfs {
    folder: PathBuf,
}

impl Tmpfs {
    /// Why there can be no such disk on this host; `None` if there can be one.
    #[must_use]
    pub fn unavailable() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("mounting a disk in memory needs root".to_owned());
        }
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(error) => return Some(format!("no temporary directory: {error}")),
        };
        match Self::mount(folder.path(), 1) {
            Ok(_) => None,
            Err(error) => Some(format!("a disk in memory can't be mounted: {error}")),
        }
    }

    /// Mounts a disk of this size on a folder.
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

    /// Fills the disk with a file, up to this many MiB.
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

    /// Removes the file that fills the disk.
    pub fn make_room(&self) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(FILLER))
    }

    /// Free bytes on the disk.
    pub fn free(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail * found.f_frsize)
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // `-l` unmounts lazily: files may still be open.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}
