//! Runs the fuzz targets over their seeds and over a bounded number of mutations that follow from a seed. `scripts/fuzz`
//! makes the long runs with libFuzzer (`docs/fuzzing.md`).
#![allow(missing_docs)]

use std::path::Path;

use arancini_fuzzing::{mutation, seeds, target};
use arancini_generate::Random;

/// Mutations of each target in the normal test run; `FUZZ_MUTATIONS` overrules it.
const MUTATIONS: usize = 1000;

fn short_run(name: &str) {
    let target = target(name).expect("a target");
    let streams = seeds::streams(&seeds::root().join("testdata"));
    let all = seeds::of(name, &streams);
    assert!(!all.is_empty());
    let every = all.len().div_ceil(300);
    let seeds: Vec<_> = all.into_iter().step_by(every).collect();
    for seed in &seeds {
        (target.run)(seed);
    }
    // Inputs that libFuzzer found, if the caller names their folder.
    if let Some(corpus) = std::env::var_os("FUZZ_CORPUS") {
        let Ok(found) = std::fs::read_dir(Path::new(&corpus).join(name)) else {
            return;
        };
        for entry in found {
            let path = entry.expect("the corpus can be read").path();
            (target.run)(&std::fs::read(path).expect("the corpus can be read"));
        }
    }
    let mutations = std::env::var("FUZZ_MUTATIONS").ok();
    let mutations = mutations.map_or(MUTATIONS, |number| number.parse().expect("a number"));
    let mut random = Random::of(&[0x6675_7a7a, name.len() as u64]);
    for _ in 0..mutations {
        let mut pick = || &seeds[random.below(seeds.len() as u32) as usize];
        let (mut input, other) = (pick().clone(), pick());
        mutation::mutate(&mut input, other, &mut random);
        (target.run)(&input);
    }
    println!("{name}: {} seeds, {mutations} mutations", seeds.len());
}

macro_rules! short_runs {
    ($($(#[$condition:meta])? $name:ident)*) => {
        $(#[test]
        $(#[$condition])?
        fn $name() {
            short_run(stringify!($name));
        })*

        #[test]
        fn every_target_is_run() {
            let named = [$($(#[$condition])? stringify!($name)),*];
            assert!(arancini_fuzzing::TARGETS.iter().map(|target| target.name).eq(named));
        }
    };
}

short_runs! {
    framing_session
    update
    open
    nlri
    opaque
    snapshot
    differential_bgpkit
    differential_netgauze
    #[cfg(feature = "collector")]
    segments
    #[cfg(feature = "collector")]
    configuration
    #[cfg(feature = "collector")]
    mrt
    #[cfg(feature = "collector")]
    proxy_header
}
