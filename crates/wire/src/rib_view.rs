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

    /// The view of this name. The names of the payload's schema are understood too, like `adjRibInPre`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let is_named = |view: &Self| view.name() == name || view.in_schema() == name;
        Self::ALL.into_iter().find(is_named)
    }

    /// Name of the view in the payload's schema.
    const fn in_schema(self) -> &'static str {
        match self {
            Self::AdjRibInPre => "adjRibInPre",
            Self::AdjRibInPost => "adjRibInPost",
            Self::AdjRibOutPre => "adjRibOutPre",
            Self::AdjRibOutPost => "adjRibOutPost",
            Self::LocRib => "locRib",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_understood_by_both_of_its_names() {
        for view in RibView::ALL {
            assert_eq!(RibView::from_name(view.name()), Some(view));
            assert_eq!(RibView::from_name(view.in_schema()), Some(view));
            let without_hyphens = view.name().replace('-', "");
            assert_eq!(view.in_schema().to_ascii_lowercase(), without_hyphens);
        }
        assert_eq!(RibView::from_name("adj-rib-in"), None);
    }
}
