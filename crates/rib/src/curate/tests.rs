//! Compares curation with a model of the router and of a consumer, where batches are thrown away, the collector is restarted, and
//! the epochs are about to be counted anew.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::sets::{AttributeSets, Content, Retained, Round};

/// How far below the last epoch a table begins.
const EPOCHS_LEFT: u32 = 4;

/// Whether the batch with what a step publishes reaches consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batch {
    Published,
    Dropped,
}

#[derive(Debug, Clone)]
enum Step {
    /// The router announces a route with these attributes.
    Announce(u16, u8, Batch),
    Withdraw(u16, Batch),
    /// The session is lost, and the router comes back.
    NewSession,
    /// The router announces so many of the routes that it did not announce yet in its session.
    Dump(usize, Batch),
    /// The router announces the rest of them, and End-of-RIB.
    EndOfDump,
    /// Nothing of a Peer Down is thrown away, because no dump repairs it.
    PeerDown,
    SweepSlice(Batch),
    /// The collector takes a snapshot, and starts again with it.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let batch = || prop_oneof![3 => Just(Batch::Published), 1 => Just(Batch::Dropped)];
    prop_oneof![
        20 => (0..400_u16, 0..3_u8, batch()).prop_map(|(route, to, batch)| Step::Announce(route, to, batch)),
        8 => (0..400_u16, batch()).prop_map(|(route, batch)| Step::Withdraw(route, batch)),
        3 => Just(Step::NewSession),
        3 => (0..100_usize, batch()).prop_map(|(routes, batch)| Step::Dump(routes, batch)),
        2 => Just(Step::EndOfDump),
        1 => Just(Step::PeerDown),
        4 => batch().prop_map(Step::SweepSlice),
        1 => Just(Step::Restart),
    ]
}

fn key(route: u16) -> RouteKey<'static> {
    RouteKey::Ipv4 {
        address: u32::from(route) << 8,
        length: 24,
        path_id: None,
    }
}

fn number(key: &RouteKey<'_>) -> u16 {
    match *key {
        RouteKey::Ipv4 { address, .. } => (address >> 8) as u16,
        _ => unreachable!(),
    }
}

fn table(mode: CurationMode) -> CuratedTable {
    let epoch = MAXIMUM_EPOCH - EPOCHS_LEFT;
    CuratedTable {
        epoch,
        doomed_below: epoch,
        ..CuratedTable::new(KeyShape::Ipv4, mode)
    }
}

struct World {
    mode: CurationMode,
    table: CuratedTable,
    router: BTreeMap<u16, u64>,
    /// Routes of the router that it did not announce yet in its session.
    unannounced: BTreeSet<u16>,
    consumer: BTreeMap<u16, u64>,
    /// Whether a Peer Down waits for the sweep.
    peer_is_down: bool,
}

impl World {
    fn new(mode: CurationMode) -> Self {
        Self {
            mode,
            table: table(mode),
            router: BTreeMap::new(),
            unannounced: BTreeSet::new(),
            consumer: BTreeMap::new(),
            peer_is_down: false,
        }
    }

    fn announce(&mut self, route: u16, fingerprint: u64, batch: Batch) {
        self.unannounced.remove(&route);
        self.router.insert(route, fingerprint);
        let curation = self.table.announce(&key(route), fingerprint);
        if curation == Curation::Suppress {
            let held = self.consumer.get(&route).copied();
            match self.mode {
                CurationMode::Attributes => assert_eq!(held, Some(fingerprint), "route {route} is hidden"),
                CurationMode::Presence => assert!(held.is_some(), "route {route} is hidden"),
                CurationMode::Off => panic!("nothing is suppressed"),
            }
        } else if batch == Batch::Published {
            self.consumer.insert(route, fingerprint);
        } else {
            self.table.doubt(&key(route), &mut Fingerprints);
        }
    }

    fn withdraw(&mut self, route: u16, batch: Batch) {
        self.unannounced.remove(&route);
        self.router.remove(&route);
        if self.table.withdraw(&key(route), &mut Fingerprints) == Curation::Suppress {
            assert!(
                !self.consumer.contains_key(&route),
                "the withdraw of route {route} is hidden"
            );
        } else if batch == Batch::Published {
            self.consumer.remove(&route);
        } else {
            self.table.doubt(&key(route), &mut Fingerprints);
        }
    }

    fn new_session(&mut self) {
        self.table.mark_stale();
        self.unannounced = self.router.keys().copied().collect();
    }

    fn dump(&mut self, routes: usize, batch: Batch) {
        let routes: Vec<u16> = self.unannounced.iter().copied().take(routes).collect();
        for route in routes {
            self.announce(route, self.router[&route], batch);
        }
    }

    fn end_of_dump(&mut self) {
        self.dump(usize::MAX, Batch::Published);
        self.table.doom_stale(Doom::NotReannounced);
    }

    fn sweep_slice(&mut self, batch: Batch) -> bool {
        let mut gone = Vec::new();
        let more = self.table.sweep(&mut Fingerprints, |key| gone.push(number(&key)));
        for route in gone {
            if batch == Batch::Published || self.peer_is_down {
                self.consumer.remove(&route);
            } else {
                self.table.doubt(&key(route), &mut Fingerprints);
            }
        }
        self.peer_is_down &= more;
        more
    }

    fn restart(&mut self) {
        let mut restored = table(self.mode);
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self
                .table
                .visit(at, None, |key, fingerprint| restored.restore(&key, fingerprint));
        }
        self.table = restored;
        self.peer_is_down = false;
        self.new_session();
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Announce(route, attributes, batch) => {
                self.announce(route, u64::from(attributes) + 1, batch)
            }
            Step::Withdraw(route, batch) => self.withdraw(route, batch),
            Step::NewSession => self.new_session(),
            Step::Dump(routes, batch) => self.dump(routes, batch),
            Step::EndOfDump => self.end_of_dump(),
            Step::PeerDown => {
                self.table.doom_all(Doom::PeerDown);
                self.router.clear();
                self.unannounced.clear();
                self.peer_is_down = true;
            }
            Step::SweepSlice(batch) => _ = self.sweep_slice(batch),
            Step::Restart => self.restart(),
        }
    }

    /// The next whole dump repairs everything.
    fn check(mut self) {
        self.new_session();
        self.end_of_dump();
        while self.sweep_slice(Batch::Published) {}
        match self.mode {
            CurationMode::Attributes => assert_eq!(self.consumer, self.router),
            CurationMode::Presence => assert!(self.consumer.keys().eq(self.router.keys())),
            CurationMode::Off => assert!(self.router.keys().all(|route| self.consumer.contains_key(route))),
        }
    }
}

proptest! {
    #[test]
    fn a_whole_dump_repairs_the_stream_in_every_mode_whatever_was_lost(
        steps in prop::collection::vec(step(), 1..300),
    ) {
        for mode in [CurationMode::Attributes, CurationMode::Presence, CurationMode::Off] {
            let mut world = World::new(mode);
            steps.iter().for_each(|step| world.take(step));
            world.check();
        }
    }
}

/// A route whose announce was thrown away counted as known after a restart, and was never published.
#[test]
fn a_dropped_route_is_in_doubt_after_a_restart_in_presence_mode_too() {
    let mut world = World::new(CurationMode::Presence);
    world.announce(1, 7, Batch::Dropped);
    world.restart();
    world.end_of_dump();
    assert!(world.consumer.contains_key(&1));
}

/// At the last epoch, every stale route was removed without a withdraw.
#[test]
fn no_route_goes_without_a_withdraw_when_the_epochs_are_counted_anew() {
    for mode in [CurationMode::Attributes, CurationMode::Presence] {
        let mut world = World::new(mode);
        (0..300).for_each(|route| world.announce(route, 7, Batch::Published));
        for _ in 0..EPOCHS_LEFT {
            world.new_session();
            world.dump(200, Batch::Published);
        }
        assert_eq!(world.table.epoch, MAXIMUM_EPOCH);
        // 200 routes are current, 100 are stale.
        world.new_session();
        assert_eq!((world.table.epoch, world.table.len()), (5, 300));
        world.dump(50, Batch::Published);
        (50..300).for_each(|route| _ = world.router.remove(&route));
        world.unannounced.clear();
        world.check();
    }
}

/// An announce that changes nothing was not published, though consumers may not hold the route.
#[test]
fn routes_that_are_all_in_doubt_are_published_again_or_withdrawn() {
    for mode in [CurationMode::Attributes, CurationMode::Presence] {
        let mut table = World::new(mode).table;
        (0..300).for_each(|route| _ = table.announce(&key(route), 7_u64));
        table.doubt_all();
        let mut visited = Vec::new();
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = table.visit(at, None, |_, fingerprint| visited.push(fingerprint));
        }
        assert_eq!(visited, [DOUBT; 300], "a snapshot has the doubt");
        for route in 0..200 {
            assert_eq!(table.announce(&key(route), 7_u64), Curation::Emit);
            assert_eq!(table.announce(&key(route), 7_u64), Curation::Suppress);
        }
        assert_eq!(table.withdraw(&key(299), &mut Fingerprints), Curation::Emit);
        table.doom_stale(Doom::NotReannounced);
        let mut gone = 0;
        while table.sweep(&mut Fingerprints, |_| gone += 1) {}
        assert_eq!((gone, table.len()), (99, 200));
    }
}

/// A resync on request announced routes that consumers had swept: the resync of a dump had put them in doubt.
#[test]
fn routes_that_are_all_in_doubt_are_not_published_on_request() {
    let mut sets = AttributeSets::new(1 << 20);
    let mut table = World::new(CurationMode::Attributes).table;
    let content = || {
        Some(Content {
            two_octet_asns: false,
            attributes: &[1, 2, 3],
            labels: &[],
        })
    };
    let first = Round::default();
    let mut announce = |table: &mut CuratedTable, route| {
        let set = sets.find_or_add(7, content);
        table.announce(&key(route), Retained::new(&mut sets, set, 1, first))
    };
    (0..10).for_each(|route| _ = announce(&mut table, route));
    table.doubt_all();
    assert_eq!(announce(&mut table, 3), Curation::Emit);
    let mut published = Vec::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        cursor = table.publish_in_round(at, first.next(), |route, _| {
            published.push(format!("{route:?}"));
            true
        });
    }
    assert_eq!(published, [format!("{:?}", key(3))]);
}
