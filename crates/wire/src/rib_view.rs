//! The kinds of routing tables that a router reports.

/// The kind of routing table that a Route Monitoring message mirrors (RFC 7854 §4.2, RFC 8671 §4, RFC 9069 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RibView {
    /// Adj-RIB-In before inbound policy.
    AdjRibInPre = 0,
    /// Adj-RIB-In after inbound policy.
    AdjRibInPost = 1,
    /// Adj-RIB-Out before outbound policy.
    AdjRibOutPre = 2,
    /// Adj-RIB-Out after outbound policy.
    AdjRibOutPost = 3,
    /// Loc-RIB.
    LocRib = 4,
}

impl RibView {
    /// All views, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::AdjRibInPre,
        Self::AdjRibInPost,
        Self::AdjRibOutPre,
        Self::AdjRibOutPost,
        Self::LocRib,
    ];

    /// Name of the view in metrics, JSON and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdjRibInPre => "adj-rib-in-pre",
            Self::AdjRibInPost => "adj-rib-in-post",
            Self::AdjRibOutPre => "adj-rib-out-pre",
            Self::AdjRibOutPost => "adj-rib-out-post",
            Self::LocRib => "loc-rib",
        }
    }
}
