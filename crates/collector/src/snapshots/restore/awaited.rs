//! The batches that waited in the spool when the snapshot was taken.

use arancini_client::headers::BatchId;

use crate::snapshots::store::InSpool;

/// The batches that a snapshot counts as published, though they waited in the spool. Later runs publish them in order, so the
/// stream has the first ones and the spool has the others, unless some are lost.
#[derive(Debug, Default)]
pub(super) struct Awaited(Vec<OfWorker>);

/// The batches of one worker.
#[derive(Debug)]
struct OfWorker {
    batches: InSpool,
    /// The number of the first batch that was not found.
    next: u64,
}

impl Awaited {
    /// The batches that a manifest lists. None of them was found.
    pub(super) fn new(in_spool: Vec<InSpool>) -> Self {
        let of_workers = in_spool.into_iter().map(|batches| OfWorker {
            next: batches.first,
            batches,
        });
        Self(of_workers.collect())
    }

    /// Notes that the stream or the spool has this batch. The stream comes first, and both are read in their order.
    pub(super) fn found(&mut self, id: BatchId) {
        for OfWorker { batches, next } in &mut self.0 {
            if (batches.incarnation, batches.worker, *next) == (id.incarnation, id.worker, id.number) {
                *next += 1;
            }
        }
    }

    /// Returns the number of batches from the first one on that was not found.
    pub(super) fn missing(&self) -> u64 {
        let missing = self.0.iter().map(|OfWorker { batches, next }| {
            let behind = batches.last.saturating_add(1);
            behind.saturating_sub(*next)
        });
        missing.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(worker: u16, number: u64) -> BatchId {
        BatchId {
            incarnation: 17,
            worker,
            number,
        }
    }

    #[test]
    fn batches_that_neither_the_stream_nor_the_spool_has_are_missing() {
        let missing = |found: &[BatchId]| {
            let of_worker = |worker, first, last| InSpool {
                incarnation: 17,
                worker,
                first,
                last,
            };
            let mut awaited = Awaited::new(vec![of_worker(0, 3, 5), of_worker(1, 1, 2)]);
            found.iter().for_each(|id| awaited.found(*id));
            awaited.missing()
        };
        assert_eq!(missing(&[]), 5);
        let all = [
            batch(0, 2),
            batch(0, 3),
            batch(1, 1),
            // The same batch from the spool, a part of it, and another worker between.
            batch(0, 3),
            batch(0, 4),
            batch(1, 2),
            batch(0, 4),
            batch(0, 5),
            batch(0, 6),
        ];
        assert_eq!(missing(&all), 0);
        assert_eq!(missing(&all[..7]), 1, "the end is missing");
        assert_eq!(missing(&[batch(0, 4), batch(0, 5), batch(1, 1), batch(1, 2)]), 3);
        let mut of_another_run = all;
        of_another_run.iter_mut().for_each(|id| id.incarnation = 18);
        assert_eq!(missing(&of_another_run), 5);
        assert_eq!(Awaited::default().missing(), 0);
    }
}
