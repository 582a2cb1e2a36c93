//! The interface of a store of snapshots.
//!
//! A *generation* consists of one file per worker and a manifest. The manifest is written last; without it, the generation
//! does not exist. The newest two generations are kept, so that a damaged generation has a predecessor.

use std::io::{self, Read};
use std::time::Instant;

use arancini_core::Position;
use arancini_core::snapshot::ReadError;
use serde::{Deserialize, Serialize};

/// How many complete generations are kept.
pub const KEPT: usize = 2;

/// The manifest of a generation: what the generation consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The number of the generation; later generations have higher numbers.
    pub generation: u64,
    /// The name of the collector.
    pub collector: String,
    /// When the generation was completed, in nanoseconds since the Unix epoch.
    pub completed_unix_ns: u64,
    /// Where the collector published: a position in the files means nothing anywhere else. Absent in manifests of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_to: Option<String>,
    /// Where the sink was when everything in the files was published. If the stream ends before, it has lost messages that the
    /// files count as published. Absent in manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relies_on: Option<Position>,
    /// Batches that the files count as published, and that waited in the spool. Absent in manifests of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_spool: Vec<InSpool>,
    /// The files of the generation.
    pub files: Vec<ManifestFile>,
}

/// The batches of one worker that waited in the spool: all that have the numbers from `first` to `last`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InSpool {
    /// Start of the run that closed the batches, in Unix nanoseconds.
    pub incarnation: u64,
    /// The worker.
    pub worker: u16,
    /// The number of the first batch.
    pub first: u64,
    /// The number of the last batch.
    pub last: u64,
}

/// The file of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// The name of the file in the store.
    pub name: String,
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The number of routers in the file.
    pub routers: u64,
    /// The number of routes in the file.
    pub routes: u64,
}

/// The number of a generation with its manifest, or with the reason why the manifest can't be read.
pub type Listed = (u64, Result<Manifest, String>);

/// A store of snapshots. If [`may_pass`] holds for an error, the store could not be reached, and the error says nothing about
/// its content.
pub trait Store: Send + Sync {
    /// Claims the store for this collector if that was not done yet, and removes what a crash left incomplete.
    ///
    /// # Errors
    /// Fails if the store can't be used.
    fn prepare(&self) -> io::Result<()>;

    /// Lists the generations that have a manifest, the newest first.
    ///
    /// # Errors
    /// Fails if the generations can't be listed.
    fn generations(&self) -> io::Result<Vec<Listed>>;

    /// Returns a number above the number of every generation that exists or was ever started.
    ///
    /// # Errors
    /// Fails if the store can't be used.
    fn next_generation(&self) -> io::Result<u64>;

    /// Starts the file of a worker in a generation.
    ///
    /// # Errors
    /// Fails if the file can't be created.
    fn create(&self, generation: u64, worker: usize) -> io::Result<Box<dyn Draft>>;

    /// Opens a file of a generation.
    ///
    /// # Errors
    /// Fails if the file can't be opened.
    fn open(&self, file: &ManifestFile) -> io::Result<Box<dyn Read>>;

    /// Writes the manifest, which makes the generation current, and then removes generations that are too old.
    ///
    /// # Errors
    /// Fails if the manifest can't be written. The earlier generations stay.
    fn complete(&self, manifest: &Manifest) -> io::Result<()>;

    /// Takes a damaged generation out of use. Its files stay for a while, so that they can be examined.
    fn set_aside(&self, generation: u64, why: &str);

    /// Removes the files of a generation that was started and given up.
    fn abandon(&self, generation: u64);

    /// Describes where the store is, for log lines.
    fn place(&self) -> String;

    /// Describes what to do if the store can't be written, for log lines.
    fn remedy(&self) -> &'static str;

    /// Sets a deadline. At this time every pending operation fails, also on other threads, and so does every later one.
    fn end_by(&self, _time: Instant) {}

    /// Tells the store that it will not be used for a while, so that it can close its connection.
    fn rest(&self) {}
}

/// A file that is being written to a store.
pub trait Draft: Send {
    /// Appends bytes.
    ///
    /// # Errors
    /// Fails if the store refuses the bytes. The file can't be finished then.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the file durable.
    ///
    /// # Errors
    /// Fails if the store refuses.
    fn finish(self: Box<Self>, routers: u64, routes: u64) -> io::Result<ManifestFile>;
}

/// Returns whether an error concerns the connection to the store, so that a later attempt may succeed.
#[must_use]
pub fn may_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotConnected | io::ErrorKind::TimedOut
    )
}

/// Returns whether an error while reading a snapshot concerns the connection to the store, as in [`may_pass`].
#[must_use]
pub fn read_may_pass(error: &ReadError) -> bool {
    matches!(error, ReadError::Io(error) if may_pass(error))
}
