//! Limits: no sender can make the core use unbounded memory or time.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_generate::initiation;
use arancini_wire::iana::AfiSafi;

use support::Harness;
use support::stream::Event;
use support::wire::{as_path, attribute, mandatory, monitoring, mp_reach, origin, peer, up};

#[test]
fn a_sender_that_makes_families_up_gets_no_tables_for_them() {
    let peer = peer(1);
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer));
    for number in 0..1000 {
        let mp = mp_reach(AfiSafi::new(20_000 + number, 77), &[1, 2, 3]);
        harness.send(
            session,
            &monitoring(&peer, &[], &[origin(0), as_path(&[1]), mp].concat(), &[]),
        );
    }
    let published = harness.published();
    let malformed = published
        .iter()
        .filter(|event| event.as_malformed().is_some())
        .count();
    assert_eq!(malformed, 1000 - 256, "the rest is published raw");
    let updates = published.into_iter().filter_map(Event::into_update).count();
    assert_eq!(updates, 256);
}

/// Without the limit, one receive slot of 64 KB UPDATEs made 2 GB of updates before the bridge took any.
#[test]
fn what_becomes_of_one_slot_is_handed_over_piece_by_piece() {
    const PER_MESSAGE: usize = 500;
    let peer = peer(1);
    let mut harness = Harness::new();
    let most = arancini_core::BatchSettings::default().max_closed_bytes;
    let session = harness.session();
    harness.send(session, &initiation("r1", "test"));
    harness.send(session, &up(&peer));
    // 8 kB of communities: about 9 kB for each update.
    let communities: Vec<u8> = (0..2000_u32).flat_map(u32::to_be_bytes).collect();
    let attributes = [mandatory(&[64_500]), attribute(0xc0, 8, &communities)].concat();
    let nlri = |number: u8, index: usize| [24, 10 + number, (index >> 8) as u8, index as u8];
    let message = |number| {
        let routes: Vec<u8> = (0..PER_MESSAGE).flat_map(|index| nlri(number, index)).collect();
        monitoring(&peer, &[], &attributes, &routes)
    };
    let slot: Vec<u8> = (0..6).flat_map(message).collect();
    let (mut rest, mut pieces, mut updates) = (&slot[..], 0, 0);
    while !rest.is_empty() {
        let taken = harness.shard.handle_bytes(session, rest, harness.now).unwrap();
        rest = &rest[taken..];
        pieces += 1;
        let (mut bytes, mut largest) = (0, 0);
        while let Some(batch) = harness.shard.poll_batch() {
            bytes += batch.payload.len();
            largest = largest.max(batch.payload.len() / batch.messages as usize);
            updates += batch.messages as usize;
        }
        assert!(bytes <= most + PER_MESSAGE * largest, "{bytes}");
    }
    assert!(pieces > 3, "{pieces}");
    harness.shard.handle_flush(harness.now);
    updates += std::iter::from_fn(|| harness.shard.poll_batch())
        .map(|batch| batch.messages as usize)
        .sum::<usize>();
    // The others are: session opened, Initiation, Peer Up.
    assert_eq!(updates, 6 * PER_MESSAGE + 3);
    assert_eq!(harness.counters.received_bytes.get() as usize, {
        let before = [initiation("r1", "test"), up(&peer)].concat();
        before.len() + slot.len()
    });
}
