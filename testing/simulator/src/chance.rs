//! Times, and choices by chance, that all parts of a run share.

use arancini_generate::Random;

/// A millisecond in nanoseconds.
pub(crate) const MILLISECOND: u64 = 1_000_000;
/// A second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000 * MILLISECOND;

/// Picks one of these values.
pub(crate) fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u32) as usize]
}
