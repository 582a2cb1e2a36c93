//! Snapshots: what a shard holds is written and read back, and the router's next dump is compared with it
//! (`docs/adr/0050-snapshots.md`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::snapshot::{ReadError, Restore, SnapshotError};
use arancini_core::{Batch, BatchKind, Shard};
use arancini_rib::CurationMode;
use arancini_schema::update_capnp::RouterEventKind;

use support::consumer::Resyncs;
use support::restart::{held, load, restart, snapshot};
use support::stream::Event;
use support::world::{DumpEnd, Kind, PEERS, Router, Routes};
use support::{Harness, SECOND, router};

const VERSION_AT: usize = 8;

/// Two routers with routes of every kind. Everything they published has been read.
fn world() -> (Harness, Vec<Router>) {
    let mut harness = Harness::new();
    let mut routers: Vec<Router> = (1..=2).map(Router::new).collect();
    for router in &mut routers {
        router.connect(&mut harness, DumpEnd::EndOfRib);
        (0..PEERS).for_each(|peer| router.peer_up(peer));
        for peer in 0..PEERS {
            for (number, kind) in (0..).zip(Kind::ALL) {
                for post in [false, true] {
                    let routes = Routes {
                        peer,
                        post,
                        kind,
                        start: 10 * number,
                        count: 120,
                    };
                    router.announce(&routes, u32::from(number) % 4);
                }
            }
        }
        router.deliver_all(&mut harness);
    }
    harness.published();
    (harness, routers)
}

#[test]
fn what_is_restored_is_what_was_held_and_a_router_that_changed_nothing_is_not_heard_of() {
    let (mut harness, mut routers) = world();
    let before = held(&harness.shard);
    assert!(before.len() > 5000, "{}", before.len());
    for budget in [1, 50, usize::MAX] {
        let (bytes, end) = snapshot(&mut harness, budget, |_| {});
        assert_eq!((end.routers, end.routes), (2, before.len() as u64));
        restart(&mut harness, load(&bytes).unwrap());
        assert_eq!(held(&harness.shard), before);
        for router in &mut routers {
            router.connect(&mut harness, DumpEnd::EndOfRib);
            router.deliver_all(&mut harness);
        }
        harness.wait(1000 * SECOND);
        assert_eq!(harness.updates(), [], "nothing was new");
        assert_eq!(held(&harness.shard), before);
    }
}

#[test]
fn what_changed_while_the_collector_was_down_is_published() {
    let (mut harness, mut routers) = world();
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    restart(&mut harness, load(&bytes).unwrap());
    let routes = |start, count| Routes {
        peer: 0,
        post: false,
        kind: Kind::V4,
        start,
        count,
    };
    // The router changes these routes while it is not connected.
    routers[0].session = None;
    routers[0].withdraw(&routes(0, 20));
    routers[0].announce(&routes(20, 5), 3);
    routers[0].announce(&routes(500, 7), 1);
    for router in &mut routers {
        router.connect(&mut harness, DumpEnd::EndOfRib);
        router.deliver_all(&mut harness);
    }
    harness.wait(1000 * SECOND);
    let updates = harness.updates();
    let announces = updates.iter().filter(|update| update.announced.is_some()).count();
    assert_eq!((announces, updates.len() - announces), (12, 20));
}

#[test]
fn a_router_that_does_not_come_back_is_withdrawn_after_the_hold() {
    let (mut harness, _) = world();
    let routes = held(&harness.shard).len();
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    restart(&mut harness, load(&bytes).unwrap());
    harness.wait(1000 * SECOND);
    assert_eq!(harness.updates().len(), routes);
    assert_eq!(harness.consumer.routes(), 0);
}

/// Routes change while the walk lasts. The stream since the walk's begin corrects the snapshot.
#[test]
fn the_tail_of_the_stream_makes_a_snapshot_good_that_was_taken_while_routes_changed() {
    let (mut harness, mut routers) = world();
    let mut tail: Vec<Batch> = Vec::new();
    let mut step = 0_u16;
    let (bytes, end) = snapshot(&mut harness, 300, |harness| {
        step += 1;
        for router in &mut routers {
            let routes = |start, count| Routes {
                peer: usize::from(step) % PEERS,
                post: false,
                kind: Kind::ALL[usize::from(step) % Kind::ALL.len()],
                start,
                count,
            };
            router.withdraw(&routes(step * 3 % 100, 9));
            router.announce(&routes(step * 5 % 140, 9), u32::from(step) % 4);
            if step.is_multiple_of(7) {
                router.peer_down(3);
            }
            if step % 7 == 2 {
                router.peer_up(3);
            }
            router.deliver_all(harness);
        }
        harness.shard.handle_sweep(40, harness.now);
        while let Some(batch) = harness.shard.poll_batch() {
            tail.push(batch);
        }
    });
    assert!(step > 20, "the snapshot took {step} slices");
    while let Some(batch) = harness.shard.poll_batch() {
        tail.push(batch);
    }
    assert_eq!(tail.last().unwrap().number, end.last_batch);
    let mut restore = load(&bytes).unwrap();
    for batch in &tail {
        restore.apply(batch.kind, &batch.payload).unwrap();
    }
    let after = held(&harness.shard);
    let mut shard = Shard::new(1, arancini_core::Settings::default(), harness.counters.clone());
    for router in restore.into_routers() {
        shard.handle_adopt(router, "", harness.now);
    }
    assert_eq!(held(&shard), after);
}

#[test]
fn a_snapshot_that_is_cut_off_or_damaged_anywhere_is_refused() {
    let mut harness = Harness::new();
    let mut one = Router::new(1);
    one.connect(&mut harness, DumpEnd::EndOfRib);
    one.peer_up(0);
    one.announce(
        &Routes {
            peer: 0,
            post: false,
            kind: Kind::V6,
            start: 0,
            count: 9,
        },
        1,
    );
    one.deliver_all(&mut harness);
    let (bytes, _) = snapshot(&mut harness, 4, |_| {});
    assert!(load(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert!(load(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(load(&damaged).is_err(), "byte {at} is wrong");
    }
    let mut later = bytes;
    later[VERSION_AT] = 3;
    let error = load(&later).err().unwrap();
    assert!(
        matches!(error, ReadError::Snapshot(SnapshotError::Version(3))),
        "{error}"
    );
}

#[test]
fn a_tail_with_a_gap_becomes_a_resync() {
    let (mut harness, mut routers) = world();
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    let mut restore = load(&bytes).unwrap();
    restore.need_resync();
    restart(&mut harness, restore);
    harness.shard.handle_resync_strangers();
    harness.consumer.resyncs = Resyncs::Expected;
    routers.push(Router::new(3));
    for router in [0, 2] {
        routers[router].connect(&mut harness, DumpEnd::EndOfRib);
        routers[router].deliver_all(&mut harness);
    }
    harness.wait(1000 * SECOND);
    let events = harness.published();
    for (number, returned) in [(1, true), (2, false), (3, true)] {
        let of: Vec<&Event> = events
            .iter()
            .filter(|event| event.router() == router(number))
            .collect();
        let place = |kind| {
            of.iter()
                .position(|event| event.router_kind() == Some(kind))
                .unwrap()
        };
        let (begin, end) = (
            place(RouterEventKind::ResyncBegin),
            place(RouterEventKind::ResyncEnd),
        );
        assert!(begin < end, "router {number}");
        let updates = |events: &[&Event]| {
            let updates = events.iter().filter(|event| matches!(event, Event::Update(_)));
            updates.count()
        };
        assert_eq!(updates(&of[end..]), 0, "router {number}");
        assert_eq!(
            updates(&of[..begin]) > 0,
            !returned,
            "router {number}: what it held before is withdrawn, or its dump stands between the two"
        );
        assert_eq!(updates(&of[begin..end]) > 0, number == 1);
    }
    let expected = routers[0].expected();
    assert_eq!(harness.consumer.routes(), expected.len());
}

/// Consumers that take no notice of `resync-begin` and `resync-end` held routes for ever that were gone.
#[test]
fn a_consumer_that_applies_updates_alone_is_right_after_a_resync() {
    for restarted in [false, true] {
        let (mut harness, mut routers) = world();
        let mut folded = harness.consumer.held();
        harness.consumer.resyncs = Resyncs::Expected;
        if restarted {
            let (bytes, _) = snapshot(&mut harness, 100, |_| {});
            let mut restore = load(&bytes).unwrap();
            restore.need_resync();
            restart(&mut harness, restore);
        } else {
            assert!(harness.shard.handle_need_resync(router(1)));
        }
        routers[0].session = None;
        routers[0].withdraw(&some_routes(0, 20));
        routers[0].connect(&mut harness, DumpEnd::EndOfRib);
        routers[0].deliver_all(&mut harness);
        harness.wait(1000 * SECOND);
        let mut ends = 0;
        for event in harness.published() {
            ends += usize::from(event.router_kind() == Some(RouterEventKind::ResyncEnd));
            let Event::Update(update) = event else { continue };
            let route = (update.table, update.route);
            match update.announced {
                Some(attributes) => folded.insert(route, attributes),
                None => folded.remove(&route),
            };
        }
        assert_eq!(ends, if restarted { 2 } else { 1 });
        assert_eq!(folded, harness.consumer.held());
        assert!(!routers[0].expected().is_empty());
    }
}

#[test]
fn a_published_payload_that_is_damaged_is_an_error_and_no_panic() {
    let mut harness = Harness::new();
    let mut one = Router::new(1);
    one.connect(&mut harness, DumpEnd::EndOfRib);
    one.peer_up(0);
    one.announce(
        &Routes {
            peer: 0,
            post: false,
            kind: Kind::V4,
            start: 0,
            count: 3,
        },
        1,
    );
    one.deliver_all(&mut harness);
    harness.shard.handle_flush(harness.now);
    let mut refused = 0;
    while let Some(batch) = harness.shard.poll_batch() {
        for at in 0..batch.payload.len() {
            let mut damaged = batch.payload.clone();
            damaged[at] ^= 0x81;
            let mut restore = Restore::new(CurationMode::Attributes);
            refused += u32::from(restore.apply(BatchKind::Updates, &damaged).is_err());
        }
    }
    assert!(refused > 0);
}

fn some_routes(start: u16, count: u16) -> Routes {
    Routes {
        peer: 0,
        post: false,
        kind: Kind::V4,
        start,
        count,
    }
}

/// Neither the snapshot nor the tail names the router (found by the simulator, with the wall clock set back).
#[test]
fn a_router_that_was_forgotten_before_the_snapshot_goes_on_above_its_last_sequence() {
    let (mut harness, mut routers) = world();
    routers[0].lose(&mut harness);
    harness.wait(1000 * SECOND);
    let events = harness.published();
    let of_router = events.iter().filter(|event| event.router() == router(1));
    let last = of_router.map(Event::sequence).max().unwrap();
    assert!(harness.shard.router(router(1)).is_none());
    let (bytes, end) = snapshot(&mut harness, 100, |_| {});
    harness.now.unix_ns -= 3000 * SECOND;
    restart(&mut harness, load(&bytes).unwrap());
    harness.shard.handle_sequence_floor(end.sequence_floor);
    routers[0].connect(&mut harness, DumpEnd::EndOfRib);
    routers[0].deliver_all(&mut harness);
    let events = harness.published();
    let of_router = events.iter().filter(|event| event.router() == router(1));
    assert!(of_router.map(Event::sequence).min().unwrap() > last);
}

/// After a second restart a router counted as new, although consumers held unknown routes of it (found by the simulator).
#[test]
fn that_strangers_are_to_be_resynced_outlives_a_restart() {
    let (mut harness, _) = world();
    let (_, end) = snapshot(&mut harness, 100, |_| {});
    assert!(!end.resync_strangers);
    harness.shard.handle_resync_strangers();
    let (_, end) = snapshot(&mut harness, 100, |_| {});
    assert!(end.resync_strangers);
}

/// A restart restored half a dump and forgot that the dump was a resync (found by the simulator).
#[test]
fn a_resync_that_was_under_way_in_the_tail_is_due_after_the_restart_and_one_that_ended_is_not() {
    for ended in [false, true] {
        let (mut harness, mut routers) = world();
        let (bytes, _) = snapshot(&mut harness, 100, |_| {});
        assert!(harness.shard.handle_need_resync(router(1)));
        routers[0].withdraw(&some_routes(0, 20));
        routers[0].connect(&mut harness, DumpEnd::EndOfRib);
        routers[0].deliver_all(&mut harness);
        if ended {
            harness.wait(40 * SECOND);
        }
        let mut restore = load(&bytes).unwrap();
        harness.shard.handle_flush(harness.now);
        while let Some(batch) = harness.shard.poll_batch() {
            restore.apply(batch.kind, &batch.payload).unwrap();
        }
        let before = held(&harness.shard);
        restart(&mut harness, restore);
        assert_eq!(held(&harness.shard), before);
        routers[0].connect(&mut harness, DumpEnd::EndOfRib);
        routers[0].deliver_all(&mut harness);
        if !ended {
            harness.consumer.resyncs = Resyncs::Expected;
        }
        let begun = |event: &Event| event.router_kind() == Some(RouterEventKind::ResyncBegin);
        assert_eq!(harness.published().iter().any(begun), !ended);
    }
}

/// The broker refused a message and stored it later, behind the position of a snapshot that already holds a later state.
#[test]
fn what_a_snapshot_covers_is_passed_over_in_the_tail() {
    let (mut harness, mut routers) = world();
    let mut late = Vec::new();
    routers[0].announce(&some_routes(500, 7), 1);
    routers[0].deliver_all(&mut harness);
    harness.shard.handle_flush(harness.now);
    while let Some(batch) = harness.shard.poll_batch() {
        late.push(batch);
    }
    routers[0].withdraw(&some_routes(500, 7));
    routers[0].deliver_all(&mut harness);
    let before = held(&harness.shard);
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    let mut restore = load(&bytes).unwrap();
    for batch in late {
        restore.apply(batch.kind, &batch.payload).unwrap();
    }
    restart(&mut harness, restore);
    assert_eq!(held(&harness.shard), before);
}

/// The broker refused a message, stored the next one, and then the first (found by the simulator).
#[test]
fn a_router_whose_tail_was_stored_out_of_order_is_resynced() {
    for swapped in [false, true] {
        let (mut harness, mut routers) = world();
        let (bytes, _) = snapshot(&mut harness, 100, |_| {});
        let mut tail = Vec::new();
        routers[0].announce(&some_routes(500, 7), 1);
        routers[0].deliver_all(&mut harness);
        harness.shard.handle_flush(harness.now);
        tail.extend(std::iter::from_fn(|| harness.shard.poll_batch()));
        routers[0].withdraw(&some_routes(500, 7));
        routers[0].deliver_all(&mut harness);
        harness.shard.handle_flush(harness.now);
        tail.extend(std::iter::from_fn(|| harness.shard.poll_batch()));
        assert_eq!(tail.len(), 2);
        if swapped {
            tail.swap(0, 1);
        }
        let before = held(&harness.shard);
        let mut restore = load(&bytes).unwrap();
        for batch in &tail {
            restore.apply(batch.kind, &batch.payload).unwrap();
        }
        restart(&mut harness, restore);
        assert_eq!(harness.shard.router(router(1)).unwrap().needs_resync(), swapped);
        assert_eq!(held(&harness.shard) == before, !swapped);
    }
}

/// The broker refused a resync-begin and stored updates behind it first (found by the simulator, seed 2703612). The restart
/// dropped those updates at the begin; consumers, who order by sequence number, kept them.
#[test]
fn a_router_whose_resync_was_stored_behind_its_updates_is_resynced() {
    for late in [false, true] {
        let (mut harness, mut routers) = world();
        let (bytes, _) = snapshot(&mut harness, 100, |_| {});
        assert!(harness.shard.handle_need_resync(router(1)));
        routers[0].connect(&mut harness, DumpEnd::EndOfRib);
        routers[0].deliver_all(&mut harness);
        harness.wait(40 * SECOND);
        harness.shard.handle_seal();
        let mut tail: Vec<Batch> = std::iter::from_fn(|| harness.shard.poll_batch()).collect();
        if late {
            let first = |kind| tail.iter().position(|batch| batch.kind == kind).unwrap();
            let (update, event) = (first(BatchKind::Updates), first(BatchKind::Routers));
            assert!(event < update);
            let update = tail.remove(update);
            tail.insert(event, update);
        }
        let before = held(&harness.shard);
        let mut restore = load(&bytes).unwrap();
        for batch in &tail {
            restore.apply(batch.kind, &batch.payload).unwrap();
        }
        restart(&mut harness, restore);
        assert_eq!(held(&harness.shard) == before, !late);
        assert_eq!(harness.shard.router(router(1)).unwrap().needs_resync(), late);
    }
}

/// Batches in the spool may have reached the stream before the collector died.
#[test]
fn what_is_applied_again_changes_nothing() {
    let (mut harness, mut routers) = world();
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    let mut batches: Vec<Batch> = Vec::new();
    for version in 0..3 {
        let routes = Routes {
            peer: 0,
            post: false,
            kind: Kind::V4,
            start: 0,
            count: 50,
        };
        routers[0].withdraw(&routes);
        routers[0].announce(&routes, version);
        routers[0].deliver_all(&mut harness);
        harness.shard.handle_seal();
        while let Some(batch) = harness.shard.poll_batch() {
            batches.push(batch);
        }
    }
    let mut restore = load(&bytes).unwrap();
    for batch in &batches {
        restore.apply(batch.kind, &batch.payload).unwrap();
    }
    for batch in &batches {
        restore.apply_again(batch.kind, &batch.payload).unwrap();
    }
    let mut shard = Shard::new(1, arancini_core::Settings::default(), harness.counters.clone());
    for router in restore.into_routers() {
        shard.handle_adopt(router, "", harness.now);
    }
    assert_eq!(held(&shard), held(&harness.shard));
}
