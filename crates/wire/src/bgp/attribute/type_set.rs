//! Sets of attribute type codes.

/// A set of attribute type codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeSet([u64; 4]);

impl TypeSet {
    pub(super) const EMPTY: Self = Self([0; 4]);

    /// Makes a set of these codes.
    pub(super) const fn of(codes: &[u8]) -> Self {
        let mut words = [0; 4];
        let mut i = 0;
        while i < codes.len() {
            words[(codes[i] >> 6) as usize] |= 1 << (codes[i] & 63);
            i += 1;
        }
        Self(words)
    }

    #[inline]
    pub(super) const fn contains(&self, code: u8) -> bool {
        self.0[(code >> 6) as usize] >> (code & 63) & 1 == 1
    }

    /// Whether the set contains all codes of another one whose codes are below 64.
    #[inline]
    pub(super) const fn contains_low(&self, codes: Self) -> bool {
        let [low, ..] = codes.0;
        self.0[0] & low == low
    }

    /// Adds a code. Returns `false` if the set contained the code already.
    #[inline]
    pub(super) const fn insert(&mut self, code: u8) -> bool {
        let word = &mut self.0[(code >> 6) as usize];
        let bit = 1 << (code & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
