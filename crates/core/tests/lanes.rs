//! The short way of common messages has the same outcome as the general way. [`Harness`] makes every call on both and compares
//! all that is published, so all tests of the core run both ways. These tests bring what is close to the border between the two.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{BatchSettings, Settings};
use arancini_generate::{LoadName, NamedLoad, RouterLoad};
use arancini_rib::CurationMode;
use arancini_wire::bmp::frame_length;
use proptest::prelude::*;
use proptest::sample::Index;

use support::recordings::{root, streams};
use support::{Harness, router};

/// Bytes of one receive.
const RECEIVE_BYTES: usize = 16 * 1024;

fn load(name: LoadName) -> RouterLoad {
    NamedLoad {
        name,
        sys_name: "r".to_owned(),
        elements: 10_000,
        prefixes_per_update: None,
        seed: 1,
    }
    .make()
}

fn bytes_of(load: &RouterLoad) -> [Vec<u8>; 2] {
    [&load.before, &load.measured].map(|pieces| {
        let mut bytes = Vec::new();
        for piece in pieces {
            let all: Result<(), std::convert::Infallible> = piece.each_chunk(1 << 20, |chunk| {
                bytes.extend_from_slice(chunk);
                Ok(())
            });
            all.unwrap();
        }
        bytes
    })
}

#[test]
fn most_messages_of_each_load_take_the_short_way() {
    for name in LoadName::ALL {
        let load = load(name);
        let mut harness = Harness::new();
        let mut session = harness.session();
        for (number, bytes) in bytes_of(&load).iter().enumerate() {
            if number == 1 && load.reconnects {
                harness.close(session);
                session = harness.session();
            }
            for bytes in bytes.chunks(RECEIVE_BYTES) {
                harness.send(session, bytes);
                harness.collect();
            }
        }
        let short = harness.counters.short_way.get();
        harness.published();
        let messages = (load.counts_before + load.counts).updates;
        match name {
            // No lane serves VPNs yet.
            LoadName::Vpn => assert_eq!(short, 0),
            _ => assert!(10 * short > 9 * messages, "{name:?}: {short} of {messages}"),
        }
    }
}

/// Settings that make batches close and turns end at odd places.
fn settings() -> impl Strategy<Value = Settings> {
    let modes = vec![
        CurationMode::Attributes,
        CurationMode::Attributes,
        CurationMode::Presence,
        CurationMode::Off,
    ];
    let turn_work = prop_oneof![Just(Settings::TURN_WORK), 1..60_u64];
    let bytes = prop_oneof![Just(48 * 1024), 300..5000_usize];
    (prop::sample::select(modes), turn_work, bytes, 1..200_u32).prop_map(
        |(curation, turn_work, max_bytes, max_messages)| Settings {
            curation,
            turn_work,
            batch: BatchSettings {
                max_bytes,
                max_messages,
                max_open_bytes: 3 * max_bytes,
                ..BatchSettings::default()
            },
            ..Settings::default()
        },
    )
}

/// The messages of a stream.
fn messages(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Ok(Some(length)) = frame_length(stream, usize::MAX) {
        let Some((message, rest)) = stream.split_at_checked(length) else {
            break;
        };
        messages.push(message.to_vec());
        stream = rest;
    }
    messages
}

/// All messages to take damaged ones from: of recordings, and of the loads.
fn sources() -> Vec<Vec<Vec<u8>>> {
    let mut sources: Vec<_> = streams(&root().join("testdata"))
        .map(|(_, stream)| messages(&stream))
        .collect();
    for name in LoadName::ALL {
        sources.push(messages(&bytes_of(&load(name)).concat()));
    }
    sources
}

/// Damage to one message: an octet behind the common header.
type Damage = (Index, Index, u8);

fn damaged(source: &[Vec<u8>], from: Index, damages: &[Damage]) -> Vec<u8> {
    // A Peer Up is often at the start.
    let from = from.index(source.len());
    let window = source.iter().skip(from).take(300);
    let mut messages: Vec<_> = source.iter().take(20).chain(window).cloned().collect();
    for (message, octet, value) in damages {
        let message = message.index(messages.len());
        let message = &mut messages[message];
        let behind = message.len() - 6;
        if behind > 0 {
            let place = 6 + octet.index(behind);
            message[place] = *value;
        }
    }
    messages.concat()
}

#[test]
fn damaged_streams_have_the_same_outcome_on_both_ways() {
    let sources = sources();
    let damage = (any::<Index>(), any::<Index>(), prop_oneof![any::<u8>(), 0..5_u8]);
    let strategy = (
        settings(),
        any::<Index>(),
        any::<Index>(),
        prop::collection::vec(damage, 0..40),
        1..20_000_usize,
        any::<bool>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(&strategy, |(settings, source, from, damages, receive, again)| {
            let source = source.get(&sources);
            let stream = damaged(source, from, &damages);
            let mut harness = Harness::with(settings);
            for _ in 0..=usize::from(again) {
                let session = harness.open(router(1));
                for bytes in stream.chunks(receive) {
                    if harness.try_send(session, bytes).is_err() {
                        break;
                    }
                    drain(&mut harness);
                    harness.shard.handle_sweep(50, harness.now);
                }
                harness.close(session);
            }
            harness.shard.handle_flush(harness.now);
            drain(&mut harness);
            harness.shard.compare_counters(&harness.counters);
            Ok(())
        })
        .unwrap();
}

/// Takes the closed batches. The comparison is in [`support::twin`].
fn drain(harness: &mut Harness) {
    while let Some(batch) = harness.shard.poll_batch() {
        harness.shard.handle_recycled(batch.payload);
    }
}
