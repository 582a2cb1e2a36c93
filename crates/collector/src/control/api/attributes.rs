//! The attributes of a route, with the names of the stream.

use arancini_core::{AttributeWriter, RouteAttributes};
use arancini_wire::iana::AfiSafi;
use serde::{Deserialize, Serialize};

/// The attributes of a route (docs/schema.md). An absent attribute has no member.
///
/// The JSON form of the stream is read into these members, so that the two are the same. The tests deny further ones. In the program
/// they must not be denied, because OpenAPI would deny the other members of a route too.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(test, serde(deny_unknown_fields))]
pub struct Attributes {
    /// The labels, top first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    labels: Vec<u32>,
    /// ORIGIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    /// The AS numbers of all segments of the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    as_path: Vec<u32>,
    /// The segments, if the path is not one AS_SEQUENCE.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    as_path_segments: Vec<AsPathSegment>,
    /// The next hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_hop: Option<String>,
    /// The link-local next hop beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_local_next_hop: Option<String>,
    /// MULTI_EXIT_DISC.
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_exit_disc: Option<u32>,
    /// LOCAL_PREF.
    #[serde(skip_serializing_if = "Option::is_none")]
    local_preference: Option<u32>,
    /// Only to Customer (RFC 9234).
    #[serde(skip_serializing_if = "Option::is_none")]
    only_to_customer: Option<u32>,
    /// ATOMIC_AGGREGATE.
    #[serde(skip_serializing_if = "Option::is_none")]
    atomic_aggregate: Option<bool>,
    /// The AS number in AGGREGATOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator_asn: Option<u32>,
    /// The BGP identifier in AGGREGATOR.
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator_bgp_id: Option<String>,
    /// COMMUNITIES, each `AS:VALUE`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    communities: Vec<String>,
    /// EXTENDED_COMMUNITIES.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    extended_communities: Vec<String>,
    /// LARGE_COMMUNITY, each `ADMINISTRATOR:PART1:PART2`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    large_communities: Vec<String>,
    /// ORIGINATOR_ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    originator_id: Option<String>,
    /// CLUSTER_LIST.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    cluster_list: Vec<String>,
    /// The attributes without a member of their own, in the order of their types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    unknown_attributes: Vec<UnknownAttribute>,
}

/// A segment of an AS path.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AsPathSegment {
    /// `as-set`, `as-sequence`, `confed-sequence`, `confed-set` or `unknown`.
    kind: String,
    /// The AS numbers.
    #[serde(default)]
    asns: Vec<u32>,
}

/// An attribute without a member of its own.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnknownAttribute {
    /// The flags, without those that have no meaning.
    flags: u8,
    /// The type code.
    type_code: u8,
    /// The value in hexadecimal digits.
    value: String,
}

/// Reads the attributes of routes, one after the other.
#[derive(Default)]
pub(super) struct AttributeReader {
    writer: AttributeWriter,
    json: Vec<u8>,
}

impl AttributeReader {
    /// The attributes of a route of this family.
    pub fn read(&mut self, attributes: &RouteAttributes, family: AfiSafi) -> Option<Attributes> {
        self.json.clear();
        if !self.writer.write(attributes, family, &mut self.json) {
            return None;
        }
        let read = serde_json::from_slice(&self.json);
        debug_assert!(read.is_ok(), "a member is missing here: {read:?}");
        read.ok()
    }
}
