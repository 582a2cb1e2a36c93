//! Registry numbers, each group under the name of its IANA registry.

use core::fmt;

/// An address family and its subsequent family ("Address Family Numbers", "SAFI Values").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AfiSafi {
    /// Address Family Identifier.
    pub afi: u16,
    /// Subsequent Address Family Identifier.
    pub safi: u8,
}

impl AfiSafi {
    /// IPv4 unicast, 1/1.
    pub const IPV4_UNICAST: Self = Self::new(1, 1);
    /// IPv6 unicast, 2/1.
    pub const IPV6_UNICAST: Self = Self::new(2, 1);

    /// The pair of these two numbers.
    #[must_use]
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self { afi, safi }
    }
}

/// `afi/safi`, as in `1/1`.
impl fmt::Display for AfiSafi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.afi, self.safi)
    }
}
