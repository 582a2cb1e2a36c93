//! Compares curation with a model that keeps plain maps and withdraws doomed routes at once, not in slices.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use arancini_rib::{
    AttributeSets, Content, CuratedTable, Curation, CurationMode, Doom, Fingerprints, Held, KeyShape,
    Retained, Round, RouteKey, SetFigures, SetId, Standing, StoredKey, Table,
};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Announce(u16, u8),
    Withdraw(u16),
    /// Announces in one batch; neighbouring routes, so that a batch has keys twice.
    AnnounceBatch(Vec<u16>, u8),
    WithdrawBatch(Vec<u16>),
    MarkStale,
    EndOfRib,
    PeerDown,
    SweepSlice,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..2000_u16, 0..3_u8).prop_map(|(route, attributes)| Step::Announce(route, attributes)),
        8 => (0..2000_u16).prop_map(Step::Withdraw),
        8 => (routes(), 0..3_u8).prop_map(|(routes, attributes)| Step::AnnounceBatch(routes, attributes)),
        4 => routes().prop_map(Step::WithdrawBatch),
        1 => Just(Step::MarkStale),
        1 => Just(Step::EndOfRib),
        1 => Just(Step::PeerDown),
        4 => Just(Step::SweepSlice),
    ]
}

/// The routes of one batch. Some are there twice.
fn routes() -> impl Strategy<Value = Vec<u16>> {
    (0..2000_u16, proptest::collection::vec(0..60_u16, 0..40)).prop_map(|(first, routes)| {
        let of = |route: u16| if route < 30 { first / 2 + route } else { route * 33 };
        routes.into_iter().map(of).collect()
    })
}

/// The routes that a consumer holds who knows only the stream.
#[derive(Default)]
struct Consumer(BTreeMap<Vec<u8>, u64>);

impl Consumer {
    fn announce(&mut self, key: Vec<u8>, fingerprint: u64) {
        assert_ne!(
            self.0.insert(key, fingerprint),
            Some(fingerprint),
            "nothing is announced twice"
        );
    }

    fn withdraw(&mut self, key: &[u8]) {
        assert!(
            self.0.remove(key).is_some(),
            "only what was announced is withdrawn, and once"
        );
    }
}

fn key(shape: KeyShape, route: u16, storage: &mut Vec<u8>, with_path: bool) -> RouteKey<'_> {
    let path_id = with_path.then(|| u32::from(route % 3));
    let number = u32::from(if with_path { route / 3 } else { route });
    match shape {
        KeyShape::Ipv4 => RouteKey::Ipv4 {
            address: number << 12,
            length: 20,
            path_id,
        },
        KeyShape::Ipv6 => RouteKey::Ipv6 {
            address: u128::from(number) << 80,
            length: 48,
            path_id,
        },
        KeyShape::Vpn4 => RouteKey::Vpn4 {
            distinguisher: [(number % 4) as u8; 8],
            address: (number / 4) << 12,
            length: 20,
            path_id,
        },
        KeyShape::Vpn6 => RouteKey::Vpn6 {
            distinguisher: [(number % 4) as u8; 8],
            address: u128::from(number / 4) << 80,
            length: 48,
            path_id,
        },
        KeyShape::Opaque => {
            storage.clear();
            storage.extend(number.to_be_bytes());
            storage.resize(4 + route as usize % 40, 7);
            RouteKey::opaque(storage, storage, path_id)
        }
    }
}

fn flat(key: &RouteKey<'_>) -> Vec<u8> {
    format!("{key:?}").into_bytes()
}

/// The router's own table.
#[derive(Default)]
struct Router {
    /// Routes announced since the session began.
    current: BTreeMap<Vec<u8>, u64>,
    /// Routes of the former session.
    stale: BTreeMap<Vec<u8>, u64>,
    /// When each route was last announced with other attributes than before, in seconds.
    since: BTreeMap<Vec<u8>, u32>,
    now: u32,
}

impl Router {
    fn announce(&mut self, consumer: &mut Consumer, flat: Vec<u8>, fingerprint: u64, curation: Curation) {
        let known = self.current.get(&flat).or_else(|| self.stale.get(&flat)).copied();
        match curation {
            Curation::Suppress => assert_eq!(known, Some(fingerprint)),
            Curation::Emit => {
                assert_ne!(known, Some(fingerprint));
                consumer.announce(flat.clone(), fingerprint);
            }
            Curation::EmitAfterWithdraw(_) => {
                assert_eq!(known, None);
                consumer.withdraw(&flat);
                consumer.announce(flat.clone(), fingerprint);
            }
        }
        if known != Some(fingerprint) {
            self.since.insert(flat.clone(), self.now);
        }
        self.stale.remove(&flat);
        self.current.insert(flat, fingerprint);
    }

    fn withdraw(&mut self, consumer: &mut Consumer, flat: &[u8], curation: Curation) {
        if curation != Curation::Suppress {
            consumer.withdraw(flat);
        }
        self.current.remove(flat);
        self.stale.remove(flat);
    }
}

/// What a table says of a batch: the index of each key, and what consumers have to hear.
type Told = Vec<(usize, Curation)>;

/// A table of fingerprints, or a table of sets with its sets.
struct Tested {
    table: CuratedTable,
    sets: Option<AttributeSets>,
    /// The time, in seconds.
    now: u32,
}

/// Announces routes with a fingerprint to a table of either kind.
macro_rules! announce {
    ($tested:expr, $fingerprint:expr, |$table:ident, $announced:ident| $announce:expr) => {{
        let Tested {
            table: $table,
            sets,
            now,
        } = $tested;
        match sets {
            None => {
                let $announced = $fingerprint;
                $announce
            }
            Some(sets) => {
                let set = set_of(sets, $fingerprint);
                let $announced = Retained::new(sets, set, *now, Round::default());
                let told = $announce;
                sets.forget_if_unused(set);
                told
            }
        }
    }};
}

/// Lets routes leave a table of either kind.
macro_rules! leave {
    ($tested:expr, |$table:ident, $keep:ident| $leave:expr) => {{
        let Tested {
            table: $table, sets, ..
        } = $tested;
        match sets {
            None => {
                let $keep = &mut Fingerprints;
                $leave
            }
            Some($keep) => $leave,
        }
    }};
}

/// The octets of the attributes with a fingerprint.
fn octets_of(fingerprint: u64) -> Vec<u8> {
    vec![fingerprint as u8; fingerprint as usize * 20]
}

fn set_of(sets: &mut AttributeSets, fingerprint: u64) -> SetId {
    let octets = octets_of(fingerprint);
    let (attributes, labels) = octets.split_at(octets.len() - fingerprint as usize);
    let content = Content {
        attributes,
        labels,
        two_octet_asns: false,
    };
    sets.find_or_add(fingerprint, || Some(content))
}

impl Tested {
    fn announce(&mut self, key: &RouteKey<'_>, fingerprint: u64) -> Curation {
        announce!(self, fingerprint, |table, announced| table
            .announce(key, announced))
    }

    fn withdraw(&mut self, key: &RouteKey<'_>) -> Curation {
        leave!(self, |table, keep| table.withdraw(key, keep))
    }

    fn sweep(&mut self, mut gone: impl FnMut(RouteKey<'_>)) -> bool {
        leave!(self, |table, keep| table.sweep(keep, &mut gone))
    }

    fn get(&self, key: &RouteKey<'_>) -> Option<Held> {
        self.table.get(key)
    }

    /// Announces or withdraws routes in one batch of keys of `N` bytes.
    fn batch<const N: usize>(&mut self, keys: &[RouteKey<'_>], fingerprint: Option<u64>) -> Told
    where
        [u8; N]: StoredKey<N>,
    {
        let keys: Vec<[u8; N]> = keys.iter().map(|key| StoredKey::of(key).unwrap()).collect();
        let mut told = Vec::new();
        let mut tell = |number, curation| told.push((number, curation));
        self.table.prefetch_batch(&keys);
        match fingerprint {
            Some(fingerprint) => announce!(self, fingerprint, |table, announced| table
                .announce_batch(&keys, announced, &mut tell)),
            None => leave!(self, |table, keep| table.withdraw_batch(&keys, keep, &mut tell)),
        }
        told
    }

    /// Announces or withdraws routes in one batch of keys of the table's shape. Opaque routes go one by one.
    fn batch_of_shape(&mut self, keys: &[RouteKey<'_>], fingerprint: Option<u64>) -> Told {
        match (self.table.shape(), self.table.has_path_ids()) {
            (KeyShape::Ipv4, false) => self.batch::<5>(keys, fingerprint),
            (KeyShape::Ipv4, true) => self.batch::<9>(keys, fingerprint),
            (KeyShape::Ipv6, false) | (KeyShape::Vpn4, _) => self.batch::<17>(keys, fingerprint),
            (KeyShape::Ipv6, true) => self.batch::<21>(keys, fingerprint),
            (KeyShape::Vpn6, _) => self.batch::<29>(keys, fingerprint),
            (KeyShape::Opaque, _) => {
                let one = |key: &RouteKey<'_>| match fingerprint {
                    Some(fingerprint) => self.announce(key, fingerprint),
                    None => self.withdraw(key),
                };
                keys.iter().map(one).enumerate().collect()
            }
        }
    }

    /// Checks that each set has as many routes as there are, and that its octets are known.
    fn check_sets(&mut self, held: &BTreeMap<Vec<u8>, u64>) {
        let Some(sets) = &mut self.sets else { return };
        sets.settle();
        let sets = &*sets;
        let mut routes: BTreeMap<u64, u32> = BTreeMap::new();
        held.values()
            .for_each(|fingerprint| *routes.entry(*fingerprint).or_default() += 1);
        let figures = sets.figures();
        assert_eq!(
            (figures.sets, figures.unknown_sets, figures.unknown_routes),
            (routes.len() as u64, 0, 0)
        );
        let mut cursor = Some(0);
        while let Some(at) = cursor {
            cursor = self.table.visit_held(at, |_, held| {
                let set = held.set().set;
                let fingerprint = held.fingerprint(Some(sets));
                assert_eq!(sets.routes(set), routes[&fingerprint]);
                let mut buffer = Vec::new();
                let content = sets.content(set, &mut buffer).unwrap();
                let octets = [content.attributes, content.labels].concat();
                assert_eq!(octets, octets_of(fingerprint));
                assert_eq!(content.labels.len() as u64, fingerprint);
            });
        }
    }
}

fn run(shape: KeyShape, with_path: bool, retain: bool, steps: &[Step]) {
    let new = if with_path {
        CuratedTable::with_path_ids
    } else {
        CuratedTable::new
    };
    let mut tested = Tested {
        table: new(shape, CurationMode::Attributes),
        sets: retain.then(|| AttributeSets::new(1 << 20)),
        now: 0,
    };
    let mut consumer = Consumer::default();
    let mut router = Router::default();
    let mut storage = Vec::new();
    for step in steps {
        tested.now += 1;
        router.now = tested.now;
        match step {
            &Step::Announce(route, attributes) => {
                let key = key(shape, route, &mut storage, with_path);
                let fingerprint = u64::from(attributes) + 1;
                let curation = tested.announce(&key, fingerprint);
                router.announce(&mut consumer, flat(&key), fingerprint, curation);
                let held = tested.get(&key).unwrap();
                assert_eq!(
                    (held.fingerprint(tested.sets.as_ref()), held.standing),
                    (fingerprint, Standing::Current)
                );
                let since = retain.then(|| held.set().since.unwrap());
                assert_eq!(since, retain.then(|| router.since[&flat(&key)]));
            }
            &Step::Withdraw(route) => {
                let key = key(shape, route, &mut storage, with_path);
                let curation = tested.withdraw(&key);
                router.withdraw(&mut consumer, &flat(&key), curation);
                assert_eq!(tested.get(&key), None);
            }
            Step::AnnounceBatch(routes, _) | Step::WithdrawBatch(routes) => {
                let fingerprint = match step {
                    Step::AnnounceBatch(_, attributes) => Some(u64::from(*attributes) + 1),
                    _ => None,
                };
                let mut storages = vec![Vec::new(); routes.len()];
                let keys = routes.iter().zip(&mut storages);
                let keys: Vec<_> = keys
                    .map(|(&route, storage)| key(shape, route, storage, with_path))
                    .collect();
                let told = tested.batch_of_shape(&keys, fingerprint);
                let numbers: Vec<_> = told.iter().map(|&(number, _)| number).collect();
                assert_eq!(
                    numbers,
                    (0..keys.len()).collect::<Vec<_>>(),
                    "each key is told once, in order"
                );
                for (number, curation) in told {
                    let flat = flat(&keys[number]);
                    match fingerprint {
                        Some(fingerprint) => router.announce(&mut consumer, flat, fingerprint, curation),
                        None => router.withdraw(&mut consumer, &flat, curation),
                    }
                }
            }
            Step::MarkStale => {
                tested.table.mark_stale();
                router.stale.append(&mut router.current);
            }
            Step::EndOfRib => {
                tested.table.doom_stale(Doom::NotReannounced);
                router.stale.clear();
            }
            Step::PeerDown => {
                tested.table.doom_all(Doom::PeerDown);
                router = Router::default();
            }
            Step::SweepSlice => {
                tested.sweep(|key| consumer.withdraw(&flat(&key)));
            }
        }
    }
    while tested.sweep(|key| consumer.withdraw(&flat(&key))) {}
    let mut expected = router.current;
    expected.append(&mut router.stale);
    assert_eq!(
        consumer.0, expected,
        "the stream, replayed, is the router's table"
    );
    let mut held = BTreeMap::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        cursor = tested.table.visit(at, tested.sets.as_ref(), |key, fingerprint| {
            held.insert(flat(&key), fingerprint);
        });
    }
    assert_eq!(held, expected, "a walk sees every route once");
    assert_eq!(tested.table.len(), expected.len());
    tested.check_sets(&held);
    forget(tested);
}

/// Dooms all routes at once, and lets them leave their sets in slices.
fn forget(tested: Tested) {
    let Tested { mut table, sets, .. } = tested;
    let Some(mut sets) = sets else { return };
    table.doom_all(Doom::SessionLost);
    while table.sweep(&mut sets, |_| {}) {}
    sets.settle();
    assert!(table.is_empty());
    while sets.needs_free() {
        sets.free_slice();
    }
    assert_eq!(
        (sets.figures(), sets.allocated_bytes()),
        (SetFigures::default(), 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_stream_replayed_is_the_routers_table(steps in proptest::collection::vec(step(), 1..3000), with_path: bool) {
        for shape in [KeyShape::Ipv4, KeyShape::Ipv6, KeyShape::Vpn4, KeyShape::Vpn6, KeyShape::Opaque] {
            for retain in [false, true] {
                run(shape, with_path, retain, &steps);
            }
        }
    }
}

#[test]
fn a_table_grows_and_shrinks_without_losing_a_route() {
    let mut table = CuratedTable::new(KeyShape::Ipv4, CurationMode::Attributes);
    let key = |n: u32| RouteKey::Ipv4 {
        address: n << 8,
        length: 24,
        path_id: None,
    };
    for n in 0..300_000 {
        assert_eq!(table.announce(&key(n), 1), Curation::Emit);
    }
    for n in 0..300_000 {
        assert_eq!(table.announce(&key(n), 1), Curation::Suppress);
    }
    for n in (0..300_000).step_by(2) {
        assert_eq!(table.withdraw(&key(n), &mut Fingerprints), Curation::Emit);
        assert_eq!(table.withdraw(&key(n), &mut Fingerprints), Curation::Suppress);
    }
    assert_eq!(table.len(), 150_000);
    for n in (1..300_000).step_by(2) {
        assert_eq!(table.fingerprint(&key(n), None), Some(1));
        assert_eq!(table.withdraw(&key(n), &mut Fingerprints), Curation::Emit);
    }
    assert!(table.is_empty() && !table.needs_sweep());
    table.doom_all(Doom::PeerDown);
    while table.sweep(&mut Fingerprints, |route| {
        panic!("{route:?} was withdrawn already")
    }) {}
    assert_eq!(table.allocated_bytes(), 0, "an empty table gives its memory back");
}

#[test]
fn an_ipv4_route_takes_at_most_24_bytes() {
    let mut table = CuratedTable::new(KeyShape::Ipv4, CurationMode::Attributes);
    for n in 0..1_000_000_u32 {
        table.announce(
            &RouteKey::Ipv4 {
                address: n.wrapping_mul(2_654_435_761),
                length: 32,
                path_id: None,
            },
            1,
        );
        if n > 10_000 && n % 50_000 == 0 {
            let per_route = table.allocated_bytes() as f64 / table.len() as f64;
            assert!(per_route <= 24.0, "{per_route:.1} bytes a route at {n} routes");
        }
    }
}

#[test]
fn presence_mode_hides_changes_and_off_mode_hides_nothing() {
    let key = RouteKey::Ipv4 {
        address: 0x0a00_0000,
        length: 8,
        path_id: None,
    };
    let mut presence = CuratedTable::new(KeyShape::Ipv4, CurationMode::Presence);
    assert_eq!(presence.announce(&key, 1), Curation::Emit);
    assert_eq!(presence.announce(&key, 2), Curation::Suppress);
    let mut off = CuratedTable::new(KeyShape::Ipv4, CurationMode::Off);
    assert_eq!(off.withdraw(&key, &mut Fingerprints), Curation::Emit);
    assert_eq!(off.announce(&key, 1), Curation::Emit);
    assert_eq!(off.announce(&key, 1), Curation::Emit);
    assert!(off.is_empty());
}

#[test]
fn path_id_zero_is_a_path_id() {
    let mut table = CuratedTable::with_path_ids(KeyShape::Ipv4, CurationMode::Attributes);
    let key = |path_id| RouteKey::Ipv4 {
        address: 0x0a00_0000,
        length: 8,
        path_id: Some(path_id),
    };
    assert_eq!(table.announce(&key(0), 1), Curation::Emit);
    assert_eq!(table.announce(&key(1), 1), Curation::Emit);
    assert_eq!(table.withdraw(&key(0), &mut Fingerprints), Curation::Emit);
    assert_eq!(
        (table.fingerprint(&key(0), None), table.fingerprint(&key(1), None)),
        (None, Some(1))
    );
}

/// A label is no part of the key. The route is withdrawn under the NLRI that was announced last.
#[test]
fn an_opaque_route_is_known_by_its_key_and_named_by_its_last_nlri() {
    let mut table = CuratedTable::new(KeyShape::Opaque, CurationMode::Attributes);
    let key = |nlri| RouteKey::opaque(b"mac", nlri, None);
    assert_eq!(table.announce(&key(b"mac+100"), 1), Curation::Emit);
    assert_eq!(table.announce(&key(b"mac+101"), 2), Curation::Emit);
    assert_eq!(table.announce(&key(b"mac+101"), 2), Curation::Suppress);
    assert_eq!(table.len(), 1);
    let mut visited = Vec::new();
    table.visit(0, None, |key, fingerprint| {
        visited.push((flat(&key), fingerprint))
    });
    assert_eq!(visited, [(flat(&key(b"mac+101")), 2)]);
    assert_eq!(table.withdraw(&key(b"mac"), &mut Fingerprints), Curation::Emit);
    assert!(table.is_empty());
    table.announce(&key(b"mac+7"), 3);
    table.announce(&key(b"mac+1234"), 4);
    table.doom_all(Doom::PeerDown);
    let mut gone = Vec::new();
    while table.sweep(&mut Fingerprints, |key| gone.push(flat(&key))) {}
    assert_eq!(gone, [flat(&key(b"mac+1234"))]);
}

#[test]
fn an_empty_table_knows_no_route() {
    let mut table: Table<9> = Table::default();
    assert!(table.is_empty());
    assert!(table.remove(&[0; 9]).is_none());
    assert!(table.get(&[0; 9]).is_none());
}

#[test]
fn a_look_up_tells_whether_a_route_is_current_stale_or_doomed() {
    let mut table = CuratedTable::new(KeyShape::Ipv4, CurationMode::Attributes);
    let key = |n: u32| RouteKey::Ipv4 {
        address: n << 8,
        length: 24,
        path_id: None,
    };
    let state = |table: &CuratedTable, n| table.get(&key(n)).map(|known| known.standing);
    table.announce(&key(1), 7);
    table.announce(&key(2), 7);
    assert_eq!(state(&table, 1), Some(Standing::Current));
    table.mark_stale();
    assert_eq!(state(&table, 1), Some(Standing::Stale));
    table.announce(&key(2), 7);
    table.doom_stale(Doom::NotReannounced);
    assert_eq!(
        (state(&table, 1), state(&table, 2), state(&table, 3)),
        (Some(Standing::Doomed), Some(Standing::Current), None)
    );
    while table.sweep(&mut Fingerprints, |_| {}) {}
    assert_eq!(state(&table, 1), None);
}

/// Labels are mixed into the fingerprint of each route of an UPDATE.
#[test]
fn routes_of_one_batch_may_have_different_fingerprints() {
    let mut table = CuratedTable::new(KeyShape::Vpn4, CurationMode::Attributes);
    let key = |n: u8| {
        let mut key = [0; 17];
        key[0] = n;
        key
    };
    let keys = [key(1), key(2), key(1)];
    let mut told = Vec::new();
    table.announce_labelled_batch(
        &keys,
        |number| [5, 6, 7][number],
        |_, curation| told.push(curation),
    );
    assert_eq!(told, [Curation::Emit; 3]);
    table.announce_labelled_batch(
        &keys,
        |number| [7, 6, 7][number],
        |_, curation| told.push(curation),
    );
    assert_eq!(told[3..], [Curation::Suppress; 3]);
}
