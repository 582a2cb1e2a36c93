//! Answers to questions equal those of a naive model, whatever happened before, in slices and pages of any size.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use arancini_core::ask::{
    Answer, AttributeFilter, CommunityFilter, Match, PeerSelector, Position, Prefix, Question, RouteAnswer,
    RouteName, Search, Selector,
};
use arancini_core::{KeptAttributes, PeerChange, PeerState, RouterChange, SessionId, Settings};
use arancini_generate::{
    AddPathMode, Open, Peer, PeerDown, Statistic, end_of_rib, initiation, peer_down, peer_up,
    route_monitoring, statistics_report,
};
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

use support::restart::{load, restart_with, snapshot};
use support::wire::{Destination, announce, as_path, attribute, origin, peer, up, v4, withdraw};
use support::{Harness, SECOND, router};

const ROUTERS: u8 = 2;
/// The peer that sends several paths for an IPv4 prefix.
const ADD_PATH: u8 = 2;
const PEERS: u8 = 2;

/// What names a route: router, peer, destination, path identifier.
type Id = (u8, u8, Destination, Option<u32>);

/// A route of the naive model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    version: u32,
    is_stale: bool,
}

#[derive(Debug, Clone)]
struct Routes {
    router: u8,
    peer: u8,
    destinations: Vec<(Destination, u32)>,
}

#[derive(Debug, Clone)]
enum Step {
    Announce(Routes, u32),
    Withdraw(Routes),
    PeerDown(u8, u8),
    PeerUp(u8, u8),
    Lose(u8),
    Reconnect(u8),
    Restart,
    Sweep(u64),
}

/// Prefixes of few addresses and any length, so that many cover each other.
fn destination() -> impl Strategy<Value = Destination> {
    let v4 = (
        prop::sample::select(vec![0x0a01_0203_u32, 0x0a01_8207, 0xc000_0201]),
        0..=32_u8,
    );
    let v4 = v4.prop_map(|(bits, length)| {
        let mask = u32::MAX.checked_shr(length.into()).unwrap_or(0);
        ((bits & !mask).to_be_bytes(), length)
    });
    let v6 = (
        prop::sample::select(vec![0x2001_0db8_u128 << 96 | 7, 0x2001_0db8_0001 << 80]),
        0..=128_u8,
    );
    let v6 = v6.prop_map(|(bits, length)| {
        let mask = u128::MAX.checked_shr(length.into()).unwrap_or(0);
        (bits & !mask, length)
    });
    prop_oneof![
        4 => v4.clone().prop_map(|(address, length)| Destination::V4(address, length)),
        2 => v6.prop_map(|(address, length)| Destination::V6(address, length)),
        2 => (1..3_u64, v4.clone()).prop_map(|(rd, (address, length))| Destination::Vpn4(rd, address, length)),
        1 => v4.prop_map(|(address, length)| Destination::Labelled4(address, length)),
        1 => (0..20_u32).prop_map(Destination::Evpn),
    ]
}

fn routes() -> impl Strategy<Value = Routes> {
    let destinations = prop::collection::vec((destination(), 1..4_u32), 1..30);
    (1..=ROUTERS, 1..=PEERS, destinations).prop_map(|(router, peer, destinations)| Routes {
        router,
        peer,
        destinations,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let one = || (1..=ROUTERS, 1..=PEERS);
    prop_oneof![
        8 => (routes(), 0..4_u32).prop_map(|(routes, version)| Step::Announce(routes, version)),
        3 => routes().prop_map(Step::Withdraw),
        1 => one().prop_map(|(router, peer)| Step::PeerDown(router, peer)),
        1 => one().prop_map(|(router, peer)| Step::PeerUp(router, peer)),
        1 => (1..=ROUTERS).prop_map(Step::Lose),
        2 => (1..=ROUTERS).prop_map(Step::Reconnect),
        1 => Just(Step::Restart),
        1 => (1..50_u64).prop_map(Step::Sweep),
    ]
}

/// What is asked: a prefix, how routes have to agree with it, and the size of slices and pages.
fn question() -> impl Strategy<Value = (Destination, Match, usize, usize)> {
    let matching = [Match::Exact, Match::Longest, Match::Covering, Match::Covered];
    (
        destination(),
        prop::sample::select(matching.to_vec()),
        prop::sample::select(vec![1, 30, 2000]),
        prop::sample::select(vec![1, 3, 1000]),
    )
}

struct World {
    harness: Harness,
    sessions: BTreeMap<u8, SessionId>,
    up: BTreeSet<(u8, u8)>,
    held: BTreeMap<Id, Held>,
    /// Each Peer Up is about another BGP session.
    peer_ups: u16,
}

/// The tables retain the attributes of their routes.
fn settings() -> Settings {
    Settings {
        attributes: KeptAttributes::Retain { most_bytes: 1 << 20 },
        ..Settings::default()
    }
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            harness: Harness::with(settings()),
            sessions: BTreeMap::new(),
            up: (1..=ROUTERS)
                .flat_map(|router| (1..=PEERS).map(move |peer| (router, peer)))
                .collect(),
            held: BTreeMap::new(),
            peer_ups: 0,
        };
        (1..=ROUTERS).for_each(|router| world.reconnect(router));
        world
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Announce(routes, version) => self.announce(&routes, version),
            Step::Withdraw(routes) => self.withdraw(&routes),
            Step::PeerDown(router, number) => {
                if self.sessions.contains_key(&router) && self.up.remove(&(router, number)) {
                    self.say(router, peer_down(&peer(number), &PeerDown::LocalEvent(2)));
                    self.held.retain(|id, _| (id.0, id.1) != (router, number));
                }
            }
            Step::PeerUp(router, number) => {
                if self.sessions.contains_key(&router) && self.up.insert((router, number)) {
                    self.say_peer_up(router, number);
                }
            }
            Step::Lose(router) => {
                if let Some(session) = self.sessions.remove(&router) {
                    self.harness.close(session);
                    self.make_stale(|of| of == router);
                }
            }
            Step::Reconnect(router) => self.reconnect(router),
            Step::Restart => {
                // Withdraws of the sweep that come after a snapshot are in the stream, which a restart reads too.
                self.harness.published();
                // A router without routes is forgotten, and begins again with the sequence that the clock gives.
                self.harness.wait(SECOND);
                let (bytes, _) = snapshot(&mut self.harness, 100, |_| {});
                restart_with(&mut self.harness, load(&bytes).unwrap(), settings());
                self.sessions.clear();
                self.make_stale(|_| true);
            }
            Step::Sweep(budget) => {
                self.harness.shard.handle_sweep(budget, self.harness.now);
            }
        }
    }

    fn say(&mut self, router: u8, bytes: Vec<u8>) {
        if let Some(session) = self.sessions.get(&router) {
            self.harness.send(*session, &bytes);
        }
    }

    fn say_peer_up(&mut self, router: u8, number: u8) {
        let peer = peer(number);
        let mut sent = Open::new(64_496, Ipv4Addr::new(192, 0, 2, 1));
        let mut received = Open::new(peer.asn, peer.bgp_id);
        if number == ADD_PATH {
            sent = sent.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
            received = received.with_add_path(AfiSafi::IPV4_UNICAST, AddPathMode::Both);
        }
        let mut message = peer_up(&peer, v4("192.0.2.1"), &sent, &received);
        self.peer_ups += 1;
        // The peer's port, behind the headers, the local address and the local port.
        message[66..68].copy_from_slice(&self.peer_ups.to_be_bytes());
        self.say(router, message);
    }

    fn make_stale(&mut self, of: impl Fn(u8) -> bool) {
        for (id, held) in &mut self.held {
            held.is_stale |= of(id.0);
        }
    }

    /// The router connects, and dumps what it holds.
    fn reconnect(&mut self, number: u8) {
        let session = self.harness.open(router(number));
        self.sessions.insert(number, session);
        self.say(number, initiation("simulated", "router"));
        for index in 1..=PEERS {
            if !self.up.contains(&(number, index)) {
                continue;
            }
            self.say_peer_up(number, index);
            let routes = self.held.clone().into_iter();
            for (id, held) in routes.filter(|(id, _)| (id.0, id.1) == (number, index)) {
                let path_id = id.3;
                self.say(number, announcement(&peer(index), &id.2, path_id, held.version));
            }
            for family in [
                AfiSafi::IPV4_UNICAST,
                AfiSafi::IPV6_UNICAST,
                AfiSafi::IPV4_VPN,
                AfiSafi::IPV4_LABELLED,
                AfiSafi::EVPN,
            ] {
                self.say(number, route_monitoring(&peer(index), &end_of_rib(family)));
            }
        }
        for (id, held) in &mut self.held {
            held.is_stale &= id.0 != number;
        }
    }

    /// The routes of the router's present session and its peers that are up.
    fn ids(&self, routes: &Routes) -> Vec<Id> {
        let Routes { router, peer, .. } = *routes;
        if !self.sessions.contains_key(&router) || !self.up.contains(&(router, peer)) {
            return Vec::new();
        }
        let destinations = routes.destinations.iter().cloned();
        destinations
            .map(|(to, path_id)| {
                let has_paths = peer == ADD_PATH && to.family() == AfiSafi::IPV4_UNICAST;
                (router, peer, to, has_paths.then_some(path_id))
            })
            .collect()
    }

    fn announce(&mut self, routes: &Routes, version: u32) {
        for id in self.ids(routes) {
            self.say(id.0, announcement(&peer(id.1), &id.2, id.3, version));
            let is_stale = false;
            self.held.insert(id, Held { version, is_stale });
        }
    }

    fn withdraw(&mut self, routes: &Routes) {
        for id in self.ids(routes) {
            self.say(id.0, withdraw(&peer(id.1), &[(&id.2, id.3)]));
            self.held.remove(&id);
        }
    }

    /// All pages of an answer, each in slices of this many routes.
    fn ask(
        &self,
        selector: &Selector,
        search: Option<Search>,
        budget: usize,
        limit: usize,
    ) -> Vec<RouteAnswer> {
        let question = || Question::routes(selector.clone(), search, limit);
        self.pages(question, budget, limit)
    }

    fn pages(&self, question: impl Fn() -> Question, budget: usize, limit: usize) -> Vec<RouteAnswer> {
        let mut all = Vec::new();
        let mut from = Position::START;
        loop {
            let mut question = question().going_on(from);
            while self.harness.shard.poll_question(&mut question, budget) {}
            let outcome = question.finish();
            let Answer::Routes(routes) = outcome.answer else {
                panic!("not routes: {:?}", outcome.answer);
            };
            assert!(!outcome.left_out, "all attributes are known, after a restart too");
            assert!(routes.len() <= limit);
            all.extend(routes);
            let Some(rest) = outcome.rest else {
                return all;
            };
            // As a client returns it.
            from = serde_json::from_str(&serde_json::to_string(&rest).unwrap()).unwrap();
        }
    }
}

/// The attributes of a version, as the peer announces them: the last AS and the communities differ.
fn announcement(peer: &Peer, to: &Destination, path_id: Option<u32>, version: u32) -> Vec<u8> {
    let standard = [64_500_u16.to_be_bytes(), (version as u16 % 2).to_be_bytes()].concat();
    let large = [64_500, 1, version / 2].map(u32::to_be_bytes).concat();
    let attributes = [
        origin(0),
        as_path(&[peer.asn, 70_000 + version]),
        attribute(0xc0, 8, &standard),
        attribute(0xc0, 32, &large),
    ]
    .concat();
    announce(peer, &attributes, &[(to, path_id)], 100)
}

/// The address in the highest bits, and the length; `None` if it is no prefix.
fn prefix_of(to: &Destination) -> Option<(bool, u128, u8)> {
    match *to {
        Destination::V4(address, length)
        | Destination::Labelled4(address, length)
        | Destination::Vpn4(_, address, length) => {
            Some((true, u128::from(u32::from_be_bytes(address)) << 96, length))
        }
        Destination::V6(address, length) | Destination::Vpn6(_, address, length) => {
            Some((false, address, length))
        }
        Destination::Evpn(_) => None,
    }
}

fn covers(one: &Destination, other: &Destination) -> bool {
    let (Some((four, address, length)), Some((other_four, other, other_length))) =
        (prefix_of(one), prefix_of(other))
    else {
        return false;
    };
    let within = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    four == other_four && length <= other_length && (address ^ other) & !within == 0
}

fn distinguisher(to: &Destination) -> Option<u64> {
    match *to {
        Destination::Vpn4(rd, ..) | Destination::Vpn6(rd, ..) => Some(rd),
        _ => None,
    }
}

/// What the model answers.
fn expected(held: &BTreeMap<Id, Held>, asked: &Destination, matching: Match) -> BTreeMap<Id, Held> {
    let length = |to: &Destination| prefix_of(to).map_or(0, |(_, _, length)| length);
    let same_table = |one: &Id, other: &Id| {
        (one.0, one.1, one.2.family(), distinguisher(&one.2))
            == (other.0, other.1, other.2.family(), distinguisher(&other.2))
    };
    let is_meant = |id: &Id| match matching {
        Match::Exact => covers(&id.2, asked) && covers(asked, &id.2),
        Match::Covering => covers(&id.2, asked),
        Match::Covered => covers(asked, &id.2),
        Match::Longest => {
            covers(&id.2, asked)
                && !held.keys().any(|other| {
                    same_table(id, other) && covers(&other.2, asked) && length(&other.2) > length(&id.2)
                })
        }
    };
    let meant = held.iter().filter(|(id, _)| is_meant(id));
    meant.map(|(id, held)| (id.clone(), *held)).collect()
}

/// A filter of each kind, and two of them together, with values that some routes have.
fn filter() -> impl Strategy<Value = AttributeFilter> {
    let community = prop_oneof![
        (0..3_u16).prop_map(|value| CommunityFilter::Standard(64_500, value)),
        (0..3_u32).prop_map(|value| CommunityFilter::Large([64_500, 1, value])),
        Just(CommunityFilter::Extended("rt:64500:1".to_owned())),
    ];
    let next_hop = prop::sample::select(vec![v4("192.0.2.254"), "2001:db8::fe".parse().unwrap()]);
    (
        prop::option::weighted(0.3, 70_000..70_004_u32),
        prop::option::weighted(0.3, prop_oneof![70_000..70_004_u32, 64_500..64_503_u32]),
        prop::option::weighted(0.3, community),
        prop::option::weighted(0.3, next_hop),
    )
        .prop_map(|(origin_as, path_as, community, next_hop)| AttributeFilter {
            origin_as,
            path_as,
            community,
            next_hop,
        })
}

/// Whether the filter selects a route of the model, whose attributes are those of [`announcement`].
fn is_selected(filter: &AttributeFilter, id: &Id, held: &Held) -> bool {
    let version = held.version;
    let next_hop = match id.2 {
        Destination::V6(..) | Destination::Vpn6(..) => "2001:db8::fe".parse().unwrap(),
        _ => v4("192.0.2.254"),
    };
    filter.origin_as.is_none_or(|asn| asn == 70_000 + version)
        && filter
            .path_as
            .is_none_or(|asn| asn == 70_000 + version || asn == peer(id.1).asn)
        && filter.community.as_ref().is_none_or(|community| match community {
            CommunityFilter::Standard(_, value) => u32::from(*value) == version % 2,
            CommunityFilter::Large([.., value]) => *value == version / 2,
            CommunityFilter::Extended(_) => false,
        })
        && filter.next_hop.is_none_or(|address| address == next_hop)
}

/// The route of an answer in the words of the model.
fn id_of(answer: &RouteAnswer) -> Id {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => 0,
    };
    let of_peer = IpAddr::from(answer.table.peer.address).to_canonical();
    let to = match &answer.name {
        RouteName::Prefix {
            distinguisher,
            prefix,
            ..
        } => {
            let rd = distinguisher.map(u64::from_be_bytes);
            match (prefix.address(), rd, answer.table.family) {
                (IpAddr::V4(address), Some(rd), _) => {
                    Destination::Vpn4(rd, address.octets(), prefix.length())
                }
                (IpAddr::V4(address), None, AfiSafi::IPV4_LABELLED) => {
                    Destination::Labelled4(address.octets(), prefix.length())
                }
                (IpAddr::V4(address), None, _) => Destination::V4(address.octets(), prefix.length()),
                (IpAddr::V6(address), None, _) => Destination::V6(address.to_bits(), prefix.length()),
                (IpAddr::V6(address), Some(rd), _) => {
                    Destination::Vpn6(rd, address.to_bits(), prefix.length())
                }
            }
        }
        RouteName::Opaque { nlri, .. } => {
            let tag = (0..20).find(|tag| Destination::Evpn(*tag).nlri(None, 100) == **nlri);
            Destination::Evpn(tag.unwrap())
        }
    };
    (number(answer.router), number(of_peer), to, answer.name.path_id())
}

fn asked_prefix(to: &Destination) -> Option<Prefix> {
    let (four, bits, length) = prefix_of(to)?;
    let address = if four {
        IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    };
    Prefix::new(address, length).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_is_that_of_a_naive_model(
        steps in prop::collection::vec(step(), 1..40),
        questions in prop::collection::vec(question(), 1..12),
        filters in prop::collection::vec(filter(), 1..4),
    ) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        let mut fingerprints = HashMap::new();
        let mut check = |answers: Vec<RouteAnswer>, expected: BTreeMap<Id, Held>| {
            let mut found = BTreeMap::new();
            for answer in answers {
                let id = id_of(&answer);
                let version = expected.get(&id).map_or(u32::MAX, |held| held.version);
                let of = (id.1, id.2.family(), version);
                prop_assert_eq!(
                    *fingerprints.entry(of).or_insert(answer.fingerprint),
                    answer.fingerprint,
                    "{:?}", &id
                );
                let is_stale = answer.is_stale;
                let before = found.insert(id, Held { version, is_stale });
                prop_assert_eq!(before, None, "a route is answered twice");
            }
            prop_assert_eq!(found, expected);
            Ok(())
        };
        for (asked, matching, budget, limit) in questions {
            let Some(prefix) = asked_prefix(&asked) else {
                let answers = world.ask(&Selector::default(), None, budget, limit);
                check(answers, world.held.clone())?;
                continue;
            };
            let search = Search { prefix, matching };
            let answers = world.ask(&Selector::default(), Some(search), budget, limit);
            check(answers, expected(&world.held, &asked, matching))?;
            // The same of one table only.
            let selector = Selector {
                router: Some(router(1)),
                peer: Some(PeerSelector {
                    address: v4("203.0.113.2"),
                    bgp_id: None,
                    peer_type: None,
                    distinguisher: None,
                }),
                view: Some(RibView::AdjRibInPre),
                family: Some(AfiSafi::IPV4_UNICAST),
            };
            let answers = world.ask(&selector, Some(search), budget, limit);
            let mut of_table = world.held.clone();
            of_table.retain(|id, _| id.0 == 1 && id.1 == 2 && id.2.family() == AfiSafi::IPV4_UNICAST);
            check(answers, expected(&of_table, &asked, matching))?;
        }
        for filter in &filters {
            for (budget, limit) in [(1, 1), (30, 3), (2000, 1000)] {
                let question =
                    || Question::routes(Selector::default(), None, limit).with_attributes(filter.clone());
                let mut selected = world.held.clone();
                selected.retain(|id, held| is_selected(filter, id, held));
                check(world.pages(question, budget, limit), selected)?;
            }
        }
    }
}

/// A page of routers, peers or counts, and whether there are more.
fn inventory(harness: &Harness, question: Question, budget: usize) -> (Answer, Option<Position>) {
    let mut question = question;
    while harness.shard.poll_question(&mut question, budget) {}
    let outcome = question.finish();
    (outcome.answer, outcome.rest)
}

fn world_of_two() -> World {
    let mut world = World::new();
    for number in 1..=ROUTERS {
        let routes = Routes {
            router: number,
            peer: 1,
            destinations: (0..u32::from(number) * 10)
                .map(|index| (Destination::V4([10, index as u8, 0, 0], 16), 1))
                .collect(),
        };
        world.announce(&routes, 0);
    }
    world
}

#[test]
fn routers_are_answered_page_by_page_with_their_peers_and_routes() {
    let mut world = world_of_two();
    world.take(Step::PeerDown(2, 2));
    world.take(Step::Lose(1));
    for budget in [1, 2000] {
        let mut from = Position::START;
        let mut found = Vec::new();
        loop {
            let question = Question::routers(Selector::default(), 1).going_on(from);
            let (Answer::Routers(routers), rest) = inventory(&world.harness, question, budget) else {
                panic!("not routers");
            };
            found.extend(routers);
            match rest {
                Some(rest) => from = rest,
                None => break,
            }
        }
        let of: Vec<_> = found
            .iter()
            .map(|found| (found.router, found.peers, found.peers_up, found.routes))
            .collect();
        assert_eq!(of, [(router(1), 2, 0, 10), (router(2), 2, 1, 20)]);
        assert_eq!((found[1].counts[0].tables, found[1].counts[0].routes), (1, 20));
        let changes: Vec<_> = found[0]
            .changes
            .last()
            .iter()
            .map(|change| change.what.clone())
            .collect();
        let lost = RouterChange::Lost("connection reset".into());
        assert_eq!(changes, [RouterChange::Connected, lost]);
    }
}

#[test]
fn a_router_that_is_cut_in_the_middle_is_not_answered() {
    let world = world_of_two();
    let mut question = Question::routers(Selector::default(), 10);
    world.harness.shard.poll_question(&mut question, 1);
    let outcome = question.finish();
    assert_eq!(outcome.answer, Answer::Routers(Vec::new()));
    let question = Question::routers(Selector::default(), 10).going_on(outcome.rest.unwrap());
    let (answer, rest) = inventory(&world.harness, question, 2000);
    assert!(matches!(answer, Answer::Routers(routers) if routers.len() == 2) && rest.is_none());
}

#[test]
fn a_peer_is_answered_with_its_changes_its_opens_and_its_quirks() {
    let mut world = world_of_two();
    world.harness.wait(SECOND);
    world.take(Step::PeerDown(1, 1));
    world.harness.wait(SECOND);
    world.say(1, peer_down(&peer(1), &PeerDown::LocalEvent(2)));
    world.take(Step::PeerUp(1, 1));
    world.take(Step::Lose(1));
    let selector = Selector {
        router: Some(router(1)),
        ..Selector::default()
    };
    let (Answer::Peers(peers), None) = inventory(&world.harness, Question::peers(selector, 10), 2000) else {
        panic!("not all peers");
    };
    assert_eq!(peers.len(), 2);
    let found = &peers[0];
    assert_eq!((found.asn, found.state), (peer(1).asn, PeerState::Down));
    let changes: Vec<_> = found.changes.last().iter().map(|change| change.what).collect();
    assert_eq!(
        changes,
        [
            PeerChange::Up,
            PeerChange::Down(2),
            PeerChange::Up,
            PeerChange::SessionLost
        ],
        "a Peer Down for a peer that is down is no change"
    );
    let times: Vec<_> = found.changes.last().iter().map(|change| change.unix_ns).collect();
    assert!(times[0] < times[1] && times[1] < times[2], "{times:?}");
    let opens = found.opens.as_ref().unwrap();
    assert_eq!(opens.local_address, v4("192.0.2.1"));
    assert!(opens.sent.as_ref().is_some_and(|open| open.len() > 29));
    assert_eq!(found.quirks.len(), 1, "{:?}", found.quirks);
}

#[test]
fn the_last_statistics_report_of_a_peer_is_answered_up_to_a_limit() {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer(1)));
    let many: Vec<_> = (0..200).map(|number| Statistic::Gauge(7, number)).collect();
    harness.send(session, &statistics_report(&peer(1), &many));
    let ask = |harness: &Harness| {
        let (Answer::Peers(peers), None) = inventory(harness, Question::peers(Selector::default(), 10), 2000)
        else {
            panic!("not all peers");
        };
        peers[0].statistics.clone().unwrap()
    };
    assert_eq!(ask(&harness).statistics.len(), 64);
    harness.wait(SECOND);
    harness.send(session, &statistics_report(&peer(1), &[Statistic::Counter(1, 7)]));
    let last = ask(&harness);
    assert_eq!(last.unix_ns, harness.now.unix_ns);
    assert_eq!(
        (last.statistics.len(), last.statistics[0].value),
        (1, 7),
        "only the last report"
    );
}

/// Junos sends a Peer Up for each family, and Huawei one for each view.
#[test]
fn a_repeated_peer_up_is_no_change() {
    let mut harness = Harness::new();
    let session = harness.session();
    harness.send(session, &up(&peer(1)));
    harness.send(session, &up(&peer(1)));
    let question = Question::peers(Selector::default(), 10);
    let (Answer::Peers(peers), None) = inventory(&harness, question, 2000) else {
        panic!("not all peers");
    };
    assert_eq!(peers[0].changes.count(), 1);
}

#[test]
fn counts_are_summed_over_all_routers() {
    let world = world_of_two();
    let (Answer::Counts(counts), None) = inventory(&world.harness, Question::counts(Selector::default()), 1)
    else {
        panic!("not all counts");
    };
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].tables, counts[0].routes), (2, 30));
}

/// A position comes back from outside.
#[test]
fn a_position_that_nobody_gave_out_does_no_harm() {
    let world = world_of_two();
    for text in [
        r#"{"Routes":{"table":{"peer":{"router":"192.0.2.1","peer":4294967295},"table":4294967295},"path_ids":true,"step":4294967295,"behind":null}}"#,
        r#"{"Routes":{"table":{"peer":{"router":"192.0.2.1","peer":0},"table":0},"path_ids":false,"step":4294967295,"behind":null}}"#,
        r#"{"Peer":{"router":"192.0.2.99","peer":7}}"#,
        r#"{"RouterBehind":"255.255.255.255"}"#,
        r#""Over""#,
    ] {
        let from: Position = serde_json::from_str(text).unwrap();
        for matching in [Match::Exact, Match::Longest, Match::Covered] {
            let prefix = Prefix::new(v4("10.0.0.0"), 8).unwrap();
            let search = Some(Search { prefix, matching });
            let question = Question::routes(Selector::default(), search, 1000).going_on(from.clone());
            inventory(&world.harness, question, 10);
        }
        let question = Question::routers(Selector::default(), 1000).going_on(from);
        inventory(&world.harness, question, 10);
    }
}
