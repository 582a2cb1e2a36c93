//! The sink `file`: content, rotation, retention, restart after a crash, and following the segments.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use arancini_client::Reason;
use arancini_client::segments::{list, list_strangers, open_segment_path, segment_path};
use arancini_client::tail::{AtEnd, Begin, SegmentTail};
use arancini_core::BatchKind;
use arancini_publish::{FileSettings, Fsync, Retention, SinkSettings};
use support::{Rig, Worker, message, run, sequences, until};

fn settings(directory: &Path) -> FileSettings {
    let mut settings = FileSettings::new(directory.join("segments"));
    settings.fsync = Fsync::Every(Duration::from_millis(10));
    settings
}

/// Publishes this number of batches and ends.
fn publish(settings: &FileSettings, worker: &mut Worker, batches: u64) {
    let rig = Rig::new(SinkSettings::File(settings.clone()));
    for _ in 0..batches {
        rig.bridge.send(worker.batch()).unwrap();
    }
    let report = rig.finish();
    assert_eq!(
        (report.acknowledged_batches, report.unacknowledged_batches),
        (batches, 0)
    );
}

fn read(directory: &Path) -> Vec<(BatchKind, u64)> {
    let mut tail = SegmentTail::open(directory, Begin::Beginning, AtEnd::Stop).unwrap();
    let mut all = Vec::new();
    while let Some(message) = tail.next_present().unwrap() {
        all.push((message.kind, sequences(&message.bytes)[0]));
    }
    all
}

fn updates(sequences: std::ops::RangeInclusive<u64>) -> Vec<(BatchKind, u64)> {
    sequences.map(|sequence| (BatchKind::Updates, sequence)).collect()
}

#[test]
fn segments_rotate_and_read_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.segment_bytes = 4096;
    let mut worker = Worker::new(1, 2);
    publish(&settings, &mut worker, 300);
    let segments = list(&settings.directory, BatchKind::Updates).unwrap();
    assert!(segments.len() >= 8, "{}", segments.len());
    assert!(
        segments
            .iter()
            .all(|segment| segment.bytes <= 4096 && segment.bytes % 40 == 0)
    );
    assert_eq!(read(&settings.directory), updates(1..=900));
}

/// The open segment had the name of a closed one, so tools that read `*.capnp` read it again when it was closed.
#[test]
fn only_closed_segments_have_their_final_name_and_closed_ones_never_change() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.segment_bytes = 1200;
    let mut worker = Worker::new(1, 1);
    let rig = Rig::new(SinkSettings::File(settings.clone()));
    let mut seen: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for batches in 1..=35 {
        rig.bridge.send(worker.batch()).unwrap();
        rig.until_acknowledged(batches);
        for path in closed_names(&settings.directory) {
            let content = std::fs::read(&path).unwrap();
            let before = seen.entry(path).or_insert_with(|| content.clone());
            assert_eq!(*before, content);
        }
    }
    assert_eq!(seen.len(), 3, "ten batches fill a segment");
    let open = open_segment_path(&settings.directory, BatchKind::Updates, 4);
    assert!(open.exists());
    assert_eq!(
        read(&settings.directory),
        updates(1..=105),
        "the open one is read too"
    );
    rig.finish();
    assert!(!open.exists(), "a stop closes it");
    assert_eq!(closed_names(&settings.directory).len(), 4);
    let all: Vec<u8> = closed_names(&settings.directory)
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    assert_eq!(sequences(&all), (1..=105).collect::<Vec<_>>());
}

/// Returns what the pattern `updates-*.capnp` finds, in order.
fn closed_names(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "capnp"))
        .collect();
    found.sort();
    found
}

#[test]
fn the_next_start_closes_the_segment_that_a_crash_left_open() {
    for damage in [&[][..], &message(4, 4)[..9], &[0xff; 40]] {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        std::fs::create_dir_all(&settings.directory).unwrap();
        let open = open_segment_path(&settings.directory, BatchKind::Updates, 7);
        let whole = [message(1, 4), message(2, 4), message(3, 4)].concat();
        std::fs::write(&open, [&whole[..], damage].concat()).unwrap();
        let mut worker = Worker::new(1, 1);
        worker.sequence = 3;
        publish(&settings, &mut worker, 1);
        assert!(!open.exists());
        assert_eq!(read(&settings.directory), updates(1..=6));
        let closed = list(&settings.directory, BatchKind::Updates).unwrap();
        assert!(closed.iter().all(|segment| !segment.is_open), "{closed:?}");
    }
}

#[test]
fn a_segment_that_does_not_fill_is_closed_by_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.segment_age = Some(Duration::from_millis(1));
    let mut worker = Worker::new(1, 1);
    let rig = Rig::new(SinkSettings::File(settings.clone()));
    for batches in 1..=2 {
        rig.bridge.send(worker.batch()).unwrap();
        rig.until_acknowledged(batches);
        until(
            "the segment is closed without a further message",
            || closed_names(&settings.directory).len() as u64 == batches,
            || format!("{:?}", list(&settings.directory, BatchKind::Updates)),
        );
    }
    assert_eq!(read(&settings.directory), updates(1..=6));
    rig.finish();
    assert_eq!(closed_names(&settings.directory).len(), 2);
}

#[test]
fn each_kind_has_its_own_series() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let rig = Rig::new(SinkSettings::File(settings.clone()));
    let mut worker = Worker::new(1, 1);
    let kinds = [
        BatchKind::Updates,
        BatchKind::Peers,
        BatchKind::Routers,
        BatchKind::Statistics,
        BatchKind::Malformed,
    ];
    for kind in kinds {
        let mut batch = worker.batch();
        batch.kind = kind;
        rig.bridge.send(batch).unwrap();
    }
    rig.until_acknowledged(5);
    for kind in kinds {
        assert_eq!(list(&settings.directory, kind).unwrap().len(), 1, "{kind:?}");
    }
    let name = open_segment_path(&settings.directory, BatchKind::Statistics, 1);
    assert!(name.ends_with("stats-00000000000000000001.capnp.open") && name.exists());
    let numbers: Vec<_> = (0..5).map(|_| rig.acked.recv().unwrap().number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn restart_never_overwrites_and_cuts_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let mut worker = Worker::new(1, 1);
    publish(&settings, &mut worker, 10);
    let first = segment_path(&settings.directory, BatchKind::Updates, 1);
    let whole = std::fs::read(&first).unwrap();
    let next = message(31, 4);
    for torn in [&next[..3], &next[..8], &next[..next.len() - 1], &[0; 64]] {
        let mut file = std::fs::OpenOptions::new().append(true).open(
            &list(&settings.directory, BatchKind::Updates)
                .unwrap()
                .last()
                .unwrap()
                .path,
        );
        file.as_mut().unwrap().write_all(torn).unwrap();
        publish(&settings, &mut worker, 5);
    }
    assert_eq!(std::fs::read(&first).unwrap(), whole);
    assert_eq!(list(&settings.directory, BatchKind::Updates).unwrap().len(), 5);
    assert_eq!(read(&settings.directory), updates(1..=90));
}

#[test]
fn retention_removes_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.segment_bytes = 1200;
    settings.retention = Retention {
        max_bytes: Some(3600),
        max_age: None,
    };
    let mut worker = Worker::new(1, 1);
    publish(&settings, &mut worker, 100);
    let segments = list(&settings.directory, BatchKind::Updates).unwrap();
    assert_eq!(segments.last().unwrap().number, 10);
    assert_eq!(segments.first().unwrap().number, 7);
    assert_eq!(read(&settings.directory), updates(181..=300));
}

#[test]
fn a_second_collector_is_kept_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let first = Rig::new(SinkSettings::File(settings.clone()));
    first.until("ready", |status| status.is_ready());
    let second = Rig::new(SinkSettings::File(settings.clone()));
    let mut worker = Worker::new(1, 1);
    second.bridge.send(worker.batch()).unwrap();
    second.until("told", |status| status.errors(Reason::Io) > 0);
    let trouble = second.status.trouble().unwrap();
    assert!(trouble.remedy.contains("stop the other collector"), "{trouble}");
    first.finish();
    second.until_acknowledged(1);
    assert_eq!(read(&settings.directory), updates(1..=3));
}

#[test]
fn an_unwritable_directory_is_told_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    std::fs::write(&settings.directory, "a file in the way").unwrap();
    let rig = Rig::new(SinkSettings::File(settings.clone()));
    let mut worker = Worker::new(1, 1);
    rig.bridge.send(worker.batch()).unwrap();
    rig.until("told", |status| status.errors(Reason::Io) > 0);
    assert!(!rig.status.is_ready());
    std::fs::remove_file(&settings.directory).unwrap();
    rig.until_acknowledged(1);
    assert_eq!(read(&settings.directory), updates(1..=3));
}

#[test]
fn a_follower_keeps_up_over_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.segment_bytes = 4096;
    let mut worker = Worker::new(1, 1);
    publish(&settings, &mut worker, 10);
    let mut old = SegmentTail::open(&settings.directory, Begin::Beginning, AtEnd::Follow).unwrap();
    let mut new = SegmentTail::open(&settings.directory, Begin::New, AtEnd::Follow).unwrap();
    let directory = settings.clone();
    let writer = std::thread::spawn(move || publish(&directory, &mut worker, 400));
    run(async {
        for sequence in 1..=1230 {
            assert_eq!(sequences(&old.next().await.unwrap().unwrap().bytes), [sequence]);
        }
        for sequence in 31..=1230 {
            assert_eq!(sequences(&new.next().await.unwrap().unwrap().bytes), [sequence]);
        }
    });
    writer.join().unwrap();
}

/// A named pipe with the name of a segment made the collector wait for ever, and the highest number an overflow.
#[test]
fn what_only_has_the_name_of_a_segment_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    std::fs::create_dir_all(&settings.directory).unwrap();
    let path = |number| segment_path(&settings.directory, BatchKind::Updates, number);
    std::fs::write(path(u64::MAX), "").unwrap();
    std::fs::create_dir(path(7)).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path(9))
        .status()
        .unwrap();
    assert!(made.success());
    let mut worker = Worker::new(1, 1);
    publish(&settings, &mut worker, 3);
    publish(&settings, &mut worker, 3);
    assert_eq!(
        read(&settings.directory),
        updates(1..=18),
        "three messages a batch"
    );
    let strangers = list_strangers(&settings.directory, BatchKind::Updates).unwrap();
    assert_eq!(strangers.len(), 3, "{strangers:?}");
}

/// A stop waited for its whole deadline, though nothing had been published.
#[test]
fn a_stop_without_anything_to_write_does_not_wait_for_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let rig = Rig::new(SinkSettings::File(settings(&file)));
    rig.until("it is told", |status| status.errors(Reason::Io) > 0);
    // Without a deadline, this ends only if the sink does.
    drop(rig.bridge);
    let report = rig.sidecar.drain(Duration::MAX);
    assert_eq!(report.unacknowledged_batches, 0);
}

#[test]
fn null_counts_and_gives_buffers_back() {
    let rig = Rig::new(SinkSettings::Null);
    let mut worker = Worker::new(1, 1);
    for _ in 0..10 {
        rig.bridge.send(worker.batch()).unwrap();
    }
    rig.until_acknowledged(10);
    until(
        "buffers are back",
        || rig.recycled.len() == 10,
        || rig.recycled.len().to_string(),
    );
    assert_eq!(rig.finish().acknowledged_messages, 30);
}
