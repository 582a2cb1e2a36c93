//! The last generation of a run, taken while the collector stops.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use arancini_core::snapshot::End;
use tracing::info;

use super::generation::{GivenUp, Snapshots, write};
use super::store::{InSpool, ManifestFile, Store};
use crate::ingest::{Part, SnapshotRequest};

/// The last generation of a run, which is taken while the workers stop. Each worker has a thread that writes its file.
pub struct LastGeneration {
    snapshots: Snapshots,
    number: Arc<Number>,
    begun: Instant,
    deadline: Instant,
    writers: Vec<JoinHandle<Result<(ManifestFile, End), GivenUp>>>,
}

/// What the sink has done with the batches of this run when it has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkOutcome {
    /// Every batch is acknowledged.
    AllAcknowledged,
    /// Some batches are not acknowledged.
    Incomplete,
}

impl Snapshots {
    /// Starts the last generation. All files must be written within half of the time until the deadline; the other half is
    /// for publishing the remaining batches.
    ///
    /// Returns one request per worker, in the order of the workers, for the mail that stops the worker; `None` if no snapshot
    /// can be taken. Only other threads use the store, so a slow store does not delay the mail.
    #[must_use]
    pub fn last_generation(self, deadline: Instant) -> (LastGeneration, Vec<Option<SnapshotRequest>>) {
        let begun = Instant::now();
        let half = deadline.saturating_duration_since(begun) / 2;
        self.store.end_by(begun + half);
        let number = Arc::new(OnceLock::new());
        let mut writers = Vec::new();
        let mut requests = Vec::new();
        for worker in 0..self.mailboxes.len() {
            let request = self.request(worker).map(|(request, parts)| {
                let (store, number) = (Arc::clone(&self.store), Arc::clone(&number));
                let write = move || write_last(&*store, &number, worker, &parts);
                writers.push(std::thread::spawn(write));
                request
            });
            requests.push(request.ok());
        }
        let last = LastGeneration {
            snapshots: self,
            number,
            begun,
            deadline,
            writers,
        };
        (last, requests)
    }

    /// Returns the batches that are not acknowledged, of the workers whose walks ended like this. When a run ends, such batches
    /// are in the spool.
    fn in_spool<'a>(&self, ends: impl Iterator<Item = &'a End>) -> Vec<InSpool> {
        let of_workers = ends.zip(0..).map(|(end, worker)| InSpool {
            incarnation: self.incarnation,
            worker,
            first: self.watermarks.last_acked(usize::from(worker)) + 1,
            last: end.last_batch,
        });
        of_workers
            .filter(|batches| batches.first <= batches.last)
            .collect()
    }
}

/// The number of the generation, which the first writer fetches from the store.
type Number = OnceLock<io::Result<u64>>;

/// Writes the file of one worker.
fn write_last(
    store: &dyn Store,
    number: &Number,
    worker: usize,
    parts: &kanal::Receiver<Part>,
) -> Result<(ManifestFile, End), GivenUp> {
    match number.get_or_init(|| store.next_generation()) {
        Ok(generation) => write(store.create(*generation, worker)?, parts, &|| false),
        Err(error) => Err(GivenUp::Io(io::Error::new(error.kind(), error.to_string()))),
    }
}

impl LastGeneration {
    /// Makes the generation current if everything that it contains is acknowledged; else gives it up. Call this when the
    /// workers and the sink have stopped.
    pub fn finish(self, outcome: SinkOutcome) {
        let snapshots = &self.snapshots;
        // Wait for every writer, even if the first one failed: nothing may be written after this function returns.
        let written: Vec<_> = self
            .writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or(Err(GivenUp::Unfinished)))
            .collect();
        let written: Result<Vec<_>, GivenUp> = written.into_iter().collect();
        let Some(Ok(generation)) = self.number.get() else {
            if let Err(why) = written {
                snapshots.report(&why);
            }
            return;
        };
        snapshots.store.end_by(self.deadline);
        let completed = match written {
            Ok(files)
                if outcome == SinkOutcome::AllAcknowledged && files.len() == snapshots.mailboxes.len() =>
            {
                let in_spool = snapshots.in_spool(files.iter().map(|(_, end)| end));
                let files: Vec<_> = files.into_iter().map(|(file, _)| file).collect();
                snapshots.complete(*generation, files, in_spool, self.begun)
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
                snapshots.report(&why);
            }
        }
    }
}
