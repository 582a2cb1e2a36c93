//! A resync on request: the tables are published again beside whatever the router says meanwhile, and a consumer that begins at
//! `resync-begin` with nothing holds at the end what the tables hold.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use arancini_core::ask::PeerSelector;
use arancini_core::{
    Batch, KeptAttributes, RepeatRefusal, RepeatedPart, RepeatedPeer, ResyncWay, Router, SessionId, Settings,
};
use arancini_generate::{Peer, PeerDown, end_of_rib, peer_down, route_monitoring};
use arancini_rib::CurationMode;
use arancini_schema::events::RouterEventKind;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use proptest::prelude::*;

use support::consumer::{Consumer, Resyncs};
use support::restart::{held, load, restart_with, snapshot};
use support::stream::{Attributes, Event, RouteKey, Table};
use support::wire::{Destination, announce, as_path, origin, peer, up, withdraw};
use support::{Harness, SECOND, router};

const PEERS: u8 = 2;

fn settings() -> Settings {
    Settings {
        attributes: KeptAttributes::Retain { most_bytes: 1 << 20 },
        ..Settings::default()
    }
}

fn destination(number: u8) -> Destination {
    match number % 4 {
        0 => Destination::V4([10, number, 0, 0], 16),
        1 => Destination::V6(0x2001_0db8 << 96 | u128::from(number) << 64, 64),
        2 => Destination::Vpn4(7, [10, number, 0, 0], 16),
        _ => Destination::Evpn(u32::from(number)),
    }
}

#[derive(Debug, Clone)]
enum Step {
    Announce(u8, std::ops::Range<u8>, u32),
    Withdraw(u8, std::ops::Range<u8>),
    PeerDown(u8),
    PeerUp(u8),
    Lose,
    Reconnect,
    /// The router stays away until its routes are given up.
    StayAway,
    Repeat(RepeatedPart),
    Sweep(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = || (0..200_u8, 1..40_u8).prop_map(|(from, count)| from..from.saturating_add(count));
    prop_oneof![
        8 => (1..=PEERS, numbers(), 0..3_u32).prop_map(|(peer, to, version)| Step::Announce(peer, to, version)),
        3 => (1..=PEERS, numbers()).prop_map(|(peer, to)| Step::Withdraw(peer, to)),
        1 => (1..=PEERS).prop_map(Step::PeerDown),
        1 => (1..=PEERS).prop_map(Step::PeerUp),
        1 => Just(Step::Lose),
        2 => Just(Step::Reconnect),
        1 => Just(Step::StayAway),
        4 => part().prop_map(Step::Repeat),
        6 => (1..60_u64).prop_map(Step::Sweep),
    ]
}

/// The whole router in half of the cases.
fn part() -> impl Strategy<Value = RepeatedPart> {
    let view = prop_oneof![
        Just(None),
        Just(Some(RibView::AdjRibInPre)),
        Just(Some(RibView::AdjRibInPost))
    ];
    let one = (1..=PEERS, view).prop_map(|(number, view)| part_peer(number, view));
    let family = prop_oneof![Just(AfiSafi::IPV4_UNICAST), Just(AfiSafi::IPV6_UNICAST)];
    prop_oneof![
        2 => Just(RepeatedPart::default()),
        1 => family.clone().prop_map(|family| RepeatedPart { family: Some(family), peer: None }),
        1 => one.clone().prop_map(|peer| RepeatedPart { peer: Some(peer), family: None }),
        1 => (one, family).prop_map(|(peer, family)| RepeatedPart { peer: Some(peer), family: Some(family) }),
    ]
}

fn part_peer(number: u8, view: Option<RibView>) -> RepeatedPeer {
    RepeatedPeer {
        selector: PeerSelector {
            address: peer(number).address,
            bgp_id: None,
            peer_type: None,
            distinguisher: None,
        },
        view,
    }
}

/// Whether a table of the router belongs to the part.
fn covers(part: &RepeatedPart, table: &Table) -> bool {
    let key = &table.key;
    let of_peer = part
        .peer
        .is_none_or(|peer| peer.selector.selects(&key.peer) && peer.view.is_none_or(|view| view == key.view));
    of_peer && part.family.is_none_or(|family| family == key.family)
}

struct World {
    harness: Harness,
    session: Option<SessionId>,
    events: Vec<Event>,
    /// The part that was published again last.
    part: RepeatedPart,
}

impl World {
    fn new() -> Self {
        let mut harness = Harness::with(settings());
        // The others have no attributes to publish again.
        harness.shard.alone();
        harness.consumer.resyncs = Resyncs::Expected;
        let mut world = Self {
            harness,
            session: None,
            events: Vec::new(),
            part: RepeatedPart::default(),
        };
        world.take(&Step::Reconnect);
        world
    }

    fn say(&mut self, bytes: &[u8]) {
        if let Some(session) = self.session {
            self.harness.send(session, bytes);
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Announce(number, to, version) => {
                let of_version = [origin(0), as_path(&[70_000 + version])].concat();
                for to in to.clone().map(destination) {
                    self.say(&announce(&peer(*number), &of_version, &[(&to, None)], 100));
                }
            }
            Step::Withdraw(number, to) => {
                for to in to.clone().map(destination) {
                    self.say(&withdraw(&peer(*number), &[(&to, None)]));
                }
            }
            Step::PeerDown(number) => self.say(&peer_down(&peer(*number), &PeerDown::LocalEvent(2))),
            Step::PeerUp(number) => self.say(&up(&peer(*number))),
            Step::Lose => {
                if let Some(session) = self.session.take() {
                    self.harness.close(session);
                }
            }
            Step::Reconnect => {
                self.take(&Step::Lose);
                self.session = Some(self.harness.session());
                for number in 1..=PEERS {
                    self.say(&up(&peer(number)));
                    self.take(&Step::Announce(number, 0..20, 0));
                    self.say(&route_monitoring(
                        &peer(number),
                        &end_of_rib(AfiSafi::IPV4_UNICAST),
                    ));
                }
            }
            Step::StayAway => {
                self.take(&Step::Lose);
                self.harness.idle(400 * SECOND);
            }
            Step::Repeat(part) => {
                let asked = self.repeat(part);
                if asked.is_ok() {
                    self.part = *part;
                }
            }
            Step::Sweep(budget) => {
                self.harness.shard.handle_sweep(*budget, self.harness.now);
            }
        }
        self.harness.collect();
    }

    /// Requests a resync of a part of the router.
    fn repeat(&mut self, part: &RepeatedPart) -> Result<usize, RepeatRefusal> {
        let Harness { shard, now, .. } = &mut self.harness;
        shard.handle_repeat(router(1), part, *now)
    }

    /// Lets the shard come to its end, and reads everything that it has published.
    fn finish(&mut self) {
        while self.harness.shard.handle_sweep(50, self.harness.now) {
            self.harness.collect();
        }
        self.events.extend(self.harness.published());
    }

    /// Closes all batches and takes them.
    fn closed_batches(&mut self) -> Vec<Batch> {
        self.harness.shard.handle_seal();
        std::iter::from_fn(|| self.harness.shard.poll_batch()).collect()
    }

    fn count(&self, wanted: RouterEventKind) -> usize {
        let kinds = self.events.iter().filter_map(Event::router_kind);
        kinds.filter(|kind| *kind == wanted).count()
    }
}

/// What a consumer holds at the end that had nothing at the last `resync-begin`.
fn held_since_begin(events: &[Event]) -> BTreeMap<(Table, RouteKey), Attributes> {
    let begin = events
        .iter()
        .rposition(|event| event.router_kind() == Some(RouterEventKind::ResyncBegin));
    let mut tables = BTreeMap::new();
    for event in &events[begin.map_or(0, |begin| begin + 1)..] {
        let Some(update) = event.clone().into_update() else {
            continue;
        };
        let of = (update.table, update.route);
        match update.announced {
            Some(attributes) => {
                let before = tables.insert(of.clone(), attributes.clone());
                assert_ne!(before, Some(attributes), "announced twice alike: {of:?}");
            }
            None => {
                tables.remove(&of);
            }
        }
    }
    tables
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_consumer_that_begins_with_the_resync_holds_what_the_tables_hold(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.finish();
        // The consumer of the whole stream checks every update.
        let mut whole = world.harness.consumer.held();
        prop_assert_eq!(whole.len(), held(&world.harness.shard).len());
        let mut tables = held_since_begin(&world.events);
        tables.retain(|(table, _), _| covers(&world.part, table));
        whole.retain(|(table, _), _| covers(&world.part, table));
        prop_assert_eq!(whole, tables);
        prop_assert_eq!(world.count(RouterEventKind::ResyncBegin), world.count(RouterEventKind::ResyncEnd));
        prop_assert!(!world.harness.shard.needs_sweep());
    }
}

#[derive(Debug, Clone)]
enum LossyStep {
    Step(Step),
    /// A consumer loses so many of the last messages, and the collector hears of it.
    Loss(usize),
}

fn lossy_step() -> impl Strategy<Value = LossyStep> {
    prop_oneof![
        8 => step().prop_map(LossyStep::Step),
        1 => (1..40_usize).prop_map(LossyStep::Loss),
    ]
}

/// A world, and a consumer that loses messages.
struct LossyWorld {
    world: World,
    reader: Consumer,
}

impl LossyWorld {
    fn new() -> Self {
        let mut reader = Consumer::of(CurationMode::Attributes);
        (reader.lossy, reader.resyncs) = (true, Resyncs::Expected);
        Self {
            world: World::new(),
            reader,
        }
    }

    fn lose(&mut self, most: usize) -> Option<ResyncWay> {
        let messages = self.world.harness.sealed();
        let kept = messages.len().saturating_sub(most);
        messages
            .iter()
            .take(kept)
            .for_each(|message| self.reader.take(message));
        let Harness { shard, now, .. } = &mut self.world.harness;
        // Withdraws of a router that is forgotten may be among the lost messages.
        shard.handle_resync_strangers();
        let way = shard.handle_loss(router(1), *now);
        if way == Some(ResyncWay::Dump) {
            self.world.take(&Step::Lose);
        }
        way
    }

    /// Lets everything come to its end, and lets the consumer read the rest.
    fn finish(&mut self) {
        let Harness { shard, now, .. } = &mut self.world.harness;
        while shard.handle_sweep(50, *now) {}
        if shard.router(router(1)).is_none_or(Router::needs_resync) {
            self.world.take(&Step::Reconnect);
            self.world.harness.wait(60 * SECOND);
        }
        for message in self.world.harness.sealed() {
            self.reader.take(&message);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_consumer_that_loses_messages_holds_what_the_tables_hold_behind_the_resync(
        steps in prop::collection::vec(lossy_step(), 1..60),
    ) {
        let mut lossy = LossyWorld::new();
        for step in &steps {
            match step {
                LossyStep::Step(step) => lossy.world.take(step),
                LossyStep::Loss(most) => { lossy.lose(*most); }
            }
        }
        lossy.finish();
        let harness = &lossy.world.harness;
        prop_assert_eq!(lossy.reader.held(), harness.consumer.held());
        prop_assert_eq!(lossy.reader.routes(), held(&harness.shard).len());
    }
}

#[test]
fn a_loss_is_made_up_for_from_the_attributes_and_the_session_goes_on() {
    let mut lossy = LossyWorld::new();
    let withdrawn = Step::Withdraw(1, 0..10);
    lossy.world.take(&withdrawn);
    // All the consumer hears of is what comes behind the loss.
    assert_eq!(lossy.lose(usize::MAX), Some(ResyncWay::Attributes));
    let session = lossy.world.session;
    lossy.world.take(&Step::Announce(2, 30..40, 1));
    lossy.finish();
    let harness = &lossy.world.harness;
    assert_eq!(harness.shard.router(router(1)).unwrap().session(), session);
    assert_eq!(lossy.reader.held(), harness.consumer.held());
    assert_eq!(lossy.reader.routes(), held(&harness.shard).len());
    assert_eq!(harness.counters.resyncs_from_attributes.get(), 1);
}

#[test]
fn a_router_with_a_route_without_attributes_has_to_dump_again_after_a_loss() {
    // The attributes are not retained at all.
    let mut lean = Harness::new();
    lean.shard.alone();
    lean.session();
    assert_eq!(lean.shard.handle_loss(router(9), lean.now), None);
    assert_eq!(lean.shard.handle_loss(router(1), lean.now), Some(ResyncWay::Dump));
    assert!(lean.shard.router(router(1)).unwrap().needs_resync());
    assert_eq!(lean.counters.resyncs_by_dump.get(), 1);

    // Routes are in doubt, because a batch was thrown away.
    let mut doubtful = LossyWorld::new();
    doubtful.world.finish();
    doubtful.world.say(&announce(
        &peer(1),
        &[origin(0), as_path(&[70_009])].concat(),
        &[(&destination(0), None)],
        100,
    ));
    doubtful.world.harness.shard.handle_seal();
    doubtful.world.harness.drop_batches();
    let shard = &mut doubtful.world.harness.shard;
    let asked = shard.handle_repeat(router(1), &RepeatedPart::default(), doubtful.world.harness.now);
    assert_eq!(
        asked,
        Err(RepeatRefusal::InDoubt),
        "its routes in doubt would be missing"
    );
    assert_eq!(doubtful.lose(0), Some(ResyncWay::Dump));
    // Its dump was the resync. There is no doubt any more.
    doubtful.finish();
    assert_eq!(doubtful.lose(0), Some(ResyncWay::Attributes));

    // What a resync that is under way has published may be lost.
    assert_eq!(doubtful.lose(usize::MAX), Some(ResyncWay::Dump));
    doubtful.finish();
    let harness = &doubtful.world.harness;
    assert_eq!(doubtful.reader.held(), harness.consumer.held());
}

#[test]
fn a_resync_on_request_is_published_in_slices() {
    let mut world = World::new();
    for number in 0..10 {
        world.take(&Step::Announce(
            1,
            number * 20..(number + 1) * 20,
            u32::from(number),
        ));
    }
    world.finish();
    let routes = held(&world.harness.shard).len();
    world.events.clear();
    let asked = world.repeat(&RepeatedPart::default());
    assert_eq!(asked, Ok(routes));
    let again = world.repeat(&RepeatedPart::default());
    assert_eq!(again, Err(RepeatRefusal::Running));
    let mut slices = 0;
    while world.harness.shard.handle_sweep(20, world.harness.now) {
        world.harness.collect();
        slices += 1;
    }
    assert!(slices >= routes / 10, "{slices} slices for {routes} routes");
    world.finish();
    assert_eq!(held_since_begin(&world.events).len(), routes);
    let counters = &world.harness.counters;
    assert_eq!(counters.repeated_announces.get(), routes as u64);
    assert!(matches!(
        world.events.first().unwrap().router_kind(),
        Some(RouterEventKind::ResyncBegin)
    ));
    assert!(matches!(
        world.events.last().unwrap().router_kind(),
        Some(RouterEventKind::ResyncEnd)
    ));
}

/// Nobody would publish the rest after a restart, and consumers hold routes that may be gone.
#[test]
fn a_restart_in_the_middle_of_a_resync_on_request_makes_the_next_dump_a_resync() {
    let mut world = World::new();
    world.finish();
    world.repeat(&RepeatedPart::default()).unwrap();
    world.harness.shard.handle_sweep(10, world.harness.now);
    world.events.extend(world.harness.published());
    let (bytes, _) = snapshot(&mut world.harness, 100, |_| {});
    restart_with(&mut world.harness, load(&bytes).unwrap(), settings());
    world.harness.consumer.resyncs = Resyncs::Expected;
    world.take(&Step::Reconnect);
    world.harness.wait(60 * SECOND);
    world.finish();
    assert_eq!(world.count(RouterEventKind::ResyncBegin), 2);
    assert_eq!(world.count(RouterEventKind::ResyncEnd), 1);
    assert_eq!(
        held_since_begin(&world.events).len(),
        held(&world.harness.shard).len()
    );
}

/// The rest of the part is not published after a restart, and consumers hold routes of the part that may be gone.
#[test]
fn a_restart_in_the_middle_of_a_resync_of_a_part_makes_the_next_dump_a_resync() {
    let part = RepeatedPart {
        peer: Some(part_peer(1, Some(RibView::AdjRibInPre))),
        family: None,
    };
    for taken_before in [true, false] {
        let mut world = World::new();
        world.finish();
        let (before, _) = snapshot(&mut world.harness, 100, |_| {});
        world.repeat(&part).unwrap();
        world.harness.shard.handle_sweep(10, world.harness.now);
        let tail = world.closed_batches();
        let (within, _) = snapshot(&mut world.harness, 100, |_| {});
        let mut restore = load(if taken_before { &before } else { &within }).unwrap();
        for batch in tail.iter().filter(|_| taken_before) {
            restore.apply(batch.kind, &batch.payload).unwrap();
        }
        let routers = restore.into_routers();
        assert!(routers.iter().all(Router::needs_resync), "{taken_before}");
    }
}

#[test]
fn a_restart_behind_a_resync_of_a_part_has_all_routes_and_needs_no_resync() {
    let mut world = World::new();
    world.finish();
    let routes = held(&world.harness.shard).len();
    let (bytes, _) = snapshot(&mut world.harness, 100, |_| {});
    world
        .repeat(&RepeatedPart {
            peer: Some(part_peer(1, None)),
            family: Some(AfiSafi::IPV4_UNICAST),
        })
        .unwrap();
    while world.harness.shard.handle_sweep(10, world.harness.now) {}
    let mut restore = load(&bytes).unwrap();
    for batch in world.closed_batches() {
        restore.apply(batch.kind, &batch.payload).unwrap();
    }
    assert_eq!(restore.routes(), routes);
    let routers = restore.into_routers();
    assert!(!routers.iter().any(Router::needs_resync));
}

#[test]
fn a_resync_of_a_part_names_the_part_and_publishes_nothing_else() {
    let mut world = World::new();
    world.finish();
    world.events.clear();
    let part = RepeatedPart {
        peer: Some(part_peer(2, Some(RibView::AdjRibInPre))),
        family: Some(AfiSafi::IPV6_UNICAST),
    };
    let routes = world.repeat(&part).unwrap();
    world.finish();
    let updates: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| event.clone().into_update())
        .collect();
    assert_eq!(updates.len(), routes);
    assert!(routes > 0 && updates.iter().all(|update| covers(&part, &update.table)));
    let of_all_views = RepeatedPart {
        peer: Some(part_peer(2, None)),
        family: None,
    };
    world.events.clear();
    world.repeat(&of_all_views).unwrap();
    world.finish();
    assert_eq!(world.count(RouterEventKind::ResyncBegin), RibView::ALL.len());
    assert_eq!(world.count(RouterEventKind::ResyncEnd), RibView::ALL.len());
}

#[test]
fn a_resync_that_cannot_be_is_refused() {
    let mut world = World::new();
    let now = world.harness.now;
    let whole = RepeatedPart::default();
    let mut ask = |number| world.harness.shard.handle_repeat(router(number), &whole, now);
    assert_eq!(ask(9), Err(RepeatRefusal::UnknownRouter));
    for (number, refusal) in [(9, RepeatRefusal::UnknownPeer), (1, RepeatRefusal::SeveralPeers)] {
        // Another peer of the same address, in a VRF.
        let in_vrf = Peer {
            peer_type: 1,
            distinguisher: 7,
            ..peer(1)
        };
        world.say(&up(&in_vrf));
        let part = RepeatedPart {
            peer: Some(part_peer(number, None)),
            family: None,
        };
        assert_eq!(world.repeat(&part), Err(refusal));
    }
    let mut ask = |number| world.harness.shard.handle_repeat(router(number), &whole, now);
    assert_eq!(ask(9), Err(RepeatRefusal::UnknownRouter));
    world.harness.shard.handle_need_resync(router(1));
    let asked = world.harness.shard.handle_repeat(router(1), &whole, now);
    assert_eq!(asked, Err(RepeatRefusal::ResyncDue));

    let mut lean = Harness::new();
    lean.shard.alone();
    lean.session();
    let asked = lean.shard.handle_repeat(router(1), &whole, lean.now);
    assert_eq!(asked, Err(RepeatRefusal::NotRetained));

    // No room for any attributes.
    let mut full = Harness::with(Settings {
        attributes: KeptAttributes::Retain { most_bytes: 10 },
        ..Settings::default()
    });
    full.shard.alone();
    let session = full.session();
    full.send(session, &up(&peer(1)));
    let attributes = [origin(0), as_path(&[70_000])].concat();
    full.send(
        session,
        &announce(&peer(1), &attributes, &[(&destination(0), None)], 0),
    );
    let asked = full.shard.handle_repeat(router(1), &whole, full.now);
    assert_eq!(asked, Err(RepeatRefusal::UnknownAttributes(1)));
}
