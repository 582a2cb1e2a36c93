//! Where another reader differs from us and the RFC's text says who is right: `docs/interop.md` has the reasons. Each
//! predicate names one; an input of which it holds is not compared.

use arancini_wire::bgp::attribute::PathAttributes;

use super::Question;

/// Whether a known disagreement with bgpkit-parser can be in this UPDATE.
#[must_use]
pub fn of_bgpkit(_question: &Question<'_>, _attributes: &PathAttributes<'_>) -> bool {
    false
}

/// Whether a known disagreement with NetGauze can be in this UPDATE.
#[must_use]
pub fn of_netgauze(_question: &Question<'_>, _attributes: &PathAttributes<'_>) -> bool {
    false
}
