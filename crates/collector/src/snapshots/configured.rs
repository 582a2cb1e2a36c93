//! Opens the store of snapshots that the configuration names.

use std::io;
use std::sync::Arc;

use super::directory::Directory;
use super::nats::{Access, NatsStore};
use super::store::Store;
use crate::config::{Config, StoreKind};

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

fn nats(config: &Config, access: Access) -> NatsStore {
    let bucket = config.snapshots.bucket.clone();
    NatsStore::new(config.nats_settings(), bucket, config.collector_name(), access)
}
