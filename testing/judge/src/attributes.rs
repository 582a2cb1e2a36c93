//! The path attributes of an announce, as routers show them too.

use std::net::IpAddr;

use crate::message::Value;
use crate::route::address;
use crate::update_capnp::{SegmentKind, update};

/// A segment of an AS path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// `sequence`, `set`, `confed-sequence`, `confed-set`, or `unknown`.
    pub kind: &'static str,
    /// The AS numbers.
    pub asns: Vec<u32>,
}

/// Who aggregated a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aggregator {
    /// The AS number.
    pub asn: u32,
    /// The BGP identifier.
    pub bgp_id: u32,
}

/// The path attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// ORIGIN; empty where absent.
    pub origin: String,
    /// AS_PATH.
    pub as_path: Vec<Segment>,
    /// The next hop, where there is one.
    pub next_hop: Option<IpAddr>,
    /// MULTI_EXIT_DISC, where there is one.
    pub med: Option<u32>,
    /// COMMUNITIES as text.
    pub communities: Vec<String>,
    /// LARGE_COMMUNITY as text.
    pub large_communities: Vec<String>,
    /// Whether ATOMIC_AGGREGATE is there.
    pub atomic_aggregate: bool,
    /// AGGREGATOR, where there is one.
    pub aggregator: Option<Aggregator>,
}

impl Value for Attributes {
    fn read(update: update::Reader<'_>) -> capnp::Result<Self> {
        let next_hop = update.get_next_hop()?;
        let next_hop = next_hop
            .first_chunk()
            .map(|octets| address(u128::from_be_bytes(*octets)));
        let communities = update.get_communities()?;
        let large_communities = update.get_large_communities()?;
        Ok(Self {
            origin: update.get_origin()?.to_string()?,
            as_path: read_as_path(update)?,
            next_hop,
            med: update
                .get_has_multi_exit_disc()
                .then(|| update.get_multi_exit_disc()),
            communities: communities
                .iter()
                .map(|one| format!("{}:{}", one.get_asn(), one.get_value()))
                .collect(),
            large_communities: large_communities
                .iter()
                .map(|one| {
                    format!(
                        "{}:{}:{}",
                        one.get_global_admin(),
                        one.get_local_data_part1(),
                        one.get_local_data_part2()
                    )
                })
                .collect(),
            atomic_aggregate: update.get_atomic_aggregate(),
            aggregator: update.get_has_aggregator().then(|| Aggregator {
                asn: update.get_aggregator_asn(),
                bgp_id: update.get_aggregator_bgp_id(),
            }),
        })
    }
}

/// The segments; a path of one sequence has none of its own in the schema.
fn read_as_path(update: update::Reader<'_>) -> capnp::Result<Vec<Segment>> {
    let segments = update.get_as_path_segments()?;
    if segments.is_empty() {
        let asns: Vec<u32> = update.get_as_path()?.iter().collect();
        let sequence = Segment {
            kind: "sequence",
            asns,
        };
        return Ok(Some(sequence)
            .filter(|path| !path.asns.is_empty())
            .into_iter()
            .collect());
    }
    let read = |segment: crate::update_capnp::as_path_segment::Reader<'_>| {
        let kind = match segment.get_kind()? {
            SegmentKind::AsSequence => "sequence",
            SegmentKind::AsSet => "set",
            SegmentKind::ConfedSequence => "confed-sequence",
            SegmentKind::ConfedSet => "confed-set",
            SegmentKind::Unknown => "unknown",
        };
        let asns = segment.get_asns()?.iter().collect();
        Ok(Segment { kind, asns })
    };
    segments.iter().map(read).collect()
}
