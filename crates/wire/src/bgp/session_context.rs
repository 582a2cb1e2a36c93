//! What two BGP speakers negotiated, as far as it changes how an UPDATE is read.

use crate::iana::AfiSafi;

/// How many octets an AS number takes in AS_PATH and AGGREGATOR (RFC 6793).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsWidth {
    /// Two octets: at least one side is an OLD speaker.
    Two,
    /// Four octets: both sides are NEW speakers.
    Four,
}

/// A small set of families. Holds up to 32; what does not fit is refused by [`FamilySet::insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilySet {
    families: [AfiSafi; Self::CAPACITY],
    length: u8,
}

impl FamilySet {
    /// How many families fit.
    pub const CAPACITY: usize = 32;
    /// No family.
    pub const EMPTY: Self = Self {
        families: [AfiSafi::new(0, 0); Self::CAPACITY],
        length: 0,
    };

    /// Adds a family; `false` when the set is full.
    pub fn insert(&mut self, family: AfiSafi) -> bool {
        if self.contains(family) {
            return true;
        }
        let Some(place) = self.families.get_mut(usize::from(self.length)) else {
            return false;
        };
        *place = family;
        self.length += 1;
        true
    }

    /// Whether the family is in the set.
    #[must_use]
    pub fn contains(&self, family: AfiSafi) -> bool {
        self.iter().any(|member| member == family)
    }

    /// The members, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = AfiSafi> + '_ {
        self.families.iter().take(usize::from(self.length)).copied()
    }

    /// Whether there is no member.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// What has to be known of a session to read the UPDATEs of one direction of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionContext {
    /// Width of AS numbers in AS_PATH and AGGREGATOR.
    pub as_width: AsWidth,
    /// Families whose NLRI carries path identifiers in this direction (RFC 7911).
    pub add_path: FamilySet,
}

impl SessionContext {
    /// 4-octet AS numbers, no path identifiers: what RFC 7854 §4.2 assumes where nothing else is known.
    pub const DEFAULT: Self = Self {
        as_width: AsWidth::Four,
        add_path: FamilySet::EMPTY,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_refuses_what_it_does_not_hold() {
        let mut set = FamilySet::EMPTY;
        for safi in 0..FamilySet::CAPACITY as u8 {
            assert!(set.insert(AfiSafi::new(1, safi)));
        }
        assert!(!set.insert(AfiSafi::new(2, 0)));
        assert!(set.insert(AfiSafi::new(1, 7)), "it is there already");
        assert!(!set.contains(AfiSafi::new(2, 0)));
        assert_eq!(set.iter().count(), FamilySet::CAPACITY);
    }
}
