//! The store of snapshots, and the place that their positions belong to, as the configuration names them.

use std::io;
use std::sync::Arc;

use super::directory::Directory;
use super::nats::{Access, NatsStore};
use super::store::Store;
use crate::config::{Config, SinkKind, StoreKind};

/// Opens the configured store for writing. Returns `None` if no snapshots are taken.
///
/// # Errors
/// Fails if the store can't be used, or if another collector uses it. A NATS server that can't be reached is not an error yet.
pub fn claim(config: &Config) -> io::Result<Option<Arc<dyn Store>>> {
    if !config.takes_snapshots() {
        return Ok(None);
    }
    Ok(Some(match config.snapshots.store {
        StoreKind::Local => Arc::new(Directory::claim(&config.snapshots_directory())?),
        StoreKind::Nats => Arc::new(nats(config, Access::Write)),
    }))
}

/// Opens the configured store only for reading.
#[must_use]
pub fn to_read(config: &Config) -> Arc<dyn Store> {
    match config.snapshots.store {
        StoreKind::Local => Arc::new(Directory::read_only(&config.snapshots_directory())),
        StoreKind::Nats => Arc::new(nats(config, Access::Read)),
    }
}

/// Names the place where the collector publishes. A position of the sink is a position in this place only.
#[must_use]
pub fn published_to(config: &Config) -> String {
    match config.sink() {
        SinkKind::Nats => format!(
            "stream {}, subjects {}.>",
            config.nats.stream, config.publish.subject_base
        ),
        SinkKind::File => {
            let directory = config.file_settings().directory;
            let directory = std::fs::canonicalize(&directory).unwrap_or(directory);
            format!("segments in {}", directory.display())
        }
        SinkKind::Stdout | SinkKind::Null => String::new(),
    }
}

fn nats(config: &Config, access: Access) -> NatsStore {
    let bucket = config.snapshots.bucket.clone();
    NatsStore::new(config.nats_settings(), bucket, config.collector_name(), access)
}
