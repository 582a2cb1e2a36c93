//! Choices with weights.

use crate::random::Random;

/// Returns one of the values, each as often as its weight says.
pub(super) fn weighted<T: Copy>(choices: &[(T, u32)], random: &mut Random) -> Option<T> {
    let all = choices.iter().map(|(_, weight)| weight).sum();
    let mut place = random.below(all);
    choices.iter().find_map(|&(value, weight)| {
        let is_here = place < weight;
        place = place.saturating_sub(weight);
        is_here.then_some(value)
    })
}

/// Returns true in this many of a thousand cases.
pub(super) fn per_mille(chance: u32, random: &mut Random) -> bool {
    random.below(1000) < chance
}
