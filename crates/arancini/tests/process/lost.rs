//! What the sink `file` had acknowledged is lost: damaged, or removed while the collector runs (`docs/operating.md`, "Lost
//! segments").

use arancini_client::records::Records;
use arancini_client::segments::{list, segment_path, set_aside_path};
use arancini_schema::MessageKind;

use crate::consumer::Consumer;
use crate::place::{NEVER, OFTEN, Place, dump, durable};
use crate::support::{eventually, small, table_of};

/// A damaged word in the last segment cut off everything behind it, without a word to consumers.
#[test]
fn a_damaged_record_costs_itself_and_is_resynced() {
    for (interval, place_of_damage) in [(NEVER, 0.5), (OFTEN, 0.5), (NEVER, 1.0)] {
        let place = Place::files();
        let (first, second) = (small(21), small(22));
        let process = place.start("1", interval);
        let router = dump(&process, 1, &first);
        let mut consumer = Consumer::default();
        consumer.read(&place);
        assert_eq!(consumer.table(1), table_of(&first));
        process.kill();
        drop(router);

        let directory = place.directory.path().join("segments");
        let segment = list(&directory, MessageKind::Updates).unwrap().pop().unwrap();
        assert!(segment.is_open, "it was killed");
        let closed = segment_path(&directory, MessageKind::Updates, segment.number);
        let mut bytes = std::fs::read(&segment.path).unwrap();
        let lengths: Vec<_> = Records::new(&bytes).map(|record| record.unwrap().len()).collect();
        let damaged = ((lengths.len() - 1) as f64 * place_of_damage) as usize;
        let at: usize = lengths[..damaged].iter().sum();
        bytes[at + 4..at + 8].copy_from_slice(&[0xff; 4]);
        std::fs::write(&segment.path, &bytes).unwrap();

        let process = place.start("1", NEVER);
        let line = process.line("the last segment is damaged and is set aside; its readable messages are the next segment; check the disk");
        assert_eq!(line.unwrap()["lost_bytes"], lengths[damaged]);
        assert_eq!(std::fs::read(set_aside_path(&closed)).unwrap(), bytes);
        assert_eq!(process.metric("segments_lost_total"), 1);
        let kept = std::fs::read(&list(&directory, MessageKind::Updates).unwrap()[0].path).unwrap();
        assert_eq!(kept, [&bytes[..at], &bytes[at + lengths[damaged]..]].concat());

        let router = dump(&process, 1, &second);
        eventually("the consumer holds what the router holds", || {
            durable(&process);
            consumer.read(&place);
            consumer.table(1) == table_of(&second)
        });
        let mut another = Consumer::default();
        another.read(&place);
        assert_eq!(another.table(1), table_of(&second));
        // It is resynced once: the next life goes on.
        assert_eq!(process.terminate().code, Some(0));
        drop(router);
        let process = place.start("1", NEVER);
        assert_eq!(process.metric("restored_routes"), table_of(&second).len() as u64);
        let ended = process.terminate();
        assert_eq!(ended.count(&["damaged"]), 0, "{:#?}", ended.lines);
    }
}

/// The collector acknowledged messages that it wrote to a removed file, or behind a hole in a file that was cut.
#[test]
fn segments_that_are_removed_while_the_collector_runs_are_noticed_and_resynced() {
    for removed in ["segment", "directory", "content"] {
        let place = Place::files();
        let directory = place.directory.path().join("segments");
        let process = place.start("2", NEVER);
        let mut router = dump(&process, 1, &small(23));
        let mut consumer = Consumer::default();
        consumer.read(&place);
        let segment = || list(&directory, MessageKind::Updates).unwrap()[0].path.clone();
        if removed == "segment" {
            std::fs::remove_file(segment()).unwrap();
        } else if removed == "content" {
            let open = std::fs::OpenOptions::new().write(true).open(segment());
            open.unwrap().set_len(0).unwrap();
        } else {
            std::fs::remove_dir_all(&directory).unwrap();
            std::fs::remove_dir_all(place.snapshots()).unwrap();
        }
        eventually("the loss is noticed", || {
            process.metric("sink_errors_total{reason=\"io\"}") > 0
        });
        // The log is written by a thread of its own, so its lines may come after the metric.
        const LOST: &str =
            "segments were removed while the collector wrote to them; all routers are resynced";
        const NOT_READY: &str = "sink is not ready; retrying";
        eventually("the loss is logged", || {
            [LOST, NOT_READY].iter().all(|text| process.line(text).is_some())
        });
        let line = process.line(NOT_READY).unwrap();
        assert!(line["cause"].as_str().unwrap().contains("was removed"), "{line}");
        process.until_ready();
        assert!(process.metric("segments_lost_total") > 0);
        router.is_closed();
        let router = dump(&process, 1, &small(24));
        let wanted = table_of(&small(24));
        eventually("the consumer holds what the router holds", || {
            durable(&process);
            consumer.read(&place);
            consumer.table(1) == wanted
        });
        let ended = process.terminate();
        assert_eq!(ended.code, Some(0), "{:#?}", ended.lines);
        drop(router);
        let process = place.start("1", NEVER);
        assert_eq!(process.metric("restored_routes"), wanted.len() as u64);
        process.kill();
    }
}
