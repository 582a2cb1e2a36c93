//! The rules of the hot path, as far as the core keeps them: each test fails when its rule is broken. `docs/rules.md` has
//! the list.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};

use arancini_core::SessionId;
use arancini_generate::{Peer, PeerDown, peer_down};

use support::wire::{Destination, announce, as_path, attribute, origin, peer, up, withdraw};
use support::world::Kind;
use support::{Harness, SECOND, recordings};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // A thread that ends may allocate when its counters are gone already.
    let _ = ALLOCATIONS.try_with(|counts| {
        let (calls, sum) = counts.get();
        counts.set((calls + 1, sum + bytes));
    });
}

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as asked.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as asked.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as asked.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as asked.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls of the allocator, and bytes asked for, in the time of `work`.
fn allocated(work: impl FnOnce()) -> (u64, usize) {
    let before = ALLOCATIONS.get();
    work();
    let after = ALLOCATIONS.get();
    (after.0 - before.0, after.1 - before.1)
}

fn session_with(peer: &Peer) -> (Harness, SessionId) {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(peer));
    harness.published();
    (harness, session)
}

/// As the worker's shell does it: batches leave, their buffers come back.
fn carry(harness: &mut Harness) {
    while let Some(batch) = harness.shard.poll_batch() {
        harness.shard.handle_recycled(batch.payload);
    }
}

fn attributes(version: u32) -> Vec<u8> {
    let communities: Vec<u8> = (0..8_u8).flat_map(|value| [0xfd, 0xe9, 0, value]).collect();
    [
        origin(0),
        as_path(&[64_501, 70_000 + version, 3356]),
        attribute(0xc0, 8, &communities),
    ]
    .concat()
}

/// Messages of ten routes each, of one family.
fn messages(peer: &Peer, kind: Kind, count: u16, version: u32) -> Vec<Vec<u8>> {
    let routes: Vec<Destination> = (0..count).map(|index| kind.destination(index)).collect();
    let message = |chunk: &[Destination]| {
        let chunk: Vec<_> = chunk.iter().map(|to| (to, None)).collect();
        announce(peer, &attributes(version), &chunk, 100)
    };
    routes.chunks(10).map(message).collect()
}

fn withdraws(peer: &Peer, kind: Kind, count: u16) -> Vec<Vec<u8>> {
    let routes: Vec<Destination> = (0..count).map(|index| kind.destination(index)).collect();
    let message = |chunk: &[Destination]| {
        let chunk: Vec<_> = chunk.iter().map(|to| (to, None)).collect();
        withdraw(peer, &chunk)
    };
    routes.chunks(10).map(message).collect()
}

/// Rule 2. Announced as before, announced anew, withdrawn and announced again: with warm tables and buffers that come
/// back, none of it allocates; nor do bytes that are cut anywhere, nor batches that close by time.
#[test]
fn nothing_is_allocated_per_message_in_steady_state() {
    let peer = peer(1);
    for kind in Kind::ALL {
        let (mut harness, session) = session_with(&peer);
        let versions = [messages(&peer, kind, 1000, 0), messages(&peer, kind, 1000, 1)];
        let withdrawn = withdraws(&peer, kind, 1000);
        let round = |harness: &mut Harness| {
            for (number, version) in [0, 0, 1, 0].into_iter().enumerate() {
                for (message, gone) in versions[version].iter().zip(&withdrawn) {
                    // An EVPN route that comes anew brings its NLRI, which has to be kept somewhere.
                    if number == 3 && kind != Kind::Evpn {
                        harness
                            .shard
                            .handle_all_bytes(session, gone, harness.now)
                            .unwrap();
                    }
                    let (head, tail) = message.split_at(message.len() / 3);
                    harness
                        .shard
                        .handle_all_bytes(session, head, harness.now)
                        .unwrap();
                    harness
                        .shard
                        .handle_all_bytes(session, tail, harness.now)
                        .unwrap();
                    carry(harness);
                }
                harness.now.monotonic_ns += SECOND;
                harness.shard.handle_timeout(harness.now);
                carry(harness);
            }
        };
        for _ in 0..3 {
            round(&mut harness);
        }
        let emitted = harness.counters.emitted_announces.total();
        let (calls, bytes) = allocated(|| round(&mut harness));
        assert!(harness.counters.emitted_announces.total() >= emitted + 2000);
        assert_eq!((calls, bytes), (0, 0), "{kind:?}");
    }
}

/// Rule 6, observed by two counters: 200 routes of one UPDATE cost one fingerprint and one layout, none of either if
/// nothing changed but the fingerprint that shows it.
#[test]
fn what_routes_share_is_made_once() {
    let peer = peer(1);
    for kind in Kind::ALL {
        let (mut harness, session) = session_with(&peer);
        let routes: Vec<Destination> = (0..200).map(|index| kind.destination(index)).collect();
        let routes: Vec<_> = routes.iter().map(|to| (to, None)).collect();
        let counted = |harness: &Harness| {
            let counters = &harness.counters;
            (counters.attribute_fingerprints.get(), counters.layouts.get())
        };
        let first = announce(&peer, &attributes(0), &routes, 100);
        harness.send(session, &first);
        assert_eq!(counted(&harness), (1, 1), "{kind:?}");
        harness.send(session, &first);
        assert_eq!(counted(&harness), (2, 1), "nothing to lay out: {kind:?}");
        harness.send(session, &withdraw(&peer, &routes));
        assert_eq!(counted(&harness), (2, 2), "{kind:?}");
        assert_eq!(harness.updates().len(), 400);
    }
}

/// Rule 7. While a table grows to 200,000 routes, no message makes the core allocate, and so move, more than a few
/// segments; a table that is rehashed would.
#[test]
fn growth_moves_a_bounded_number_of_routes() {
    /// Some chunks of segments and blocks, and the directory: 4 bytes for some 20 routes, doubled.
    const MOST_BYTES: usize = 96 * 1024;
    let peer = peer(1);
    for evpn in [false, true] {
        let (mut harness, session) = session_with(&peer);
        let shared = attributes(0);
        let mut worst = 0;
        for number in 0..200_000_u32 {
            let [a, b, c, d] = number.to_be_bytes();
            let to = if evpn {
                Destination::Evpn(number)
            } else {
                Destination::V4([10 + a, b, c, d], 32)
            };
            let message = announce(&peer, &shared, &[(&to, None)], 0);
            let (_, bytes) = allocated(|| {
                harness
                    .shard
                    .handle_all_bytes(session, &message, harness.now)
                    .unwrap()
            });
            worst = worst.max(bytes);
            carry(&mut harness);
        }
        let router = harness.shard.routers().next().unwrap();
        assert_eq!(router.routes(), 200_000);
        assert!(worst <= MOST_BYTES, "{worst} bytes at once, evpn: {evpn}");
    }
}

/// Rule 7. A Peer Down withdraws nothing itself, and the sweep keeps to its budget, up to one segment of the table.
#[test]
fn a_peer_down_is_swept_in_slices() {
    const LARGEST_SEGMENT: u64 = 768;
    let peer = peer(1);
    let (mut harness, session) = session_with(&peer);
    for kind in [Kind::V4, Kind::Evpn] {
        for message in messages(&peer, kind, 20_000, 0) {
            harness.send(session, &message);
        }
    }
    harness.published();
    let withdrawn = |harness: &Harness| harness.counters.emitted_withdraws.total();
    harness.send(session, &peer_down(&peer, &PeerDown::RemoteSilent));
    assert_eq!(withdrawn(&harness), 0);
    let mut slices = 0;
    while harness.shard.needs_sweep() {
        let before = withdrawn(&harness);
        harness.shard.handle_sweep(1000, harness.now);
        let slice = withdrawn(&harness) - before;
        assert!(slice <= 1000 + LARGEST_SEGMENT, "{slice} at once");
        slices += 1;
        harness.collect();
    }
    assert!(slices >= 20, "{slices} slices");
    assert_eq!(withdrawn(&harness), 40_000);
    harness.published();
    assert_eq!(harness.consumer.routes(), 0);
}

/// Each table that became empty counted as if there were memory to give back, and few of them made a slice.
#[test]
fn many_small_tables_are_swept_in_one_slice() {
    let peers: Vec<_> = (1..=20).map(peer).collect();
    let (mut harness, session) = session_with(&peers[0]);
    for peer in &peers {
        harness.send(session, &up(peer));
        for message in messages(peer, Kind::V4, 10, 0) {
            harness.send(session, &message);
        }
    }
    for peer in &peers {
        harness.send(session, &peer_down(peer, &PeerDown::RemoteSilent));
    }
    assert!(harness.shard.needs_sweep());
    assert!(
        !harness.shard.handle_sweep(500, harness.now),
        "200 routes, 20 tables"
    );
    harness.published();
    assert_eq!(harness.consumer.routes(), 0);
}

/// Rules 1, 3, 4 and 5 in the source: no lock, no await, no text, no clock, no file, no thread on the way of a message.
/// What stands beside the way is listed here with its reason.
#[test]
fn the_source_of_the_hot_path_has_none_of_these() {
    const NEVER: &[(&str, &str)] = &[
        ("rule 1", "Mutex"),
        ("rule 1", "RwLock"),
        ("rule 1", ".await"),
        ("rule 1", "async "),
        ("rule 1", "fetch_add"),
        ("rule 3", "format!"),
        ("rule 3", "to_string"),
        ("rule 3", ".parse::<"),
        ("rule 4", "HashMap<String"),
        ("rule 4", "HashMap<&"),
        ("rule 4", "BTreeMap<String"),
        ("rule 5", "std::fs"),
        ("rule 5", "std::io"),
        ("rule 5", "std::thread"),
        ("rule 5", "Instant::now"),
        ("rule 5", "SystemTime"),
    ];
    const BESIDE_THE_WAY: &[(&str, &str, &str)] = &[
        (
            "core/src/malformed.rs",
            "let reason = error.to_string();",
            "a message that can't be read",
        ),
        (
            "core/src/information.rs",
            "LossyText(bytes).to_string()",
            "names in Initiation and Peer Up",
        ),
    ];
    let mut found = Vec::new();
    let mut unused: Vec<_> = BESIDE_THE_WAY.iter().collect();
    let mut files = 0;
    for path in hot_path_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        files += 1;
        for (number, line) in code.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("//") {
                continue;
            }
            for (rule, word) in NEVER.iter().filter(|(_, word)| line.contains(word)) {
                let allowed =
                    |(file, allowed, _): &(&str, &str, &str)| path.ends_with(file) && line == *allowed;
                if BESIDE_THE_WAY.iter().any(allowed) {
                    unused.retain(|entry| !allowed(entry));
                } else {
                    found.push(format!(
                        "{rule}: {word} in {}:{}: {line}",
                        path.display(),
                        number + 1
                    ));
                }
            }
        }
    }
    assert!(files > 40, "only {files} files of the hot path");
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(unused.is_empty(), "allowed but not there any more: {unused:?}");
}

/// The crates and modules a message passes between ring and bridge.
fn hot_path_files() -> Vec<PathBuf> {
    let crates = recordings::root().join("crates");
    let mut files = vec![crates.join("schema/src/fingerprint.rs")];
    for folder in ["wire/src", "rib/src", "core/src", "schema/src/encode"] {
        add_files(&crates.join(folder), &mut files);
    }
    // Snapshots are read at the start, before the first message. Writing one stands beside the way, on the worker.
    let reads = ["block.rs", "read.rs", "restore.rs"].map(|name| crates.join("core/src/snapshot").join(name));
    files.retain(|file| !reads.contains(file));
    files
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            add_files(&path, files);
        } else if name.ends_with(".rs") && !name.contains("test") {
            files.push(path);
        }
    }
}
