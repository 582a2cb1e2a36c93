//! What a search by attributes costs while routes change.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::ask::{AttributeFilter, Question, Selector};
use arancini_core::{KeptAttributes, Settings};

use support::Harness;
use support::wire::{mandatory, monitoring, peer, up};

/// Sets of attributes in the table.
const SETS: u32 = 200;
/// Routes with the same set.
const ROUTES_OF_SET: u32 = 100;
/// Work of a slice, in routes.
const BUDGET: usize = 1000;

/// A set whose number came to mean another one made the search forget all sets, so that it read every set again in each slice.
#[test]
fn a_search_reads_each_set_once_although_other_routes_change_meanwhile() {
    let mut harness = Harness::with(Settings {
        attributes: KeptAttributes::Retain { most_bytes: 64 << 20 },
        ..Settings::default()
    });
    let session = harness.session();
    harness.send(session, &up(&peer(1)));
    for index in 0..ROUTES_OF_SET {
        for set in 0..SETS {
            let prefix = [24, 10, index as u8, set as u8];
            harness.send(
                session,
                &monitoring(&peer(1), &[], &mandatory(&[1, 1000 + set]), &prefix),
            );
        }
    }
    let filter = AttributeFilter {
        origin_as: Some(77),
        ..AttributeFilter::default()
    };
    let mut question = Question::routes(Selector::default(), None, 10).with_attributes(filter);
    let mut slices = 1;
    while harness.shard.poll_question(&mut question, BUDGET) {
        slices += 1;
        // The route leaves its former set, which no other route has, and the number of that set is used again.
        let changing = [24, 11, 0, 0];
        harness.send(
            session,
            &monitoring(&peer(1), &[], &mandatory(&[1, 5000 + slices]), &changing),
        );
        while harness.shard.needs_sweep() {
            harness.shard.handle_sweep(1000, harness.now);
        }
        harness.collect();
    }
    let routes = SETS * ROUTES_OF_SET;
    assert!(slices >= routes / BUDGET as u32, "it has seen every route");
    assert!(slices < 3 * routes / BUDGET as u32, "{slices} slices");
    assert!(!question.finish().left_out);
}
