//! Compares curation with a model that keeps plain maps and withdraws doomed routes at once, not in slices.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use arancini_rib::{CuratedTable, Curation, CurationMode, Doom, KeyShape, RouteKey, Table};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Announce(u16, u8),
    Withdraw(u16),
    MarkStale,
    EndOfRib,
    PeerDown,
    SweepSlice,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..2000_u16, 0..3_u8).prop_map(|(route, attributes)| Step::Announce(route, attributes)),
        8 => (0..2000_u16).prop_map(Step::Withdraw),
        1 => Just(Step::MarkStale),
        1 => Just(Step::EndOfRib),
        1 => Just(Step::PeerDown),
        4 => Just(Step::SweepSlice),
    ]
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

fn run(shape: KeyShape, with_path: bool, steps: &[Step]) {
    let new = if with_path {
        CuratedTable::with_path_ids
    } else {
        CuratedTable::new
    };
    let mut table = new(shape, CurationMode::Attributes);
    let mut consumer = Consumer::default();
    // The router's own table: routes announced since its session began, and stale routes of the former session.
    let mut router: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut stale: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut storage = Vec::new();
    for step in steps {
        match *step {
            Step::Announce(route, attributes) => {
                let key = key(shape, route, &mut storage, with_path);
                let flat = flat(&key);
                let fingerprint = u64::from(attributes) + 1;
                let known = router.get(&flat).or_else(|| stale.get(&flat)).copied();
                match table.announce(&key, fingerprint) {
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
                stale.remove(&flat);
                router.insert(flat, fingerprint);
            }
            Step::Withdraw(route) => {
                let key = key(shape, route, &mut storage, with_path);
                let flat = flat(&key);
                if table.withdraw(&key) != Curation::Suppress {
                    consumer.withdraw(&flat);
                }
                router.remove(&flat);
                stale.remove(&flat);
            }
            Step::MarkStale => {
                table.mark_stale();
                stale.append(&mut router);
            }
            Step::EndOfRib => {
                table.doom_stale(Doom::NotReannounced);
                stale.clear();
            }
            Step::PeerDown => {
                table.doom_all(Doom::PeerDown);
                router.clear();
                stale.clear();
            }
            Step::SweepSlice => {
                table.sweep(|key| consumer.withdraw(&flat(&key)));
            }
        }
    }
    while table.sweep(|key| consumer.withdraw(&flat(&key))) {}
    let mut expected = router;
    expected.append(&mut stale);
    assert_eq!(
        consumer.0, expected,
        "the stream, replayed, is the router's table"
    );
    let mut held = BTreeMap::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        cursor = table.visit(at, |key, fingerprint| {
            held.insert(flat(&key), fingerprint);
        });
    }
    assert_eq!(held, expected, "a walk sees every route once");
    assert_eq!(table.len(), expected.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_stream_replayed_is_the_routers_table(steps in proptest::collection::vec(step(), 1..3000), with_path: bool) {
        for shape in [KeyShape::Ipv4, KeyShape::Ipv6, KeyShape::Vpn4, KeyShape::Vpn6, KeyShape::Opaque] {
            run(shape, with_path, &steps);
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
        assert_eq!(table.withdraw(&key(n)), Curation::Emit);
        assert_eq!(table.withdraw(&key(n)), Curation::Suppress);
    }
    assert_eq!(table.len(), 150_000);
    for n in (1..300_000).step_by(2) {
        assert_eq!(table.fingerprint(&key(n)), Some(1));
        assert_eq!(table.withdraw(&key(n)), Curation::Emit);
    }
    assert!(table.is_empty() && !table.needs_sweep());
    table.doom_all(Doom::PeerDown);
    while table.sweep(|route| panic!("{route:?} was withdrawn already")) {}
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
    assert_eq!(off.withdraw(&key), Curation::Emit);
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
    assert_eq!(table.withdraw(&key(0)), Curation::Emit);
    assert_eq!(
        (table.fingerprint(&key(0)), table.fingerprint(&key(1))),
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
    table.visit(0, |key, fingerprint| visited.push((flat(&key), fingerprint)));
    assert_eq!(visited, [(flat(&key(b"mac+101")), 2)]);
    assert_eq!(table.withdraw(&key(b"mac")), Curation::Emit);
    assert!(table.is_empty());
    table.announce(&key(b"mac+7"), 3);
    table.announce(&key(b"mac+1234"), 4);
    table.doom_all(Doom::PeerDown);
    let mut gone = Vec::new();
    while table.sweep(|key| gone.push(flat(&key))) {}
    assert_eq!(gone, [flat(&key(b"mac+1234"))]);
}

#[test]
fn an_empty_table_knows_no_route() {
    let mut table: Table<9> = Table::default();
    assert!(table.is_empty());
    assert!(table.remove(&[0; 9]).is_none());
    assert!(table.get(&[0; 9]).is_none());
}
