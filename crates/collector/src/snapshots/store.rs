//! What a place for snapshots has to do, wherever it is.
//!
//! A *generation* is one file for each worker and a manifest, which comes last: without it the generation does not exist.
//! The newest two are kept, so that a damaged one has a predecessor.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use arancini_core::snapshot::ReadError;
use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::nats::NatsStore;
use crate::config::{Config, StoreKind};

/// Complete generations that are kept.
pub const KEPT: usize = 2;

/// What a generation consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its number; later ones are higher.
    pub generation: u64,
    /// Name of the collector.
    pub collector: String,
    /// When it was complete, Unix nanoseconds.
    pub completed_unix_ns: u64,
    /// Its files.
    pub files: Vec<ManifestFile>,
}

/// One worker's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name in the store.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Routers in it.
    pub routers: u64,
    /// Routes in it.
    pub routes: u64,
}

/// A generation's number and its manifest; for one that can't be read the reason.
pub type Listed = (u64, Result<Manifest, String>);

/// A place for snapshots. Errors for which [`may_pass`] holds say nothing of what is there.
pub trait Store: Send + Sync {
    /// Takes the place for this collector, as far as that was not done yet, and removes what a crash left half written.
    ///
    /// # Errors
    /// The place can't be used.
    fn prepare(&self) -> io::Result<()>;

    /// The generations with a manifest, the newest first.
    ///
    /// # Errors
    /// They can't be listed.
    fn generations(&self) -> io::Result<Vec<Listed>>;

    /// A number above that of every generation there is or was begun.
    ///
    /// # Errors
    /// The place can't be used.
    fn next_generation(&self) -> io::Result<u64>;

    /// Begins a worker's file of a generation.
    ///
    /// # Errors
    /// It can't be made.
    fn create(&self, generation: u64, worker: usize) -> io::Result<Box<dyn Draft>>;

    /// Opens a file of a generation.
    ///
    /// # Errors
    /// It can't be opened.
    fn open(&self, file: &ManifestFile) -> io::Result<Box<dyn Read>>;

    /// Makes a generation exist, then lets go of those that are too old.
    ///
    /// # Errors
    /// The manifest can't be written; the generations before it stay.
    fn complete(&self, manifest: &Manifest) -> io::Result<()>;

    /// Takes a generation out of use; its files stay for a while for whoever wants to look at them.
    fn set_aside(&self, generation: u64, why: &str);

    /// Removes what there is of a generation that was begun and given up.
    fn abandon(&self, generation: u64);

    /// Where it is, for people.
    fn place(&self) -> String;

    /// What to do where it can't be written, for people.
    fn remedy(&self) -> &'static str;

    /// Whatever is under way, also on other threads, fails at this time, and so does all that is asked later.
    fn end_by(&self, _time: Instant) {}

    /// It will not be asked for anything for a while.
    fn rest(&self) {}
}

/// A file that is being written.
pub trait Draft: Send {
    /// Appends.
    ///
    /// # Errors
    /// The place refuses: the file can't be finished.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file durable.
    ///
    /// # Errors
    /// The place refuses.
    fn finish(self: Box<Self>, routers: u64, routes: u64) -> io::Result<ManifestFile>;
}

/// Whether an error is of the way to the store and not of what is there.
#[must_use]
pub fn may_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected | io::ErrorKind::TimedOut
    )
}

/// The same of a snapshot that is being read.
#[must_use]
pub fn read_may_pass(error: &ReadError) -> bool {
    matches!(error, ReadError::Io(error) if may_pass(error))
}

/// The store that is configured, to write; `None` where no snapshots are taken.
///
/// # Errors
/// It can't be used, or another collector does. A broker that is away is no error yet.
pub fn claim(config: &Config) -> io::Result<Option<Arc<dyn Store>>> {
    if !config.takes_snapshots() {
        return Ok(None);
    }
    Ok(Some(match config.snapshots.store {
        StoreKind::Local => Arc::new(Directory::claim(&config.snapshots_directory())?),
        StoreKind::Nats => Arc::new(nats(config)),
    }))
}

/// The store that is configured, to look at only.
#[must_use]
pub fn to_read(config: &Config) -> Arc<dyn Store> {
    match config.snapshots.store {
        StoreKind::Local => Arc::new(Directory::to_read(&config.snapshots_directory())),
        StoreKind::Nats => Arc::new(nats(config).to_read()),
    }
}

fn nats(config: &Config) -> NatsStore {
    let bucket = config.snapshots.bucket.clone();
    NatsStore::new(config.nats_settings(), bucket, config.collector_name())
}
