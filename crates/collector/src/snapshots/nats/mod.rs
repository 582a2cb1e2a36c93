//! Snapshots in NATS: files are objects of an object store, the manifests are in a key-value bucket beside it.
//!
//! Everything is kept by the collector's name ([`index`]). Of two collectors of one name the one that started later keeps
//! its snapshots; the other one's are given up, and say so. No two ever write the same object.

pub mod index;
mod session;

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use arancini_client::{Reason, Trouble};
use arancini_publish::NatsSettings;
use arancini_publish::nats::bucket::{BucketError, Download, IndexValue, ObjectId, SnapshotBucket, Upload};
use bytes::{Buf, Bytes};
use tokio::sync::watch;
use tracing::{error, warn};

use super::store::{self, Listed, Manifest, ManifestFile, Store, may_pass};
use index::Index;
use session::{End, Session};

/// How often a change of the index is tried before it is given up: each failure means that somebody else changed it.
const ATTEMPTS: usize = 5;

/// Snapshots of one collector in NATS.
pub struct NatsStore {
    settings: NatsSettings,
    bucket: String,
    collector: String,
    /// Tells this life of the collector from others of the same name.
    life: String,
    write: bool,
    session: Mutex<Option<Arc<Session>>>,
    say_end: watch::Sender<Option<Instant>>,
    end: End,
}

impl NatsStore {
    /// To write. Connects when it is asked for something.
    #[must_use]
    pub fn new(settings: NatsSettings, bucket: String, collector: String) -> Self {
        let (say_end, end) = End::new();
        Self {
            settings,
            bucket,
            collector,
            life: format!("{:x}-{:x}", super::unix_ns(), std::process::id()),
            write: true,
            session: Mutex::new(None),
            say_end,
            end,
        }
    }

    /// To look at only.
    #[must_use]
    pub fn to_read(self) -> Self {
        Self { write: false, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Session>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, and whether it is fresh.
    fn session(&self) -> io::Result<(Arc<Session>, bool)> {
        let mut kept = self.lock();
        if let Some(session) = &*kept {
            return Ok((Arc::clone(session), false));
        }
        let end = self.end.clone();
        let session = Session::open(&self.settings, &self.bucket, &self.collector, self.write, end)?;
        let session = Arc::new(session);
        *kept = Some(Arc::clone(&session));
        Ok((session, true))
    }

    /// Asks; once more over a fresh connection if the one at hand was lost.
    fn ask<T>(&self, ask: impl AsyncFn(&SnapshotBucket) -> Result<T, BucketError>) -> io::Result<T> {
        loop {
            let (session, fresh) = self.session()?;
            match session.wait(ask(&session.bucket)) {
                Err(error) if may_pass(&error) => {
                    self.rest();
                    if fresh {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }

    /// Changes the index, if it is this collector's to change.
    fn change<T>(&self, change: impl Fn(&mut Index) -> T) -> io::Result<(Index, T)> {
        let changed = self.ask(async |bucket| {
            for _ in 0..ATTEMPTS {
                let IndexValue { bytes, revision } = bucket.index().await?;
                let mut index = match bytes {
                    Some(bytes) => Index::read(&bytes).map_err(BucketError::Damaged)?,
                    // Somebody deleted it. Numbers that were given out may be in names of objects.
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
                    "another collector that is named {} keeps its snapshots in the bucket {} since; let it be the only one, or set another collector_name",
                    self.collector, self.bucket
                ),
            )
        })
    }

    fn contended(&self) -> BucketError {
        BucketError::Trouble(Trouble::new(
            Reason::Other,
            format!("others change the index of {} all the time", self.collector),
            "let no two collectors have one name (collector_name)",
        ))
    }

    /// Makes the index this collector's. One that can't be read is kept elsewhere, and a new one begun.
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
            "the index of the snapshots can't be used and is set aside (key {}.damaged); going on with the stream alone",
            self.collector
        );
        bucket.keep_unreadable_index(bytes).await
    }

    /// Removes what no manifest names. What is begun after the index was read has a higher number and stays.
    fn sweep(&self, index: &Index) {
        let removed = self.ask(async |bucket| Ok(bucket.remove_except(&index.kept(), index.begun).await?));
        if let Err(error) = removed {
            // Found again the next time.
            warn!(
                store = self.place(),
                %error,
                "what is left of older snapshots, and of those that were given up, can't be removed"
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

    fn create(&self, generation: u64, worker: usize) -> io::Result<Box<dyn store::Draft>> {
        let (session, _) = self.session()?;
        let object = ObjectId { generation, worker };
        Ok(Box::new(Draft {
            upload: Upload::begin(&session.bucket, object),
            name: name_of(object),
            session,
        }))
    }

    fn open(&self, file: &ManifestFile) -> io::Result<Box<dyn Read>> {
        let object = object_of(&file.name)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this names no object"))?;
        let download = self.ask(async |bucket| Download::begin(bucket, object).await)?;
        let (session, _) = self.session()?;
        Ok(Box::new(Reader {
            session,
            download,
            bytes: Bytes::new(),
        }))
    }

    fn complete(&self, manifest: &Manifest) -> io::Result<()> {
        let (index, ()) = self.change(|index| index.complete(manifest))?;
        self.sweep(&index);
        Ok(())
    }

    fn set_aside(&self, generation: u64, why: &str) {
        // What can't be set aside is found damaged again next time.
        let _ = self.change(|index| index.set_aside(generation, why));
    }

    fn abandon(&self, _generation: u64) {
        // Whether it was completed after all, only the index knows. It is written anew, so that no change of it that is
        // still on its way can come later.
        if let Ok((index, ())) = self.change(|_| ()) {
            self.sweep(&index);
        }
    }

    fn place(&self) -> String {
        format!("the bucket {} in NATS", self.bucket)
    }

    fn remedy(&self) -> &'static str {
        "the next one is tried after snapshots.interval_ms"
    }

    fn end_by(&self, time: Instant) {
        self.say_end.send_replace(Some(time));
    }

    fn rest(&self) {
        *self.lock() = None;
    }
}

fn name_of(object: ObjectId) -> String {
    format!("{:020}/worker-{}", object.generation, object.worker)
}

fn object_of(name: &str) -> Option<ObjectId> {
    let (generation, worker) = name.split_once("/worker-")?;
    Some(ObjectId {
        generation: generation.parse().ok()?,
        worker: worker.parse().ok()?,
    })
}

/// An object that is being written.
struct Draft {
    upload: Upload,
    name: String,
    session: Arc<Session>,
}

impl store::Draft for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bucket = &self.session.bucket;
        let write = self.upload.write(bucket, bytes);
        self.session.wait(async { Ok(write.await?) })
    }

    fn finish(self: Box<Self>, routers: u64, routes: u64) -> io::Result<ManifestFile> {
        let Self {
            upload,
            name,
            session,
        } = *self;
        let finish = upload.finish(&session.bucket);
        let bytes = session.wait(async { Ok(finish.await?) })?;
        Ok(ManifestFile {
            name,
            bytes,
            routers,
            routes,
        })
    }
}

/// An object that is being read.
struct Reader {
    session: Arc<Session>,
    download: Download,
    bytes: Bytes,
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            let next = self.download.next(&self.session.bucket);
            self.bytes = self.session.wait(next)?.unwrap_or_default();
        }
        let some = into.len().min(self.bytes.len());
        self.bytes.copy_to_slice(&mut into[..some]);
        Ok(some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_objects_and_nowhere_else() {
        let object = ObjectId {
            generation: 12,
            worker: 3,
        };
        assert_eq!(object_of(&name_of(object)), Some(object));
        for name in ["", "x", "12/worker-", "12/worker-3/4", "../worker-3", "12"] {
            assert_eq!(object_of(name), None, "{name}");
        }
    }
}
