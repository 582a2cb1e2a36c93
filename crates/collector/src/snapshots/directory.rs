//! A store of snapshots in a directory.
//!
//! Every file is written under a temporary name, synced, and then renamed.
//!
//! ```text
//! 00000000000000000012-worker-0.snapshot    format of the core: routers, peers, routes
//! 00000000000000000012-worker-1.snapshot
//! 00000000000000000012.manifest.json        names the files
//! LOCK                                      held by the collector that writes to this directory
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arancini_publish::{is_in_place, lock_directory, lock_path};
use tracing::warn;

use super::store::{self, KEPT, Listed, Manifest, ManifestFile, Store};

const MANIFEST: &str = ".manifest.json";
const SNAPSHOT: &str = ".snapshot";
const TEMPORARY: &str = ".tmp";
const SET_ASIDE: &str = ".damaged";

/// A directory of snapshots.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// The lock of the directory, held as long as this collector may write to it; `None` if it only reads.
    lock: Option<Mutex<File>>,
}

impl Directory {
    /// Opens the directory for writing: creates it, takes its lock, and removes files that a crash left incomplete.
    ///
    /// # Errors
    /// Fails if the directory can't be used, or if another collector uses it.
    pub fn claim(path: &Path) -> io::Result<Self> {
        let directory = Self {
            path: path.to_owned(),
            lock: Some(Mutex::new(lock(path)?)),
        };
        for name in directory.names()? {
            if name.ends_with(TEMPORARY) {
                fs::remove_file(directory.path.join(name))?;
            }
        }
        Ok(directory)
    }

    /// Opens the directory only for reading.
    #[must_use]
    pub fn read_only(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            lock: None,
        }
    }

    /// Takes the lock again if somebody has removed it, or the whole directory, while the collector runs.
    fn stay_in_place(&self) -> io::Result<()> {
        let Some(held) = &self.lock else { return Ok(()) };
        let mut held = held.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !is_in_place(&held, &lock_path(&self.path))? {
            *held = lock(&self.path)?;
            warn!(
                directory = %self.path.display(),
                "the directory of the snapshots, or its lock, was removed while the collector runs; it is created again, and \
                 the next snapshot goes there"
            );
        }
        Ok(())
    }

    /// Removes all files older than the kept generations. Manifests are removed first, so that no manifest names a missing
    /// file.
    fn prune(&self) -> io::Result<()> {
        let generations = self.generations()?;
        let Some((oldest_kept, _)) = generations.get(KEPT - 1) else {
            return Ok(());
        };
        let mut old: Vec<String> = self.names()?;
        old.retain(|name| number_of(name).is_some_and(|number| number < *oldest_kept));
        old.sort_by_key(|name| !name.ends_with(MANIFEST));
        for name in old {
            fs::remove_file(self.path.join(name))?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }
}

impl Store for Directory {
    /// Does nothing: [`Directory::claim`] has taken the lock and removed incomplete files.
    fn prepare(&self) -> io::Result<()> {
        Ok(())
    }

    fn generations(&self) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        for name in self.names()? {
            let number = name.strip_suffix(MANIFEST).and_then(|digits| digits.parse().ok());
            let Some(number) = number else { continue };
            let manifest = fs::read(self.path.join(&name))
                .map_err(|error| error.to_string())
                .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
            found.push((number, manifest));
        }
        found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(found)
    }

    fn next_generation(&self) -> io::Result<u64> {
        self.stay_in_place()?;
        let numbers = self.names()?;
        let highest = numbers.iter().filter_map(|name| number_of(name)).max();
        Ok(highest.unwrap_or(0) + 1)
    }

    fn open(&self, file: &ManifestFile) -> io::Result<Box<dyn Read>> {
        // The name comes from the manifest. Only its last component is used, so that it can't point outside the directory.
        let name = Path::new(&file.name)
            .file_name()
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let file = File::open(self.path.join(name))?;
        Ok(Box::new(BufReader::with_capacity(1 << 20, file)))
    }

    fn create(&self, generation: u64, worker: usize) -> io::Result<Box<dyn store::Draft>> {
        let name = format!("{generation:020}-worker-{worker}{SNAPSHOT}");
        let temporary = self.path.join(format!("{name}{TEMPORARY}"));
        Ok(Box::new(Draft {
            file: BufWriter::with_capacity(1 << 20, File::create(&temporary)?),
            directory: self.path.clone(),
            temporary,
            name,
            bytes: 0,
        }))
    }

    fn complete(&self, manifest: &Manifest) -> io::Result<()> {
        let name = format!("{:020}{MANIFEST}", manifest.generation);
        let temporary = self.path.join(format!("{name}{TEMPORARY}"));
        let mut file = File::create(&temporary)?;
        serde_json::to_writer_pretty(&mut file, manifest)?;
        file.sync_all()?;
        fs::rename(&temporary, self.path.join(&name))?;
        self.sync()?;
        self.prune()
    }

    fn set_aside(&self, generation: u64, _why: &str) {
        for name in self.names().unwrap_or_default() {
            let set_aside = self.path.join(format!("{name}{SET_ASIDE}"));
            if number_of(&name) == Some(generation) && !name.ends_with(SET_ASIDE) {
                // A file that can't be renamed is found damaged again at the next start.
                let _ = fs::rename(self.path.join(&name), set_aside);
            }
        }
    }

    fn abandon(&self, generation: u64) {
        for name in self.names().unwrap_or_default() {
            if number_of(&name) == Some(generation) {
                let _ = fs::remove_file(self.path.join(name));
            }
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn remedy(&self) -> &'static str {
        "free disk space, or set snapshots.directory"
    }
}

/// Creates the directory if it is missing, and locks it.
fn lock(path: &Path) -> io::Result<File> {
    lock_directory(path).map_err(|error| match error.kind() {
        io::ErrorKind::ResourceBusy => io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another collector uses this directory; stop it, choose another data directory with --data-dir, or set \
             snapshots.directory",
        ),
        _ => error,
    })
}

/// Returns the number of the generation that a file name belongs to.
fn number_of(name: &str) -> Option<u64> {
    name.get(..20)?.parse().ok()
}

/// A file of a worker that is being written.
#[derive(Debug)]
struct Draft {
    file: BufWriter<File>,
    directory: PathBuf,
    temporary: PathBuf,
    name: String,
    bytes: u64,
}

impl store::Draft for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn finish(mut self: Box<Self>, routers: u64, routes: u64) -> io::Result<ManifestFile> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, self.directory.join(&self.name))?;
        Ok(ManifestFile {
            name: self.name,
            bytes: self.bytes,
            routers,
            routes,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn generation(directory: &Directory, number: u64) {
        let mut draft = directory.create(number, 0).unwrap();
        draft.write(b"abc").unwrap();
        let file = draft.finish(1, 2).unwrap();
        assert_eq!((file.bytes, file.routers, file.routes), (3, 1, 2));
        let manifest = Manifest {
            generation: number,
            collector: "test".to_owned(),
            completed_unix_ns: 1,
            published_to: None,
            relies_on: None,
            in_spool: Vec::new(),
            files: vec![file],
        };
        directory.complete(&manifest).unwrap();
    }

    fn numbers(directory: &Directory) -> Vec<u64> {
        directory
            .generations()
            .unwrap()
            .into_iter()
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn the_newest_two_generations_stay() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::claim(place.path()).unwrap();
        for number in 1..=4 {
            assert_eq!(directory.next_generation().unwrap(), number);
            generation(&directory, number);
        }
        assert_eq!(numbers(&directory), [4, 3]);
        assert_eq!(
            directory.names().unwrap().len(),
            5,
            "two files per generation, and the lock"
        );
    }

    #[test]
    fn what_was_begun_and_not_completed_does_not_count() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::claim(place.path()).unwrap();
        generation(&directory, 1);
        let mut draft = directory.create(2, 0).unwrap();
        draft.write(b"half").unwrap();
        drop(draft);
        let whole = directory.create(2, 1).unwrap();
        whole.finish(0, 0).unwrap();
        drop(directory);
        let directory = Directory::claim(place.path()).unwrap();
        assert_eq!(numbers(&directory), [1]);
        assert_eq!(
            directory.next_generation().unwrap(),
            3,
            "the number of the incomplete generation is not reused"
        );
        generation(&directory, 3);
        generation(&directory, 4);
        assert_eq!(numbers(&directory), [4, 3]);
        assert_eq!(directory.names().unwrap().len(), 5);
    }

    #[test]
    fn a_directory_that_is_removed_is_made_and_locked_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("snapshots");
        let directory = Directory::claim(&path).unwrap();
        generation(&directory, 1);
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(directory.next_generation().unwrap(), 1);
        generation(&directory, 1);
        assert_eq!(numbers(&directory), [1]);
        assert!(Directory::claim(&path).is_err(), "the new lock is held");
        // Another collector may have taken the place.
        fs::remove_file(lock_path(&path)).unwrap();
        let _other = Directory::claim(&path).unwrap();
        let error = directory.next_generation().unwrap_err();
        assert!(error.to_string().contains("snapshots.directory"), "{error}");
    }

    #[test]
    fn two_collectors_do_not_share_a_directory() {
        let place = tempfile::tempdir().unwrap();
        let _first = Directory::claim(place.path()).unwrap();
        let error = Directory::claim(place.path()).unwrap_err();
        assert!(error.to_string().contains("snapshots.directory"), "{error}");
    }

    #[test]
    fn a_generation_that_is_set_aside_is_out_of_use() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::claim(place.path()).unwrap();
        generation(&directory, 1);
        generation(&directory, 2);
        directory.set_aside(2, "a test");
        assert_eq!(numbers(&directory), [1]);
        assert_eq!(directory.next_generation().unwrap(), 3);
    }
}
