//! Small inputs of unusual senders, each with what consumers must hear of it.
//!
//! `testdata/cases/NAME.bmp` is the byte stream of one session. `testdata/cases/NAME.json` says what must come out, derived
//! from the RFCs by hand. A case that is not right yet is in [`KNOWN_WRONG`] with its reason; the test fails when such a case
//! becomes right, so that the list stays true.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arancini_core::{BatchSettings, Counters, Now, Quirk, Settings, Shard};
use arancini_rib::CurationMode;
use arancini_schema::MessageKind;
use arancini_schema::decode::Messages;
use arancini_schema::json::write_message;
use arancini_wire::bmp::{RibView, frame_length};
use serde_json::{Map, Value, json};

/// Cases whose outcome is wrong today, each with its reason.
const KNOWN_WRONG: &[(&str, &str)] = &[];

/// Members of `NAME.json` beside the counts.
const LISTS: [&str; 4] = ["updates", "peers", "statistics", "malformed_messages"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cases")
}

/// Runs a stream as `arancini decode --curate` does, with doomed routes withdrawn after each message.
fn outcome(stream: &[u8]) -> Map<String, Value> {
    let counters = Arc::new(Counters::default());
    let settings = Settings {
        curation: CurationMode::Attributes,
        batch: BatchSettings {
            max_messages: 1,
            ..BatchSettings::default()
        },
        ..Settings::default()
    };
    let mut shard = Shard::new(0, settings, Arc::clone(&counters));
    let now = Now::default();
    let session = shard.handle_connect(support::router(1), 0, now);
    let mut lists: BTreeMap<&str, Vec<Value>> = LISTS.map(|list| (list, Vec::new())).into();
    let mut rest = stream;
    while !rest.is_empty() {
        let length = frame_length(rest, usize::MAX).unwrap().unwrap();
        let (frame, behind) = rest.split_at(length);
        rest = behind;
        shard.handle_all_bytes(session, frame, now).unwrap();
        while shard.handle_sweep(1000, now) {}
        shard.handle_flush(now);
        while let Some(batch) = shard.poll_batch() {
            let list = match batch.kind {
                MessageKind::Updates => "updates",
                MessageKind::Peers => "peers",
                MessageKind::Statistics => "statistics",
                MessageKind::Malformed => "malformed_messages",
                MessageKind::Routers => continue,
            };
            for message in Messages::new(&batch.payload) {
                let mut line = Vec::new();
                write_message(batch.kind, &message.unwrap(), &mut line).unwrap();
                let list = lists.get_mut(list).unwrap();
                list.push(serde_json::from_slice(&line).unwrap());
            }
            shard.handle_recycled(batch.payload);
        }
    }
    let of_views = |count: fn(&Counters, RibView) -> u64| -> u64 {
        RibView::ALL.iter().map(|&view| count(&counters, view)).sum()
    };
    let quirks: Map<String, Value> = Quirk::ALL
        .iter()
        .map(|&quirk| (quirk.name().to_owned(), counters.quirks[quirk as usize].get()))
        .filter(|&(_, count)| count > 0)
        .map(|(name, count)| (name, count.into()))
        .collect();
    let Value::Object(mut outcome) = json!({
        "announces": of_views(|c, view| c.emitted_announces.of(view).get()),
        "withdraws": of_views(|c, view| c.emitted_withdraws.of(view).get()),
        "synthetic": counters.synthetic_withdraws.get(),
        "treated_as_withdraw": counters.treated_as_withdraw.get(),
        "discarded_attributes": counters.discarded_attributes.get(),
        "malformed": counters.malformed.get(),
        "end_of_ribs": counters.end_of_ribs.get(),
        "routes_left": shard.routers().map(arancini_core::Router::routes).sum::<usize>(),
        "peers_known": shard.routers().map(|router| router.peers.len()).sum::<usize>(),
        "quirks": quirks,
    }) else {
        unreachable!("an object was written")
    };
    for (name, list) in lists {
        outcome.insert(name.to_owned(), list.into());
    }
    outcome
}

/// Whether `found` has every member that `expected` names, with an equal value. Lists must have equal lengths.
fn agrees(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().all(|(name, expected)| {
            // `null` stands for a member that must not be there.
            match found.get(name) {
                Some(found) => agrees(expected, found),
                None => expected.is_null(),
            }
        }),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| agrees(e, f))
        }
        _ => expected == found,
    }
}

/// What is wrong with the outcome of a case; `None` if it is right.
fn difference(name: &str) -> Option<String> {
    let directory = directory();
    let stream = std::fs::read(directory.join(format!("{name}.bmp"))).unwrap();
    let expected = std::fs::read_to_string(directory.join(format!("{name}.json"))).unwrap();
    let expected: Map<String, Value> = serde_json::from_str(&expected).unwrap();
    let found = outcome(&stream);
    let wrong: Vec<String> = expected
        .iter()
        .filter(|&(member, _)| member != "rule")
        .filter(|&(member, expected)| {
            found.get(member).is_none_or(|found| match member.as_str() {
                "quirks" => expected != found,
                _ => !agrees(expected, found),
            })
        })
        .map(|(member, expected)| {
            let found = found.get(member).unwrap_or(&Value::Null);
            format!("  {member}\n    expected {expected}\n    found    {found}")
        })
        .collect();
    (!wrong.is_empty()).then(|| wrong.join("\n"))
}

#[test]
fn every_case_has_the_outcome_that_its_rule_demands() {
    let mut names: Vec<String> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bmp"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no case in {}", directory().display());
    let mut problems = Vec::new();
    for name in &names {
        let reason = KNOWN_WRONG.iter().find(|(known, _)| known == name);
        match (difference(name), reason) {
            (None, None) | (Some(_), Some(_)) => {}
            (Some(difference), None) => problems.push(format!("{name}\n{difference}")),
            (None, Some((_, reason))) => {
                problems.push(format!(
                    "{name} is right now: take it out of KNOWN_WRONG ({reason})"
                ));
            }
        }
    }
    for (name, _) in KNOWN_WRONG {
        assert!(names.iter().any(|known| known == name), "no case {name}");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
