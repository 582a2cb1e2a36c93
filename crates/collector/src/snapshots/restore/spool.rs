//! The batches that wait in the spool of the previous run.

use std::io;

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
/// damaged, all routers are resynchronised: the part will not be published, and a snapshot may list its routes as published.
pub(super) fn apply_spool(loaded: &mut Loaded, spooled: Spooled, name: &str) {
    for batch in spooled {
        if let Ok(batch) = &batch {
            loaded.sequence_floor = loaded.sequence_floor.max(batch.last_sequence);
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
            if !loaded.resync {
                warn!(
                    why,
                    "a part of the spool can't be read and is not published; all routers are resynced"
                );
            }
            loaded.restore.forget_routes();
            loaded.resync = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use arancini_rib::CurationMode;

    use super::*;

    /// A snapshot of a stop lists what is in the spool as published. Damaged parts were skipped, and consumers lacked their routes for
    /// ever.
    #[test]
    fn a_damaged_part_of_the_spool_makes_a_resync_of_all_routers() {
        let mut loaded = Loaded::empty(CurationMode::Attributes);
        apply_spool(&mut loaded, Box::new(std::iter::empty()), "test");
        assert!(!loaded.resync);
        let damaged = std::iter::once(Err(io::Error::other("damaged")));
        apply_spool(&mut loaded, Box::new(damaged), "test");
        assert!(loaded.resync);
    }
}
