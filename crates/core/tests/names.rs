//! Names of routers in the settings: events carry them, also after a restart with other settings.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{Batch, BatchKind, Names, Naming, Settings};
use arancini_schema::decode::Messages;

use support::restart::{load, restart_with, snapshot};
use support::wire::{mandatory, monitoring, peer, up};
use support::{Harness, router};

fn named(name: &str) -> Settings {
    let naming = Naming {
        name: name.to_owned(),
        ..Naming::default()
    };
    Settings {
        names: Names::new(vec![(router(1), 32, naming)]),
        ..Settings::default()
    }
}

/// The names in the events about routers that were published since the last call.
fn names(harness: &mut Harness) -> Vec<String> {
    harness.shard.handle_flush(harness.now);
    let batches: Vec<Batch> = std::iter::from_fn(|| harness.shard.poll_batch()).collect();
    for batch in &batches {
        harness.read(batch);
    }
    let events = batches.iter().filter(|batch| batch.kind == BatchKind::Routers);
    events
        .flat_map(|batch| Messages::new(&batch.payload))
        .map(|message| {
            let message = message.unwrap();
            let event = message.router_event().unwrap();
            event.get_router_name().unwrap().to_string().unwrap()
        })
        .collect()
}

#[test]
fn events_about_a_router_carry_its_name() {
    let mut harness = Harness::with(named("edge-1"));
    let session = harness.session();
    let _other = harness.open(router(2));
    assert_eq!(names(&mut harness), ["edge-1", ""]);
    let dump = [
        up(&peer(1)),
        monitoring(&peer(1), &[], &mandatory(&[1]), &[24, 10, 0, 1]),
    ];
    harness.send(session, &dump.concat());
    let (bytes, _) = snapshot(&mut harness, 100, |_| {});
    harness.shard.handle_flush(harness.now);
    while let Some(batch) = harness.shard.poll_batch() {
        harness.read(&batch);
    }
    restart_with(&mut harness, load(&bytes).unwrap(), named("edge-one"));
    harness.session();
    let after = names(&mut harness);
    assert!(
        !after.is_empty() && after.iter().all(|name| name == "edge-one"),
        "{after:?}"
    );
}
