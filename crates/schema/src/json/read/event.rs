//! Events from their JSON objects.

use std::borrow::Cow;

use capnp::struct_list;
use serde::Deserialize;

use super::text::{Address, Bytes, Distinguisher, Family, Identifier, NameOf, Text};
use crate::update_capnp::{
    PeerEventKind, RibView, RouterEventKind, information_tlv, malformed_message, peer_event, peer_identity,
    router_event, statistics_event,
};

/// What every event begins with.
macro_rules! set_origin {
    ($line:expr, $event:expr) => {
        $event.set_sequence($line.sequence.0);
        $event.set_time_received_ns($line.time_received_ns.0);
        if let Some(Text(router)) = &$line.router_addr {
            $event.set_router_addr(&router.0);
        }
        $event.set_router_port($line.router_port);
    };
}

/// The member `peer` of an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    address: Option<Text<Address>>,
    asn: u32,
    bgp_id: Text<Identifier>,
    #[serde(rename = "type")]
    peer_type: u8,
    distinguisher: Option<Text<Distinguisher>>,
    rib_view: Text<NameOf<RibView>>,
}

impl Peer {
    fn build(&self, mut identity: peer_identity::Builder<'_>) {
        if let Some(Text(address)) = &self.address {
            identity.set_address(&address.0);
        }
        identity.set_asn(self.asn);
        identity.set_bgp_id(self.bgp_id.0.0);
        identity.set_type(self.peer_type);
        if let Some(Text(distinguisher)) = &self.distinguisher {
            identity.set_distinguisher(distinguisher.0);
        }
        identity.set_rib_view(self.rib_view.0.0);
    }
}

/// An information TLV of an event.
#[derive(Deserialize)]
struct Information {
    #[serde(rename = "type")]
    kind: u16,
    value: Text<Bytes>,
}

fn set_information(information: &[Information], mut list: struct_list::Builder<'_, information_tlv::Owned>) {
    for (tlv, index) in information.iter().zip(0..) {
        let mut place = list.reborrow().get(index);
        place.set_type(tlv.kind);
        place.set_value(&tlv.value.0.0);
    }
}

/// The members of the event of a peer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeerLine<'a> {
    kind: Text<NameOf<PeerEventKind>>,
    time_received_ns: Text<u64>,
    time_bmp_header_ns: Option<Text<u64>>,
    sequence: Text<u64>,
    router_addr: Option<Text<Address>>,
    router_port: u16,
    peer: Peer,
    provisional: bool,
    #[serde(borrow, default)]
    table_name: Cow<'a, str>,
    local_addr: Option<Text<Address>>,
    #[serde(default)]
    local_port: u16,
    #[serde(default)]
    remote_port: u16,
    #[serde(default)]
    four_octet_asn: bool,
    #[serde(default)]
    add_path: Vec<Text<Family>>,
    sent_open: Option<Text<Bytes>>,
    received_open: Option<Text<Bytes>>,
    #[serde(default)]
    down_reason: u8,
    down_data: Option<Text<Bytes>>,
    #[serde(default)]
    down_data_length: u32,
    #[serde(default)]
    information: Vec<Information>,
    #[serde(default)]
    information_length: u32,
}

impl PeerLine<'_> {
    /// Sets all fields of the event.
    pub(super) fn build(self, mut event: peer_event::Builder<'_>) {
        event.set_kind(self.kind.0.0);
        set_origin!(self, event);
        if let Some(Text(time)) = self.time_bmp_header_ns {
            event.set_time_bmp_header_ns(time);
        }
        self.peer.build(event.reborrow().init_peer());
        event.set_provisional(self.provisional);
        event.set_table_name(&*self.table_name);
        // As the writer does: always 16 bytes, zero if the event does not say it.
        event.set_local_addr(&self.local_addr.map_or([0; 16], |local| local.0.0));
        event.set_local_port(self.local_port);
        event.set_remote_port(self.remote_port);
        event.set_four_octet_asn(self.four_octet_asn);
        let mut families = event.reborrow().init_add_path(self.add_path.len() as u32);
        for (Text(family), index) in self.add_path.iter().zip(0..) {
            let mut place = families.reborrow().get(index);
            place.set_afi(family.0);
            place.set_safi(family.1);
        }
        event.set_sent_open(&self.sent_open.map_or_else(Vec::new, |bytes| bytes.0.0));
        event.set_received_open(&self.received_open.map_or_else(Vec::new, |bytes| bytes.0.0));
        event.set_down_reason(self.down_reason);
        event.set_down_data(&self.down_data.map_or_else(Vec::new, |bytes| bytes.0.0));
        event.set_down_data_length(self.down_data_length);
        let length = self.information.len() as u32;
        set_information(&self.information, event.reborrow().init_information(length));
        event.set_information_length(self.information_length);
    }
}

/// The members of the event of a router.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RouterLine<'a> {
    kind: Text<NameOf<RouterEventKind>>,
    time_received_ns: Text<u64>,
    sequence: Text<u64>,
    router_addr: Option<Text<Address>>,
    router_port: u16,
    #[serde(borrow, default)]
    router_name: Cow<'a, str>,
    #[serde(borrow, default)]
    sys_name: Cow<'a, str>,
    #[serde(borrow, default)]
    sys_descr: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
    peer: Option<Peer>,
    family: Option<Text<Family>>,
    #[serde(default)]
    all_withdrawn: bool,
    #[serde(default)]
    information: Vec<Information>,
    #[serde(default)]
    information_length: u32,
}

impl RouterLine<'_> {
    /// Sets all fields of the event.
    pub(super) fn build(self, mut event: router_event::Builder<'_>) {
        event.set_kind(self.kind.0.0);
        set_origin!(self, event);
        event.set_router_name(&*self.router_name);
        event.set_sys_name(&*self.sys_name);
        event.set_sys_descr(&*self.sys_descr);
        event.set_reason(&*self.reason);
        if let Some(peer) = &self.peer {
            peer.build(event.reborrow().init_peer());
        }
        if let Some(Text(family)) = self.family {
            event.set_has_family(true);
            let mut place = event.reborrow().init_family();
            place.set_afi(family.0);
            place.set_safi(family.1);
        }
        event.set_all_withdrawn(self.all_withdrawn);
        let length = self.information.len() as u32;
        set_information(&self.information, event.reborrow().init_information(length));
        event.set_information_length(self.information_length);
    }
}

/// The members of the event of a Statistics Report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatisticsLine<'a> {
    time_received_ns: Text<u64>,
    time_bmp_header_ns: Option<Text<u64>>,
    sequence: Text<u64>,
    router_addr: Option<Text<Address>>,
    router_port: u16,
    peer: Peer,
    #[serde(borrow)]
    counters: Vec<Counter<'a>>,
    #[serde(default)]
    counter_count: u32,
}

/// One counter of a Statistics Report.
#[derive(Deserialize)]
struct Counter<'a> {
    #[serde(rename = "type")]
    kind: u16,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    value: Text<u64>,
    afi: Option<u16>,
    safi: Option<u8>,
    raw: Option<Text<Bytes>>,
}

impl StatisticsLine<'_> {
    /// Sets all fields of the event.
    pub(super) fn build(self, mut event: statistics_event::Builder<'_>) {
        set_origin!(self, event);
        if let Some(Text(time)) = self.time_bmp_header_ns {
            event.set_time_bmp_header_ns(time);
        }
        self.peer.build(event.reborrow().init_peer());
        event.set_counter_count(self.counter_count);
        let mut list = event.init_counters(self.counters.len() as u32);
        for (counter, index) in self.counters.iter().zip(0..) {
            let mut place = list.reborrow().get(index);
            place.set_type(counter.kind);
            place.set_name(&*counter.name);
            place.set_value(counter.value.0);
            if let (Some(afi), Some(safi)) = (counter.afi, counter.safi) {
                place.set_has_family(true);
                place.set_afi(afi);
                place.set_safi(safi);
            }
            let raw = counter.raw.as_ref();
            place.set_raw(raw.map_or(&[], |bytes| &bytes.0.0));
        }
    }
}

/// The members of the event of a message that the collector could not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MalformedLine<'a> {
    time_received_ns: Text<u64>,
    time_bmp_header_ns: Option<Text<u64>>,
    sequence: Text<u64>,
    router_addr: Option<Text<Address>>,
    router_port: u16,
    peer: Option<Peer>,
    #[serde(borrow, default)]
    reason: Cow<'a, str>,
    offset: u32,
    raw: Option<Text<Bytes>>,
    #[serde(default)]
    raw_length: u32,
}

impl MalformedLine<'_> {
    /// Sets all fields of the event.
    pub(super) fn build(self, mut event: malformed_message::Builder<'_>) {
        set_origin!(self, event);
        if let Some(Text(time)) = self.time_bmp_header_ns {
            event.set_time_bmp_header_ns(time);
        }
        if let Some(peer) = &self.peer {
            peer.build(event.reborrow().init_peer());
        }
        event.set_reason(&*self.reason);
        event.set_offset(self.offset);
        event.set_raw(&self.raw.map_or_else(Vec::new, |bytes| bytes.0.0));
        event.set_raw_length(self.raw_length);
    }
}
