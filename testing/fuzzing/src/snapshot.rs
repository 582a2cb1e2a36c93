//! Target `snapshot`: the bytes of a snapshot file, or blocks whose checksums would be right.
//!
//! A checksum refuses nearly every mutation, so the first octet chooses. If it is even, the rest is a file. If it is odd,
//! the rest is blocks, each `kind (1) ‖ length (2, big endian) ‖ payload`, which are read as if their checksums were right.

use std::sync::Arc;

use arancini_core::position::Position;
use arancini_core::snapshot::{BlockKind, Head, Restore, read_snapshot};
use arancini_core::{Counters, KeptAttributes, Now, Settings, Shard};
use arancini_rib::CurationMode;

/// First octet of an input of blocks.
pub const BLOCKS: u8 = 1;
/// First octet of an input that is a file.
pub const FILE: u8 = 0;

const KINDS: [BlockKind; 4] = [
    BlockKind::Router,
    BlockKind::Peer,
    BlockKind::Routes,
    BlockKind::Sets,
];

/// Restores what can be restored, takes a snapshot of that, and compares both.
pub fn run(input: &[u8]) {
    let Some((&form, rest)) = input.split_first() else {
        return;
    };
    let mut restore = Restore::new(CurationMode::Attributes);
    if form.is_multiple_of(2) {
        if read_snapshot(rest, |kind, payload| restore.load(kind, payload)).is_err() {
            return;
        }
    } else {
        let mut rest = rest;
        while let Some((&[kind, high, low], after)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
            let (payload, after) = after.split_at(length);
            let kind = KINDS[usize::from(kind) % KINDS.len()];
            // A refused snapshot leaves a half loaded restore. A collector throws it away, but it must be consistent still.
            let _ = restore.load(kind, payload);
            rest = after;
        }
    }
    let routes = restore.routes();
    let settings = Settings {
        attributes: KeptAttributes::Retain { most_bytes: 1 << 20 },
        ..Settings::default()
    };
    let mut shard = Shard::new(0, settings, Arc::new(Counters::default()));
    for router in restore.into_routers() {
        shard.handle_adopt(router, "fuzzed", Now::default());
    }
    let again = reread(&snapshot_of(&mut shard));
    assert_eq!(
        again.routes(),
        routes,
        "what a snapshot holds is what was restored"
    );
    while shard.handle_sweep(u64::MAX, Now::default()) {}
}

/// A whole snapshot of a shard.
pub(crate) fn snapshot_of(shard: &mut Shard) -> Vec<u8> {
    let head = Head {
        collector: "fuzzed".to_owned(),
        worker: 0,
        begun_unix_ns: 0,
        position: Position::Segments(Vec::new()),
    };
    let mut bytes = Vec::new();
    let mut walk = shard.begin_snapshot(&head, &mut bytes);
    while shard.poll_snapshot(&mut walk, 100, &mut bytes) {}
    let last = shard.handle_seal();
    let _ = walk.finish(last, &mut bytes);
    bytes
}

fn reread(bytes: &[u8]) -> Restore {
    let mut restore = Restore::new(CurationMode::Attributes);
    let read = read_snapshot(bytes, |kind, payload| restore.load(kind, payload));
    assert!(read.is_ok(), "our own snapshot can be read");
    restore
}

/// The blocks of a snapshot in the form of this target, without those that are too long for it.
pub(crate) fn blocks_of(bytes: &[u8]) -> Vec<u8> {
    let mut blocks = vec![BLOCKS];
    let _ = read_snapshot(bytes, |kind, payload| {
        if let Some(number) = KINDS.iter().position(|known| *known == kind)
            && let Ok(length) = u16::try_from(payload.len())
        {
            blocks.push(number as u8);
            blocks.extend(length.to_be_bytes());
            blocks.extend(payload);
        }
        Ok(())
    });
    blocks
}
