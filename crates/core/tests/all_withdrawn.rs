//! `allWithdrawn` of the events of a resync: whether a consumer that applies updates alone is right behind `resync-end`
//! (`docs/consumers.md`). That it is right is checked by the consumer of all tests (`support/consumer.rs`) and by the simulator.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use arancini_core::snapshot::Restore;
use arancini_core::{Batch, KeptAttributes, RepeatedPart, ResyncWay, SessionId, Settings};
use arancini_generate::{end_of_rib, route_monitoring};
use arancini_rib::CurationMode;
use arancini_schema::events::RouterEventKind;
use arancini_wire::iana::AfiSafi;

use support::consumer::Resyncs;
use support::restart::{load, restart_with, snapshot};
use support::stream::Event;
use support::wire::{Destination, announce, as_path, origin, peer, up};
use support::{Harness, SECOND, router};

const PREFIX: Destination = Destination::V4([10, 1, 0, 0], 16);
const OTHER: Destination = Destination::V4([10, 2, 0, 0], 16);

fn settings() -> Settings {
    Settings {
        attributes: KeptAttributes::Retain { most_bytes: 1 << 20 },
        ..Settings::default()
    }
}

/// A collector that retains attributes, without routers.
fn collector() -> Harness {
    let mut harness = Harness::with(settings());
    harness.shard.alone();
    harness.consumer.resyncs = Resyncs::Expected;
    harness
}

/// The router connects and dumps these routes.
fn dump(harness: &mut Harness, routes: &[&Destination]) -> SessionId {
    let session = harness.session();
    harness.send(session, &up(&peer(1)));
    let attributes = [origin(0), as_path(&[70_000])].concat();
    for route in routes {
        harness.send(session, &announce(&peer(1), &attributes, &[(route, None)], 0));
    }
    let end = end_of_rib(AfiSafi::IPV4_UNICAST);
    harness.send(session, &route_monitoring(&peer(1), &end));
    session
}

/// Asks for a resync of a part of the router.
fn ask(harness: &mut Harness, part: &RepeatedPart) {
    let now = harness.now;
    harness.shard.handle_repeat(router(1), part, now).unwrap();
}

/// What the resyncs say that have begun or ended: the begin, then the end.
fn said(events: &[Event]) -> Vec<(RouterEventKind, bool)> {
    let routers = events.iter().filter_map(|event| match event {
        Event::Router(event) => Some((event.kind, event.all_withdrawn)),
        _ => None,
    });
    let said: Vec<_> = routers.collect();
    let is_resync = |kind| matches!(kind, RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd);
    assert!(said.iter().all(|(kind, says)| is_resync(*kind) || !says));
    said.into_iter().filter(|(kind, _)| is_resync(*kind)).collect()
}

/// Lets everything come to its end. Returns what the resyncs say.
fn finish(harness: &mut Harness) -> Vec<(RouterEventKind, bool)> {
    harness.wait(100 * SECOND);
    while harness.shard.handle_sweep(50, harness.now) {
        harness.collect();
    }
    said(&harness.published())
}

/// A begin and an end that say this.
fn both(says: bool) -> Vec<(RouterEventKind, bool)> {
    vec![
        (RouterEventKind::ResyncBegin, says),
        (RouterEventKind::ResyncEnd, says),
    ]
}

fn closed_batches(harness: &mut Harness) -> Vec<Batch> {
    harness.shard.handle_seal();
    std::iter::from_fn(|| harness.shard.poll_batch()).collect()
}

/// The router dumps one route less after this, and says what it has to say. Returns what the resync says.
fn reconnects(harness: &mut Harness, session: SessionId) -> Vec<(RouterEventKind, bool)> {
    harness.close(session);
    dump(harness, &[&PREFIX]);
    finish(harness)
}

#[test]
fn a_resync_on_request_withdraws_all() {
    let mut harness = collector();
    dump(&mut harness, &[&PREFIX, &OTHER]);
    finish(&mut harness);
    let family = RepeatedPart {
        peer: None,
        family: Some(AfiSafi::IPV4_UNICAST),
    };
    for part in [RepeatedPart::default(), family] {
        ask(&mut harness, &part);
        assert_eq!(finish(&mut harness), both(true));
    }
}

/// Whoever has swept is right, so the resync behind it withdraws all again.
#[test]
fn a_resync_behind_one_that_had_to_be_swept_withdraws_all() {
    let mut harness = collector();
    let session = dump(&mut harness, &[&PREFIX, &OTHER]);
    assert!(harness.shard.handle_need_resync(router(1)));
    assert_eq!(reconnects(&mut harness, session), both(false));
    ask(&mut harness, &RepeatedPart::default());
    assert_eq!(finish(&mut harness), both(true));
}

#[test]
fn a_resync_after_a_loss_has_to_be_swept() {
    let mut harness = collector();
    let session = dump(&mut harness, &[&PREFIX, &OTHER]);
    finish(&mut harness);
    let now = harness.now;
    let way = harness.shard.handle_loss(router(1), now);
    assert_eq!(way, Some(ResyncWay::Attributes));
    assert_eq!(finish(&mut harness), both(false));
    // A loss during a resync on request: the end of that never comes.
    ask(&mut harness, &RepeatedPart::default());
    let way = harness.shard.handle_loss(router(1), now);
    assert_eq!(way, Some(ResyncWay::Dump));
    let mut expected = both(false);
    expected.insert(0, (RouterEventKind::ResyncBegin, true));
    assert_eq!(reconnects(&mut harness, session), expected);
}

/// A dropped withdraw comes again behind the next dump, and not before the end of this resync.
#[test]
fn a_resync_of_which_updates_are_dropped_has_to_be_swept() {
    let mut harness = collector();
    let session = dump(&mut harness, &[&PREFIX, &OTHER]);
    finish(&mut harness);
    harness.consumer.lossy = true;
    ask(&mut harness, &RepeatedPart::default());
    harness.collect();
    // One of the two routes.
    harness.shard.handle_sweep(2, harness.now);
    harness.shard.handle_seal();
    harness.drop_batches();
    let mut expected = both(false);
    expected[0].1 = true;
    assert_eq!(finish(&mut harness), expected);
    assert_eq!(reconnects(&mut harness, session), []);
    ask(&mut harness, &RepeatedPart::default());
    assert_eq!(finish(&mut harness), both(true));
}

#[test]
fn a_router_that_stays_away_after_a_loss_has_to_be_swept() {
    let mut harness = collector();
    let session = dump(&mut harness, &[&PREFIX, &OTHER]);
    finish(&mut harness);
    assert!(harness.shard.handle_need_resync(router(1)));
    harness.close(session);
    let mut expected = both(false);
    expected.insert(0, (RouterEventKind::ResyncBegin, false));
    harness.idle(1000 * SECOND);
    assert_eq!(finish(&mut harness), expected);
    assert!(harness.shard.router(router(1)).is_none());
}

/// Without a restore, nobody knows what an earlier run has published.
#[test]
fn the_first_resync_of_a_router_has_to_be_swept_if_nobody_has_read_the_past() {
    for strangers in [false, true] {
        let mut harness = collector();
        if strangers {
            harness.shard.handle_resync_strangers();
        } else {
            harness.shard.handle_unread_past();
        }
        dump(&mut harness, &[&PREFIX, &OTHER]);
        if !strangers {
            assert_eq!(finish(&mut harness), []);
            let family = RepeatedPart {
                peer: None,
                family: Some(AfiSafi::IPV4_UNICAST),
            };
            ask(&mut harness, &family);
            assert_eq!(finish(&mut harness), both(false));
            ask(&mut harness, &RepeatedPart::default());
        }
        assert_eq!(finish(&mut harness), both(false));
        ask(&mut harness, &RepeatedPart::default());
        assert_eq!(finish(&mut harness), both(true));
    }
}

/// How a resync was under way when the collector was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnderWay {
    OnRequest,
    OfAPart,
    AfterALoss,
}

/// The resync is only in the snapshot, only in the tail, or in a stream that is read from the beginning.
#[test]
fn a_resync_that_is_repeated_after_a_crash_says_what_the_first_one_said() {
    for (under_way, says) in [
        (UnderWay::OnRequest, true),
        (UnderWay::OfAPart, true),
        (UnderWay::AfterALoss, false),
    ] {
        for in_snapshot in [false, true] {
            let mut harness = collector();
            dump(&mut harness, &[&PREFIX, &OTHER]);
            finish(&mut harness);
            let (before, _) = snapshot(&mut harness, 100, |_| {});
            let now = harness.now;
            match under_way {
                UnderWay::OnRequest => ask(&mut harness, &RepeatedPart::default()),
                UnderWay::OfAPart => {
                    let family = Some(AfiSafi::IPV4_UNICAST);
                    ask(&mut harness, &RepeatedPart { peer: None, family });
                }
                UnderWay::AfterALoss => {
                    harness.shard.handle_loss(router(1), now);
                }
            }
            let (after, _) = snapshot(&mut harness, 100, |_| {});
            let mut restore = load(if in_snapshot { &after } else { &before }).unwrap();
            let tail = closed_batches(&mut harness);
            assert_eq!(tail.len(), 1, "the begin");
            for batch in tail.iter().filter(|_| !in_snapshot) {
                restore.apply(batch.kind, &batch.payload).unwrap();
            }
            tail.iter().for_each(|batch| harness.read(batch));
            harness.published();
            restart_with(&mut harness, restore, settings());
            harness.shard.alone();
            dump(&mut harness, &[&PREFIX]);
            assert_eq!(
                finish(&mut harness),
                both(says),
                "{under_way:?}, in the snapshot: {in_snapshot}"
            );
        }
    }
}

/// What a start has found out about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// It has all messages.
    Whole,
    /// It has lost some.
    Gap,
    /// Another collector has published the router since.
    OtherCollector,
    /// The same, and then this collector has begun a resync of it.
    BackFromOtherCollector,
}

#[test]
fn a_start_from_a_stream_that_is_not_whole_has_to_be_swept() {
    for (start, says) in [
        (Start::Whole, None),
        (Start::Gap, Some(false)),
        (Start::OtherCollector, Some(false)),
        (Start::BackFromOtherCollector, Some(false)),
    ] {
        let mut harness = collector();
        dump(&mut harness, &[&PREFIX, &OTHER]);
        let stream = closed_batches(&mut harness);
        let mut restore = Restore::new(CurationMode::Attributes);
        for batch in &stream {
            restore.apply(batch.kind, &batch.payload).unwrap();
            harness.read(batch);
        }
        harness.published();
        match start {
            Start::Whole => {}
            Start::Gap => restore.need_resync(),
            Start::OtherCollector => restore.disown(router(1)),
            Start::BackFromOtherCollector => {
                restore.disown(router(1));
                assert!(harness.shard.handle_need_resync(router(1)));
                dump(&mut harness, &[&PREFIX, &OTHER]);
                for batch in &closed_batches(&mut harness) {
                    restore.apply(batch.kind, &batch.payload).unwrap();
                    harness.read(batch);
                }
                harness.published();
            }
        }
        let last = harness.shard.router(router(1)).unwrap().sequence();
        restart_with(&mut harness, restore, settings());
        harness.shard.alone();
        harness.shard.handle_sequence_floor(last);
        if start == Start::OtherCollector {
            harness.shard.handle_resync_strangers();
        }
        dump(&mut harness, &[&PREFIX]);
        assert_eq!(
            finish(&mut harness),
            says.map_or_else(Vec::new, both),
            "{start:?}"
        );
    }
}
