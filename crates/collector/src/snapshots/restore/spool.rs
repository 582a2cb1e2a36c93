//! The batches that wait in the spool of the previous run.

use std::io;

use arancini_client::headers::BatchId;
use arancini_publish::spool::SpooledBatch;
use tracing::warn;

use super::load::Loaded;
use crate::config::{Config, OnFull, SinkKind};

/// Reads the batches that wait in the spool. Call this before the sink starts, because the sink publishes and removes them.
#[must_use]
pub fn open_spool(config: &Config) -> Spooled {
    if config.publish.on_full != OnFull::Spool || config.sink() != SinkKind::Nats {
        return Box::new(std::iter::empty());
    }
    match arancini_publish::spool::read_all(&config.spool_dir()) {
        Ok(batches) => Box::new(batches),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Box::new(std::iter::empty()),
        Err(error) => Box::new(std::iter::once(Err(error))),
    }
}

/// The batches of a spool, in the order in which they will be published.
pub type Spooled = Box<dyn Iterator<Item = io::Result<SpooledBatch>>>;

/// Applies the batches of the spool to the tables, because they are published before anything else. If a part of the spool is
/// damaged or lost, all routers are resynchronised: the part will not be published, and a snapshot lists its routes as published.
pub(super) fn apply_spool(loaded: &mut Loaded, spooled: Spooled, name: &str) {
    let mut is_whole = true;
    for batch in spooled {
        if let Ok(batch) = &batch {
            loaded.sequence_floor = loaded.sequence_floor.max(batch.last_sequence);
            loaded.awaited.found(BatchId {
                incarnation: batch.incarnation,
                worker: batch.worker,
                number: batch.number,
            });
        }
        let applied = match batch {
            Ok(batch) if batch.collector == name => {
                let restore = &mut loaded.restore;
                restore
                    .apply_again(batch.kind, &batch.payload)
                    .map_err(|error| error.to_string())
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = applied {
            warn!(
                why,
                "a part of the spool can't be read and is not published; all routers are resynced"
            );
            is_whole = false;
        }
    }
    let missing = loaded.awaited.missing();
    if missing > 0 {
        warn!(
            missing,
            "the spool has lost batches that the last run left in it; all routers are resynced"
        );
        is_whole = false;
    }
    if !is_whole {
        // Also the routers that only the batches behind the damage name.
        loaded.restore.need_resync();
        loaded.resync = true;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use arancini_core::{Counters, Now, Router, Settings, Shard};
    use arancini_rib::CurationMode;

    use super::*;

    /// A batch of the collector `test` that says that a session of this router was opened.
    fn session_opened(router: IpAddr) -> SpooledBatch {
        let now = Now {
            monotonic_ns: 1,
            unix_ns: 1,
        };
        let mut shard = Shard::new(0, Settings::default(), Arc::new(Counters::default()));
        shard.handle_connect(router, 50_000, now);
        shard.handle_flush(now);
        let batch = shard.poll_batch().unwrap();
        SpooledBatch {
            collector: "test".to_owned(),
            incarnation: 1,
            worker: batch.worker,
            number: batch.number,
            part: 0,
            is_last: true,
            kind: batch.kind,
            subject: batch.subject,
            router: batch.router,
            payload: batch.payload.into(),
            messages: batch.messages,
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence,
        }
    }

    /// A snapshot of a stop lists what is in the spool as published. Damaged parts were skipped, and consumers lacked their routes
    /// for ever. A router that only a batch behind the damage names may have messages in the damaged part too.
    #[test]
    fn a_damaged_part_of_the_spool_makes_a_resync_of_all_routers() {
        let router = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let of = |batches: Vec<io::Result<SpooledBatch>>| {
            let mut loaded = Loaded::empty(CurationMode::Attributes);
            apply_spool(&mut loaded, Box::new(batches.into_iter()), "test");
            let routers = loaded.restore.into_routers();
            let resynced = routers.iter().map(Router::needs_resync).collect::<Vec<_>>();
            (loaded.resync, resynced)
        };
        let damaged = || Err(io::Error::other("damaged"));
        assert_eq!(of(vec![Ok(session_opened(router))]), (false, vec![false]));
        assert_eq!(of(vec![damaged()]), (true, vec![]));
        assert_eq!(
            of(vec![damaged(), Ok(session_opened(router))]),
            (true, vec![true])
        );
    }
}
