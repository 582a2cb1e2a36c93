//! The short way of common messages has the same outcome as the general way. [`Harness`] makes every call on both and compares
//! all that is published, so all tests of the core run both ways. These tests bring what is close to the border between the two.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{BatchSettings, Settings};
use arancini_generate::{LoadName, NamedLoad, Peer, RouterLoad};
use arancini_rib::CurationMode;
use arancini_wire::bgp::Update;
use arancini_wire::bgp::attribute::raw_attributes;
use arancini_wire::bmp::frame_length;
use arancini_wire::iana::AfiSafi;
use proptest::prelude::*;
use proptest::sample::Index;

use support::recordings::{root, streams};
use support::wire::{as_path, mandatory, monitoring, mp_reach, origin, peer, up};
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
        assert!(10 * short > 9 * messages, "{name:?}: {short} of {messages}");
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

/// Damage to a stream.
#[derive(Debug, Clone)]
enum Damage {
    /// An octet of one message behind the common header has another value.
    Octet(Index, Index, u8),
    /// An octet of the per-peer header has another value, in all messages from one on.
    Headers(Index, Index, u8),
    /// The path attributes of one message lose one, or get one of another message.
    Attributes {
        message: Index,
        place: Index,
        from: Option<(Index, Index)>,
    },
    /// A message comes again at another place.
    Repeated(Index, Index),
    /// The peer of a message goes down before it.
    PeerDown(Index),
    /// A Peer Up of the stream comes again at another place, with an octet of another value.
    PeerUp(Index, Index, Index, u8),
}

/// Octets of the common header, and of the per-peer header up to its timestamp.
const COMMON_HEADER: usize = 6;
const IDENTITY: usize = 34;
/// Where the body of an UPDATE starts in a Route Monitoring message.
const BODY: usize = COMMON_HEADER + 42 + 19;

fn damage() -> impl Strategy<Value = Damage> {
    let octet = || prop_oneof![any::<u8>(), 0..5_u8, Just(0x20), Just(0x80)];
    let index = any::<Index>;
    prop_oneof![
        6 => (index(), index(), octet()).prop_map(|(m, o, v)| Damage::Octet(m, o, v)),
        3 => (index(), index(), octet()).prop_map(|(m, o, v)| Damage::Headers(m, o, v)),
        4 => (index(), index(), prop::option::of((index(), index())))
            .prop_map(|(message, place, from)| Damage::Attributes { message, place, from }),
        2 => (index(), index()).prop_map(|(from, to)| Damage::Repeated(from, to)),
        2 => index().prop_map(Damage::PeerDown),
        2 => (index(), index(), index(), octet()).prop_map(|(m, to, o, v)| Damage::PeerUp(m, to, o, v)),
    ]
}

fn set_octet(message: &mut [u8], range: std::ops::Range<usize>, octet: Index, value: u8) {
    let end = range.end.min(message.len());
    if range.start < end {
        message[range.start + octet.index(end - range.start)] = value;
    }
}

/// The parts of an UPDATE, with each attribute by itself.
struct Parts {
    withdrawn: Vec<u8>,
    attributes: Vec<Vec<u8>>,
    nlri: Vec<u8>,
}

/// The parts of the UPDATE of a Route Monitoring message; `None` of any other message.
fn parts(message: &[u8]) -> Option<Parts> {
    let body = message.get(BODY..).filter(|_| message[5] == 0)?;
    let update = Update::new_checked(body).ok()?;
    let field = update.attributes();
    let attributes = raw_attributes(field).map_while(Result::ok).map(|attribute| {
        let end = attribute.value_offset() + attribute.value.len();
        field[attribute.offset..end].to_vec()
    });
    Some(Parts {
        withdrawn: update.withdrawn().to_vec(),
        attributes: attributes.collect(),
        nlri: update.nlri().to_vec(),
    })
}

/// A message like this one with other parts.
fn with_parts(message: &[u8], parts: &Parts) -> Vec<u8> {
    let sized = |field: &[u8]| [&(field.len() as u16).to_be_bytes(), field].concat();
    let attributes = parts.attributes.concat();
    let body = [sized(&parts.withdrawn), sized(&attributes), parts.nlri.clone()].concat();
    let mut other = [&message[..BODY], &body].concat();
    let length = other.len();
    other[1..5].copy_from_slice(&(length as u32).to_be_bytes());
    other[BODY - 3..BODY - 1].copy_from_slice(&((length - BODY + 19) as u16).to_be_bytes());
    other
}

/// The message with one attribute less, or with one more, which comes from another message.
fn change_attributes(messages: &mut [Vec<u8>], message: Index, place: Index, from: Option<(Index, Index)>) {
    let message = message.index(messages.len());
    let Some(mut changed) = parts(&messages[message]) else {
        return;
    };
    let attributes = &mut changed.attributes;
    match from {
        None if attributes.is_empty() => {}
        None => {
            attributes.remove(place.index(attributes.len()));
        }
        Some((from, which)) => {
            let Some(Parts {
                attributes: others, ..
            }) = parts(&messages[from.index(messages.len())])
            else {
                return;
            };
            if others.is_empty() {
                return;
            }
            let other = others[which.index(others.len())].clone();
            // In the order of types, so that the short way is tempted.
            let place = attributes.iter().position(|known| known[1] > other[1]);
            attributes.insert(place.unwrap_or(attributes.len()), other);
        }
    }
    messages[message] = with_parts(&messages[message], &changed);
}

fn damaged(source: &[Vec<u8>], from: Index, damages: &[Damage]) -> Vec<u8> {
    const PEER_UP: u8 = 3;
    // A Peer Up is often at the start.
    let from = from.index(source.len());
    let window = source.iter().skip(from).take(300);
    let mut messages: Vec<_> = source.iter().take(20).chain(window).cloned().collect();
    for damage in damages {
        let count = messages.len();
        match damage {
            Damage::Octet(message, octet, value) => {
                let range = COMMON_HEADER..usize::MAX;
                set_octet(&mut messages[message.index(count)], range, *octet, *value);
            }
            Damage::Headers(message, octet, value) => {
                for message in &mut messages[message.index(count)..] {
                    set_octet(message, COMMON_HEADER..COMMON_HEADER + IDENTITY, *octet, *value);
                }
            }
            Damage::Attributes { message, place, from } => {
                change_attributes(&mut messages, *message, *place, *from)
            }
            Damage::Repeated(from, to) => {
                let message = messages[from.index(count)].clone();
                messages.insert(to.index(count), message);
            }
            Damage::PeerDown(message) => {
                let place = message.index(count);
                if let Some(header) = messages[place].get(COMMON_HEADER..COMMON_HEADER + 42) {
                    let down = [&[3, 0, 0, 0, 49, 2][..], header, &[4]].concat();
                    messages.insert(place, down);
                }
            }
            Damage::PeerUp(message, to, octet, value) => {
                let ups = messages.iter().filter(|message| message[5] == PEER_UP);
                let ups: Vec<_> = ups.cloned().collect();
                if !ups.is_empty() {
                    let mut up = ups[message.index(ups.len())].clone();
                    set_octet(&mut up, COMMON_HEADER..usize::MAX, *octet, *value);
                    messages.insert(to.index(count), up);
                }
            }
        }
    }
    messages.concat()
}

#[test]
fn damaged_streams_have_the_same_outcome_on_both_ways() {
    let sources = sources();
    let strategy = (
        settings(),
        any::<Index>(),
        any::<Index>(),
        prop::collection::vec(damage(), 0..30),
        1..20_000_usize,
        any::<bool>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
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

/// A table that holds nothing may give its place to another table. Its lane must not write into that one.
#[test]
fn the_lane_of_a_table_whose_place_was_given_away_is_closed() {
    let named = peer(1);
    let other = Peer {
        asn: named.asn + 1,
        ..named
    };
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&named));
    let prefix = [24, 198, 51, 100];
    let announce = monitoring(&other, &[], &mandatory(&[64_500]), &prefix);
    harness.send(session, &announce);
    harness.send(session, &monitoring(&other, &prefix, &[], &[]));
    assert_eq!(
        harness.counters.short_way.get(),
        1,
        "the announce opened the lane"
    );
    for number in 0..256 {
        let mp = mp_reach(AfiSafi::new(20_000 + number, 77), &[1, 2, 3]);
        let attributes = [origin(0), as_path(&[1]), mp].concat();
        harness.send(session, &monitoring(&named, &[], &attributes, &[]));
    }
    assert_eq!(harness.counters.malformed.get(), 0, "the last one got the place");
    harness.send(session, &announce);
    assert_eq!(harness.counters.malformed.get(), 1, "no table is left");
    harness.published();
}
