//! The replayed stream is what the routers hold, whatever the routers do, however their bytes are cut, and whenever the sweep
//! runs (`ARCHITECTURE.md`, invariant 1).
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;

use arancini_core::{BatchSettings, Settings, Shard};
use arancini_rib::{CurationMode, DOUBT, RouteKey};

use support::world::{DumpEnd, Kind, PEERS, Router, Routes};
use support::{Harness, SECOND, router};

const ROUTERS: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    Announce(Routes, u32),
    Withdraw(Routes),
    PeerDown(usize),
    PeerUp(usize),
    /// A second Peer Up and a dump, with End-of-RIB behind it or without.
    PeerReset(usize, DumpEnd),
    Lose,
    Connect(DumpEnd),
    Deliver(usize),
    /// Time passes, and the shell does not sweep.
    Idle(u64),
    Wait(u64),
    Sweep(u64),
    /// Batches cross the bridge.
    Collect,
    /// Batches find the bridge full and are thrown away.
    Drop,
}

fn routes() -> impl Strategy<Value = Routes> {
    (
        0..PEERS,
        any::<bool>(),
        0..Kind::ALL.len(),
        0..600_u16,
        1..400_u16,
    )
        .prop_map(|(peer, post, kind, start, count)| Routes {
            peer,
            post,
            kind: Kind::ALL[kind],
            start,
            count,
        })
}

fn dump_end() -> impl Strategy<Value = DumpEnd> {
    prop::sample::select(DumpEnd::ALL.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (routes(), 0..4_u32).prop_map(|(routes, version)| Step::Announce(routes, version)),
        3 => routes().prop_map(Step::Withdraw),
        2 => (0..PEERS).prop_map(Step::PeerDown),
        2 => (0..PEERS).prop_map(Step::PeerUp),
        1 => (0..PEERS, dump_end()).prop_map(|(peer, end)| Step::PeerReset(peer, end)),
        1 => Just(Step::Lose),
        2 => dump_end().prop_map(Step::Connect),
        4 => (1..60_000_usize).prop_map(Step::Deliver),
        2 => Just(Step::Deliver(usize::MAX)),
        1 => (1..400_u64).prop_map(Step::Idle),
        1 => (1..400_u64).prop_map(Step::Wait),
        3 => (1..600_u64).prop_map(Step::Sweep),
        1 => Just(Step::Collect),
    ]
}

struct World {
    harness: Harness,
    routers: Vec<Router>,
}

impl World {
    /// Routers that are connected, with all peers up.
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let mut world = Self {
            harness: Harness::with(settings),
            routers: (1..=ROUTERS as u8).map(Router::new).collect(),
        };
        for router in &mut world.routers {
            router.connect(&mut world.harness, DumpEnd::EndOfRib);
            (0..PEERS).for_each(|peer| router.peer_up(peer));
        }
        world
    }

    fn take(&mut self, router: usize, step: &Step) {
        let Self { harness, routers } = self;
        let router = &mut routers[router];
        match step {
            Step::Announce(routes, version) => router.announce(routes, *version),
            Step::Withdraw(routes) => router.withdraw(routes),
            Step::PeerDown(peer) => router.peer_down(*peer),
            Step::PeerUp(peer) => router.peer_up(*peer),
            Step::PeerReset(peer, end) => router.peer_reset(*peer, *end),
            Step::Lose => router.lose(harness),
            Step::Connect(end) => router.connect(harness, *end),
            Step::Deliver(bytes) => router.deliver(harness, *bytes),
            Step::Idle(seconds) => harness.idle(seconds * SECOND),
            Step::Wait(seconds) => harness.wait(seconds * SECOND),
            Step::Sweep(budget) => {
                harness.shard.handle_sweep(*budget, harness.now);
            }
            Step::Collect => harness.collect(),
            Step::Drop => harness.drop_batches(),
        }
    }

    /// Reads everything, lets every wait end, and checks that consumers hold what the routers hold and what the shard's tables
    /// say.
    fn settle(&mut self) {
        self.come_to_rest();
        self.compare(Compared::Attributes);
    }

    /// Each router loses its session, comes back and dumps what it holds.
    fn dump_again(&mut self, end: DumpEnd) {
        for router in 0..ROUTERS {
            self.take(router, &Step::Lose);
            self.take(router, &Step::Connect(end));
        }
    }

    fn come_to_rest(&mut self) {
        for router in &mut self.routers {
            router.deliver_all(&mut self.harness);
        }
        self.harness.wait(1000 * SECOND);
        self.harness.published();
    }

    fn compare(&self, compared: Compared) {
        let attributes = compared == Compared::Attributes;
        let mut expected = BTreeMap::new();
        for router in self.routers.iter().filter(|router| router.session.is_some()) {
            expected.append(&mut router.expected());
        }
        let held = self.harness.consumer.held().into_iter();
        let held: BTreeMap<_, _> = held
            .map(|(key, attributes)| (key, (attributes.as_path, attributes.labels)))
            .collect();
        for (key, value) in &expected {
            let found = held.get(key);
            assert!(found.is_some(), "a route is missing: {key:?}");
            assert!(!attributes || found == Some(value), "a route is old: {key:?}");
        }
        let ghost = held.keys().find(|key| !expected.contains_key(key));
        assert_eq!(ghost, None, "a route is there that no router holds");
        let kept = fingerprints(&self.harness.shard);
        if attributes {
            assert_eq!(kept, published_fingerprints(&self.harness));
        }
        assert_eq!(kept.len(), self.harness.consumer.routes());
    }
}

/// All fingerprints that the shard keeps, sorted.
fn fingerprints(shard: &Shard) -> Vec<u64> {
    let mut all = Vec::new();
    for table in shard
        .routers()
        .flat_map(|router| &router.peers)
        .flat_map(|peer| &peer.tables)
    {
        let mut routes = 0;
        table.for_each(None, |key: RouteKey<'_>, fingerprint| {
            assert_eq!(table.fingerprint(&key, None), Some(fingerprint));
            all.push(fingerprint);
            routes += 1;
        });
        assert_eq!(table.routes(), routes);
    }
    all.sort_unstable();
    all
}

fn published_fingerprints(harness: &Harness) -> Vec<u64> {
    let held = harness.consumer.held().into_values();
    let mut all: Vec<_> = held.map(|attributes| attributes.fingerprint).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_replayed_stream_is_what_the_routers_hold(
        steps in prop::collection::vec((0..ROUTERS, step()), 1..80),
    ) {
        let mut world = World::new();
        for (router, step) in &steps {
            world.take(*router, step);
        }
        world.settle();
    }

    /// The bridge is full now and then: the next dump of each router repairs the stream.
    #[test]
    fn what_was_dropped_is_repaired_by_the_next_dump(
        steps in prop::collection::vec((0..ROUTERS, prop_oneof![6 => step(), 1 => Just(Step::Drop)]), 1..80),
        mode in curation_mode(),
        end in dump_end(),
    ) {
        let mut world = World::with(small_batches(mode));
        for (router, step) in &steps {
            world.take(*router, step);
        }
        world.harness.consumer.lossy = true;
        world.come_to_rest();
        world.dump_again(end);
        world.come_to_rest();
        world.compare(compared(mode));
    }
}

fn curation_mode() -> impl Strategy<Value = CurationMode> {
    prop::sample::select(vec![CurationMode::Attributes, CurationMode::Presence])
}

/// How much of a route has to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Presence,
    Attributes,
}

/// As much as the mode of curation keeps of a route.
const fn compared(mode: CurationMode) -> Compared {
    match mode {
        CurationMode::Presence => Compared::Presence,
        CurationMode::Attributes | CurationMode::Off => Compared::Attributes,
    }
}

/// Settings with batches that close soon, so that there is something to drop.
fn small_batches(curation: CurationMode) -> Settings {
    Settings {
        curation,
        batch: BatchSettings {
            max_messages: 7,
            ..BatchSettings::default()
        },
        ..Settings::default()
    }
}

/// An announce, a change and a withdraw are dropped, for each peer and family. The next dump repairs them, whether or not it
/// ends with End-of-RIB.
#[test]
fn a_dropped_announce_change_and_withdraw_are_said_by_the_next_dump() {
    let modes = [CurationMode::Attributes, CurationMode::Presence];
    for (mode, end) in modes
        .into_iter()
        .flat_map(|mode| DumpEnd::ALL.map(|end| (mode, end)))
    {
        for peer in 0..PEERS {
            for kind in Kind::ALL {
                let routes = |start| Routes {
                    peer,
                    post: false,
                    kind,
                    start,
                    count: 70,
                };
                let mut world = World::with(small_batches(mode));
                world.take(0, &Step::Announce(routes(0), 0));
                world.take(0, &Step::Deliver(usize::MAX));
                world.harness.published();
                let before = world.harness.consumer.routes();
                for lost in [
                    Step::Announce(routes(70), 0),
                    Step::Announce(
                        Routes {
                            count: 35,
                            ..routes(0)
                        },
                        1,
                    ),
                    Step::Withdraw(Routes {
                        count: 35,
                        ..routes(35)
                    }),
                ] {
                    world.take(0, &lost);
                }
                world.take(0, &Step::Deliver(usize::MAX));
                world.harness.wait(SECOND);
                world.take(0, &Step::Drop);
                assert_eq!(world.harness.updates().len(), 0, "all of it is lost");
                assert_eq!(world.harness.consumer.routes(), before);
                let doubts = fingerprints(&world.harness.shard);
                let changed = if mode == CurationMode::Presence { 0 } else { 35 };
                let doubts = doubts.iter().filter(|fingerprint| **fingerprint == DOUBT).count();
                assert_eq!(doubts, 70 + 35 + changed);
                world.dump_again(end);
                world.come_to_rest();
                world.compare(compared(mode));
            }
        }
    }
}

/// A router that did not come back, and a peer that is down, will not dump again: withdraws of their routes are kept.
#[test]
fn withdraws_that_no_dump_would_repair_are_not_dropped() {
    for gone in [Step::Lose, Step::PeerDown(0)] {
        let routes = Routes {
            peer: 0,
            post: false,
            kind: Kind::V4,
            start: 0,
            count: 300,
        };
        let mut world = World::with(small_batches(CurationMode::Attributes));
        world.take(0, &Step::Announce(routes, 0));
        world.take(0, &Step::Deliver(usize::MAX));
        world.harness.published();
        world.take(0, &gone);
        world.take(0, &Step::Deliver(usize::MAX));
        world.take(0, &Step::Wait(400));
        world.take(0, &Step::Drop);
        world.harness.published();
        assert_eq!(world.harness.consumer.routes(), 0);
    }
}

/// A router is forgotten while some of its tables still wait for the sweep, and then comes back. Tables still wait because they
/// were doomed twice, or because the router withdrew the last of their routes itself.
#[test]
fn a_router_that_returns_after_it_was_forgotten_is_a_new_one() {
    let routes = Routes {
        peer: 0,
        post: false,
        kind: Kind::V4,
        start: 0,
        count: 399,
    };
    let all = || Step::Deliver(usize::MAX);
    let doomed = [Step::Announce(routes.clone(), 0), all(), Step::PeerDown(0), all()];
    let withdrawn = [Step::PeerUp(0), Step::Withdraw(routes), all()];
    for steps in [doomed.to_vec(), [&doomed[..], &withdrawn].concat()] {
        let mut world = World::new();
        for step in steps.iter().chain(&[Step::Lose, Step::Idle(310)]) {
            world.take(0, step);
        }
        while world.harness.shard.router(router(1)).is_some() {
            world.harness.shard.handle_sweep(1, world.harness.now);
        }
        world.take(0, &Step::Connect(DumpEnd::EndOfRib));
        world.settle();
    }
}

/// The sequence numbers of a router go on where they were, whatever the wall clock says by then (found by the simulator, seed
/// 41).
#[test]
fn a_router_that_returns_after_the_wall_clock_was_set_back_goes_on_above_its_last_sequence() {
    let routes = Routes {
        peer: 0,
        post: false,
        kind: Kind::V4,
        start: 0,
        count: 10,
    };
    let mut world = World::new();
    world.take(0, &Step::Announce(routes, 0));
    world.take(0, &Step::Deliver(usize::MAX));
    world.take(0, &Step::Lose);
    world.take(0, &Step::Wait(400));
    world.harness.published();
    assert!(world.harness.shard.router(router(1)).is_none(), "forgotten");
    world.harness.now.unix_ns -= 3600 * SECOND;
    world.take(0, &Step::Connect(DumpEnd::EndOfRib));
    world.settle();
}

/// Routes that a router does not announce again are withdrawn, at End-of-RIB or after a quiet period; for each peer and family,
/// with path identifiers and without.
#[test]
fn what_a_router_does_not_bring_back_is_withdrawn() {
    for end in DumpEnd::ALL {
        for peer in 0..PEERS {
            for kind in Kind::ALL {
                let routes = |start| Routes {
                    peer,
                    post: false,
                    kind,
                    start,
                    count: 200,
                };
                let mut world = World::new();
                for step in [
                    Step::Announce(routes(0), 0),
                    Step::Deliver(usize::MAX),
                    Step::Lose,
                    Step::Announce(routes(50), 1),
                    Step::Withdraw(routes(150)),
                    Step::Connect(end),
                ] {
                    world.take(0, &step);
                }
                world.settle();
                assert_eq!(world.harness.consumer.routes(), 150);
            }
        }
    }
}

/// While the broker is away the bridge is full and nothing is received. The dump that waits to be read is not over (found by the
/// simulator, seed 15).
#[test]
fn a_dump_that_nobody_reads_for_want_of_room_is_not_over() {
    let routes = Routes {
        peer: 0,
        post: false,
        kind: Kind::V4,
        start: 0,
        count: 300,
    };
    let mut world = World::new();
    world.take(0, &Step::Announce(routes, 0));
    world.take(0, &Step::Deliver(usize::MAX));
    world.harness.published();
    world.take(0, &Step::Lose);
    world.take(0, &Step::Connect(DumpEnd::Silence));
    for _ in 0..200 {
        world.harness.shard.handle_receive_paused(world.harness.now);
        world.take(0, &Step::Wait(1));
    }
    world.take(0, &Step::Deliver(usize::MAX));
    let updates = world.harness.updates();
    assert_eq!(updates.len(), 0, "the table came back as it was");
    world.settle();
}

/// A dump of many tables takes longer than the quiet period. A table whose turn has not come yet does not settle.
#[test]
fn a_table_waits_for_its_turn_in_a_long_dump() {
    let mut world = World::new();
    for peer in [0, 2, 3] {
        let routes = Routes {
            peer,
            post: false,
            kind: Kind::V4,
            start: 0,
            count: 300,
        };
        world.take(0, &Step::Announce(routes, 0));
    }
    world.take(0, &Step::Deliver(usize::MAX));
    world.harness.published();
    world.take(0, &Step::Lose);
    world.take(0, &Step::Connect(DumpEnd::Silence));
    for _ in 0..30 {
        world.take(0, &Step::Deliver(3000));
        world.take(0, &Step::Wait(10));
    }
    let updates = world.harness.updates();
    assert_eq!(updates.len(), 0, "the table came back as it was");
    world.settle();
}
