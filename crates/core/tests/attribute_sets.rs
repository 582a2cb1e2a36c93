//! Attribute sets in a shard (`rib.attributes = "retain"`). That such a shard publishes what a shard of fingerprints publishes
//! is checked by every test with a `Harness` (`support/twin.rs`).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{KeptAttributes, NoticeKind, SessionId, Settings};
use arancini_generate::Peer;
use arancini_rib::{SetFigures, SetId};

use support::restart::{held, load, restart_with, snapshot};
use support::wire::{Destination, announce, as_path, origin, peer, up, withdraw};
use support::{Harness, SECOND, router};

fn settings(most_bytes: usize) -> Settings {
    Settings {
        attributes: KeptAttributes::Retain { most_bytes },
        ..Settings::default()
    }
}

fn session(harness: &mut Harness, peer: &Peer) -> SessionId {
    // The others do not count sets.
    harness.shard.alone();
    let session = harness.session();
    harness.send(session, &up(peer));
    session
}

fn destination(number: u32) -> Destination {
    let [_, b, c, d] = number.to_be_bytes();
    Destination::V4([10, b, c, d], 32)
}

fn announce_with(
    harness: &mut Harness,
    session: SessionId,
    peer: &Peer,
    numbers: std::ops::Range<u32>,
    asn: u32,
) {
    let to: Vec<Destination> = numbers.map(destination).collect();
    for to in to.chunks(100) {
        let to: Vec<_> = to.iter().map(|to| (to, None)).collect();
        let attributes = [origin(0), as_path(&[asn])].concat();
        harness.send(session, &announce(peer, &attributes, &to, 0));
    }
}

fn figures(harness: &Harness) -> SetFigures {
    harness.shard.attribute_sets().unwrap().figures()
}

#[test]
fn forgotten_routes_leave_their_sets_in_slices() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    for number in 0..5000 {
        announce_with(&mut harness, session, &peer, number..number + 1, 70_000 + number);
    }
    harness.published();
    assert_eq!(figures(&harness).sets, 5000);
    harness.shard.handle_forget_routes(router(1), harness.now);
    assert_eq!(figures(&harness).sets, 5000, "nothing is O(table)");
    let mut slices = 0;
    while harness.shard.needs_sweep() {
        let before = figures(&harness).sets;
        harness.shard.handle_sweep(1, harness.now);
        assert!(before - figures(&harness).sets <= 320);
        slices += 1;
    }
    assert!(slices > 15, "{slices}");
    assert_eq!(figures(&harness), SetFigures::default());
    assert_eq!(harness.shard.attribute_sets().unwrap().allocated_bytes(), 0);
}

#[test]
fn a_restored_route_learns_its_attributes_when_it_is_announced_again() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    announce_with(&mut harness, session, &peer, 0..300, 70_000);
    announce_with(&mut harness, session, &peer, 300..400, 70_001);
    harness.published();
    let before = held(&harness.shard);
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    restart_with(&mut harness, load(&bytes).unwrap(), settings(1 << 20));
    assert_eq!(held(&harness.shard), before);
    let restored = figures(&harness);
    assert_eq!(
        (restored.sets, restored.unknown_sets, restored.unknown_routes),
        (2, 2, 400)
    );

    let session = self::session(&mut harness, &peer);
    announce_with(&mut harness, session, &peer, 0..1, 70_000);
    assert_eq!(
        (figures(&harness).unknown_sets, figures(&harness).unknown_routes),
        (1, 100)
    );
    announce_with(&mut harness, session, &peer, 1..300, 70_000);
    announce_with(&mut harness, session, &peer, 300..400, 70_001);
    assert_eq!(harness.updates(), [], "nothing was new");
    assert_eq!(figures(&harness).unknown_sets, 0);
    assert_eq!(harness.counters.routes_without_attributes.get(), 0);
    assert_eq!(harness.counters.attribute_sets.get(), 2);
}

#[test]
fn attributes_beyond_the_bound_are_counted_and_logged_once() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(100));
    let session = session(&mut harness, &peer);
    for number in 0..10 {
        announce_with(&mut harness, session, &peer, number..number + 1, 70_000 + number);
    }
    assert_eq!(harness.updates().len(), 10, "they are published all the same");
    let counters = harness.counters.clone();
    assert!(counters.attribute_bytes.get() <= 100);
    assert!(counters.attributes_without_room.get() >= 7);
    assert!(counters.routes_without_attributes.get() >= 7);
    let notices = harness.shard.poll_notices();
    let said =
        std::iter::from_fn(|| notices.pop()).filter(|notice| notice.what == NoticeKind::NoRoomForAttributes);
    assert_eq!(said.count(), 1);
    let to = destination(9);
    harness.send(session, &withdraw(&peer, &[(&to, None)]));
    assert_eq!(figures(&harness).sets, 9);
}

/// Dropped routes are in doubt. They have no set until they are announced again.
#[test]
fn a_route_in_doubt_has_no_set() {
    let peer = peer(1);
    let mut harness = Harness::with(settings(1 << 20));
    let session = session(&mut harness, &peer);
    harness.published();
    announce_with(&mut harness, session, &peer, 0..10, 70_000);
    harness.now.monotonic_ns += SECOND;
    harness.shard.handle_timeout(harness.now);
    harness.drop_batches();
    assert_eq!(figures(&harness), SetFigures::default());
    let sets = harness.shard.attribute_sets().unwrap();
    assert!(
        held(&harness.shard)
            .iter()
            .all(|(_, fingerprint)| *fingerprint == sets.fingerprint(SetId::DOUBT))
    );
    announce_with(&mut harness, session, &peer, 0..10, 70_000);
    assert_eq!(figures(&harness).sets, 1);
    assert_eq!(harness.updates().len(), 10);
}
