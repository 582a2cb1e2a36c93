//! The columns of the file, in its order, and what a row writes into each.

use arancini_schema::json::{Distinguisher, ExtendedCommunity, Hex, Named};
use arancini_schema::update_capnp::{as_path_segment, raw_attribute};
use capnp::NotInSchema;

use super::address::Addresses;
use super::column::{Addresses16, Column, Flags, LongNumbers, Numbers, Texts};
use super::list::{NumberLists, TextLists};
use super::row::Row;
use super::text::{push, push_ipv4, push_number, push_prefix};

/// Every column with its values of the present row group.
pub(super) struct Columns {
    time_received: LongNumbers,
    time_bmp_header: LongNumbers,
    sequence: LongNumbers,
    announced: Flags,
    synthetic: Flags,
    withdraw_reason: Texts,
    router: Addresses,
    router_port: Numbers,
    peer: Addresses,
    peer_bgp_id: Texts,
    peer_asn: Numbers,
    peer_type: Numbers,
    peer_distinguisher: Texts,
    rib_view: Texts,
    is_post_policy: Flags,
    is_adj_rib_out: Flags,
    table_name: Texts,
    afi: Numbers,
    safi: Numbers,
    prefix: Texts,
    prefix_octets: Addresses16,
    prefix_length: Numbers,
    raw_nlri: Texts,
    path_id: Numbers,
    route_distinguisher: Texts,
    labels: NumberLists,
    mp_reach_afi: Numbers,
    mp_reach_safi: Numbers,
    mp_unreach_afi: Numbers,
    mp_unreach_safi: Numbers,
    attribute_fingerprint: LongNumbers,
    origin: Texts,
    as_path: NumberLists,
    as_path_segments: Texts,
    next_hop: Addresses,
    link_local_next_hop: Addresses,
    multi_exit_disc: Numbers,
    local_preference: Numbers,
    only_to_customer: Numbers,
    atomic_aggregate: Flags,
    aggregator_asn: Numbers,
    aggregator_bgp_id: Texts,
    communities: TextLists,
    extended_communities: TextLists,
    large_communities: TextLists,
    originator_id: Texts,
    cluster_list: TextLists,
    unknown_attributes: Texts,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self {
            time_received: LongNumbers::time("timeReceivedNs"),
            time_bmp_header: LongNumbers::time("timeBmpHeaderNs"),
            sequence: LongNumbers::unsigned("sequence"),
            announced: Flags::new_flag("announced"),
            synthetic: Flags::new_flag("synthetic"),
            withdraw_reason: Texts::new("withdrawReason").or_null(),
            router: Addresses::new("routerAddr", "routerAddrBytes"),
            router_port: Numbers::unsigned("routerPort", 16),
            peer: Addresses::new("peerAddr", "peerAddrBytes"),
            peer_bgp_id: Texts::new("peerBgpId"),
            peer_asn: Numbers::unsigned("peerAsn", 32),
            peer_type: Numbers::unsigned("peerType", 8),
            peer_distinguisher: Texts::new("peerDistinguisher").or_null(),
            rib_view: Texts::new("ribView"),
            is_post_policy: Flags::new_flag("isPostPolicy"),
            is_adj_rib_out: Flags::new_flag("isAdjRibOut"),
            table_name: Texts::new("tableName").or_null(),
            afi: Numbers::unsigned("afi", 16),
            safi: Numbers::unsigned("safi", 8),
            prefix: Texts::new("prefix").or_null(),
            prefix_octets: Addresses16::new("prefixAddrBytes"),
            prefix_length: Numbers::unsigned("prefixLen", 8).or_null(),
            raw_nlri: Texts::raw("rawNlri").or_null(),
            path_id: Numbers::unsigned("pathId", 32).or_null(),
            route_distinguisher: Texts::new("routeDistinguisher").or_null(),
            labels: NumberLists::new("labels"),
            mp_reach_afi: Numbers::unsigned("mpReachAfi", 16).or_null(),
            mp_reach_safi: Numbers::unsigned("mpReachSafi", 8).or_null(),
            mp_unreach_afi: Numbers::unsigned("mpUnreachAfi", 16).or_null(),
            mp_unreach_safi: Numbers::unsigned("mpUnreachSafi", 8).or_null(),
            attribute_fingerprint: LongNumbers::unsigned("attributeFingerprint"),
            origin: Texts::new("origin").or_null(),
            as_path: NumberLists::new("asPath"),
            as_path_segments: Texts::new("asPathSegments").or_null(),
            next_hop: Addresses::new("nextHop", "nextHopBytes"),
            link_local_next_hop: Addresses::new("linkLocalNextHop", "linkLocalNextHopBytes"),
            multi_exit_disc: Numbers::unsigned("multiExitDisc", 32).or_null(),
            local_preference: Numbers::unsigned("localPreference", 32).or_null(),
            only_to_customer: Numbers::unsigned("onlyToCustomer", 32).or_null(),
            atomic_aggregate: Flags::new_flag("atomicAggregate").or_null(),
            aggregator_asn: Numbers::unsigned("aggregatorAsn", 32).or_null(),
            aggregator_bgp_id: Texts::new("aggregatorBgpId").or_null(),
            communities: TextLists::new("communities"),
            extended_communities: TextLists::new("extendedCommunities"),
            large_communities: TextLists::new("largeCommunities"),
            originator_id: Texts::new("originatorId").or_null(),
            cluster_list: TextLists::new("clusterList"),
            unknown_attributes: Texts::new("unknownAttributes").or_null(),
        }
    }

    /// All columns in the order of the file.
    pub(super) fn all(&mut self) -> Vec<&mut dyn Column> {
        let mut all: Vec<&mut dyn Column> = vec![
            &mut self.time_received,
            &mut self.time_bmp_header,
            &mut self.sequence,
            &mut self.announced,
            &mut self.synthetic,
            &mut self.withdraw_reason,
        ];
        all.extend(self.router.columns());
        all.push(&mut self.router_port);
        all.extend(self.peer.columns());
        let middle: [&mut dyn Column; 23] = [
            &mut self.peer_bgp_id,
            &mut self.peer_asn,
            &mut self.peer_type,
            &mut self.peer_distinguisher,
            &mut self.rib_view,
            &mut self.is_post_policy,
            &mut self.is_adj_rib_out,
            &mut self.table_name,
            &mut self.afi,
            &mut self.safi,
            &mut self.prefix,
            &mut self.prefix_octets,
            &mut self.prefix_length,
            &mut self.raw_nlri,
            &mut self.path_id,
            &mut self.route_distinguisher,
            &mut self.labels,
            &mut self.mp_reach_afi,
            &mut self.mp_reach_safi,
            &mut self.mp_unreach_afi,
            &mut self.mp_unreach_safi,
            &mut self.attribute_fingerprint,
            &mut self.origin,
        ];
        all.extend(middle);
        all.push(&mut self.as_path);
        all.push(&mut self.as_path_segments);
        all.extend(self.next_hop.columns());
        all.extend(self.link_local_next_hop.columns());
        let last: [&mut dyn Column; 12] = [
            &mut self.multi_exit_disc,
            &mut self.local_preference,
            &mut self.only_to_customer,
            &mut self.atomic_aggregate,
            &mut self.aggregator_asn,
            &mut self.aggregator_bgp_id,
            &mut self.communities,
            &mut self.extended_communities,
            &mut self.large_communities,
            &mut self.originator_id,
            &mut self.cluster_list,
            &mut self.unknown_attributes,
        ];
        all.extend(last);
        all
    }

    /// Appends a row.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        self.push_source(row);
        self.push_route(row);
        let is_announce = row.update.get_announced();
        self.push_scalar_attributes(row, is_announce);
        self.push_list_attributes(row, is_announce);
    }

    fn push_source(&mut self, row: &Row<'_>) {
        let update = row.update;
        self.time_received.push(time(update.get_time_received_ns()));
        self.time_bmp_header.push(time(update.get_time_bmp_header_ns()));
        self.sequence.push(nonzero(update.get_sequence()));
        self.announced.push(update.get_announced());
        self.synthetic.push(update.get_synthetic());
        if update.get_announced() {
            self.withdraw_reason.push_some(None::<&str>);
        } else {
            self.withdraw_reason
                .append(|out| push_name(update.get_withdraw_reason(), out));
        }
        self.router.push_some(row.router);
        self.router_port.push(update.get_router_port());
        self.peer.push_some(row.peer);
        self.peer_bgp_id
            .append(|out| push_ipv4(update.get_peer_bgp_id().into(), out));
        self.peer_asn.push(update.get_peer_asn());
        self.peer_type.push(update.get_peer_type());
        let distinguisher = nonzero(update.get_peer_distinguisher());
        push_text(&mut self.peer_distinguisher, distinguisher.map(Distinguisher));
        self.rib_view.append(|out| push_name(update.get_rib_view(), out));
        self.is_post_policy.push(update.get_is_post_policy());
        self.is_adj_rib_out.push(update.get_is_adj_rib_out());
        self.table_name.push_some(row.table_name.as_deref());
    }

    fn push_route(&mut self, row: &Row<'_>) {
        let update = row.update;
        let (afi, length) = (update.get_afi(), update.get_prefix_len());
        self.afi.push(afi);
        self.safi.push(update.get_safi());
        match row.prefix {
            Some(prefix) => self.prefix.append(|out| push_prefix(prefix, length, afi, out)),
            None => self.prefix.push_some(None::<&str>),
        }
        self.prefix_octets.push_some(row.prefix);
        self.prefix_length.push_some(row.prefix.map(|_| length));
        self.raw_nlri.push_some(row.raw_nlri);
        self.path_id
            .push_some(update.get_has_path_id().then(|| update.get_path_id()));
        let distinguisher = update
            .get_has_route_distinguisher()
            .then(|| Distinguisher(update.get_route_distinguisher()));
        push_text(&mut self.route_distinguisher, distinguisher);
        self.labels.push(row.labels.iter());
        let reach = (update.get_mp_reach_afi(), update.get_mp_reach_safi());
        let reach = Some(reach).filter(|family| *family != (0, 0));
        self.mp_reach_afi.push_some(reach.map(|(afi, _)| afi));
        self.mp_reach_safi.push_some(reach.map(|(_, safi)| safi));
        let unreach = (update.get_mp_unreach_afi(), update.get_mp_unreach_safi());
        let unreach = Some(unreach).filter(|family| *family != (0, 0));
        self.mp_unreach_afi.push_some(unreach.map(|(afi, _)| afi));
        self.mp_unreach_safi.push_some(unreach.map(|(_, safi)| safi));
    }

    fn push_scalar_attributes(&mut self, row: &Row<'_>, is_announce: bool) {
        let update = row.update;
        let if_has = |has: bool, value: u32| (is_announce && has).then_some(value);
        let fingerprint = is_announce.then(|| update.get_attribute_fingerprint());
        self.attribute_fingerprint.push(fingerprint);
        self.origin
            .push_some(row.origin.as_deref().filter(|_| is_announce));
        self.next_hop.push_some(row.next_hop.filter(|_| is_announce));
        self.link_local_next_hop
            .push_some(row.link_local_next_hop.filter(|_| is_announce));
        self.multi_exit_disc.push_some(if_has(
            update.get_has_multi_exit_disc(),
            update.get_multi_exit_disc(),
        ));
        self.local_preference.push_some(if_has(
            update.get_has_local_preference(),
            update.get_local_preference(),
        ));
        self.only_to_customer.push_some(if_has(
            update.get_has_only_to_customer(),
            update.get_only_to_customer(),
        ));
        self.atomic_aggregate
            .push_some(is_announce.then(|| update.get_atomic_aggregate()));
        let has_aggregator = update.get_has_aggregator();
        self.aggregator_asn
            .push_some(if_has(has_aggregator, update.get_aggregator_asn()));
        push_identifier(
            &mut self.aggregator_bgp_id,
            if_has(has_aggregator, update.get_aggregator_bgp_id()),
        );
        push_identifier(
            &mut self.originator_id,
            if_has(update.get_has_originator_id(), update.get_originator_id()),
        );
    }

    fn push_list_attributes(&mut self, row: &Row<'_>, is_announce: bool) {
        // A withdraw has no attributes, whatever its message holds.
        let most = if is_announce { usize::MAX } else { 0 };
        self.as_path.push(row.as_path.iter().take(most));
        match row.segments.len() {
            0 => self.as_path_segments.push_some(None::<&str>),
            _ if !is_announce => self.as_path_segments.push_some(None::<&str>),
            _ => self.as_path_segments.append(|out| {
                push_array(row.segments.iter(), out, push_segment);
            }),
        }
        self.communities
            .push(row.communities.iter().take(most), |member, out| {
                push_number(member.get_asn(), out);
                out.push(b':');
                push_number(u32::from(member.get_value()), out);
            });
        self.extended_communities
            .push(row.extended_communities.iter().take(most), |member, out| {
                let community = ExtendedCommunity {
                    type_high: member.get_type_high(),
                    type_low: member.get_type_low(),
                    value: member.get_value().unwrap_or_default(),
                };
                push(community, out);
            });
        self.large_communities
            .push(row.large_communities.iter().take(most), |member, out| {
                push_number(member.get_global_admin(), out);
                for part in [member.get_local_data_part1(), member.get_local_data_part2()] {
                    out.push(b':');
                    push_number(part, out);
                }
            });
        self.cluster_list
            .push(row.cluster_list.iter().take(most), |id, out| {
                push_ipv4(id.into(), out);
            });
        match row.unknown_attributes.len() {
            0 => self.unknown_attributes.push_some(None::<&str>),
            _ if !is_announce => self.unknown_attributes.push_some(None::<&str>),
            _ => self.unknown_attributes.append(|out| {
                push_array(row.unknown_attributes.iter(), out, push_attribute);
            }),
        }
    }
}

/// A time; `None` if there is none, or if it is beyond the year 2262, where no reader can show it.
fn time(unix_ns: u64) -> Option<u64> {
    nonzero(unix_ns).filter(|unix_ns| i64::try_from(*unix_ns).is_ok())
}

fn nonzero(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number != 0)
}

/// The name of an enumeration's value; the number of a value that a newer schema has added.
fn push_name(value: Result<impl Named, NotInSchema>, out: &mut Vec<u8>) {
    match value {
        Ok(value) => out.extend_from_slice(value.name().as_bytes()),
        Err(NotInSchema(number)) => push_number(u32::from(number), out),
    }
}

fn push_text(column: &mut Texts, value: Option<impl std::fmt::Display>) {
    match value {
        Some(value) => column.append(|out| push(value, out)),
        None => column.push_some(None::<&str>),
    }
}

fn push_identifier(column: &mut Texts, id: Option<u32>) {
    match id {
        Some(id) => column.append(|out| push_ipv4(id.into(), out)),
        None => column.push_some(None::<&str>),
    }
}

/// Appends an array of JSON.
fn push_array<T>(items: impl Iterator<Item = T>, out: &mut Vec<u8>, write: impl Fn(T, &mut Vec<u8>)) {
    let mut before = b'[';
    for item in items {
        out.push(before);
        write(item, out);
        before = b',';
    }
    out.push(b']');
}

fn push_segment(segment: as_path_segment::Reader<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"kind\":\"");
    push_name(segment.get_kind(), out);
    out.extend_from_slice(b"\",\"asns\":");
    match segment.get_asns() {
        Ok(asns) if !asns.is_empty() => push_array(asns.iter(), out, push_number),
        _ => out.extend_from_slice(b"[]"),
    }
    out.push(b'}');
}

fn push_attribute(attribute: raw_attribute::Reader<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"flags\":");
    push_number(u32::from(attribute.get_flags()), out);
    out.extend_from_slice(b",\"typeCode\":");
    push_number(u32::from(attribute.get_type_code()), out);
    out.extend_from_slice(b",\"value\":\"");
    push(Hex(attribute.get_value().unwrap_or_default()), out);
    out.extend_from_slice(b"\"}");
}
