//! Takes one generation of snapshots: asks the workers for their walks, writes the files, waits for acknowledgements, and
//! writes the manifest.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use arancini_core::snapshot::{End, Head};
use arancini_publish::SinkStatus;
use tracing::warn;

use super::clock::unix_ns;
use super::figures::SnapshotFigures;
use super::store::{Draft, InSpool, Manifest, ManifestFile, Store};
use super::watermarks::Watermarks;
use crate::ingest::Mail;
use crate::ingest::{Part, SnapshotRequest};

/// How many parts of a walk may wait between a worker and the store.
const PARTS_IN_FLIGHT: usize = 4;
/// How often the thread checks whether the batches behind a generation are acknowledged.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Everything that taking a snapshot needs.
pub struct Snapshots {
    /// Where snapshots are stored.
    pub store: Arc<dyn Store>,
    /// The name of the collector.
    pub collector: String,
    /// The start of this run in Unix nanoseconds.
    pub incarnation: u64,
    /// Where the collector publishes, for the manifest.
    pub published_to: String,
    /// The status of the sink, which knows its position.
    pub sink: Arc<SinkStatus>,
    /// How far the sink has acknowledged the batches of each worker.
    pub watermarks: Arc<Watermarks>,
    /// The mailboxes of the workers.
    pub mailboxes: Vec<kanal::Sender<Mail>>,
    /// The figures to update.
    pub figures: Arc<SnapshotFigures>,
}

/// Why a generation was given up.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// The collector is stopping.
    Stopping,
    /// The sink has not started yet.
    NoPosition,
    /// A worker ended its walk early, because it is stopping or because it had to drop updates during the walk.
    Unfinished,
    /// Batches of an earlier run wait in the spool. The previous snapshot, the stream and the spool have everything.
    Behind,
    /// A message was set aside because of its size, or lost with its file, though the walks count it as published.
    Lost,
    /// The store returned an error.
    Io(io::Error),
}

impl From<io::Error> for GivenUp {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Snapshots {
    /// Takes one snapshot and makes it current. If that fails, removes what was written and logs the reason.
    pub(super) fn round(&self, stopped: &mpsc::Receiver<()>) {
        let begun = Instant::now();
        let generation = match self.store.next_generation() {
            Ok(generation) => generation,
            Err(error) => return self.report(&GivenUp::Io(error)),
        };
        let taken = self
            .take(generation, stopped)
            .and_then(|files| self.complete(generation, files, Vec::new(), begun));
        if let Err(why) = taken {
            self.store.abandon(generation);
            self.report(&why);
        }
    }

    /// Takes the walks of all workers one after the other, and waits until the sink has acknowledged what they contain.
    fn take(&self, generation: u64, stopped: &mpsc::Receiver<()>) -> Result<Vec<ManifestFile>, GivenUp> {
        let losses = self.sink.losses();
        let mut files = Vec::new();
        let mut ends = Vec::new();
        for (worker, mailbox) in self.mailboxes.iter().enumerate() {
            let (request, parts) = self.request(worker)?;
            let _ = mailbox.send(Mail::Snapshot(Box::new(request)));
            let draft = self.store.create(generation, worker)?;
            let stopping = || matches!(stopped.try_recv(), Err(TryRecvError::Disconnected));
            let (file, end) = write(draft, &parts, &stopping)?;
            files.push(file);
            ends.push((worker, end.last_batch));
        }
        while !ends
            .iter()
            .all(|&(worker, batch)| self.watermarks.is_acked(worker, batch))
        {
            if !matches!(
                stopped.recv_timeout(CHECK_INTERVAL),
                Err(RecvTimeoutError::Timeout)
            ) {
                return Err(GivenUp::Stopping);
            }
        }
        if self.sink.losses() != losses {
            return Err(GivenUp::Lost);
        }
        Ok(files)
    }

    /// Makes the request for the walk of a worker. The position of the sink is read before the walk starts, so everything
    /// that is published during the walk lies behind this position.
    pub(super) fn request(&self, worker: usize) -> Result<(SnapshotRequest, kanal::Receiver<Part>), GivenUp> {
        let position = self.sink.position().ok_or(GivenUp::NoPosition)?;
        let (out, parts) = kanal::bounded(PARTS_IN_FLIGHT);
        let head = Head {
            collector: self.collector.clone(),
            worker,
            begun_unix_ns: unix_ns(),
            position,
        };
        Ok((SnapshotRequest { head, out }, parts))
    }

    /// Writes the manifest, which makes the generation current, and updates the figures.
    pub(super) fn complete(
        &self,
        generation: u64,
        files: Vec<ManifestFile>,
        in_spool: Vec<InSpool>,
        begun: Instant,
    ) -> Result<(), GivenUp> {
        if self.sink.spool_former.load(Relaxed) > 0 {
            return Err(GivenUp::Behind);
        }
        let manifest = Manifest {
            generation,
            collector: self.collector.clone(),
            completed_unix_ns: unix_ns(),
            published_to: Some(self.published_to.clone()),
            relies_on: self.sink.position(),
            in_spool,
            files,
        };
        self.store.complete(&manifest)?;
        let sum = |of: fn(&ManifestFile) -> u64| manifest.files.iter().map(of).sum();
        let figures = &self.figures;
        figures.routes.store(sum(|file| file.routes), Relaxed);
        figures.bytes.store(sum(|file| file.bytes), Relaxed);
        figures.took_ms.store(begun.elapsed().as_millis() as u64, Relaxed);
        figures
            .completed_unix_s
            .store(manifest.completed_unix_ns / 1_000_000_000, Relaxed);
        figures.completed.fetch_add(1, Relaxed);
        tracing::debug!(
            generation,
            routes = figures.routes.load(Relaxed),
            "snapshot completed"
        );
        Ok(())
    }

    /// Logs and counts why a generation was given up.
    pub(super) fn report(&self, why: &GivenUp) {
        match why {
            GivenUp::Stopping | GivenUp::NoPosition | GivenUp::Behind => return,
            GivenUp::Unfinished => {
                warn!(
                    "a snapshot was given up, because a worker stopped or had to drop updates; the previous snapshot \
                     stays in use"
                )
            }
            GivenUp::Lost => {
                warn!(
                    "a snapshot was given up, because a message was set aside or lost meanwhile; the previous snapshot stays in use"
                )
            }
            GivenUp::Io(error) => warn!(
                store = self.store.place(),
                %error,
                "a snapshot was given up, because the store failed; the previous snapshot stays in use; {}",
                self.store.remedy()
            ),
        }
        self.figures.failed.fetch_add(1, Relaxed);
    }
}

/// Writes the parts of a walk to a file, until the walk ends or the collector stops.
pub(super) fn write(
    mut draft: Box<dyn Draft>,
    parts: &kanal::Receiver<Part>,
    stopping: &dyn Fn() -> bool,
) -> Result<(ManifestFile, End), GivenUp> {
    loop {
        match parts.recv() {
            Ok(_) if stopping() => return Err(GivenUp::Stopping),
            Ok(Part::Bytes(bytes)) => draft.write(&bytes)?,
            Ok(Part::End(end)) => return Ok((draft.finish(end.routers, end.routes)?, end)),
            Err(_) => return Err(GivenUp::Unfinished),
        }
    }
}
