//! Recorded streams through the core, with curation and without. The outcome of the cuts in `testdata/` is kept as golden files
//! (`UPDATE_GOLDEN=1` renews them). The full streams are compared with the counts of an independent reader.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use arancini_core::{Quirk, SessionError, Settings};
use arancini_rib::CurationMode;
use arancini_wire::bmp::{MessageType, RibView};
use serde_json::{Value, json};

use support::recordings::{corpus, root, streams};
use support::{Harness, SECOND};

/// Bytes of one receive: small and odd, so that messages are cut everywhere.
const RECEIVE_BYTES: usize = 4099;

/// Receives of a stream that are taken route by route.
const TURN_RECEIVES: usize = 12;

type Counts = BTreeMap<String, BTreeMap<&'static str, u64>>;

/// Whether the published stream is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Replays,
    None,
}

struct Outcome {
    harness: Harness,
    error: Option<SessionError>,
}

/// Runs the stream as one session, which is still open at the end. A reader replays what is published, or there is none.
fn run(stream: &[u8], curation: CurationMode, reader: Reader) -> Outcome {
    let mut harness = Harness::with(Settings {
        curation,
        ..Settings::default()
    });
    let session = harness.session();
    let replay = reader == Reader::Replays;
    let mut error = None;
    for bytes in stream.chunks(RECEIVE_BYTES) {
        if let Err(end) = harness.try_send(session, bytes) {
            error = Some(end);
            break;
        }
        if replay {
            harness.collect();
        } else {
            while let Some(batch) = harness.shard.poll_batch() {
                harness.shard.handle_recycled(batch.payload);
            }
        }
        harness.shard.handle_sweep(1000, harness.now);
    }
    if replay {
        harness.published();
    } else {
        harness.shard.handle_flush(harness.now);
    }
    Outcome { harness, error }
}

impl Outcome {
    /// Routes by view and family, before curation.
    fn views(&self) -> BTreeMap<&'static str, Counts> {
        let mut views: BTreeMap<_, Counts> = BTreeMap::new();
        let routers = self.harness.shard.routers();
        for table in routers
            .flat_map(|router| &router.peers)
            .flat_map(|peer| &peer.tables)
        {
            let families = views.entry(table.key.view.name()).or_default();
            let family = format!("{}/{}", table.key.family.afi, table.key.family.safi);
            let counts = families.entry(family).or_default();
            *counts.entry("announced").or_default() += table.received_announces;
            *counts.entry("withdrawn").or_default() += table.received_withdraws;
            *counts.entry("held").or_default() += table.routes() as u64;
        }
        views
    }

    fn messages(&self) -> BTreeMap<String, u64> {
        let numbers = 0_u8..;
        let counters = &self.harness.counters.messages;
        let named = numbers.zip(counters).map(|(number, counter)| {
            let kind = MessageType::from_code(number);
            (format!("{kind:?}"), counter.get())
        });
        named.filter(|&(_, count)| count > 0).collect()
    }

    fn quirks(&self) -> BTreeMap<&'static str, u64> {
        let counted =
            Quirk::ALL.map(|quirk| (quirk.name(), self.harness.counters.quirks[quirk as usize].get()));
        counted.into_iter().filter(|&(_, count)| count > 0).collect()
    }

    /// How many routes this run announced, withdrew and suppressed.
    fn emitted(&self) -> Value {
        let counters = &self.harness.counters;
        json!({
            "announces": counters.emitted_announces.total(),
            "withdraws": counters.emitted_withdraws.total(),
            "synthetic": counters.synthetic_withdraws.get(),
            "suppressed": counters.suppressed.total(),
        })
    }

    /// Checks that every received route is published or suppressed.
    fn balances(&self, name: &str) {
        let counters = &self.harness.counters;
        let received = counters.received_announces.total() + counters.received_withdraws.total();
        let asked_for = counters.emitted_withdraws.total() - counters.synthetic_withdraws.get();
        let accounted = counters.emitted_announces.total() + asked_for + counters.suppressed.total();
        assert_eq!(received, accounted, "{name}");
    }
}

/// The content of a golden file.
fn summary(off: &Outcome, on: &Outcome) -> Value {
    let counters = &on.harness.counters;
    json!({
        "messages": on.messages(),
        "ends": on.error.as_ref().map(ToString::to_string),
        "malformed": counters.malformed.get(),
        "end_of_ribs": counters.end_of_ribs.get(),
        "treated_as_withdraw": counters.treated_as_withdraw.get(),
        "discarded_attributes": counters.discarded_attributes.get(),
        "events": counters.events.get(),
        "quirks": on.quirks(),
        "views": on.views(),
        "without_curation": off.emitted(),
        "curated": on.emitted(),
    })
}

/// Runs a stream with curation and without, and checks what must hold for any stream.
fn both(name: &str, stream: &[u8]) -> (Outcome, Outcome) {
    let off = run(stream, CurationMode::Off, Reader::Replays);
    let on = run(stream, CurationMode::Attributes, Reader::Replays);
    off.balances(name);
    on.balances(name);
    assert_eq!(off.harness.counters.suppressed.total(), 0);
    assert_eq!(off.error, on.error);
    let routes: usize = on.harness.shard.routers().map(|router| router.routes()).sum();
    assert_eq!(on.harness.consumer.routes(), routes, "{name}");
    (off, on)
}

#[test]
fn the_cuts_come_out_as_they_did() {
    let mut seen = 0;
    for (name, stream) in streams(&root().join("testdata")) {
        let (off, on) = both(&name, &stream);
        let found = serde_json::to_string_pretty(&summary(&off, &on)).unwrap() + "\n";
        let path = root().join(format!("crates/core/tests/golden/{name}.json"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &found).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            found, golden,
            "{name}: UPDATE_GOLDEN=1 renews the file if this is right"
        );
        seen += 1;
    }
    assert!(seen >= 10, "the cuts are gone");
}

/// After the hold time of a lost session nothing is left, and each route was withdrawn once.
#[test]
fn a_recorded_router_that_stays_away_is_withdrawn_whole() {
    for (name, stream) in streams(&root().join("testdata")) {
        let mut outcome = run(&stream, CurationMode::Attributes, Reader::Replays);
        let harness = &mut outcome.harness;
        // A second session replaces the first; it ends at once.
        let session = harness.session();
        harness.close(session);
        harness.wait(400 * SECOND);
        harness.published();
        assert_eq!(harness.consumer.routes(), 0, "{name}");
        assert_eq!(harness.shard.routers().count(), 0, "{name}");
    }
}

/// A router that comes back and repeats its recorded stream causes no update.
#[test]
fn a_recorded_router_that_returns_brings_nothing_new() {
    for (name, stream) in streams(&root().join("testdata")) {
        let mut outcome = run(&stream, CurationMode::Attributes, Reader::Replays);
        let harness = &mut outcome.harness;
        let before = harness.consumer.held();
        let session = harness.session();
        for bytes in stream.chunks(RECEIVE_BYTES) {
            match harness.try_send(session, bytes) {
                // The recording ends so.
                Ok(()) | Err(SessionError::Terminated) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        harness.wait(60 * SECOND);
        harness.published();
        assert_eq!(harness.consumer.held(), before, "{name}");
    }
}

/// Differences from the independent reader: stream, count, its value, ours, and which of them is right.
const DIFFERENCES: &[(&str, &str, u64, u64, &str)] = &[];

#[test]
fn the_full_streams_have_the_counts_of_an_independent_reader() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let mut differences = Vec::new();
    for (name, stream) in streams(&corpus) {
        let outcome = run(&stream, CurationMode::Attributes, Reader::None);
        outcome.balances(&name);
        println!("{name}: {:?} {:?}", outcome.messages(), outcome.quirks());
        let oracle = corpus.join(format!("oracle/{name}.count.json"));
        let oracle: Value = serde_json::from_slice(&std::fs::read(oracle).unwrap()).unwrap();
        let theirs = oracle_counts(&oracle);
        let ours = our_counts(&outcome);
        let keys: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for key in keys {
            let count = |counts: &BTreeMap<String, u64>| counts.get(key).copied().unwrap_or(0);
            if count(&theirs) != count(&ours) {
                differences.push((name.clone(), key.clone(), count(&theirs), count(&ours)));
            }
        }
    }
    let accepted: Vec<_> = DIFFERENCES
        .iter()
        .map(|&(name, key, theirs, ours, _)| (name.to_owned(), key.to_owned(), theirs, ours))
        .collect();
    assert_eq!(differences, accepted, "the reader says / we say");
}

/// The counts of the independent reader in our terms. It counts Adj-RIBs of VRFs separately.
fn oracle_counts(oracle: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (view, values) in oracle["views"].as_object().into_iter().flatten() {
        let view = view.replace("-rd", "").replace("adj-", "adj-rib-");
        for (key, count) in values.as_object().unwrap() {
            if let Some(("announced" | "withdrawn", "1/1" | "2/1")) = key.split_once(' ') {
                *counts.entry(format!("{view} {key}")).or_default() += count.as_u64().unwrap();
            }
        }
    }
    counts
}

fn our_counts(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for view in RibView::ALL {
        let views = outcome.views();
        let families = views.get(view.name()).into_iter().flatten();
        for (family, values) in families.filter(|(family, _)| matches!(family.as_str(), "1/1" | "2/1")) {
            for key in ["announced", "withdrawn"] {
                let count = values[key];
                if count > 0 {
                    counts.insert(format!("{} {key} {family}", view.name()), count);
                }
            }
        }
    }
    counts
}

/// However little is taken in one turn, the same is published.
#[test]
fn turns_of_one_route_publish_the_same() {
    for (name, stream) in streams(&root().join("testdata")) {
        let published = |turn_work| {
            let settings = Settings {
                turn_work,
                ..Settings::default()
            };
            let mut harness = Harness::with(settings);
            let session = harness.session();
            // The first messages are enough: every one of several routes is read again for each route.
            for bytes in stream.chunks(RECEIVE_BYTES).take(TURN_RECEIVES) {
                if harness.try_send(session, bytes).is_err() {
                    break;
                }
            }
            let quirks = Quirk::ALL.map(|quirk| harness.counters.quirks[quirk as usize].get());
            let malformed = harness.counters.malformed.get();
            let received = harness.counters.received_announces.total();
            (format!("{:?}", harness.published()), quirks, malformed, received)
        };
        assert!(published(1) == published(1000), "{name}");
    }
}
