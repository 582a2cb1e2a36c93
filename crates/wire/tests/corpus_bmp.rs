//! Frames and reads every message of recorded streams, and compares the counts with those of an independent reader.
//!
//! The streams are at `$ARANCINI_CORPUS`, or beside the repository. `oracle/*.count.json` has the counts.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use arancini_wire::bmp::{LossyText, Message, MessageType, Mirrored, PeerUp, frame_length};
use arancini_wire::{WireError, WireErrorKind};
use serde_json::Value;

const MAX_MESSAGE_LENGTH: usize = 1 << 20;

fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("ARANCINI_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    path.join("oracle").is_dir().then_some(path)
}

/// Name and bytes of each stream.
fn streams(corpus: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut paths: Vec<_> = fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.into_iter().filter_map(|path| {
        let file = path.file_name()?.to_str()?.to_owned();
        if let Some(name) = file.strip_suffix(".bmp.zst") {
            let packed = fs::File::open(&path).unwrap();
            Some((name.to_owned(), zstd::decode_all(packed).unwrap()))
        } else {
            let name = file.strip_suffix(".bmp")?;
            Some((name.to_owned(), fs::read(&path).unwrap()))
        }
    })
}

fn oracle(corpus: &Path, name: &str) -> Value {
    let path = corpus.join(format!("oracle/{name}.count.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

type Counts = BTreeMap<String, u64>;

/// The content of one stream, under the names that the oracle uses.
#[derive(Default, Debug, PartialEq)]
struct Found {
    framed_bytes: usize,
    messages: Counts,
    peer_type_and_flags: Counts,
    peer_down_reasons: Counts,
    stat_types: Counts,
    peer_up_tlvs: BTreeSet<String>,
    initiation: BTreeMap<String, String>,
    features: BTreeSet<String>,
    /// Errors inside messages whose frame is complete.
    damage: Vec<(usize, WireError)>,
    /// The error that ended the stream before its last byte.
    end: Option<WireError>,
}

fn count(counts: &mut Counts, key: String) {
    *counts.entry(key).or_default() += 1;
}

fn walk(stream: &[u8]) -> Found {
    let mut found = Found::default();
    while found.framed_bytes < stream.len() {
        let rest = &stream[found.framed_bytes..];
        let frame = match frame_length(rest, MAX_MESSAGE_LENGTH) {
            Ok(Some(length)) if length <= rest.len() => &rest[..length],
            Ok(_) => {
                found.end = Message::new_checked(rest).err();
                break;
            }
            Err(error) => {
                found.end = Some(error);
                break;
            }
        };
        read(frame, &mut found);
        found.framed_bytes += frame.len();
    }
    found
}

fn read(frame: &[u8], found: &mut Found) {
    let start = found.framed_bytes;
    let message = match Message::new_checked(frame) {
        Ok(message) => message,
        Err(error) => {
            count(
                &mut found.messages,
                MessageType::from_code(frame[5]).name().to_owned(),
            );
            found.damage.push((start, error));
            return;
        }
    };
    count(
        &mut found.messages,
        match message.message_type() {
            MessageType::Unknown(code) => format!("type_{code}"),
            known => known.name().to_owned(),
        },
    );
    if let Some(peer) = message.peer() {
        let key = format!("{}/0x{:02x}", peer.peer_type().code(), peer.flags());
        count(&mut found.peer_type_and_flags, key);
    }
    let mut damage = |error| found.damage.push((start, error));
    match message {
        Message::RouteMonitoring(message) => {
            message.pdus().filter_map(Result::err).for_each(&mut damage);
        }
        Message::StatisticsReport(message) => {
            for statistic in message.counters() {
                match statistic {
                    Ok(statistic) => {
                        count(&mut found.stat_types, statistic.stat_type.to_string());
                    }
                    Err(error) => damage(error),
                }
            }
            assert!(message.count_is_true());
        }
        Message::PeerDown(message) => {
            let reason = message.reason().code().to_string();
            count(&mut found.peer_down_reasons, reason);
        }
        Message::PeerUp(message) => read_peer_up(&message, found),
        Message::Initiation(message) => {
            for tlv in message.tlvs() {
                match tlv {
                    Ok(tlv) => {
                        let text = tlv.text().to_string();
                        found.initiation.insert(tlv.tlv_type.to_string(), text);
                    }
                    Err(error) => damage(error),
                }
            }
        }
        Message::Termination(message) => {
            message.tlvs().filter_map(Result::err).for_each(&mut damage);
        }
        Message::RouteMirroring(message) => {
            for item in message.items() {
                match item {
                    Ok(Mirrored::Unknown { .. }) => panic!("unknown mirrored item"),
                    Ok(_) => {}
                    Err(error) => damage(error),
                }
            }
        }
        Message::Unknown { .. } => {}
    }
}

fn read_peer_up(message: &PeerUp<'_>, found: &mut Found) {
    let start = found.framed_bytes;
    for tlv in message.tlvs() {
        match tlv {
            Ok(tlv) => {
                let text = LossyText(tlv.value).to_string();
                let text: String = text.chars().take(20).collect();
                found.peer_up_tlvs.insert(format!("{}:{text}", tlv.tlv_type));
            }
            Err(error) => found.damage.push((start, error)),
        }
    }
    for open in [message.sent_open(), message.received_open()] {
        let damaged = open.capabilities().filter_map(Result::err);
        found.damage.extend(damaged.map(|error| (start, error)));
    }
    let negotiated = message.negotiated();
    if message.peer().is_loc_rib() {
        return;
    }
    for family in negotiated.add_path_in.iter() {
        let feature = format!("Add-Path rx negotiated {family}");
        found.features.insert(feature);
    }
    for family in negotiated.add_path_out.iter() {
        let feature = format!("Add-Path tx negotiated {family}");
        found.features.insert(feature);
    }
    if !negotiated.four_octet_as {
        let feature = "peer without 4-octet-AS".to_owned();
        found.features.insert(feature);
    }
}

/// Whether a feature that the oracle names belongs to a Peer Up.
fn is_negotiated(feature: &str) -> bool {
    feature.starts_with("Add-Path") || feature.starts_with("peer without")
}

fn counts(value: &Value) -> Counts {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn real_streams_hold_what_an_independent_reader_found() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut read = 0;
    for (name, stream) in streams(&corpus) {
        let oracle = oracle(&corpus, &name);
        if oracle["bmp_versions"].get("4").is_some() {
            continue;
        }
        let found = walk(&stream);
        assert_eq!(found.damage, [], "{name}");
        assert_eq!(found.messages, counts(&oracle["messages"]), "{name}");
        assert_eq!(found.framed_bytes, oracle["framed_bytes"], "{name}");
        let of = |field: &str| counts(&oracle[field]);
        assert_eq!(found.peer_type_and_flags, of("peer_type/flags"), "{name}");
        assert_eq!(found.peer_down_reasons, of("peer_down_reasons"), "{name}");
        assert_eq!(found.stat_types, of("stat_types"), "{name}");
        let tlvs: BTreeSet<_> = of("peer_up_tlvs").into_keys().collect();
        let initiation: BTreeMap<String, String> =
            serde_json::from_value(oracle["initiation"].clone()).unwrap();
        assert_eq!(found.initiation.len(), initiation.len(), "{name}");
        for ((tlv_type, text), known) in found.initiation.iter().zip(&initiation) {
            assert_eq!(tlv_type, known.0, "{name}");
            // The oracle shortens long texts.
            assert!(text.starts_with(known.1), "{name}: {text}");
        }
        // The oracle keeps only the eight most frequent entries.
        assert!(found.peer_up_tlvs.is_superset(&tlvs), "{name}");
        assert!(tlvs.len() == found.peer_up_tlvs.len() || tlvs.len() == 8);
        let features: Vec<String> = serde_json::from_value(oracle["features"].clone()).unwrap();
        let features: BTreeSet<_> = features
            .into_iter()
            .filter(|feature| is_negotiated(feature))
            .collect();
        assert_eq!(found.features, features, "{name}");
        read += 1;
    }
    assert!(read > 30, "only {read} streams");
}

#[test]
fn other_versions_are_refused_at_once() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut refused = 0;
    for (name, stream) in streams(&corpus) {
        if oracle(&corpus, &name)["bmp_versions"].get("4").is_some() {
            let found = walk(&stream);
            assert_eq!(found.framed_bytes, 0, "{name}");
            let end = found.end.unwrap();
            assert_eq!(end, WireError::invalid(0, "BMP version", 4), "{name}");
            assert_eq!(end.to_string(), "BMP version is 4 at byte 0");
            refused += 1;
        }
    }
    assert_ne!(refused, 0);
}

#[test]
fn only_a_cut_stream_ends_with_an_error() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut cut = 0;
    for (name, stream) in streams(&corpus) {
        let found = walk(&stream);
        let left = stream.len() - found.framed_bytes;
        let Some(end) = found.end else {
            assert_eq!(left, 0, "{name}");
            continue;
        };
        assert_eq!(end.offset, 0, "{name}");
        if let WireErrorKind::Truncated { needed, available } = end.kind {
            assert_eq!(available, left, "{name}");
            assert!(needed > available, "{name}");
            cut += 1;
        }
    }
    assert_ne!(cut, 0);
}
