//! What `resync-end` says of the withdraws before it, in each case of the table in `docs/consumers.md`: a consumer that applies
//! updates, and sweeps only where the event asks for it, holds what the router holds.

use std::collections::BTreeMap;

use arancini_bed::Backup;
use arancini_generate::Scenario;
use arancini_schema::update_capnp::RouterEventKind;

use crate::command::{Process, arancini};
use crate::place::{NEVER, Place, dump, durable};
use crate::support::{
    ResyncEvent, Router, Table, Update, eventually, router_address, runtime, small, table_of,
};

const RETAIN: (&str, &str) = ("ARANCINI_RIB__ATTRIBUTES", "retain");
const OTHER_NAME: (&str, &str) = ("ARANCINI_COLLECTOR_NAME", "two");

/// A message that decides what a consumer holds.
enum Said {
    Update(Update),
    Resync(ResyncEvent),
}

/// A consumer of router 1 that reads all that is stored now and then. It keeps what is removed later.
#[derive(Default)]
struct Consumer(BTreeMap<u64, Said>);

impl Consumer {
    fn read(&mut self, place: &Place) {
        let stored = place.stored();
        let of_router = |router| router == router_address(1);
        let updates = stored.updates.into_iter();
        let updates = updates.filter(|update| of_router(update.router));
        self.0
            .extend(updates.map(|update| (update.sequence, Said::Update(update))));
        let resyncs = stored.resyncs.into_iter();
        let resyncs = resyncs.filter(|event| of_router(event.router));
        self.0
            .extend(resyncs.map(|event| (event.sequence, Said::Resync(event))));
    }

    /// What the consumer holds.
    fn table(&self) -> Table {
        let mut held = BTreeMap::new();
        let mut begun = 0;
        for (sequence, said) in &self.0 {
            match said {
                Said::Update(update) => {
                    let route = (update.route.peer, update.route.prefix);
                    if update.announced {
                        held.insert(route, (*sequence, update.as_path.clone()));
                    } else {
                        held.remove(&route);
                    }
                }
                Said::Resync(event) if event.kind == RouterEventKind::ResyncBegin => begun = *sequence,
                Said::Resync(event) if !event.all_withdrawn => {
                    held.retain(|_, (announced, _)| *announced > begun);
                }
                Said::Resync(_) => {}
            }
        }
        let routes = held.into_iter();
        routes.map(|(route, (_, path))| (route, path)).collect()
    }

    /// What the ends of the resyncs say, in order.
    fn ends(&self) -> Vec<bool> {
        let ends = self.0.values().filter_map(|said| match said {
            Said::Resync(event) => Some(event).filter(|event| event.kind == RouterEventKind::ResyncEnd),
            Said::Update(_) => None,
        });
        ends.map(|event| event.all_withdrawn).collect()
    }

    /// Waits until the consumer holds what the router holds, and so many resyncs have ended. What they say.
    fn follows(&mut self, place: &Place, process: &Process, scenario: &Scenario, ends: usize) -> Vec<bool> {
        let wanted = table_of(scenario);
        eventually("the consumer holds what the router holds", || {
            durable(process);
            self.read(place);
            self.ends().len() == ends && self.table() == wanted
        });
        self.ends()
    }
}

/// The table of the router before and after what happens. Some routes are only in the first one.
fn before_and_after() -> [Scenario; 2] {
    let before = Scenario {
        churn_rounds: 0,
        ..small(61)
    };
    let after = Scenario {
        seed: 62,
        ..before.clone()
    };
    [before, after]
}

/// Asks for a resync of router 1, as soon as the collector gives one.
fn ask(process: &Process) {
    let control = format!("http://{}", process.control());
    let router = router_address(1).to_string();
    eventually("the router is resynced on request", || {
        let mut command = arancini();
        command.args(["resync", "--control", &control, &router]);
        command.output().unwrap().status.success()
    });
}

fn ends_with_the_router(process: Process, router: Router) {
    process.kill();
    drop(router);
}

#[test]
fn a_resync_on_request_says_that_all_is_withdrawn_and_there_is_none_if_only_the_snapshot_is_lost() {
    let Some(mut place) = Place::stream() else { return };
    let [before, after] = before_and_after();
    let mut consumer = Consumer::default();
    let process = place.start_with("2", NEVER, &[RETAIN]);
    let router = dump(&process, 1, &before);
    ask(&process);
    assert_eq!(consumer.follows(&place, &process, &before, 1), [true]);
    ends_with_the_router(process, router);
    place.directory = tempfile::tempdir().unwrap();
    let process = place.start_with("1", NEVER, &[RETAIN]);
    let router = dump(&process, 1, &after);
    assert_eq!(consumer.follows(&place, &process, &after, 1), [true]);
    ends_with_the_router(process, router);
}

/// Withdraws are lost, and this consumer never read them.
#[test]
fn a_resync_after_a_loss_says_that_consumers_have_to_sweep() {
    let Some(mut place) = Place::stream() else { return };
    let [before, after] = before_and_after();
    let mut consumer = Consumer::default();
    let process = place.start_with("2", NEVER, &[RETAIN]);
    drop(dump(&process, 1, &before));
    consumer.read(&place);
    let backup = Backup::of(place.server.as_mut().unwrap());
    let router = dump(&process, 1, &after);
    let wanted = table_of(&after);
    eventually("what is not there any more is withdrawn", || {
        durable(&process);
        place.stored().table(1) == wanted
    });
    backup.put_back(place.server.as_mut().unwrap());
    assert_eq!(consumer.follows(&place, &process, &after, 1), [false]);
    ask(&process);
    assert_eq!(consumer.follows(&place, &process, &after, 2), [false, true]);
    ends_with_the_router(process, router);
}

/// The announces are lost before a start without a snapshot, and this consumer read them.
#[test]
fn a_start_from_the_rest_of_the_stream_says_that_consumers_have_to_sweep() {
    let Some(mut place) = Place::stream() else { return };
    let [before, after] = before_and_after();
    let mut consumer = Consumer::default();
    let process = place.start("2", NEVER);
    let router = dump(&process, 1, &before);
    ends_with_the_router(process, router);
    consumer.read(&place);
    place.directory = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let server = place.server.as_ref().unwrap();
        let context = async_nats::jetstream::new(async_nats::connect(server.url()).await.unwrap());
        let stream = context.get_stream("ARANCINI").await.unwrap();
        let half = stream.cached_info().state.last_sequence / 2;
        stream.purge().sequence(half.max(2)).await.unwrap();
    });
    let process = place.start("1", NEVER);
    let router = dump(&process, 1, &after);
    assert_eq!(consumer.follows(&place, &process, &after, 1), [false]);
    ends_with_the_router(process, router);
}

/// Without a fence that excludes the other one, what it published is not relied on, and none of it is withdrawn.
#[test]
fn a_renamed_collector_without_its_directory_says_that_consumers_have_to_sweep() {
    let Some(mut place) = Place::stream() else { return };
    let [before, after] = before_and_after();
    let mut consumer = Consumer::default();
    let process = place.start("2", NEVER);
    let router = dump(&process, 1, &before);
    ends_with_the_router(process, router);
    place.directory = tempfile::tempdir().unwrap();
    let process = place.start_with("1", NEVER, &[OTHER_NAME, RETAIN]);
    let router = dump(&process, 1, &after);
    assert_eq!(consumer.follows(&place, &process, &after, 1), [false]);
    ask(&process);
    assert_eq!(consumer.follows(&place, &process, &after, 2), [false, true]);
    ends_with_the_router(process, router);
}

#[test]
fn the_first_resync_says_that_consumers_have_to_sweep_where_nothing_is_restored() {
    let Some(place) = Place::stream() else { return };
    let [before, after] = before_and_after();
    let mut consumer = Consumer::default();
    let settings = [RETAIN, ("ARANCINI_SNAPSHOTS__ENABLED", "false")];
    let process = place.start_with("2", NEVER, &settings);
    let router = dump(&process, 1, &before);
    ends_with_the_router(process, router);
    let process = place.start_with("1", NEVER, &settings);
    let router = dump(&process, 1, &after);
    for ends in [vec![false], vec![false, true]] {
        ask(&process);
        assert_eq!(consumer.follows(&place, &process, &after, ends.len()), ends);
    }
    ends_with_the_router(process, router);
}
