//! Snapshots: taken from time to time, restored at the start (SPEC §7, §8).
//!
//! One thread asks a worker after the other for a walk over its routers and writes what comes into a [`store`], a
//! [`directory`] or [`nats`]. Workers do no I/O: they hand slices over a bounded channel, beside the way of messages. A generation becomes current when the
//! sink has acknowledged every batch that its workers had closed by the end of their walks. [`restore`] is the way back.

pub mod directory;
pub mod nats;
pub mod restore;
pub mod store;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arancini_core::snapshot::{End, Head};
use arancini_publish::SinkStatus;
use arancini_publish::sidecar::Acked;
use tracing::{info, warn};

use crate::ingest::{Mail, Part, SnapshotRequest};
use store::{Draft, Manifest, ManifestFile, Store};

/// Slices on their way from a worker to the disk.
const SLICES_ON_THE_WAY: usize = 4;
/// How often it is looked whether what a generation holds is acknowledged.
const LOOK: Duration = Duration::from_millis(20);

/// The last batch of each worker that is durable in the sink.
#[derive(Debug, Default)]
pub struct Watermarks(Vec<AtomicU64>);

impl Watermarks {
    /// For so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| AtomicU64::new(0)).collect())
    }

    /// A batch is durable, and so are all before it of its worker.
    pub fn acked(&self, acked: Acked) {
        if let Some(mark) = self.0.get(usize::from(acked.worker)) {
            mark.store(acked.number, Relaxed);
        }
    }

    /// Whether a worker's batch is durable.
    #[must_use]
    pub fn is_acked(&self, worker: usize, batch: u64) -> bool {
        self.0.get(worker).is_some_and(|mark| mark.load(Relaxed) >= batch)
    }
}

/// Figures of snapshots, for metrics.
#[derive(Debug, Default)]
pub struct SnapshotFigures {
    /// Generations completed.
    pub completed: AtomicU64,
    /// Generations given up.
    pub failed: AtomicU64,
    /// Routes in the last one.
    pub routes: AtomicU64,
    /// Bytes of the last one.
    pub bytes: AtomicU64,
    /// How long the last one took, acknowledgements included, in milliseconds.
    pub took_ms: AtomicU64,
    /// When the last one was completed, Unix seconds.
    pub completed_unix_s: AtomicU64,
    /// Routes that were restored at the start.
    pub restored_routes: AtomicU64,
    /// How long that took, in milliseconds.
    pub restore_ms: AtomicU64,
}

impl SnapshotFigures {
    /// Takes over what a restore came to.
    pub fn restored(&self, restored: &restore::Restored) {
        self.restored_routes.store(restored.routes, Relaxed);
        self.restore_ms.store(restored.took.as_millis() as u64, Relaxed);
    }
}

/// What taking snapshots needs.
pub struct Snapshots {
    /// Where they go.
    pub store: Arc<dyn Store>,
    /// Name of the collector.
    pub collector: String,
    /// The sink, for its position.
    pub sink: Arc<SinkStatus>,
    /// What is acknowledged.
    pub watermarks: Arc<Watermarks>,
    /// Where workers get their mail.
    pub mailboxes: Vec<kanal::Sender<Mail>>,
    /// Figures.
    pub figures: Arc<SnapshotFigures>,
}

/// Why a generation was given up.
#[derive(Debug)]
enum GivenUp {
    /// The collector stops.
    Stopping,
    /// The sink has not come up yet.
    NoPosition,
    /// A worker ended its walk before it was over: it stops, or it had to drop updates meanwhile.
    Unfinished,
    /// The store refuses.
    Io(io::Error),
}

impl From<io::Error> for GivenUp {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The thread that takes snapshots.
pub struct Snapshotter {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Snapshots>,
    store: Arc<dyn Store>,
}

impl Snapshotter {
    /// Starts it: a snapshot after each `interval`.
    ///
    /// # Errors
    /// The thread can't be made.
    pub fn spawn(snapshots: Snapshots, interval: Duration) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let store = Arc::clone(&snapshots.store);
        let thread = std::thread::Builder::new()
            .name("arancini-snapshots".to_owned())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                    snapshots.round(&stopped);
                    snapshots.store.rest();
                }
                snapshots
            })?;
        Ok(Self { stop, thread, store })
    }

    /// Ends the thread; a generation under way is given up.
    #[must_use]
    pub fn stop(self) -> Option<Snapshots> {
        // Not a message: the first of the thread's two waits would take it from the second.
        drop(self.stop);
        self.store.end_by(Instant::now());
        self.thread.join().ok()
    }
}

/// The last generation, taken while the workers stop: one draft for each of them.
pub struct LastWords {
    snapshots: Snapshots,
    generation: Arc<Number>,
    begun: Instant,
    deadline: Instant,
    writers: Vec<JoinHandle<Result<(ManifestFile, End), GivenUp>>>,
}

impl Snapshots {
    fn round(&self, stopped: &mpsc::Receiver<()>) {
        let begun = Instant::now();
        let generation = match self.store.next_generation() {
            Ok(generation) => generation,
            Err(error) => return self.tell(&GivenUp::Io(error)),
        };
        let taken = self
            .take(generation, stopped)
            .and_then(|files| Ok(self.complete(generation, files, begun)?));
        if let Err(why) = taken {
            self.store.abandon(generation);
            self.tell(&why);
        }
    }

    fn take(&self, generation: u64, stopped: &mpsc::Receiver<()>) -> Result<Vec<ManifestFile>, GivenUp> {
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
            if !matches!(stopped.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                return Err(GivenUp::Stopping);
            }
        }
        Ok(files)
    }

    /// A request for a worker's walk. The sink's position is read first: what is published during the walk lies
    /// behind it.
    fn request(&self, worker: usize) -> Result<(SnapshotRequest, kanal::Receiver<Part>), GivenUp> {
        let position = self.sink.position().ok_or(GivenUp::NoPosition)?;
        let (out, parts) = kanal::bounded(SLICES_ON_THE_WAY);
        let head = Head {
            collector: self.collector.clone(),
            worker,
            begun_unix_ns: unix_ns(),
            position,
        };
        Ok((SnapshotRequest { head, out }, parts))
    }

    fn complete(&self, generation: u64, files: Vec<ManifestFile>, begun: Instant) -> io::Result<()> {
        let manifest = Manifest {
            generation,
            collector: self.collector.clone(),
            completed_unix_ns: unix_ns(),
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
            "snapshot complete"
        );
        Ok(())
    }

    fn tell(&self, why: &GivenUp) {
        match why {
            GivenUp::Stopping | GivenUp::NoPosition => return,
            GivenUp::Unfinished => {
                warn!("a snapshot was given up: a worker stopped, or had to drop updates meanwhile")
            }
            GivenUp::Io(error) => warn!(
                store = self.store.place(),
                %error,
                "a snapshot was given up; the one before stays: {}",
                self.store.remedy()
            ),
        }
        self.figures.failed.fetch_add(1, Relaxed);
    }

    /// Begins the last generation, of which all has to be handed over until half of the time to the deadline is over: the
    /// rest is for what is to be published. The requests go with the mail that stops the workers, in their order; none
    /// where no snapshot can be taken. The store is asked by other threads only, so that it can't hold up the mail.
    #[must_use]
    pub fn last_words(self, deadline: Instant) -> (LastWords, Vec<Option<SnapshotRequest>>) {
        let begun = Instant::now();
        let half = deadline.saturating_duration_since(begun) / 2;
        self.store.end_by(begun + half);
        let generation = Arc::new(OnceLock::new());
        let mut writers = Vec::new();
        let mut requests = Vec::new();
        for worker in 0..self.mailboxes.len() {
            let request = self.request(worker).map(|(request, parts)| {
                let (store, generation) = (Arc::clone(&self.store), Arc::clone(&generation));
                let write = move || write_last(&*store, &generation, worker, &parts);
                writers.push(std::thread::spawn(write));
                request
            });
            requests.push(request.ok());
        }
        let last = LastWords {
            snapshots: self,
            generation,
            begun,
            deadline,
            writers,
        };
        (last, requests)
    }
}

/// A generation's number, once the first writer has got it.
type Number = OnceLock<io::Result<u64>>;

fn write_last(
    store: &dyn Store,
    generation: &Number,
    worker: usize,
    parts: &kanal::Receiver<Part>,
) -> Result<(ManifestFile, End), GivenUp> {
    match generation.get_or_init(|| store.next_generation()) {
        Ok(generation) => write(store.create(*generation, worker)?, parts, &|| false),
        Err(error) => Err(GivenUp::Io(io::Error::new(error.kind(), error.to_string()))),
    }
}

impl LastWords {
    /// The workers are gone and so is the sink. `everything`: all that was published is acknowledged, so the generation
    /// may become current.
    pub fn finish(self, everything: bool) {
        let snapshots = &self.snapshots;
        // All of them, whatever the first ones say: what they write must not come behind the end.
        let written: Vec<_> = self
            .writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or(Err(GivenUp::Unfinished)))
            .collect();
        let written: Result<Vec<_>, GivenUp> = written.into_iter().collect();
        let Some(Ok(generation)) = self.generation.get() else {
            if let Err(why) = written {
                snapshots.tell(&why);
            }
            return;
        };
        snapshots.store.end_by(self.deadline);
        let completed = match written {
            Ok(files) if everything && files.len() == snapshots.mailboxes.len() => {
                let files: Vec<_> = files.into_iter().map(|(file, _)| file).collect();
                let completed = snapshots.complete(*generation, files, self.begun);
                completed.map_err(GivenUp::Io)
            }
            Ok(_) => Err(GivenUp::Stopping),
            Err(why) => Err(why),
        };
        match completed {
            Ok(()) => info!(
                routes = snapshots.figures.routes.load(Relaxed),
                took_ms = self.begun.elapsed().as_millis() as u64,
                "last snapshot written"
            ),
            Err(why) => {
                snapshots.store.abandon(*generation);
                snapshots.tell(&why);
            }
        }
    }
}

/// Writes what a worker hands over, unless the collector stops.
fn write(
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

fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
