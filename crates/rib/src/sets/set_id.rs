//! The number of a set, and the word that an entry holds of it.

use crate::entry::DOUBT;

/// The number of an attribute set. It stays the set's number as long as a route has the set; then another set may get it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetId(pub(super) u32);

impl SetId {
    /// The set of a route in doubt ([`DOUBT`]). No set has this number.
    pub const DOUBT: Self = Self(u32::MAX >> 1);

    /// The number itself, for whoever keeps something of each set.
    #[inline]
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// The word that an entry holds: the number, in 31 bits; the round in which the route was last published, in one bit; and since
    /// when the route has the set in Unix seconds (0: unknown). The word of a route in doubt is [`DOUBT`], as it is where entries
    /// hold fingerprints.
    #[inline]
    pub(crate) const fn word(self, since: u32, round: Round) -> u64 {
        if self.0 == Self::DOUBT.0 {
            return DOUBT;
        }
        self.0 as u64 | round.bit() | (since as u64) << 32
    }

    /// The set that a word names.
    #[inline]
    pub(crate) const fn of_word(word: u64) -> Self {
        Self(word as u32 & Self::DOUBT.0)
    }

    /// Since when a route has the set that a word names, in Unix seconds; `None` if that is unknown.
    pub(crate) const fn since_of_word(word: u64) -> Option<u32> {
        match (word >> 32) as u32 {
            0 => None,
            _ if word == DOUBT => None,
            since => Some(since),
        }
    }
}

/// The round in which routes are published. There are two, which follow each other: a new round begins when all routes of a
/// router are published again, and routes of the round before are still to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    odd: bool,
}

impl Round {
    /// The round behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { odd: !self.odd }
    }

    /// The bit of the round within a word.
    const fn bit(self) -> u64 {
        (self.odd as u64) << 31
    }

    /// The round of the route that has this word.
    pub(crate) const fn of_word(word: u64) -> Self {
        Self {
            odd: word & 1 << 31 != 0,
        }
    }

    /// A word with this round in place of its own.
    pub(crate) const fn put_into(self, word: u64) -> u64 {
        word & !(1 << 31) | self.bit()
    }
}

/// The attribute set of a route, for questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldSet {
    /// The set.
    pub set: SetId,
    /// Since when the route has the set, in Unix seconds; `None` if it has had it since before the collector started.
    pub since: Option<u32>,
}

impl HeldSet {
    pub(crate) const fn of_word(word: u64) -> Self {
        Self {
            set: SetId::of_word(word),
            since: SetId::since_of_word(word),
        }
    }
}
