//! The rules of the hot path that the core keeps. Each test fails when its rule is broken; `docs/rules.md` lists the rules.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::{Path, PathBuf};

use arancini_core::{KeptAttributes, SessionId, Settings};
use arancini_generate::{Peer, PeerDown, end_of_rib, peer_down, route_monitoring};
use arancini_wire::iana::AfiSafi;

use support::wire::{
    Destination, announce, as_path, attribute, mandatory, monitoring, origin, peer, up, withdraw,
};
use support::world::Kind;
use support::{Harness, SECOND, recordings};

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<(u64, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // A thread that ends may allocate after its counters are gone.
    let _ = ALLOCATIONS.try_with(|counts| {
        let (calls, sum) = counts.get();
        counts.set((calls + 1, sum + bytes));
    });
}

// SAFETY: the system's allocator does all the work.
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

/// Calls of the allocator, and bytes requested, during `work`.
fn allocated(work: impl FnOnce()) -> (u64, usize) {
    let before = ALLOCATIONS.get();
    work();
    let after = ALLOCATIONS.get();
    (after.0 - before.0, after.1 - before.1)
}

/// Room for the attributes of all routes of a test.
const RETAIN: KeptAttributes = KeptAttributes::Retain { most_bytes: 64 << 20 };

fn session_with(peer: &Peer) -> (Harness, SessionId) {
    session_of(peer, KeptAttributes::Fingerprint)
}

fn session_of(peer: &Peer, attributes: KeptAttributes) -> (Harness, SessionId) {
    let mut harness = Harness::with(Settings {
        attributes,
        ..Settings::default()
    });
    harness.shard.alone();
    let session = harness.session();
    harness.send(session, &up(peer));
    harness.published();
    (harness, session)
}

/// Takes all batches and returns their buffers, as the worker's shell does.
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

/// Announces of ten routes each, all of one family.
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

/// Rule 2. Routes are announced unchanged, announced with other attributes, withdrawn and announced again. With warm tables and
/// buffers that come back, nothing of this allocates, nor do messages that straddle two receives, nor batches that close by
/// time.
#[test]
fn nothing_is_allocated_per_message_in_steady_state() {
    let peer = peer(1);
    let modes = [KeptAttributes::Fingerprint, RETAIN];
    for (kind, attributes) in Kind::ALL
        .into_iter()
        .flat_map(|kind| modes.map(|mode| (kind, mode)))
    {
        let (mut harness, session) = session_of(&peer, attributes);
        let versions = [messages(&peer, kind, 1000, 0), messages(&peer, kind, 1000, 1)];
        let withdrawn = withdraws(&peer, kind, 1000);
        let round = |harness: &mut Harness| {
            for (number, version) in [0, 0, 1, 0].into_iter().enumerate() {
                for (message, gone) in versions[version].iter().zip(&withdrawn) {
                    // A new EVPN route brings its NLRI, which has to be stored.
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
        assert_eq!((calls, bytes), (0, 0), "{kind:?}, {attributes:?}");
    }
}

/// Rule 6, by two counters: 200 routes of one UPDATE take one fingerprint and one layout. If nothing changed they take the
/// fingerprint that shows it, and no layout.
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

/// Rule 7. While a table grows to 200,000 routes, no message makes the core allocate, and so move, more than a few segments. A
/// table that is rehashed as a whole would.
#[test]
fn growth_moves_a_bounded_number_of_routes() {
    /// Some chunks of segments and blocks, and the doubled directory, which has 4 bytes for some 20 routes.
    const MOST_BYTES: usize = 96 * 1024;
    // A retained set for each route: the index of the sets grows with the table.
    let modes = [
        (false, KeptAttributes::Fingerprint, MOST_BYTES),
        (true, KeptAttributes::Fingerprint, MOST_BYTES),
        (false, RETAIN, 2 * MOST_BYTES),
    ];
    let peer = peer(1);
    for (evpn, kept, most_bytes) in modes {
        let (mut harness, session) = session_of(&peer, kept);
        let mut worst = 0;
        for number in 0..200_000_u32 {
            let shared = attributes(if kept == RETAIN { number } else { 0 });
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
        assert!(
            worst <= most_bytes,
            "{worst} bytes at once, evpn: {evpn}, {kept:?}"
        );
        let sets = harness.shard.attribute_sets().map(|sets| sets.figures().sets);
        assert!(sets.is_none_or(|sets| sets == 200_000));
    }
}

/// Rule 7. A Peer Down withdraws nothing itself, and the sweep exceeds its budget by at most one segment of the table.
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

/// Each table that became empty once counted as if it had memory to give back, so that a slice ended after a few tables.
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

/// Rule 7. One call takes messages until it has done a bounded amount of work, however much the shell hands over and
/// whatever the messages hold. The rest of the bytes is left for the session's next turn.
/// An event costs as much as some ten routes. 500 Peer Ups in one turn held the worker for more than 2 ms.
#[test]
fn one_call_takes_a_bounded_number_of_events() {
    let (mut harness, session) = session_with(&peer(1));
    let bytes: Vec<u8> = (0..1000).flat_map(|number| up(&peer(number as u8))).collect();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let before = harness.counters.events.get();
        let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
        let events = harness.counters.events.get() - before;
        assert!(events <= 100, "{events} events in one call");
        rest = &rest[taken..];
        carry(&mut harness);
    }
    assert_eq!(harness.counters.peers_up.get(), 1001);
}

/// An UPDATE of 57 KB that withdraws and announces routes of one table is taken in many turns. Each turn once collected the
/// announced routes again.
#[test]
fn the_routes_that_overrule_withdraws_are_collected_once_however_many_turns_the_update_takes() {
    const ROUTES: u16 = 6000;
    let peer = peer(1);
    let (mut harness, session) = session_with(&peer);
    let nlri = |first: u8| -> Vec<u8> {
        let routes = (0..ROUTES).map(|n| [24, first, (n >> 8) as u8, n as u8]);
        routes.flatten().collect()
    };
    let (gone, stays) = (nlri(10), nlri(11));
    let communities: Vec<u8> = (0..2000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_501]), attribute(0xc0, 8, &communities)].concat();
    for routes in [&gone, &stays] {
        harness.send(session, &monitoring(&peer, &[], &attributes, routes));
        harness.published();
    }
    let message = monitoring(&peer, &gone, &attributes, &stays);
    let mut turns = 0;
    let (_, bytes) = allocated(|| {
        let mut rest = &message[..];
        while !rest.is_empty() {
            let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
            rest = &rest[taken..];
            turns += 1;
            carry(&mut harness);
        }
    });
    assert!(turns > 50, "{turns} turns");
    assert_eq!(harness.counters.emitted_withdraws.total(), u64::from(ROUTES));
    assert!(bytes < 3 << 20, "{bytes} bytes were allocated");
}

#[test]
fn one_call_takes_a_bounded_amount_of_work() {
    /// Routes after which a call ends, and routes that each message counts for besides its own.
    const MOST_WORK: u64 = 1000;
    const MESSAGE_WORK: u64 = 4;
    let peer = peer(1);
    for (routes_per_message, kind) in [(0, Kind::V4), (1, Kind::V4), (10, Kind::V6), (100, Kind::Evpn)] {
        let (mut harness, session) = session_with(&peer);
        let routes: Vec<Destination> = (0..routes_per_message)
            .map(|index| kind.destination(index))
            .collect();
        let routes: Vec<_> = routes.iter().map(|to| (to, None)).collect();
        let message = if routes.is_empty() {
            route_monitoring(&peer, &end_of_rib(AfiSafi::IPV4_UNICAST))
        } else {
            announce(&peer, &attributes(0), &routes, 100)
        };
        let work = u64::from(routes_per_message) + MESSAGE_WORK;
        let bytes = message.repeat(5000);
        let mut rest = &bytes[..];
        let mut calls = 0;
        while !rest.is_empty() {
            let before = harness.counters.messages[0].get();
            let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
            let messages = harness.counters.messages[0].get() - before;
            assert_eq!(
                taken as u64,
                messages * message.len() as u64,
                "whole messages only"
            );
            assert!(
                messages * work < MOST_WORK + work,
                "{messages} messages in one call"
            );
            rest = &rest[taken..];
            calls += 1;
            carry(&mut harness);
        }
        assert_eq!(calls, (5000 * work).div_ceil(MOST_WORK.next_multiple_of(work)));
    }
}

/// Rules 1, 3, 4 and 5: the source of the hot path holds no word for a lock, an await, text, a clock, a file or a thread. A
/// file that is beside the hot path is listed here with its reason.
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
    const BESIDE_THE_HOT_PATH: &[(&str, &str, &str)] = &[
        (
            "core/src/malformed.rs",
            "to_string",
            "messages that cannot be read",
        ),
        (
            "core/src/information.rs",
            "to_string",
            "names in Initiation and Peer Up",
        ),
        (
            "core/src/names.rs",
            "BTreeMap<String",
            "labels of routers in the settings, looked up when a router becomes known",
        ),
        (
            "core/src/ask/attribute_filter.rs",
            "to_string",
            "questions for an extended community, looked at once for each set",
        ),
    ];
    let mut found = Vec::new();
    let mut unused: Vec<_> = BESIDE_THE_HOT_PATH.iter().collect();
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
                    |(file, allowed, _): &(&str, &str, &str)| path.ends_with(file) && word == allowed;
                if BESIDE_THE_HOT_PATH.iter().any(allowed) {
                    unused.retain(|entry| !allowed(entry));
                } else {
                    let (path, number) = (path.display(), number + 1);
                    found.push(format!("{rule}: {word} in {path}:{number}: {line}"));
                }
            }
        }
    }
    assert!(files > 40, "only {files} files of the hot path");
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(unused.is_empty(), "allowed but not used any more: {unused:?}");
}

/// The source files that a message passes between receive slot and bridge.
fn hot_path_files() -> Vec<PathBuf> {
    let crates = recordings::root().join("crates");
    let mut files = vec![crates.join("schema/src/fingerprint.rs")];
    for folder in ["wire/src", "rib/src", "core/src", "schema/src/encode"] {
        add_files(&crates.join(folder), &mut files);
    }
    // Snapshots are read at the start, before the first message. Writing them runs on the worker, between messages.
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
