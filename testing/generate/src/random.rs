//! SplitMix64: a small generator whose numbers are the same everywhere.

/// A sequence of numbers that look random and follow from a seed.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The sequence that belongs to these parts together.
    #[must_use]
    pub fn of(parts: &[u64]) -> Self {
        let state = parts
            .iter()
            .fold(0, |state, part| Self::new(state ^ part).next_u64());
        Self::new(state)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number below `limit`; 0 where `limit` is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        // The high half of a 32 by 32 multiplication is below the limit; the bias is at most 2^-32.
        ((u64::from(limit) * (self.next_u64() >> 32)) >> 32) as u32
    }

    /// True in this many of a hundred cases.
    pub fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // First outputs of SplitMix64 for seed 1234567, from its reference implementation.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }
}
