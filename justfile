# The habits of this repository; `just` lists them.

[private]
default:
    @just --list

# Format, lints, docs and unit tests: before each commit.
check:
    scripts/test --quick

# Everything, as CI runs it.
test:
    scripts/test

# Only the tests with real routers and a real broker (root for all of them).
live:
    scripts/test live

# A million seeds around the core (docs/simulator.md).
simulate seeds="1000000":
    scripts/campaign simulator {{seeds}}

# Every fuzz target for so many seconds (docs/fuzzing.md).
fuzz target="all" seconds="60":
    scripts/fuzz {{target}} {{seconds}}

# Lines of crates/wire that its tests and the fuzz targets reach.
coverage:
    scripts/coverage

# The release build laid out by a profile: target/profiled/arancini (docs/tuning.md).
profiled:
    scripts/build-profiled

# What a user sees first.
demo:
    cargo run --release -- demo

# Writes the golden files anew; look at the difference before committing it.
golden:
    UPDATE_GOLDEN=1 cargo nextest run --workspace

# Cuts testdata/ from the full recordings.
testdata:
    scripts/cut-testdata

# Licences, advisories and sources of all dependencies (needs cargo-deny).
deny:
    cargo deny check
