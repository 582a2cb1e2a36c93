//! `on_full = "spool"` with a real JetStream: batches that do not fit the window wait on disk, and nothing is lost, doubled
//! or reordered over restarts and crashes.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_bed::{Cable, NatsServer};
use arancini_client::Compression;
use arancini_publish::spool::read_all;
use arancini_publish::{NatsSettings, OnFull, SidecarSettings, SinkSettings, SpoolSettings, lock_directory};
use support::{Rig, Worker, assert_whole, read_all as read_stream, until};

/// Settings with a window for a few batches.
const WINDOW_BYTES: usize = 20_000;

fn settings(server: &NatsServer) -> NatsSettings {
    let mut settings = NatsSettings::new(vec![server.url()]);
    settings.max_backoff = Duration::from_millis(400);
    settings.window.max_bytes = WINDOW_BYTES;
    settings
}

fn start(nats: &NatsSettings, directory: &Path, max_bytes: u64, compression: Compression) -> Rig {
    let mut settings = SidecarSettings::new(SinkSettings::Nats(Box::new(nats.clone())));
    settings.on_full = OnFull::Spool;
    settings.form.compression = compression;
    settings.spool = SpoolSettings {
        directory: directory.to_owned(),
        max_bytes,
    };
    Rig::with(settings)
}

fn workers() -> Vec<Worker> {
    let mut workers = vec![Worker::new(1, 3), Worker::new(2, 4)];
    for worker in &mut workers {
        worker.words = 40;
    }
    workers
}

fn send(rig: &Rig, workers: &mut [Worker], rounds: u64) {
    for _ in 0..rounds {
        for worker in &mut *workers {
            rig.bridge.send(worker.batch()).unwrap();
        }
    }
}

fn spool_is_empty(rig: &Rig, directory: &Path) {
    rig.until("the spool is empty", |status| {
        status.spool_batches.load(Relaxed) == 0
            && status.spool_bytes.load(Relaxed) == 0
            && read_all(directory).unwrap().count() == 0
    });
    assert_eq!(rig.status.spool_own_batches.load(Relaxed), 0);
    assert_eq!(rig.status.spool_own_messages.load(Relaxed), 0);
}

/// Copies the files as they are, which is what a crash at this moment leaves.
fn crash_image(directory: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        // A file may be removed meanwhile.
        let _ = std::fs::copy(entry.path(), image.path().join(entry.file_name()));
    }
    image
}

#[test]
fn much_more_than_the_window_waits_on_disk_and_is_published_in_order() {
    for compression in [Compression::None, Compression::Zstd] {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(&server);
        let rig = start(&settings, directory.path(), 1 << 30, compression);
        let mut workers = workers();
        // Without the spool this would wait for ever, since window and bridge are full long before.
        send(&rig, &mut workers, 2000);
        rig.until("all is taken", |status| {
            status.batches_taken.load(Relaxed) == 4000
        });
        let window = rig.status.window_bytes.load(Relaxed);
        assert!(
            window < WINDOW_BYTES as u64 + 2000,
            "the window keeps its bound: {window}"
        );
        assert!(rig.acked.is_empty());
        server.restart();
        // New batches queue behind those that wait.
        send(&rig, &mut workers, 500);
        rig.until_acknowledged(5000);
        assert!(rig.status.is_ready());
        spool_is_empty(&rig, directory.path());
        let mut last = [0; 3];
        for _ in 0..5000 {
            let acked = rig.acked.recv().unwrap();
            assert_eq!(acked.number, last[acked.worker as usize] + 1);
            last[acked.worker as usize] = acked.number;
        }
        let report = rig.finish();
        assert_eq!((report.unacknowledged_batches, report.spooled_batches), (0, 0));
        assert_whole(&settings, &workers);
    }
}

#[test]
fn with_a_broker_that_comes_and_goes_order_and_content_stay() {
    let Some(server) = NatsServer::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let cable = Cable::to(server.port()).unwrap();
    let direct = settings(&server);
    let mut nats = direct.clone();
    nats.server.urls = vec![cable.url()];
    let rig = start(&nats, directory.path(), 1 << 30, Compression::None);
    let mut workers = workers();
    for round in 1..=6 {
        send(&rig, &mut workers, 150);
        rig.until_acknowledged(300 * round - 200);
        cable.unplug();
        send(&rig, &mut workers, 150);
        cable.plug();
        rig.until_acknowledged(600 * round - 300 * round);
    }
    rig.until_acknowledged(2 * 6 * 300);
    assert!(rig.status.spooled.load(Relaxed) > 0);
    spool_is_empty(&rig, directory.path());
    assert_whole(&direct, &workers);
}

#[test]
fn a_full_spool_blocks_and_loses_nothing() {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&server);
    let most = 100_000;
    let rig = start(&settings, directory.path(), most, Compression::None);
    let mut workers = workers();
    let (bridge, mut sending) = (rig.bridge.clone(), workers.split_off(1));
    let sender = std::thread::spawn(move || {
        for _ in 0..1000 {
            bridge.send(sending[0].batch()).unwrap();
        }
        drop(bridge);
        sending
    });
    rig.until("it is full", |status| status.spool_bytes.load(Relaxed) >= most);
    // The bridge fills as well, and then nothing more is taken.
    until("the bridge is full", || rig.bridge.is_full(), String::new);
    let bytes = rig.status.spool_bytes.load(Relaxed);
    assert!(bytes < most + 20_000, "bounded: {bytes}");
    assert!(!sender.is_finished());
    server.restart();
    let workers = sender.join().unwrap();
    rig.until_acknowledged(1000);
    spool_is_empty(&rig, directory.path());
    assert_whole(&settings, &workers);
}

#[test]
fn a_stop_with_the_broker_away_leaves_everything_to_the_next_start() {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&server);
    let mut workers = workers();
    let mut sent = 0;
    // One sidecar is drained, of the other the handle is dropped.
    for drained in [true, false, true] {
        let rig = start(&settings, directory.path(), 1 << 30, Compression::None);
        send(&rig, &mut workers, 300);
        sent += 600;
        rig.until("all is taken", |status| status.batches_taken.load(Relaxed) == 600);
        if drained {
            drop(rig.bridge);
            let report = rig.sidecar.drain(Duration::from_millis(50));
            assert_eq!((report.unacknowledged_batches, report.spooled_batches), (0, 600));
            assert_eq!(
                (report.unacknowledged_messages, report.spooled_messages),
                (0, 1800)
            );
        } else {
            drop(rig);
            // Nobody waits for that life. It writes its files until it releases its lock.
            until(
                "it has ended",
                || lock_directory(directory.path()).is_ok(),
                String::new,
            );
        }
        let numbers = |worker| {
            let all = read_all(directory.path()).unwrap().map(Result::unwrap);
            all.filter(|batch| batch.worker == worker)
                .map(|batch| batch.number)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            numbers(1),
            (1..=sent as u64 / 2).collect::<Vec<_>>(),
            "window and spool, in order"
        );
        assert_eq!(numbers(2), numbers(1));
    }
    server.restart();
    let rig = start(&settings, directory.path(), 1 << 30, Compression::None);
    send(&rig, &mut workers, 10);
    rig.until_acknowledged(20);
    spool_is_empty(&rig, directory.path());
    assert_eq!(
        rig.acked.len(),
        20,
        "a listener hears of this life's batches only"
    );
    let report = rig.finish();
    assert_eq!(
        (report.acknowledged_batches, report.unacknowledged_batches),
        (20, 0)
    );
    assert_whole(&settings, &workers);
}

/// Crashes while some batches of the spool are acknowledged, some published, and some not published.
fn crashed_in_mid_drain(duplicate_window: Duration, wait: Duration) {
    let Some(mut server) = NatsServer::prepare("") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(&server);
    settings.stream.duplicate_window = duplicate_window;
    let mut workers = workers();
    let rig = start(&settings, directory.path(), 400_000, Compression::None);
    // The batches of the window are not in the spool, so a crash before they are published loses them.
    server.restart();
    send(&rig, &mut workers, 5);
    rig.until_acknowledged(10);
    server.stop();
    send(&rig, &mut workers, 100);
    rig.until("all is taken and written", |status| {
        let taken = status.batches_taken.load(Relaxed);
        taken == 210 && taken == 10 + status.spooled.load(Relaxed) + status.window_messages.load(Relaxed)
    });
    let spooled = rig.status.spooled.load(Relaxed);
    server.resume();
    // The spool has begun to drain, so the batches that were in the window before are durable.
    rig.until_acknowledged(210 - spooled + 20);
    let image = crash_image(directory.path());
    rig.until_acknowledged(210);
    rig.finish();
    let held = read_all(image.path()).unwrap().map(Result::unwrap).count();
    // All of it is in the stream by now. Nothing of it may be stored twice, however old it is.
    std::thread::sleep(wait);
    let next = start(&settings, image.path(), 1 << 30, Compression::None);
    let mut later = Worker::new(3, 2);
    next.bridge.send(later.batch()).unwrap();
    next.until_acknowledged(1);
    spool_is_empty(&next, image.path());
    if held > 0 {
        assert_eq!(
            next.status.published.load(Relaxed),
            1,
            "the stream was asked and has the others"
        );
    }
    workers.push(later);
    assert_whole(&settings, &workers);
}

#[test]
fn after_a_crash_what_the_stream_has_is_not_published_again() {
    crashed_in_mid_drain(Duration::from_secs(120), Duration::ZERO);
}

#[test]
fn not_even_beyond_the_duplicate_window() {
    // The time must pass on the server's own clock. After it the server would accept every double.
    crashed_in_mid_drain(Duration::from_millis(200), Duration::from_millis(600));
}

#[test]
fn after_a_crash_what_the_stream_does_not_have_is_published() {
    let Some(server) = NatsServer::start() else { return };
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&server);
    let mut workers = workers();
    let rig = start(&settings, directory.path(), 1 << 30, Compression::None);
    send(&rig, &mut workers, 5);
    rig.until_acknowledged(10);
    server.stop();
    send(&rig, &mut workers, 200);
    rig.until("all is taken and written", |status| {
        let taken = status.batches_taken.load(Relaxed);
        taken == 410 && taken == 10 + status.spooled.load(Relaxed) + status.window_messages.load(Relaxed)
    });
    let image = crash_image(directory.path());
    let first = read_all(image.path()).unwrap().map(Result::unwrap);
    let first: Vec<_> = first.map(|batch| (batch.worker, batch.number)).collect();
    let in_window = rig.status.window_messages.load(Relaxed);
    assert_eq!(first.len() as u64 + in_window, 400);
    // The window was lost in the crash. This sidecar publishes it, so that the stream can be complete.
    server.resume();
    rig.until_acknowledged(10 + in_window);
    server.stop();
    drop(rig);
    server.resume();
    let next = start(&settings, image.path(), 1 << 30, Compression::None);
    spool_is_empty(&next, image.path());
    assert!(next.acked.is_empty(), "of an earlier run");
    next.finish();
    assert_whole(&settings, &workers);
    let ids = read_stream(&settings);
    let ids: Vec<_> = ids
        .iter()
        .map(|message| message.headers.get("Nats-Msg-Id").unwrap().as_str())
        .collect();
    let lives: std::collections::BTreeSet<_> = ids.iter().map(|id| id.split('-').nth(1).unwrap()).collect();
    assert_eq!(lives.len(), 1, "under the ids of the life that made them");
}

#[test]
fn what_a_failing_disk_does_not_take_waits_in_memory_in_order() {
    for mended in [true, false] {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("spool");
        let settings = settings(&server);
        let rig = start(&settings, &directory, 1 << 30, Compression::None);
        until(
            "it has its directory",
            || directory.join("LOCK").exists(),
            String::new,
        );
        std::fs::remove_dir_all(&directory).unwrap();
        let mut workers = workers();
        send(&rig, &mut workers, 300);
        rig.until("all is taken", |status| status.batches_taken.load(Relaxed) == 600);
        assert_eq!(rig.status.spooled.load(Relaxed), 0);
        if mended {
            std::fs::create_dir_all(&directory).unwrap();
            rig.until("the rest is on disk", |status| {
                status.spooled.load(Relaxed) + status.window_messages.load(Relaxed) == 600
            });
        }
        server.restart();
        send(&rig, &mut workers, 10);
        rig.until_acknowledged(620);
        let report = rig.finish();
        assert_eq!((report.unacknowledged_batches, report.spooled_batches), (0, 0));
        assert_whole(&settings, &workers);
    }
}

/// `cargo test --release -p arancini-publish --test spool -- --ignored --nocapture rate`
#[test]
#[ignore = "a measurement"]
fn rate() {
    for compression in [Compression::None, Compression::Zstd] {
        let Some(mut server) = NatsServer::prepare("") else {
            return;
        };
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut settings = settings(&server);
        settings.window.max_bytes = 64 << 20;
        let rig = start(&settings, directory.path(), 8 << 30, compression);
        let mut workers = workers();
        workers[0].per_batch = 150;
        let batches = 20_000;
        let since = std::time::Instant::now();
        for _ in 0..batches {
            rig.bridge.send(workers[0].batch()).unwrap();
        }
        rig.until("all is written", |status| {
            status.spooled.load(Relaxed) + status.window_messages.load(Relaxed) == batches
        });
        let taken = since.elapsed();
        let bytes = rig.status.spool_bytes.load(Relaxed);
        server.restart();
        let since = std::time::Instant::now();
        rig.until_acknowledged(batches);
        println!(
            "{compression:?}: {batches} batches of {} bytes; written in {:.2} s, {} MB of files; acknowledged in {:.2} s",
            workers[0].batch().payload.len(),
            taken.as_secs_f64(),
            bytes / 1_000_000,
            since.elapsed().as_secs_f64(),
        );
    }
}
