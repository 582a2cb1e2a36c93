//! Exports of segments that are damaged, cut short or missing: what can be read is exported, and the rest is told.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};

use arancini_client::records::Records;
use arancini_client::segments::{open_segment_path, segment_path};
use arancini_export::JsonLines;
use arancini_schema::MessageKind;
use support::{Exported, RECORDINGS, export, testdata};

/// Writes three segments of updates with the same number of messages. Returns that number and the bytes of a segment.
fn three_segments(directory: &Path) -> (u64, Vec<u8>) {
    let mut updates = Vec::new();
    support::decode(&[testdata().join(RECORDINGS[3])], |kind, payload| {
        if kind == MessageKind::Updates {
            updates.extend_from_slice(payload);
        }
    });
    for number in 1..=3 {
        std::fs::write(segment_path(directory, MessageKind::Updates, number), &updates).unwrap();
    }
    (Records::new(&updates).count() as u64, updates)
}

/// Exports three segments, of which the second was changed. Returns how many messages a whole segment has, the path of the second,
/// and the export.
fn export_with_second(change: impl FnOnce(&mut [u8])) -> (u64, PathBuf, Exported) {
    let directory = tempfile::tempdir().unwrap();
    let (messages, mut bytes) = three_segments(directory.path());
    change(&mut bytes);
    let path = segment_path(directory.path(), MessageKind::Updates, 2);
    std::fs::write(&path, &bytes).unwrap();
    (messages, path, export_json(directory.path()))
}

fn export_json(directory: &Path) -> Exported {
    export(directory, &mut JsonLines::of_updates(std::io::sink()))
}

#[test]
fn a_damaged_segment_is_told_and_the_messages_around_the_damage_are_exported() {
    let mut at = 0;
    let (messages, path, exported) = export_with_second(|bytes| {
        let mut lengths = Records::new(bytes).map(|record| record.unwrap().len());
        let (first, second) = (lengths.next().unwrap(), lengths.next().unwrap());
        at = first;
        bytes[first..first + second].fill(0xff);
    });
    assert_eq!(exported.messages, 3 * messages - 1);
    assert!(!exported.is_whole);
    let told = &exported.told[0];
    assert!(
        told.starts_with(&format!("{} is damaged at byte {at};", path.display())),
        "{told}"
    );
    assert_eq!(exported.told.len(), 1);
}

#[test]
fn a_message_whose_content_is_no_update_is_told_and_left_out() {
    // The root pointer points nowhere; the frame is that of a message.
    let (messages, path, exported) = export_with_second(|bytes| bytes[8..16].fill(0xff));
    assert_eq!(exported.messages, 3 * messages - 1);
    assert!(!exported.is_whole);
    let told = &exported.told[0];
    assert!(
        told.starts_with(&format!("{}: message 1 can't be read", path.display())),
        "{told}"
    );
}

#[test]
fn the_open_segment_may_end_within_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let (messages, bytes) = three_segments(directory.path());
    let cut = &bytes[..bytes.len() - 8];
    std::fs::remove_file(segment_path(directory.path(), MessageKind::Updates, 3)).unwrap();
    std::fs::write(open_segment_path(directory.path(), MessageKind::Updates, 3), cut).unwrap();
    let exported = export_json(directory.path());
    assert_eq!((exported.messages, exported.is_whole), (3 * messages - 1, true));
    assert!(
        exported.told[0].contains("ends within a message"),
        "{:?}",
        exported.told
    );

    // A segment that the sink has ended is whole, or damaged.
    std::fs::write(segment_path(directory.path(), MessageKind::Updates, 2), cut).unwrap();
    let exported = export_json(directory.path());
    assert_eq!((exported.messages, exported.is_whole), (3 * messages - 2, false));
    assert!(
        exported.told[0].contains("is damaged at byte"),
        "{:?}",
        exported.told
    );
}

#[test]
fn a_segment_that_is_missing_between_others_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (messages, _) = three_segments(directory.path());
    let path = segment_path(directory.path(), MessageKind::Updates, 2);
    std::fs::remove_file(&path).unwrap();
    let exported = export_json(directory.path());
    assert_eq!((exported.messages, exported.is_whole), (2 * messages, false));
    let told = &exported.told[0];
    assert!(
        told.starts_with(&format!("{} is missing", path.display())),
        "{told}"
    );
    // The first segments age out.
    std::fs::remove_file(segment_path(directory.path(), MessageKind::Updates, 1)).unwrap();
    let exported = export_json(directory.path());
    assert_eq!((exported.messages, exported.is_whole), (messages, true));
}
