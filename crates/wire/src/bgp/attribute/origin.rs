//! ORIGIN: how the originating AS learned a route.

/// ORIGIN (RFC 4271 §5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// The route is interior to the originating AS.
    Igp = 0,
    /// The originating AS learned the route by EGP.
    Egp = 1,
    /// The originating AS learned the route by other means.
    Incomplete = 2,
}

impl Origin {
    /// Name in JSON: `IGP`, `EGP` or `INCOMPLETE`.
    #[inline]
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igp => "IGP",
            Self::Egp => "EGP",
            Self::Incomplete => "INCOMPLETE",
        }
    }
}
