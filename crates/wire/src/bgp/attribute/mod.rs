//! Path attributes, read in one pass and checked as RFC 7606 says.
//!
//! [`PathAttributes::parse`] does not give up while it can still locate the routes. A damaged attribute becomes a [`Fault`],
//! whose [`Handling`] says what happens to the routes. `docs/rfc7606.md` has the table.
//!
//! BMP mirrors routes that a router accepted, and does not say for every table whether the peer is internal. Therefore
//! LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are checked as if they came from an internal peer, and are never discarded
//! because they came from an external peer (RFC 7606 §7.5, §7.9, §7.10). Confederation segments are accepted from any peer
//! (RFC 5065 §5), and LOCAL_PREF may be absent.

mod raw;
mod read;
mod faults;
mod path_attributes;
mod type_set;
mod origin;
mod as_path;
mod effective_as_path;
mod aggregator;
mod community;
mod mp_reach;
mod tlv;
mod common;
#[cfg(test)]
mod test_paths;
#[cfg(test)]
mod as4_tests;
#[cfg(test)]
mod rfc7606_tests;

pub use aggregator::{AS_TRANS, Aggregator};
pub use as_path::{AsPath, Asns, Segment, SegmentKind, Segments, as_path_is_well_formed};
pub use common::{CommonAttributes, CommonReach, MOST_COMMON_OCTETS};
pub use community::{
    ClusterList, Communities, ExtendedCommunities, Ipv6ExtendedCommunities, LargeCommunities,
};
pub use effective_as_path::{EffectiveAsPath, EffectiveSegments};
pub use faults::{Fault, FaultKind, Faults, Handling};
pub use mp_reach::{MP_HEADER_OCTETS, MpReach, MpUnreach};
pub use origin::Origin;
pub use path_attributes::PathAttributes;
pub use raw::{
    FLAG_EXTENDED_LENGTH, FLAG_OPTIONAL, FLAG_PARTIAL, FLAG_TRANSITIVE, RawAttribute, RawAttributes,
    UnknownAttributes, raw_attributes,
};
