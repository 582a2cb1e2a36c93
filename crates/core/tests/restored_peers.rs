//! What peers are after a restart, and which of their routes are in doubt.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::snapshot::{Restore, read_snapshot};
use arancini_core::{Batch, BatchKind, Quirk, Settings, Shard};
use arancini_generate::Peer;
use arancini_rib::CurationMode;

use support::restart::{held, load, restart, snapshot};
use support::wire::{mandatory, monitoring, peer, up};
use support::{Harness, SECOND, router};

/// Takes everything that was published since the last call.
fn tail(harness: &mut Harness) -> Vec<Batch> {
    harness.shard.handle_flush(harness.now);
    let mut tail = Vec::new();
    while let Some(batch) = harness.shard.poll_batch() {
        harness.read(&batch);
        tail.push(batch);
    }
    tail
}

fn restore_from(snapshot: Option<&[u8]>, tail: &[Batch]) -> Restore {
    let mut restore = snapshot.map_or_else(
        || Restore::new(CurationMode::Attributes),
        |snapshot| load(snapshot).unwrap(),
    );
    for batch in tail {
        restore.apply(batch.kind, &batch.payload).unwrap();
    }
    restore
}

/// Restarts the collector from the tail of the stream alone, between two equal dumps of a router, of which the second publishes
/// nothing.
fn dumped_before_and_after_a_restart(dump: &[u8]) -> Harness {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, dump);
    let published = tail(&mut harness);
    restart(&mut harness, restore_from(None, &published));
    let session = harness.session();
    harness.send(session, dump);
    harness.wait(1000 * SECOND);
    assert_eq!(harness.updates(), [], "nothing was new");
    harness
}

const ROUTES: [u8; 8] = [24, 10, 0, 1, 24, 10, 0, 2];

/// The withdraws of the routes under the old AS number come last. They once said what the peer is: after the restart, its Peer
/// Up changed the AS number again, and everything was withdrawn and announced again.
#[test]
fn a_peer_that_changed_its_as_number_before_a_crash_is_what_it_was_changed_to() {
    let before = peer(1);
    let after = Peer {
        asn: 65_222,
        ..before
    };
    let dump = |peer: &Peer| [up(peer), monitoring(peer, &[], &mandatory(&[1]), &ROUTES)].concat();
    for with_snapshot in [false, true] {
        let mut harness = Harness::new();
        let session = harness.session();
        harness.send(session, &dump(&before));
        let mut published = tail(&mut harness);
        let snapshot = with_snapshot.then(|| {
            published.clear();
            snapshot(&mut harness, 100, |_| {}).0
        });
        harness.send(session, &dump(&after));
        published.extend(tail(&mut harness));
        let restore = restore_from(snapshot.as_deref(), &published);
        let held_before = held(&harness.shard);
        restart(&mut harness, restore);
        assert_eq!(held(&harness.shard), held_before);
        let session = harness.session();
        harness.send(session, &dump(&after));
        harness.wait(1000 * SECOND);
        assert_eq!(harness.updates(), [], "nothing was new");
    }
}

/// The header of a route may have another AS number than the Peer Up. After a restart, the AS number of the routes counted as the
/// one of the last Peer Up, and the next Peer Up withdrew them.
#[test]
fn a_peer_whose_routes_contradict_its_peer_up_is_what_the_peer_up_said() {
    let known = peer(1);
    let other = Peer { asn: 64_999, ..known };
    let dump = [up(&known), monitoring(&other, &[], &mandatory(&[1]), &ROUTES)].concat();
    dumped_before_and_after_a_restart(&dump);
}

/// The Peer Up has BGP identifier 0, and the routes have the true one. A restart from the tail made two peers of them, and the one
/// with the routes had no Peer Up.
#[test]
fn a_peer_whose_peer_up_has_no_bgp_identifier_is_one_peer_after_a_restart() {
    let named = peer(1);
    let nameless = Peer {
        bgp_id: std::net::Ipv4Addr::UNSPECIFIED,
        ..named
    };
    let dump = [up(&nameless), monitoring(&named, &[], &mandatory(&[1]), &ROUTES)].concat();
    let harness = dumped_before_and_after_a_restart(&dump);
    assert_eq!(harness.shard.router(router(1)).unwrap().peers.len(), 1);
    assert_eq!(harness.counters.quirks[Quirk::NoPeerUp as usize].get(), 0);
}

/// With `presence` and `drop`, a route that was thrown away counted as known after a restart, and stayed hidden for ever.
#[test]
fn what_was_thrown_away_is_in_doubt_after_a_restart_in_every_mode() {
    for curation in [CurationMode::Attributes, CurationMode::Presence] {
        let settings = Settings {
            curation,
            ..Settings::default()
        };
        let mut harness = Harness::with(settings.clone());
        let peer = peer(1);
        let dump = [up(&peer), monitoring(&peer, &[], &mandatory(&[1]), &ROUTES)].concat();
        let session = harness.session();
        harness.send(session, &up(&peer));
        harness.published();
        harness.send(session, &dump);
        harness.wait(SECOND);
        harness.drop_batches();
        assert_eq!(harness.updates(), [], "both routes were thrown away");

        let (bytes, _) = snapshot(&mut harness, 100, |_| {});
        let mut restore = Restore::new(curation);
        read_snapshot(&bytes[..], |kind, payload| restore.load(kind, payload)).unwrap();
        harness.shard = Shard::new(1, settings, harness.counters.clone()).into();
        for router in restore.into_routers() {
            harness
                .shard
                .handle_adopt(router, "the collector was restarted", harness.now);
        }
        let mut published = 0;
        let session = harness.session();
        harness.send(session, &dump);
        harness.shard.handle_flush(harness.now);
        while let Some(batch) = harness.shard.poll_batch() {
            published += if batch.kind == BatchKind::Updates {
                batch.messages
            } else {
                0
            };
        }
        assert_eq!(published, 2, "{curation:?}");
    }
}

/// The broker refused the begin of a resync and stored what came behind it; then the collector died. After the restart the routes
/// that the router no longer has stayed with consumers for ever (found by the simulator, seeds 30650396 and 30747192).
#[test]
fn a_router_whose_begin_of_a_resync_was_never_stored_is_resynced() {
    let peer = peer(1);
    let dump = [up(&peer), monitoring(&peer, &[], &mandatory(&[1]), &ROUTES)].concat();
    for named_by in ["a snapshot", "another collector"] {
        let mut harness = Harness::new();
        harness.shard.handle_resync_strangers();
        let (bytes, _) = snapshot(&mut harness, 100, |_| {});
        let session = harness.session();
        harness.send(session, &dump);
        let mut published = tail(&mut harness);
        published.retain(|batch| batch.kind != BatchKind::Routers);
        let restore = if named_by == "a snapshot" {
            restore_from(Some(&bytes), &published)
        } else {
            let mut restore = Restore::new(CurationMode::Attributes);
            restore.disown(router(1));
            for batch in &published {
                restore.apply(batch.kind, &batch.payload).unwrap();
            }
            restore
        };
        restart(&mut harness, restore);
        let known = harness.shard.router(router(1)).unwrap();
        assert!(known.needs_resync(), "{named_by} said that it is not known");
    }
}
