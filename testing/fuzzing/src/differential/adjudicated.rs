//! Known differences to other readers, where the RFC's text says who is right. `docs/interop.md` gives the reasons. Each
//! predicate stands for one difference; an UPDATE for which it is true is not compared.

use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bgp::nlri::{self, Nlri, Route};
use arancini_wire::bgp::{AsWidth, Update};
use arancini_wire::iana::AfiSafi;

use super::is_compared;
use super::question::{Question, fields};

/// Whether a known disagreement with bgpkit-parser can be in this UPDATE.
#[must_use]
pub fn of_bgpkit(question: &Question<'_>, attributes: &PathAttributes<'_>) -> bool {
    default_route_is_taken_for_a_path_identifier(question, attributes)
        || as4_path_stands_alone(attributes)
        || label_without_bottom_of_stack(question, attributes)
}

/// Whether a known disagreement with NetGauze can be in this UPDATE.
#[must_use]
pub fn of_netgauze(question: &Question<'_>, attributes: &PathAttributes<'_>) -> bool {
    merge_is_left_to_the_user(attributes)
        || label_without_bottom_of_stack(question, attributes)
        || ipv6_next_hop_is_taken_for_16_octets(attributes)
}

/// Whether the predicate is true for some NLRI of a compared family, announced or withdrawn.
fn any_nlri(
    question: &Question<'_>,
    attributes: &PathAttributes<'_>,
    is_such: impl Fn(&Nlri<'_>, bool) -> bool,
) -> bool {
    let Ok(update) = Update::new_checked(question.body) else {
        return false;
    };
    fields(&update, attributes)
        .into_iter()
        .any(|(family, field, announced)| {
            is_compared(family)
                && nlri::iter(family, field, question.add_path)
                    .flatten()
                    .any(|nlri| is_such(&nlri, announced))
        })
}

/// bgpkit-parser guesses path identifiers from a first octet of zero, which also stands for a default route. By RFC 7911
/// §3 they are there only if both speakers advertised the capability.
fn default_route_is_taken_for_a_path_identifier(
    question: &Question<'_>,
    attributes: &PathAttributes<'_>,
) -> bool {
    !question.add_path
        && any_nlri(question, attributes, |nlri, _| {
            matches!(
                nlri.route,
                Route::Prefix {
                    length: 0,
                    labels: [],
                    ..
                }
            )
        })
}

/// bgpkit-parser uses AS4_PATH as the path if there is no AS_PATH. RFC 6793 §4.2.3 merges it into AS_PATH, and an UPDATE
/// without AS_PATH has no path (RFC 7606 §3 d).
fn as4_path_stands_alone(attributes: &PathAttributes<'_>) -> bool {
    attributes.as_path.is_none() && attributes.as4_path.is_some()
}

/// We read labels up to the one with the bottom-of-stack bit, which is what speakers of RFC 3107 send and what RFC 8277
/// §2.3 has where both speakers advertised Multiple Labels. Where they did not, §2.2 has exactly one label, whatever its
/// bit says; and §2.4 has three octets before a withdrawn prefix, to be ignored. So the others are right by the letter
/// where a lone label has no such bit; no sender was seen to write one. A label of 0 or 0x800000 ends the stack for us
/// as in §2.2 and §2.4; bgpkit-parser reads on as in §2.3.
fn label_without_bottom_of_stack(question: &Question<'_>, attributes: &PathAttributes<'_>) -> bool {
    any_nlri(question, attributes, |nlri, announced| match nlri.route {
        // All readers expect 0x800000 before a withdrawn prefix.
        Route::Prefix {
            labels: [_, _, lowest],
            ..
        } => announced && lowest & 1 == 0,
        Route::Prefix { labels, .. } => labels.len() > 3,
        Route::Opaque(_) => false,
    })
}

/// NetGauze reads 16 octets of next hop for IPv6 unicast and multicast, whatever the length field says. So it reads NLRI
/// out of the next hop or behind its end. By RFC 4760 §3 the field gives the length.
fn ipv6_next_hop_is_taken_for_16_octets(attributes: &PathAttributes<'_>) -> bool {
    attributes.mp_reach.is_some_and(|mp| {
        matches!(mp.family, AfiSafi::IPV6_UNICAST | AfiSafi::IPV6_MULTICAST)
            && !matches!(mp.next_hop.len(), 16 | 32)
    })
}

/// NetGauze returns AS_PATH and AS4_PATH as they are. It leaves the merge of RFC 6793 §4.2.3 to its user.
fn merge_is_left_to_the_user(attributes: &PathAttributes<'_>) -> bool {
    attributes.as4_path.is_some() && attributes.as_width == AsWidth::Two
}
