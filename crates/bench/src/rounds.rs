//! The rounds of the scenario `sustained`: in each round, every route changes its path.

/// Returns the version of the paths in a round, counted from 0.
pub(crate) const fn version(round: u32) -> u32 {
    round % 2 + 1
}
