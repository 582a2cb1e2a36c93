//! An `Update` from its JSON object.

use std::borrow::Cow;

use serde::Deserialize;

use super::text::{
    Address, Bytes, Community, Distinguisher, ExtendedCommunity, Fingerprint, Identifier, LargeCommunity,
    NameOf, Text,
};
use crate::update_capnp::{RibView, SegmentKind, WithdrawReason, update};

/// The members of an update.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateLine<'a> {
    announced: bool,
    synthetic: bool,
    time_received_ns: Text<u64>,
    time_bmp_header_ns: Option<Text<u64>>,
    sequence: Text<u64>,
    router_addr: Text<Address>,
    router_port: u16,
    peer_addr: Option<Text<Address>>,
    peer_bgp_id: Text<Identifier>,
    peer_asn: u32,
    peer_type: u8,
    peer_distinguisher: Option<Text<Distinguisher>>,
    rib_view: Text<NameOf<RibView>>,
    is_post_policy: bool,
    is_adj_rib_out: bool,
    #[serde(borrow, default)]
    table_name: Cow<'a, str>,
    afi: u16,
    safi: u8,
    raw_nlri: Option<Text<Bytes>>,
    prefix_addr: Option<Text<Address>>,
    #[serde(default)]
    prefix_len: u8,
    path_id: Option<u32>,
    route_distinguisher: Option<Text<Distinguisher>>,
    #[serde(default)]
    labels: Vec<u32>,
    #[serde(default)]
    mp_reach_afi: u16,
    #[serde(default)]
    mp_reach_safi: u8,
    #[serde(default)]
    mp_unreach_afi: u16,
    #[serde(default)]
    mp_unreach_safi: u8,
    withdraw_reason: Option<Text<NameOf<WithdrawReason>>>,
    attribute_fingerprint: Option<Text<Fingerprint>>,
    #[serde(borrow, default)]
    origin: Cow<'a, str>,
    #[serde(default)]
    as_path: Vec<u32>,
    #[serde(default)]
    as_path_segments: Vec<Segment>,
    next_hop: Option<Text<Address>>,
    link_local_next_hop: Option<Text<Address>>,
    multi_exit_disc: Option<u32>,
    local_preference: Option<u32>,
    only_to_customer: Option<u32>,
    #[serde(default)]
    atomic_aggregate: bool,
    aggregator_asn: Option<u32>,
    aggregator_bgp_id: Option<Text<Identifier>>,
    #[serde(default)]
    communities: Vec<Text<Community>>,
    #[serde(default)]
    extended_communities: Vec<Text<ExtendedCommunity>>,
    #[serde(default)]
    large_communities: Vec<Text<LargeCommunity>>,
    originator_id: Option<Text<Identifier>>,
    #[serde(default)]
    cluster_list: Vec<Text<Identifier>>,
    #[serde(default)]
    unknown_attributes: Vec<UnknownAttribute>,
}

/// A segment of an AS path.
#[derive(Deserialize)]
struct Segment {
    kind: Text<NameOf<SegmentKind>>,
    #[serde(default)]
    asns: Vec<u32>,
}

/// An attribute without a field of its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnknownAttribute {
    flags: u8,
    type_code: u8,
    value: Text<Bytes>,
}

impl UpdateLine<'_> {
    /// Sets all fields of the update.
    pub(super) fn build(self, mut update: update::Builder<'_>) {
        self.set_source(&mut update);
        self.set_route(&mut update);
        self.set_numbers(&mut update);
        self.set_path(&mut update);
        self.set_communities(&mut update);
        self.set_rest(&mut update);
    }

    fn set_source(&self, update: &mut update::Builder<'_>) {
        update.set_announced(self.announced);
        update.set_synthetic(self.synthetic);
        update.set_time_received_ns(self.time_received_ns.0);
        if let Some(Text(time)) = self.time_bmp_header_ns {
            update.set_time_bmp_header_ns(time);
        }
        update.set_sequence(self.sequence.0);
        update.set_router_addr(&self.router_addr.0.0);
        update.set_router_port(self.router_port);
        if let Some(Text(peer)) = &self.peer_addr {
            update.set_peer_addr(&peer.0);
        }
        update.set_peer_bgp_id(self.peer_bgp_id.0.0);
        update.set_peer_asn(self.peer_asn);
        update.set_peer_type(self.peer_type);
        if let Some(Text(distinguisher)) = &self.peer_distinguisher {
            update.set_peer_distinguisher(distinguisher.0);
        }
        update.set_rib_view(self.rib_view.0.0);
        update.set_is_post_policy(self.is_post_policy);
        update.set_is_adj_rib_out(self.is_adj_rib_out);
        if !self.table_name.is_empty() {
            update.set_table_name(&*self.table_name);
        }
    }

    fn set_route(&self, update: &mut update::Builder<'_>) {
        update.set_afi(self.afi);
        update.set_safi(self.safi);
        if let Some(Text(nlri)) = &self.raw_nlri {
            update.set_raw_nlri(&nlri.0);
        }
        // As the encoder does: always 16 bytes, zero if the route has no prefix.
        update.set_prefix_addr(&self.prefix_addr.as_ref().map_or([0; 16], |prefix| prefix.0.0));
        update.set_prefix_len(self.prefix_len);
        if let Some(path_id) = self.path_id {
            update.set_has_path_id(true);
            update.set_path_id(path_id);
        }
        if let Some(Text(distinguisher)) = &self.route_distinguisher {
            update.set_has_route_distinguisher(true);
            update.set_route_distinguisher(distinguisher.0);
        }
        set_numbers(&self.labels, |length| update.reborrow().init_labels(length));
        update.set_mp_reach_afi(self.mp_reach_afi);
        update.set_mp_reach_safi(self.mp_reach_safi);
        update.set_mp_unreach_afi(self.mp_unreach_afi);
        update.set_mp_unreach_safi(self.mp_unreach_safi);
        if let Some(Text(reason)) = &self.withdraw_reason {
            update.set_withdraw_reason(reason.0);
        }
        if let Some(Text(fingerprint)) = &self.attribute_fingerprint {
            update.set_attribute_fingerprint(fingerprint.0);
        }
    }

    fn set_numbers(&self, update: &mut update::Builder<'_>) {
        if let Some(value) = self.multi_exit_disc {
            update.set_has_multi_exit_disc(true);
            update.set_multi_exit_disc(value);
        }
        if let Some(value) = self.local_preference {
            update.set_has_local_preference(true);
            update.set_local_preference(value);
        }
        if let Some(value) = self.only_to_customer {
            update.set_has_only_to_customer(true);
            update.set_only_to_customer(value);
        }
        update.set_atomic_aggregate(self.atomic_aggregate);
        if let (Some(asn), Some(Text(id))) = (self.aggregator_asn, &self.aggregator_bgp_id) {
            update.set_has_aggregator(true);
            update.set_aggregator_asn(asn);
            update.set_aggregator_bgp_id(id.0);
        }
        if let Some(Text(id)) = &self.originator_id {
            update.set_has_originator_id(true);
            update.set_originator_id(id.0);
        }
    }

    fn set_path(&self, update: &mut update::Builder<'_>) {
        if !self.origin.is_empty() {
            update.set_has_origin(true);
            update.set_origin(&*self.origin);
        }
        set_numbers(&self.as_path, |length| update.reborrow().init_as_path(length));
        if !self.as_path_segments.is_empty() {
            let length = self.as_path_segments.len() as u32;
            let mut segments = update.reborrow().init_as_path_segments(length);
            for (segment, index) in self.as_path_segments.iter().zip(0..) {
                let mut place = segments.reborrow().get(index);
                place.set_kind(segment.kind.0.0);
                set_numbers(&segment.asns, |length| place.init_asns(length));
            }
        }
        // As the encoder does: always 16 bytes, zero if there is no next hop.
        update.set_has_next_hop(self.next_hop.is_some());
        update.set_next_hop(&self.next_hop.as_ref().map_or([0; 16], |hop| hop.0.0));
        if let Some(Text(link_local)) = &self.link_local_next_hop {
            update.set_link_local_next_hop(&link_local.0);
        }
    }

    fn set_communities(&self, update: &mut update::Builder<'_>) {
        if !self.communities.is_empty() {
            let mut list = update.reborrow().init_communities(self.communities.len() as u32);
            for (Text(community), index) in self.communities.iter().zip(0..) {
                let mut place = list.reborrow().get(index);
                place.set_asn(community.0);
                place.set_value(community.1);
            }
        }
        if !self.extended_communities.is_empty() {
            let length = self.extended_communities.len() as u32;
            let mut list = update.reborrow().init_extended_communities(length);
            for (Text(community), index) in self.extended_communities.iter().zip(0..) {
                let mut place = list.reborrow().get(index);
                let [high, low] = community.kind;
                place.set_type_high(high);
                place.set_type_low(low);
                place.set_value(&community.value);
            }
        }
        if !self.large_communities.is_empty() {
            let length = self.large_communities.len() as u32;
            let mut list = update.reborrow().init_large_communities(length);
            for (Text(community), index) in self.large_communities.iter().zip(0..) {
                let mut place = list.reborrow().get(index);
                let [admin, one, two] = community.0;
                place.set_global_admin(admin);
                place.set_local_data_part1(one);
                place.set_local_data_part2(two);
            }
        }
    }

    fn set_rest(&self, update: &mut update::Builder<'_>) {
        if !self.cluster_list.is_empty() {
            let mut list = update
                .reborrow()
                .init_cluster_list(self.cluster_list.len() as u32);
            for (Text(id), index) in self.cluster_list.iter().zip(0..) {
                list.set(index, id.0);
            }
        }
        if !self.unknown_attributes.is_empty() {
            let length = self.unknown_attributes.len() as u32;
            let mut list = update.reborrow().init_unknown_attributes(length);
            for (attribute, index) in self.unknown_attributes.iter().zip(0..) {
                let mut place = list.reborrow().get(index);
                place.set_flags(attribute.flags);
                place.set_type_code(attribute.type_code);
                place.set_value(&attribute.value.0.0);
            }
        }
    }
}

/// Sets a list of numbers, which stays absent if it is empty.
fn set_numbers<'b>(numbers: &[u32], init: impl FnOnce(u32) -> capnp::primitive_list::Builder<'b, u32>) {
    if numbers.is_empty() {
        return;
    }
    let mut list = init(numbers.len() as u32);
    for (number, index) in numbers.iter().zip(0..) {
        list.set(index, *number);
    }
}
