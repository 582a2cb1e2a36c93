//! What recorded routers make a collector publish comes back from JSON Lines as it was: `publish.format = "json"` relies on it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::{BatchKind, Settings};
use arancini_rib::CurationMode;
use arancini_schema::decode::{Message, Messages};
use arancini_schema::json::{read_lines, write_lines};

use support::Harness;
use support::recordings::{root, streams};

const RECEIVE_BYTES: usize = 65_536;
const MOST: usize = 1 << 30;

/// All fields of a message, with their values. To readers, an absent text or list is the same as an empty one.
fn fields(kind: BatchKind, message: &Message<'_>) -> String {
    let fields = match kind {
        BatchKind::Updates => format!("{:?}", message.update().unwrap()),
        BatchKind::Peers => format!("{:?}", message.peer_event().unwrap()),
        BatchKind::Routers => format!("{:?}", message.router_event().unwrap()),
        BatchKind::Statistics => format!("{:?}", message.statistics_event().unwrap()),
        BatchKind::Malformed => format!("{:?}", message.malformed_message().unwrap()),
    };
    let open_ends = fields.replace([')', ']'], "");
    let nothing = [" = \"\"", " = 0x\"\"", " = ["];
    let parts = open_ends.split(", ");
    let kept = parts.filter(|part| !nothing.iter().any(|nothing| part.ends_with(nothing)));
    kept.collect::<Vec<_>>().join(", ")
}

#[test]
fn every_message_of_the_recordings_comes_back_from_json() {
    let mut kinds = std::collections::BTreeSet::new();
    for (name, stream) in streams(&root().join("testdata")) {
        let mut harness = Harness::with(Settings {
            curation: CurationMode::Off,
            ..Settings::default()
        });
        let session = harness.session();
        let mut batches = Vec::new();
        for bytes in stream.chunks(RECEIVE_BYTES) {
            let whole = harness.try_send(session, bytes).is_ok();
            batches.extend(std::iter::from_fn(|| harness.shard.poll_batch()));
            if !whole {
                break;
            }
        }
        harness.shard.handle_flush(harness.now);
        batches.extend(std::iter::from_fn(|| harness.shard.poll_batch()));
        for batch in batches {
            let mut lines = Vec::new();
            write_lines(batch.kind, &batch.payload, &mut lines).unwrap();
            let read = read_lines(&lines, MOST).unwrap_or_else(|error| panic!("{name}: {error}"));
            let (before, after) = (Messages::new(&batch.payload), Messages::new(&read));
            let mut count = 0;
            for (before, after) in before.zip(after) {
                let (before, after) = (before.unwrap(), after.unwrap());
                assert_eq!(fields(batch.kind, &before), fields(batch.kind, &after), "{name}");
                count += 1;
            }
            assert_eq!(count, batch.messages, "{name}");
            kinds.insert(format!("{:?}", batch.kind));
        }
    }
    assert!(kinds.len() >= 4, "the recordings have most kinds: {kinds:?}");
}
