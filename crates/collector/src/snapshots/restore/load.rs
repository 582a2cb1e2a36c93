//! Loads the newest usable generation of snapshots.

use arancini_core::snapshot::{ReadError, Restore, read_snapshot};
use arancini_core::{Position, Router};
use arancini_rib::CurationMode;
use tracing::{error, warn};

use super::awaited::Awaited;
use super::position::{earlier, is_of};
use crate::config::Config;
use crate::snapshots::configured::published_to;
use crate::snapshots::store::{Manifest, Store, may_pass, read_may_pass};

/// The content of a generation of snapshots.
pub struct Loaded {
    /// The tables of the routers.
    pub restore: Restore,
    /// The earliest position of the sink in any of the files; `None` without a snapshot.
    pub(super) position: Option<Position>,
    /// Where the sink was when everything in the snapshot was published.
    pub(super) relies_on: Option<Position>,
    /// The name of the collector that took the snapshot. It may be an earlier name of this one.
    pub(super) collector: Option<String>,
    /// The batches that waited in the spool when the snapshot was taken.
    pub(super) awaited: Awaited,
    /// The next sequence number of every router must be above this number.
    pub(super) sequence_floor: u64,
    /// Whether routers that are not in the snapshot still have to do a resync.
    pub(super) resync: bool,
}

impl Loaded {
    /// Returns empty tables, for a start without a snapshot.
    pub(super) fn empty(mode: CurationMode) -> Self {
        Self {
            restore: Restore::new(mode),
            position: None,
            relies_on: None,
            collector: None,
            awaited: Awaited::new(Vec::new()),
            sequence_floor: 0,
            resync: false,
        }
    }

    /// Returns the highest sequence number of all routers.
    fn highest_sequence(self) -> u64 {
        let routers = self.restore.into_routers();
        routers.iter().map(Router::sequence).max().unwrap_or(0)
    }
}

/// Loads the newest generation that is whole and belongs to the place where the collector publishes now. A damaged
/// generation is set aside and logged. Fails only if the store can't be reached now.
pub(super) fn load_newest(store: &dyn Store, config: &Config, mode: CurationMode) -> Result<Loaded, String> {
    let listed = store.prepare().and_then(|()| store.generations());
    let generations = match listed {
        Ok(generations) => generations,
        Err(error) if may_pass(&error) => return Err(error.to_string()),
        Err(error) => {
            error!(store = store.place(), %error, "can't list the snapshots; the collector starts without them and reads the stream alone");
            Vec::new()
        }
    };
    let here = published_to(config);
    let mut sequence_floor = 0;
    for (number, manifest) in generations {
        let loaded = manifest.map_err(LoadError::Damaged).and_then(|manifest| {
            let loaded = load(store, &manifest, mode)?;
            Ok((loaded, manifest.published_to))
        });
        match loaded {
            Ok((mut loaded, place)) => {
                sequence_floor = sequence_floor.max(loaded.sequence_floor);
                let is_here = place.as_ref().is_none_or(|place| *place == here);
                if is_here
                    && loaded
                        .position
                        .as_ref()
                        .is_some_and(|position| is_of(position, config.sink()))
                {
                    loaded.sequence_floor = sequence_floor;
                    return Ok(loaded);
                }
                sequence_floor = sequence_floor.max(loaded.highest_sequence());
                warn!(
                    generation = number,
                    published_to = place,
                    publishes_to = here,
                    "a snapshot is not used, because the collector published to another place when it was taken"
                );
            }
            Err(LoadError::Away(why)) => return Err(why),
            Err(LoadError::Damaged(why)) => {
                error!(
                    generation = number,
                    store = store.place(),
                    why,
                    "a snapshot can't be used and is set aside; the collector restores an older snapshot, or the stream alone"
                );
                store.set_aside(number, &why);
            }
        }
    }
    Ok(Loaded {
        sequence_floor,
        ..Loaded::empty(mode)
    })
}

/// Why a generation can't be loaded.
#[derive(Debug)]
pub enum LoadError {
    /// The store can't be reached now.
    Away(String),
    /// The generation is damaged or incomplete.
    Damaged(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Away(why) | Self::Damaged(why)) = self;
        f.write_str(why)
    }
}

/// Loads all files of a generation.
///
/// # Errors
/// Fails if a file can't be read or is damaged, or if the files belong to different sinks.
pub fn load(store: &dyn Store, manifest: &Manifest, mode: CurationMode) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded {
        collector: Some(manifest.collector.clone()),
        relies_on: manifest.relies_on.clone(),
        awaited: Awaited::new(manifest.in_spool.clone()),
        ..Loaded::empty(mode)
    };
    for file in &manifest.files {
        let restore = &mut loaded.restore;
        let read = store
            .open(file)
            .map_err(ReadError::Io)
            .and_then(|open| read_snapshot(open, |kind, payload| restore.load(kind, payload)));
        let (head, end) = read.map_err(|error| {
            let why = format!("{}: {error}", file.name);
            if read_may_pass(&error) {
                LoadError::Away(why)
            } else {
                LoadError::Damaged(why)
            }
        })?;
        loaded.sequence_floor = loaded.sequence_floor.max(end.sequence_floor);
        loaded.resync |= end.resync_strangers;
        loaded.position = Some(match loaded.position {
            None => head.position,
            Some(before) => earlier(before, head.position).ok_or_else(|| {
                let why = "the file belongs to another sink than the files before it";
                LoadError::Damaged(format!("{}: {why}", file.name))
            })?,
        });
    }
    Ok(loaded)
}
