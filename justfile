# Short names for the scripts of this repository; `just` lists them.

[private]
default:
    @just --list

# Checks format, lints and unit tests: before each commit.
check:
    scripts/test --quick

# Checks everything, as CI does.
test:
    scripts/test

# Runs only the tests with real routers and a real broker (as root).
live:
    scripts/test live

# Runs the core under a million seeds of the simulator (docs/simulator.md).
simulate seeds="1000000":
    scripts/campaign simulator {{seeds}}

# Runs every fuzz target for some seconds (docs/fuzzing.md).
fuzz target="all" seconds="60":
    scripts/fuzz {{target}} {{seconds}}

# Counts the lines of crates/wire that its tests and the fuzz targets reach.
coverage:
    scripts/coverage

# Builds target/profiled/arancini: the release build, optimised by a profile (docs/tuning.md).
profiled:
    scripts/build-profiled

# Runs the demo, which is what a user sees first.
demo:
    cargo run --release -- demo

# Rewrites the golden files; look at the difference before committing it.
golden:
    UPDATE_GOLDEN=1 cargo nextest run --workspace

# Cuts testdata/ out of the full recordings.
testdata:
    scripts/cut-testdata

# Checks licences, advisories and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check
