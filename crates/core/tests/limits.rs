//! What a sender can cost is bounded.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_generate::initiation;
use arancini_wire::iana::AfiSafi;

use support::Harness;
use support::stream::Event;
use support::wire::{as_path, monitoring, mp_reach, origin, peer, up};

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
