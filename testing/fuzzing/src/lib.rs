//! Fuzz targets: one function for each, which reads any bytes and panics if a promise is broken.
//!
//! `fuzz/` wraps each function in libFuzzer. `tests/short.rs` runs them over [`seeds`] and [`mutation`]s of the seeds, so
//! that the normal test run exercises them too. `docs/fuzzing.md` explains how to run them.
#![forbid(unsafe_code)]

#[cfg(feature = "collector")]
pub mod configuration;
pub mod differential;
pub mod framing_session;
#[cfg(feature = "collector")]
pub mod mrt;
pub mod nlri;
pub mod opaque;
pub mod open;
#[cfg(feature = "collector")]
pub mod proxy_header;
#[cfg(feature = "collector")]
pub mod segments;
pub mod snapshot;
pub mod update;

pub mod mutation;
pub mod seeds;

mod input;
#[cfg(feature = "collector")]
mod made_seeds;
mod frames;
#[cfg(feature = "collector")]
mod scratch;
mod stream;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The target's name, as of its file in `fuzz/fuzz_targets/`.
    pub name: &'static str,
    /// Reads an input to its end. Panics if a promise is broken.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "framing_session",
        run: framing_session::run,
    },
    Target {
        name: "update",
        run: update::run,
    },
    Target {
        name: "open",
        run: open::run,
    },
    Target {
        name: "nlri",
        run: nlri::run,
    },
    Target {
        name: "opaque",
        run: opaque::run,
    },
    Target {
        name: "snapshot",
        run: snapshot::run,
    },
    Target {
        name: "differential_bgpkit",
        run: differential::run_bgpkit,
    },
    Target {
        name: "differential_netgauze",
        run: differential::run_netgauze,
    },
    #[cfg(feature = "collector")]
    Target {
        name: "segments",
        run: segments::run,
    },
    #[cfg(feature = "collector")]
    Target {
        name: "configuration",
        run: configuration::run,
    },
    #[cfg(feature = "collector")]
    Target {
        name: "mrt",
        run: mrt::run,
    },
    #[cfg(feature = "collector")]
    Target {
        name: "proxy_header",
        run: proxy_header::run,
    },
];

/// The target with this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
