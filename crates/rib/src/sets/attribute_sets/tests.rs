//! The store of sets beside a model of maps.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// Octets of the attributes with a fingerprint: as many as it says.
fn octets(fingerprint: u64) -> Vec<u8> {
    (0..fingerprint)
        .map(|octet| (octet ^ fingerprint) as u8)
        .collect()
}

fn find_or_add(sets: &mut AttributeSets, fingerprint: u64) -> SetId {
    let octets = octets(fingerprint);
    let content = Content {
        attributes: &octets,
        labels: &[],
        two_octet_asns: false,
    };
    sets.find_or_add(fingerprint, || Some(content))
}

fn known(sets: &AttributeSets, set: SetId) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    sets.content(set, &mut buffer)
        .map(|content| content.attributes.to_vec())
}

#[derive(Debug, Clone)]
enum Step {
    /// Routes take the set with this fingerprint. If there are none, the set is forgotten again if it is new.
    Gain(u64, u32),
    /// A route leaves the set with this fingerprint.
    Lose(u64),
    /// Routes take the set with this fingerprint, of which nothing else is known.
    Restore(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..60_u64, 0..4_u32).prop_map(|(fingerprint, routes)| Step::Gain(fingerprint, routes)),
        5 => (0..60_u64).prop_map(Step::Lose),
        1 => (0..60_u64).prop_map(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sets_are_counted_found_and_freed(steps in prop::collection::vec(step(), 1..400)) {
        let mut sets = AttributeSets::new(1 << 20);
        // The number of each set, its routes, and whether its octets are known.
        let mut model: HashMap<u64, (SetId, u32, bool)> = HashMap::new();
        for step in steps {
            match step {
                Step::Gain(fingerprint, routes) => {
                    let set = find_or_add(&mut sets, fingerprint);
                    sets.gained(set, routes);
                    sets.forget_if_unused(set);
                    let known = model.entry(fingerprint).or_insert((set, 0, true));
                    prop_assert_eq!(known.0, set);
                    *known = (set, known.1 + routes, true);
                }
                Step::Lose(fingerprint) => {
                    if let Some((set, routes, _)) = model.get_mut(&fingerprint) {
                        sets.leave(*set);
                        *routes -= 1;
                    }
                }
                Step::Restore(fingerprint) => {
                    let set = sets.find_or_add(fingerprint, || None);
                    sets.gained(set, 1);
                    model.entry(fingerprint).or_insert((set, 0, false)).1 += 1;
                }
            }
            model.retain(|_, (_, routes, _)| *routes > 0);
            let unknown = || model.values().filter(|(_, _, known)| !known);
            sets.settle();
            let figures = sets.figures();
            prop_assert_eq!(figures.sets, model.len() as u64);
            prop_assert_eq!(figures.unknown_sets, unknown().count() as u64);
            prop_assert_eq!(figures.unknown_routes, unknown().map(|(_, routes, _)| u64::from(*routes)).sum::<u64>());
            for (&fingerprint, &(set, routes, is_known)) in &model {
                prop_assert_eq!((sets.fingerprint(set), sets.routes(set)), (fingerprint, routes));
                prop_assert_eq!(known(&sets, set), is_known.then(|| octets(fingerprint)));
            }
        }
        for (set, routes, _) in model.into_values() {
            (0..routes).for_each(|_| sets.leave(set));
        }
        sets.settle();
        while sets.needs_free() {
            sets.free_slice();
        }
        prop_assert_eq!((sets.figures(), sets.allocated_bytes()), (SetFigures::default(), 0));
    }
}

/// A route leaves its set some calls later. Meanwhile the set may be found again, and get routes again.
#[test]
fn sets_that_routes_are_leaving_are_found_and_counted() {
    let mut sets = AttributeSets::new(usize::MAX);
    let mut routes: HashMap<u64, (SetId, u32)> = HashMap::new();
    let mut state = 7_u64;
    for _ in 0..20_000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let fingerprint = 1 + (state >> 33) % 40;
        match routes.get_mut(&fingerprint) {
            Some((set, of_set)) if state >> 63 == 0 => {
                sets.leave(*set);
                *of_set -= 1;
                if *of_set == 0 {
                    routes.remove(&fingerprint);
                }
            }
            of_set => {
                let set = sets.find_or_add(fingerprint, || None);
                sets.gained(set, 1);
                match of_set {
                    Some((before, of_set)) => {
                        assert_eq!(*before, set);
                        *of_set += 1;
                    }
                    None => {
                        routes.insert(fingerprint, (set, 1));
                    }
                }
            }
        }
    }
    sets.settle();
    assert_eq!(sets.figures().sets, routes.len() as u64);
    for (fingerprint, (set, of_set)) in routes {
        assert_eq!((sets.fingerprint(set), sets.routes(set)), (fingerprint, of_set));
    }
}

#[test]
fn octets_beyond_the_bound_are_unknown_until_there_is_room() {
    let mut sets = AttributeSets::new(Pieces::bytes_for(100));
    let [first, second] = [100, 99].map(|fingerprint| {
        let set = find_or_add(&mut sets, fingerprint);
        sets.gained(set, 1);
        set
    });
    assert_eq!(
        (known(&sets, first), known(&sets, second)),
        (Some(octets(100)), None)
    );
    let figures = sets.figures();
    assert_eq!(
        (figures.sets, figures.unknown_sets, figures.unknown_routes),
        (2, 1, 1)
    );
    assert_eq!(sets.fingerprint(second), 99);

    sets.leave(first);
    sets.settle();
    assert_eq!(find_or_add(&mut sets, 99), second);
    assert_eq!(known(&sets, second), Some(octets(99)));
    assert_eq!(
        (sets.figures().unknown_sets, sets.figures().unknown_routes),
        (0, 0)
    );
}

#[test]
fn a_set_that_goes_makes_room_for_others_in_place() {
    let mut sets = AttributeSets::new(1 << 20);
    let mut allocated = 0;
    for fingerprint in 1..10_000 {
        let set = find_or_add(&mut sets, 1000 + fingerprint % 7);
        sets.gained(set, 1);
        sets.leave(set);
        if fingerprint == 100 {
            allocated = sets.records.allocated_bytes() + sets.pieces.allocated_bytes();
        }
    }
    assert_eq!(
        sets.records.allocated_bytes() + sets.pieces.allocated_bytes(),
        allocated
    );
}

/// Some routers send no attributes at all for routes of their own.
#[test]
fn a_set_without_octets_is_known_and_freed() {
    let mut sets = AttributeSets::new(1 << 20);
    let set = find_or_add(&mut sets, 0);
    sets.gained(set, 2);
    assert_eq!(known(&sets, set), Some(Vec::new()));
    let figures = sets.figures();
    assert_eq!((figures.unknown_sets, figures.unknown_routes), (0, 0));
    sets.leave(set);
    sets.leave(set);
    sets.settle();
    assert_eq!(sets.figures(), SetFigures::default());
}

#[test]
fn labels_stand_behind_the_attributes() {
    let mut sets = AttributeSets::new(1 << 20);
    let content = Content {
        attributes: &[1; 40],
        labels: &[2; 3],
        two_octet_asns: false,
    };
    let set = sets.find_or_add(7, || Some(content));
    let mut buffer = Vec::new();
    assert_eq!(sets.content(set, &mut buffer), Some(content));
}

#[test]
fn a_fingerprint_that_stands_for_doubt_has_no_set() {
    let mut sets = AttributeSets::new(1 << 20);
    let content = Content {
        attributes: &[1; 40],
        labels: &[],
        two_octet_asns: false,
    };
    assert_eq!(sets.find_or_add(3, || Some(content)), SetId(0));
    let set = sets.find_or_add(DOUBT, || Some(content));
    assert_eq!(
        (set, sets.fingerprint(set), sets.routes(set)),
        (SetId::DOUBT, DOUBT, 0)
    );
    sets.gained(set, 1);
    sets.leave(set);
    sets.settle();
    sets.forget_if_unused(set);
    assert_eq!(sets.figures().sets, 1);
}
