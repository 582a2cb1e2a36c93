//! An `Update` as a JSON object.

use std::io::{self, Write};

use super::damaged::damaged;
use super::object::Members;
use super::text::{Distinguisher, ExtendedCommunity, Hex, Name, address, identifier, prefix_address};
use crate::update_capnp::update;

pub(super) fn write(update: update::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    object.safe_text("type", "update")?;
    object.plain("announced", update.get_announced())?;
    object.plain("synthetic", update.get_synthetic())?;
    write_source(&mut object, update)?;
    write_route(&mut object, update)?;
    if update.get_announced() {
        let fingerprint = update.get_attribute_fingerprint();
        object.safe_text("attributeFingerprint", format_args!("{fingerprint:016x}"))?;
        write_attributes(&mut object, update)?;
    } else {
        object.safe_text("withdrawReason", Name(update.get_withdraw_reason()))?;
    }
    object.end()
}

/// Writes the members that tell the attributes of a route, as an object: its labels, and everything that
/// [`write_message`](super::write_message) writes behind `attributeFingerprint`.
///
/// # Errors
///
/// Those of `out`, and `InvalidData` if the content of the update is damaged.
pub fn write_attributes_of(update: update::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    write_labels(&mut object, update)?;
    write_attributes(&mut object, update)?;
    object.end()
}

fn write_source<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    object.safe_text("timeReceivedNs", update.get_time_received_ns())?;
    object.nonzero_text("timeBmpHeaderNs", update.get_time_bmp_header_ns())?;
    object.safe_text("sequence", update.get_sequence())?;
    if let Some(router) = address(update.get_router_addr().map_err(damaged)?) {
        object.safe_text("routerAddr", router)?;
    }
    object.plain("routerPort", update.get_router_port())?;
    if let Some(peer) = address(update.get_peer_addr().map_err(damaged)?) {
        object.safe_text("peerAddr", peer)?;
    }
    object.safe_text("peerBgpId", identifier(update.get_peer_bgp_id()))?;
    object.plain("peerAsn", update.get_peer_asn())?;
    object.plain("peerType", update.get_peer_type())?;
    if update.get_peer_distinguisher() != 0 {
        let distinguisher = Distinguisher(update.get_peer_distinguisher());
        object.safe_text("peerDistinguisher", distinguisher)?;
    }
    object.safe_text("ribView", Name(update.get_rib_view()))?;
    object.plain("isPostPolicy", update.get_is_post_policy())?;
    object.plain("isAdjRibOut", update.get_is_adj_rib_out())?;
    object.text("tableName", update.get_table_name().map_err(damaged)?)
}

fn write_route<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    let afi = update.get_afi();
    object.plain("afi", afi)?;
    object.plain("safi", update.get_safi())?;
    let raw = update.get_raw_nlri().map_err(damaged)?;
    if !raw.is_empty() {
        object.safe_text("rawNlri", Hex(raw))?;
    } else if let Some(prefix) = prefix_address(update.get_prefix_addr().map_err(damaged)?, afi) {
        let length = update.get_prefix_len();
        object.safe_text("prefix", format_args!("{prefix}/{length}"))?;
        object.safe_text("prefixAddr", prefix)?;
        object.plain("prefixLen", length)?;
    }
    if update.get_has_path_id() {
        object.plain("pathId", update.get_path_id())?;
    }
    if update.get_has_route_distinguisher() {
        let distinguisher = Distinguisher(update.get_route_distinguisher());
        object.safe_text("routeDistinguisher", distinguisher)?;
    }
    write_labels(object, update)?;
    let reach = (update.get_mp_reach_afi(), update.get_mp_reach_safi());
    if reach != (0, 0) {
        object.plain("mpReachAfi", reach.0)?;
        object.plain("mpReachSafi", reach.1)?;
    }
    let unreach = (update.get_mp_unreach_afi(), update.get_mp_unreach_safi());
    if unreach != (0, 0) {
        object.plain("mpUnreachAfi", unreach.0)?;
        object.plain("mpUnreachSafi", unreach.1)?;
    }
    Ok(())
}

fn write_labels<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    object.numbers("labels", update.get_labels().map_err(damaged)?.iter())
}

fn write_attributes<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    object.text("origin", update.get_origin().map_err(damaged)?)?;
    object.numbers("asPath", update.get_as_path().map_err(damaged)?.iter())?;
    let segments = update.get_as_path_segments().map_err(damaged)?;
    if !segments.is_empty() {
        let mut array = object.array("asPathSegments")?;
        for segment in segments {
            let mut element = array.element()?;
            element.safe_text("kind", Name(segment.get_kind()))?;
            element.numbers("asns", segment.get_asns().map_err(damaged)?.iter())?;
            element.end()?;
        }
        array.end()?;
    }
    if update.get_has_next_hop()
        && let Some(next_hop) = address(update.get_next_hop().map_err(damaged)?)
    {
        object.safe_text("nextHop", next_hop)?;
    }
    if let Some(link_local) = address(update.get_link_local_next_hop().map_err(damaged)?) {
        object.safe_text("linkLocalNextHop", link_local)?;
    }
    if update.get_has_multi_exit_disc() {
        object.plain("multiExitDisc", update.get_multi_exit_disc())?;
    }
    if update.get_has_local_preference() {
        object.plain("localPreference", update.get_local_preference())?;
    }
    if update.get_has_only_to_customer() {
        object.plain("onlyToCustomer", update.get_only_to_customer())?;
    }
    if update.get_atomic_aggregate() {
        object.plain("atomicAggregate", true)?;
    }
    if update.get_has_aggregator() {
        object.plain("aggregatorAsn", update.get_aggregator_asn())?;
        let aggregator = identifier(update.get_aggregator_bgp_id());
        object.safe_text("aggregatorBgpId", aggregator)?;
    }
    write_communities(object, update)?;
    if update.get_has_originator_id() {
        object.safe_text("originatorId", identifier(update.get_originator_id()))?;
    }
    let clusters = update.get_cluster_list().map_err(damaged)?;
    object.safe_texts("clusterList", clusters.iter().map(|id| Ok(identifier(id))))?;
    write_unknown(object, update)
}

fn write_communities<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    let communities = update.get_communities().map_err(damaged)?;
    let texts = communities
        .iter()
        .map(|member| Ok(format!("{}:{}", member.get_asn(), member.get_value())));
    object.safe_texts("communities", texts)?;
    let communities = update.get_extended_communities().map_err(damaged)?;
    let texts = communities.iter().map(|member| {
        Ok(ExtendedCommunity {
            type_high: member.get_type_high(),
            type_low: member.get_type_low(),
            value: member.get_value().map_err(damaged)?,
        })
    });
    object.safe_texts("extendedCommunities", texts)?;
    let communities = update.get_large_communities().map_err(damaged)?;
    let texts = communities.iter().map(|member| {
        let [one, two] = [member.get_local_data_part1(), member.get_local_data_part2()];
        Ok(format!("{}:{one}:{two}", member.get_global_admin()))
    });
    object.safe_texts("largeCommunities", texts)
}

fn write_unknown<W: Write>(object: &mut Members<'_, W>, update: update::Reader<'_>) -> io::Result<()> {
    let unknown = update.get_unknown_attributes().map_err(damaged)?;
    if unknown.is_empty() {
        return Ok(());
    }
    let mut array = object.array("unknownAttributes")?;
    for attribute in unknown {
        let mut element = array.element()?;
        element.plain("flags", attribute.get_flags())?;
        element.plain("typeCode", attribute.get_type_code())?;
        element.safe_text("value", Hex(attribute.get_value().map_err(damaged)?))?;
        element.end()?;
    }
    array.end()
}
