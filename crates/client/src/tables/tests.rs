//! The tables against a model that takes every message in order.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use arancini_schema::MessageKind;
use arancini_schema::update_capnp::{RibView, RouterEventKind, peer_event, router_event, update};
use proptest::prelude::*;

use super::{Fingerprint, Nlri, Record, RouteKey, RouterState, Tables};

/// A table, by the number of its peer, whether its view is Loc-RIB, and its AFI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct TableName {
    router: u8,
    peer: u8,
    loc_rib: bool,
    afi: u16,
}

/// What a resync covers; all where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ScopeName {
    peer: Option<(u8, bool)>,
    afi: Option<u16>,
}

impl ScopeName {
    fn covers(self, table: &TableName) -> bool {
        self.peer.is_none_or(|peer| peer == (table.peer, table.loc_rib))
            && self.afi.is_none_or(|afi| afi == table.afi)
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Announce(TableName, u8, u64),
    Withdraw(TableName, u8),
    ResyncBegin(u8, ScopeName),
    ResyncEnd(u8, ScopeName),
}

fn address(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    address[10..].copy_from_slice(&[0xff, 0xff, 192, 0, 2, last]);
    address
}

fn view(loc_rib: bool) -> RibView {
    if loc_rib {
        RibView::LocRib
    } else {
        RibView::AdjRibInPre
    }
}

fn bytes_of(message: &capnp::message::Builder<capnp::message::HeapAllocator>) -> Vec<u8> {
    capnp::serialize::write_message_to_words(message)
}

/// Routes of all sorts: plain, with a path identifier, with a route distinguisher, opaque.
fn write_route(update: &mut update::Builder<'_>, route: u8) {
    match route {
        0..=2 => {
            update.set_prefix_addr(&address(route));
            update.set_prefix_len(24);
        }
        3..=4 => {
            update.set_prefix_addr(&address(0));
            update.set_prefix_len(24);
            update.set_has_path_id(true);
            update.set_path_id(u32::from(route) - 3);
        }
        5..=6 => {
            update.set_prefix_addr(&address(0));
            update.set_prefix_len(24);
            update.set_has_route_distinguisher(true);
            update.set_route_distinguisher(u64::from(route) - 5);
        }
        _ => update.set_raw_nlri(&[1, 2, route]),
    }
}

fn update_record(table: TableName, route: u8, fingerprint: Option<u64>, sequence: u64) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let mut update = message.init_root::<update::Builder<'_>>();
    update.set_router_addr(&address(table.router));
    update.set_peer_addr(&address(100 + table.peer));
    update.set_peer_asn(64_500 + u32::from(table.peer));
    update.set_rib_view(view(table.loc_rib));
    update.set_afi(table.afi);
    update.set_safi(1);
    update.set_sequence(sequence);
    write_route(&mut update, route);
    if let Some(fingerprint) = fingerprint {
        update.set_announced(true);
        update.set_attribute_fingerprint(fingerprint);
    }
    bytes_of(&message)
}

fn router_record(router: u8, kind: RouterEventKind, scope: ScopeName, sequence: u64) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let mut event = message.init_root::<router_event::Builder<'_>>();
    event.set_router_addr(&address(router));
    event.set_kind(kind);
    event.set_sequence(sequence);
    if let Some((peer, loc_rib)) = scope.peer {
        let mut identity = event.reborrow().init_peer();
        identity.set_address(&address(100 + peer));
        identity.set_rib_view(view(loc_rib));
    }
    if let Some(afi) = scope.afi {
        event.set_has_family(true);
        let mut family = event.init_family();
        family.set_afi(afi);
        family.set_safi(1);
    }
    bytes_of(&message)
}

fn record_of(step: Step, sequence: u64) -> (MessageKind, Vec<u8>) {
    match step {
        Step::Announce(table, route, fingerprint) => {
            let record = update_record(table, route, Some(fingerprint), sequence);
            (MessageKind::Updates, record)
        }
        Step::Withdraw(table, route) => (MessageKind::Updates, update_record(table, route, None, sequence)),
        Step::ResyncBegin(router, scope) => {
            let record = router_record(router, RouterEventKind::ResyncBegin, scope, sequence);
            (MessageKind::Routers, record)
        }
        Step::ResyncEnd(router, scope) => {
            let record = router_record(router, RouterEventKind::ResyncEnd, scope, sequence);
            (MessageKind::Routers, record)
        }
    }
}

type Model = BTreeMap<(TableName, u8), u64>;

fn confirm(unconfirmed: &mut BTreeMap<(u8, ScopeName), BTreeSet<(TableName, u8)>>, route: (TableName, u8)) {
    for routes in unconfirmed.values_mut() {
        routes.remove(&route);
    }
}

/// Takes the steps one after the other, as the schema's page describes it.
fn model_of(steps: &[Step]) -> Model {
    let mut routes = Model::new();
    let mut unconfirmed: BTreeMap<(u8, ScopeName), BTreeSet<(TableName, u8)>> = BTreeMap::new();
    for step in steps {
        match *step {
            Step::Announce(table, route, fingerprint) => {
                routes.insert((table, route), fingerprint);
                confirm(&mut unconfirmed, (table, route));
            }
            Step::Withdraw(table, route) => {
                routes.remove(&(table, route));
                confirm(&mut unconfirmed, (table, route));
            }
            Step::ResyncBegin(router, scope) => {
                let covered = routes
                    .keys()
                    .filter(|(table, _)| table.router == router && scope.covers(table));
                unconfirmed.insert((router, scope), covered.copied().collect());
            }
            Step::ResyncEnd(router, scope) => {
                for gone in unconfirmed.remove(&(router, scope)).unwrap_or_default() {
                    routes.remove(&gone);
                }
            }
        }
    }
    routes
}

fn all_tables() -> impl Iterator<Item = TableName> {
    (0..16_u8).map(|bits| TableName {
        router: bits & 1,
        peer: bits >> 1 & 1,
        loc_rib: bits & 4 != 0,
        afi: 1 + u16::from(bits >> 3),
    })
}

/// The tables, in the model's terms.
fn held_by(tables: &Tables<Fingerprint>) -> Model {
    let mut held = Model::new();
    for (router, table) in tables.tables() {
        let key = table.key();
        let name = all_tables().find(|name| {
            let view: arancini_wire::bmp::RibView = match name.loc_rib {
                true => arancini_wire::bmp::RibView::LocRib,
                false => arancini_wire::bmp::RibView::AdjRibInPre,
            };
            router == std::net::IpAddr::from([192, 0, 2, name.router])
                && key.peer.address == address(100 + name.peer)
                && key.view == view
                && key.family.afi == name.afi
        });
        for (key, route) in table.routes() {
            let number = match key {
                RouteKey {
                    nlri: Nlri::Opaque(raw),
                    ..
                } => raw[2],
                RouteKey {
                    path_id: Some(id), ..
                } => 3 + id as u8,
                RouteKey {
                    route_distinguisher: Some(rd),
                    ..
                } => 5 + rd as u8,
                RouteKey {
                    nlri: Nlri::Prefix { address, .. },
                    ..
                } => address[15],
            };
            assert_eq!(route.held, Fingerprint(route.fingerprint));
            held.insert((name.unwrap(), number), route.fingerprint);
        }
        assert_eq!(table.len(), table.routes().count());
    }
    held
}

fn a_table() -> impl Strategy<Value = TableName> {
    (0..16_usize).prop_map(|index| all_tables().nth(index).unwrap())
}

fn a_scope() -> impl Strategy<Value = ScopeName> {
    let peer = prop::option::of((0..2_u8, any::<bool>()));
    (peer, prop::option::of(1..3_u16)).prop_map(|(peer, afi)| ScopeName { peer, afi })
}

fn a_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (a_table(), 0..9_u8, 0..3_u64).prop_map(|(table, route, value)| Step::Announce(table, route, value)),
        6 => (a_table(), 0..9_u8).prop_map(|(table, route)| Step::Withdraw(table, route)),
        1 => (0..2_u8, a_scope()).prop_map(|(router, scope)| Step::ResyncBegin(router, scope)),
        1 => (0..2_u8, a_scope()).prop_map(|(router, scope)| Step::ResyncEnd(router, scope)),
    ]
}

proptest! {
    #[test]
    fn tables_are_what_the_steps_say_in_order(steps in prop::collection::vec(a_step(), 0..200)) {
        let mut tables = Tables::<Fingerprint>::default();
        // Several records of a kind in one payload.
        let mut payload = Vec::new();
        let mut kind = MessageKind::Updates;
        for (sequence, step) in (1..).zip(&steps) {
            let (next, record) = record_of(*step, sequence);
            if next != kind {
                tables.take(kind, &payload).unwrap();
                payload.clear();
                kind = next;
            }
            payload.extend(record);
        }
        tables.take(kind, &payload).unwrap();
        prop_assert_eq!(held_by(&tables), model_of(&steps));
        prop_assert_eq!(tables.counts().late, 0);
    }

    #[test]
    fn neither_the_order_of_arrival_nor_doubles_change_the_tables(
        steps in prop::collection::vec((a_step(), any::<u16>(), any::<u16>(), any::<bool>()), 0..120),
    ) {
        let mut arrivals = Vec::new();
        for (sequence, (step, first, second, twice)) in (1..).zip(&steps) {
            arrivals.push((*first, record_of(*step, sequence)));
            if *twice {
                arrivals.push((*second, record_of(*step, sequence)));
            }
        }
        arrivals.sort_by_key(|(at, _)| *at);
        let mut tables = Tables::<Fingerprint>::default();
        for (_, (kind, record)) in &arrivals {
            tables.take(*kind, record).unwrap();
        }
        let in_order: Vec<_> = steps.iter().map(|(step, ..)| *step).collect();
        prop_assert_eq!(held_by(&tables), model_of(&in_order));
    }
}

const TABLE: TableName = TableName {
    router: 0,
    peer: 0,
    loc_rib: false,
    afi: 1,
};

const ALL: ScopeName = ScopeName {
    peer: None,
    afi: None,
};

fn taken(steps: &[Step]) -> Tables<Fingerprint> {
    let mut tables = Tables::default();
    for (sequence, step) in (1..).zip(steps) {
        let (kind, record) = record_of(*step, sequence);
        tables.take(kind, &record).unwrap();
    }
    tables
}

#[test]
fn what_contradicts_the_tables_is_counted() {
    let counts = taken(&[
        Step::Announce(TABLE, 0, 1),
        Step::Announce(TABLE, 0, 1),
        Step::Withdraw(TABLE, 1),
        Step::Withdraw(TABLE, 0),
        Step::Withdraw(TABLE, 0),
    ])
    .counts();
    assert_eq!((counts.unchanged, counts.unheld), (1, 2));
    assert_eq!((counts.announces, counts.withdraws), (2, 3));
}

#[test]
fn a_resync_may_announce_again_and_removes_what_it_leaves_out() {
    let mut steps = vec![
        Step::Announce(TABLE, 0, 1),
        Step::Announce(TABLE, 1, 1),
        Step::ResyncBegin(0, ALL),
        Step::Announce(TABLE, 0, 1),
    ];
    let during = taken(&steps);
    assert_eq!((during.len(), during.counts().unchanged), (2, 0));
    assert!(during.router([192, 0, 2, 0].into()).unwrap().is_resyncing());
    steps.push(Step::ResyncEnd(0, ALL));
    let after = taken(&steps);
    assert_eq!((after.len(), after.counts().swept), (1, 1));
    assert!(!after.router([192, 0, 2, 0].into()).unwrap().is_resyncing());
    steps.push(Step::Announce(TABLE, 0, 1));
    assert_eq!(taken(&steps).counts().unchanged, 1, "the resync is over");
}

#[test]
fn the_end_of_a_resync_that_was_not_seen_to_begin_removes_nothing() {
    let tables = taken(&[Step::Announce(TABLE, 0, 1), Step::ResyncEnd(0, ALL)]);
    assert_eq!((tables.len(), tables.counts().resync_without_begin), (1, 1));
}

#[test]
fn withdrawn_routes_are_forgotten_once_nothing_late_can_arrive() {
    let mut tables = Tables::<()>::default();
    for round in 0..40_u64 {
        for prefix in 0..250_u64 {
            let sequence = 1 + round * super::REORDER_SPAN + prefix;
            let mut message = capnp::message::Builder::new_default();
            let mut update = message.init_root::<update::Builder<'_>>();
            update.set_router_addr(&address(0));
            update.set_peer_addr(&address(100));
            update.set_raw_nlri(&sequence.to_be_bytes());
            update.set_sequence(sequence);
            tables.take(MessageKind::Updates, &bytes_of(&message)).unwrap();
        }
    }
    let (_, table) = tables.tables().next().unwrap();
    assert!(table.is_empty());
    assert!(table.remembered() <= 1024, "{}", table.remembered());
}

#[test]
fn events_say_how_routers_and_peers_are() {
    let mut tables = Tables::<()>::default();
    let mut take = |kind, sequence| {
        tables
            .take(MessageKind::Routers, &router_record(0, kind, ALL, sequence))
            .unwrap();
        tables.router([192, 0, 2, 0].into()).unwrap().state()
    };
    assert_eq!(take(RouterEventKind::SessionOpened, 1), RouterState::Open);
    assert_eq!(take(RouterEventKind::Lost, 5), RouterState::Lost);
    assert_eq!(
        take(RouterEventKind::Initiation, 2),
        RouterState::Lost,
        "a late event"
    );
    let mut message = capnp::message::Builder::new_default();
    let mut event = message.init_root::<peer_event::Builder<'_>>();
    event.set_router_addr(&address(0));
    event.set_sequence(3);
    let mut peer = event.init_peer();
    peer.set_address(&address(100));
    peer.set_asn(64_500);
    tables.take(MessageKind::Peers, &bytes_of(&message)).unwrap();
    let router = tables.router([192, 0, 2, 0].into()).unwrap();
    let (key, state) = router.peers().next().unwrap();
    assert_eq!(key.identity.address, address(100));
    assert!(state.is_up && state.asn == 64_500);
}

#[test]
fn a_damaged_record_is_reported_and_the_others_are_taken() {
    let good = |route, sequence| update_record(TABLE, route, Some(1), sequence);
    let mut message = capnp::message::Builder::new_default();
    message
        .init_root::<update::Builder<'_>>()
        .set_router_addr(&[1, 2, 3]);
    let payload = [good(0, 1), bytes_of(&message), good(1, 2)].concat();
    let mut tables = Tables::<Record>::default();
    let error = tables.take(MessageKind::Updates, &payload).unwrap_err();
    assert!(
        error.to_string().contains(&format!("byte {}", good(0, 1).len())),
        "{error}"
    );
    assert_eq!(tables.len(), 2);
    let cut = &payload[..payload.len() - 1];
    let mut tables = Tables::<Record>::default();
    assert!(tables.take(MessageKind::Updates, cut).is_err());
    assert_eq!(tables.len(), 1, "everything before the damage");
}

/// The scope of everything that a router has.
const WHOLE_ROUTER: ScopeName = ScopeName {
    peer: None,
    afi: None,
};

#[test]
fn a_router_is_whole_again_after_a_resync_that_began_behind_the_gap() {
    let table = TableName {
        router: 1,
        peer: 1,
        loc_rib: false,
        afi: 1,
    };
    let router = "192.0.2.1".parse().unwrap();
    let mut tables = Tables::<Fingerprint>::default();
    let is_whole = |tables: &Tables<Fingerprint>| tables.router(router).unwrap().is_whole();
    let take = |tables: &mut Tables<Fingerprint>, step, sequence| {
        let (kind, record) = record_of(step, sequence);
        tables.take(kind, &record).unwrap();
    };
    take(&mut tables, Step::Announce(table, 0, 7), 10);
    assert!(is_whole(&tables) && !tables.has_gap());
    take(&mut tables, Step::ResyncBegin(1, WHOLE_ROUTER), 20);
    tables.note_gap();
    take(&mut tables, Step::ResyncEnd(1, WHOLE_ROUTER), 30);
    assert!(
        !is_whole(&tables),
        "its announces may be among the missing messages"
    );
    take(&mut tables, Step::ResyncBegin(1, WHOLE_ROUTER), 40);
    assert!(!is_whole(&tables), "the resync is not over");
    take(&mut tables, Step::ResyncEnd(1, WHOLE_ROUTER), 50);
    assert!(is_whole(&tables) && tables.has_gap());
}

#[test]
fn a_resync_of_a_part_makes_its_tables_whole() {
    let ipv4 = TableName {
        router: 1,
        peer: 1,
        loc_rib: false,
        afi: 1,
    };
    let ipv6 = TableName { afi: 2, ..ipv4 };
    let part = ScopeName {
        peer: Some((1, false)),
        afi: Some(1),
    };
    let mut tables = Tables::<()>::default();
    tables.note_gap();
    let steps = [
        Step::Announce(ipv6, 0, 7),
        Step::ResyncBegin(1, part),
        Step::Announce(ipv4, 0, 7),
        Step::ResyncEnd(1, part),
    ];
    for (sequence, step) in (10..).zip(steps) {
        let (kind, record) = record_of(step, sequence);
        tables.take(kind, &record).unwrap();
    }
    let router = tables.router("192.0.2.1".parse().unwrap()).unwrap();
    assert!(!router.is_whole());
    let whole: BTreeMap<_, _> = router
        .tables()
        .map(|table| (table.key().family.afi, router.is_table_whole(table.key())))
        .collect();
    assert_eq!(whole, BTreeMap::from([(1, true), (2, false)]));
}

#[test]
fn a_router_that_is_forgotten_leaves_the_others_where_they_are() {
    let table = |router| TableName {
        router,
        peer: 1,
        loc_rib: false,
        afi: 1,
    };
    let steps: Vec<_> = (1..=3)
        .map(|router| Step::Announce(table(router), 1, 7))
        .collect();
    let mut tables = taken(&steps);
    let router = |last| std::net::IpAddr::from([192, 0, 2, last]);
    for (forgotten, left) in [(1, 2), (3, 1), (2, 0)] {
        assert!(tables.forget(router(forgotten)));
        assert!(!tables.forget(router(forgotten)));
        assert!(tables.router(router(forgotten)).is_none());
        assert_eq!(tables.len(), left);
        for (address, _) in tables.routers() {
            assert!(tables.router(address).is_some(), "{address}");
        }
    }
    let (kind, record) = record_of(steps[2], 9);
    tables.take(kind, &record).unwrap();
    assert_eq!(tables.len(), 1, "it came back");
}
