//! Snapshots and restarts in tests: a snapshot of a shard, a shard that is restored from one, and what a shard holds.

use arancini_core::position::Position;
use arancini_core::snapshot::{End, Head, ReadError, Restore, read_snapshot};
use arancini_core::{Settings, Shard};
use arancini_rib::CurationMode;

use super::Harness;
use super::consumer::Consumer;

pub fn head() -> Head {
    Head {
        collector: "test".to_owned(),
        worker: 1,
        begun_unix_ns: 7,
        position: Position::Segments(Vec::new()),
    }
}

/// Takes a snapshot in slices of this many routes, and calls `between` after each slice.
pub fn snapshot(
    harness: &mut Harness,
    budget: usize,
    mut between: impl FnMut(&mut Harness),
) -> (Vec<u8>, End) {
    let mut bytes = Vec::new();
    let mut walk = harness.shard.begin_snapshot(&head(), &mut bytes);
    while harness.shard.poll_snapshot(&mut walk, budget, &mut bytes) {
        between(harness);
    }
    let last = harness.shard.handle_seal();
    let end = walk.finish(last, &mut bytes);
    (bytes, end)
}

pub fn load(bytes: &[u8]) -> Result<Restore, ReadError> {
    let mut restore = Restore::new(CurationMode::Attributes);
    let (read, _) = read_snapshot(bytes, |kind, payload| restore.load(kind, payload))?;
    assert_eq!(read, head());
    Ok(restore)
}

/// Restarts the collector with the routers that a snapshot and the tail of the stream have restored.
pub fn restart(harness: &mut Harness, restore: Restore) {
    restart_with(harness, restore, Settings::default());
}

/// Restarts the collector as [`restart`] does, with these settings.
pub fn restart_with(harness: &mut Harness, restore: Restore, settings: Settings) {
    let mut shard = Shard::new(1, settings, harness.counters.clone());
    for router in restore.into_routers() {
        shard.handle_adopt(router, "the collector was restarted", harness.now);
    }
    let consumer = std::mem::replace(&mut harness.consumer, Consumer::of(CurationMode::Attributes));
    let (now, counters) = (harness.now, harness.counters.clone());
    *harness = Harness::new();
    (harness.shard, harness.now, harness.consumer, harness.counters) =
        (shard.into(), now, consumer, counters);
}

pub type Held = Vec<(String, u64)>;

pub fn held(shard: &Shard) -> Held {
    let mut held = Held::new();
    for router in shard.routers() {
        for peer in &router.peers {
            for table in &peer.tables {
                let name = peer.table_name(table.key.family);
                table.for_each(shard.attribute_sets(), |key, fingerprint| {
                    let of = (router.id, table.key, name, key);
                    held.push((format!("{of:?}"), fingerprint));
                });
            }
        }
    }
    held.sort();
    held
}
