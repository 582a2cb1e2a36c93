//! The store of snapshots in NATS. Reads and writes objects, and changes the index.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arancini_client::{Reason, Trouble};
use arancini_publish::NatsSettings;
use arancini_publish::nats::bucket::{BucketError, Download, IndexValue, ObjectId, SnapshotBucket};
use bytes::Bytes;
use tokio::sync::watch;
use tracing::{error, warn};

use super::connection::{Access, BucketConnection, Deadline};
use super::index::Index;
use super::objects::{ObjectReader, ObjectWriter, object_of};
use crate::snapshots::clock::unix_ns;
use crate::snapshots::store::{Draft, Listed, Manifest, ManifestFile, Store, may_pass};

/// How often a change of the index is tried before it is given up. Each failure means that another collector has changed
/// the index meanwhile.
const ATTEMPTS: usize = 5;

/// The connection of one request.
enum Connected {
    /// A connection that was opened for this request.
    Fresh(Arc<BucketConnection>),
    /// A connection that was opened for an earlier request.
    Kept(Arc<BucketConnection>),
}

impl Connected {
    const fn connection(&self) -> &Arc<BucketConnection> {
        let (Self::Fresh(connection) | Self::Kept(connection)) = self;
        connection
    }
}

/// The snapshots of one collector in NATS.
pub struct NatsStore {
    settings: NatsSettings,
    bucket: String,
    collector: String,
    /// Identifies this run of the collector among all runs with the same name.
    life: String,
    access: Access,
    connection: Mutex<Option<Arc<BucketConnection>>>,
    set_deadline: watch::Sender<Option<Instant>>,
    deadline: Deadline,
}

impl NatsStore {
    /// Makes the store. It connects when it is first used.
    #[must_use]
    pub fn new(settings: NatsSettings, bucket: String, collector: String, access: Access) -> Self {
        let (set_deadline, deadline) = Deadline::new();
        Self {
            settings,
            bucket,
            collector,
            life: format!("{:x}-{:x}", unix_ns(), std::process::id()),
            access,
            connection: Mutex::new(None),
            set_deadline,
            deadline,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<BucketConnection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection, and opens it if there is none.
    fn connect(&self) -> io::Result<Connected> {
        let mut kept = self.lock();
        if let Some(connection) = &*kept {
            return Ok(Connected::Kept(Arc::clone(connection)));
        }
        let connection = BucketConnection::open(
            &self.settings,
            &self.bucket,
            &self.collector,
            self.access,
            self.deadline.clone(),
        )?;
        let connection = Arc::new(connection);
        *kept = Some(Arc::clone(&connection));
        Ok(Connected::Fresh(connection))
    }

    /// Sends a request and waits for the answer. If a kept connection turns out to be lost, tries once more over a fresh
    /// connection.
    fn ask<T>(&self, ask: impl AsyncFn(&SnapshotBucket) -> Result<T, BucketError>) -> io::Result<T> {
        loop {
            let connected = self.connect()?;
            let connection = connected.connection();
            match connection.wait(ask(&connection.bucket)) {
                Err(error) if may_pass(&error) => {
                    self.rest();
                    if matches!(connected, Connected::Fresh(_)) {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Changes the index, if this run of the collector may still change it.
    fn change<T>(&self, change: impl Fn(&mut Index) -> T) -> io::Result<(Index, T)> {
        let changed = self.ask(async |bucket| {
            for _ in 0..ATTEMPTS {
                let IndexValue { bytes, revision } = bucket.index().await?;
                let mut index = match bytes {
                    Some(bytes) => Index::read(&bytes).map_err(BucketError::Damaged)?,
                    // Somebody deleted the index. Names of stored objects still contain numbers that were given out.
                    None => {
                        let stored = bucket.generations().await?;
                        Index::new(&self.life, stored.last().copied().unwrap_or(0))
                    }
                };
                if index.life != self.life {
                    return Ok(None);
                }
                let outcome = change(&mut index);
                if bucket.replace_index(index.bytes(), revision).await? {
                    return Ok(Some((index, outcome)));
                }
            }
            Err(self.contended())
        });
        changed?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!(
                    "another collector with the name {} has taken over the snapshots in the bucket {}; stop one of the two, or set \
                     another collector_name",
                    self.collector, self.bucket
                ),
            )
        })
    }

    fn contended(&self) -> BucketError {
        BucketError::Trouble(Trouble::new(
            Reason::Other,
            format!("other collectors keep changing the index of {}", self.collector),
            "give each collector its own collector_name",
        ))
    }

    /// Takes over the index for this run of the collector. An unreadable index is stored under another key and replaced by a
    /// new one.
    async fn take_over(&self, bucket: &SnapshotBucket) -> Result<Index, BucketError> {
        for _ in 0..ATTEMPTS {
            let IndexValue { bytes, revision } = bucket.index().await?;
            let read = bytes.as_ref().map(|bytes| Index::read(bytes));
            let index = match read {
                Some(Ok(mut index)) => {
                    index.life.clone_from(&self.life);
                    index
                }
                Some(Err(why)) => {
                    let stored = bucket.generations().await?;
                    self.keep_unreadable(bucket, bytes.unwrap_or_default(), &why)
                        .await?;
                    Index::instead(&self.life, &stored, &why)
                }
                None => {
                    let stored = bucket.generations().await?;
                    Index::new(&self.life, stored.last().copied().unwrap_or(0))
                }
            };
            if bucket.replace_index(index.bytes(), revision).await? {
                return Ok(index);
            }
        }
        Err(self.contended())
    }

    async fn keep_unreadable(&self, bucket: &SnapshotBucket, bytes: Bytes, why: &str) -> Result<(), Trouble> {
        error!(
            store = self.place(),
            why,
            "the index of the snapshots can't be used and is set aside (key {}.damaged); the collector restores the stream alone",
            self.collector
        );
        bucket.keep_unreadable_index(bytes).await
    }

    /// Removes objects that no manifest names. Generations started after the index was read have higher numbers and stay.
    fn sweep(&self, index: &Index) {
        let removed = self.ask(async |bucket| Ok(bucket.remove_except(&index.kept(), index.begun).await?));
        if let Err(error) = removed {
            // The objects are found again the next time.
            warn!(
                store = self.place(),
                %error,
                "objects of old snapshots can't be removed; the collector tries again after the next snapshot"
            );
        }
    }
}

impl Store for NatsStore {
    fn prepare(&self) -> io::Result<()> {
        let index = self.ask(async |bucket| self.take_over(bucket).await)?;
        self.sweep(&index);
        Ok(())
    }

    fn generations(&self) -> io::Result<Vec<Listed>> {
        let value = self.ask(async |bucket| Ok(bucket.index().await?))?;
        let Some(bytes) = value.bytes else {
            return Ok(Vec::new());
        };
        let index = Index::read(&bytes).map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        let manifests = index.generations.into_iter();
        Ok(manifests
            .map(|manifest| (manifest.generation, Ok(manifest)))
            .collect())
    }

    fn next_generation(&self) -> io::Result<u64> {
        Ok(self.change(Index::begin)?.1)
    }

    fn create(&self, generation: u64, worker: usize) -> io::Result<Box<dyn Draft>> {
        let connection = Arc::clone(self.connect()?.connection());
        let object = ObjectId { generation, worker };
        Ok(Box::new(ObjectWriter::new(connection, object)))
    }

    fn open(&self, file: &ManifestFile) -> io::Result<Box<dyn Read>> {
        let object = object_of(&file.name).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "this name is not the name of an object",
            )
        })?;
        let download = self.ask(async |bucket| Download::begin(bucket, object).await)?;
        let connection = Arc::clone(self.connect()?.connection());
        Ok(Box::new(ObjectReader::new(connection, download)))
    }

    fn complete(&self, manifest: &Manifest) -> io::Result<()> {
        let (index, ()) = self.change(|index| index.complete(manifest))?;
        self.sweep(&index);
        Ok(())
    }

    fn set_aside(&self, generation: u64, why: &str) {
        // If this fails, the generation is found damaged again at the next start.
        let _ = self.change(|index| index.set_aside(generation, why));
    }

    fn abandon(&self, _generation: u64) {
        // Only the index knows whether the generation was completed after all. Writing the index again ensures that no
        // earlier change, still on its way, can take effect later.
        if let Ok((index, ())) = self.change(|_| ()) {
            self.sweep(&index);
        }
    }

    fn place(&self) -> String {
        format!("the bucket {} in NATS", self.bucket)
    }

    fn remedy(&self) -> &'static str {
        "the collector tries again after snapshots.interval_ms"
    }

    fn end_by(&self, time: Instant) {
        self.set_deadline.send_replace(Some(time));
    }

    fn rest(&self) {
        *self.lock() = None;
    }
}
