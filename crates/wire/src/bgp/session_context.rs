//! The part of a session's negotiation that decides how an UPDATE is read.

use crate::iana::AfiSafi;

/// The size of an AS number in AS_PATH and AGGREGATOR (RFC 6793).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsWidth {
    /// Two octets: at least one of the two is an OLD speaker.
    Two,
    /// Four octets: both are NEW speakers.
    Four,
}

impl AsWidth {
    /// Number of octets of an AS number.
    #[inline]
    pub(crate) const fn octets(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// A set of up to 32 families. [`FamilySet::insert`] refuses a family that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilySet {
    families: [AfiSafi; Self::CAPACITY],
    length: u8,
}

impl FamilySet {
    /// Most families of a set.
    pub const CAPACITY: usize = 32;
    /// The empty set.
    pub const EMPTY: Self = Self {
        families: [AfiSafi::new(0, 0); Self::CAPACITY],
        length: 0,
    };

    /// Adds a family. Returns `false` if the set is full.
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

    /// Whether the set contains the family.
    #[must_use]
    pub fn contains(&self, family: AfiSafi) -> bool {
        self.iter().any(|member| member == family)
    }

    /// The families, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = AfiSafi> + '_ {
        self.families.iter().take(usize::from(self.length)).copied()
    }

    /// Whether the set holds as many families as it can.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.length as usize == Self::CAPACITY
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Session parameters that a reader of UPDATEs needs, for one direction of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionContext {
    /// Size of AS numbers in AS_PATH and AGGREGATOR.
    pub as_width: AsWidth,
    /// Families whose NLRI has path identifiers in this direction (RFC 7911).
    pub add_path: FamilySet,
}

impl SessionContext {
    /// 4-octet AS numbers and no path identifiers. RFC 7854 §4.2 assumes this if nothing else is known.
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
