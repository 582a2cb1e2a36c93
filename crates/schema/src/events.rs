//! Writers of the rare messages: peer events, router events, statistics, malformed messages.
//!
//! Each function appends one whole message to a buffer. The functions are not on the hot path and use the `capnp` builder.

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;
use capnp::message::{Builder, HeapAllocator};
use capnp::serialize::write_message_to_words;
use capnp::struct_list;

use crate::update_capnp::{
    self, family, information_tlv, malformed_message, peer_event, peer_identity, router_event,
    statistics_event,
};
pub use crate::update_capnp::{PeerEventKind, RouterEventKind};

/// The origin of an event: router, time and sequence number.
#[derive(Debug, Clone, Copy)]
pub struct EventOrigin {
    /// Sequence number of this message among the messages of the router.
    pub sequence: u64,
    /// When the collector received or noticed the event, in nanoseconds since the Unix epoch.
    pub time_received_ns: u64,
    /// Address of the router, IPv4 as IPv4-mapped IPv6.
    pub router_address: [u8; 16],
    /// TCP port of the router.
    pub router_port: u16,
}

/// A peer of a router, as in its per-peer header.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Address, IPv4 as IPv4-mapped IPv6.
    pub address: [u8; 16],
    /// AS number.
    pub asn: u32,
    /// BGP identifier.
    pub bgp_id: u32,
    /// BMP peer type.
    pub peer_type: u8,
    /// Peer distinguisher.
    pub distinguisher: [u8; 8],
    /// RIB view that the event is about.
    pub view: RibView,
}

/// An information TLV: type and value as on the wire.
pub type InformationTlv<'a> = (u16, &'a [u8]);

/// The event of a peer that went up or down.
#[derive(Debug, Clone, Copy)]
pub struct PeerEvent<'a> {
    /// Whether the peer went up or down.
    pub kind: PeerEventKind,
    /// Timestamp of the per-peer header in nanoseconds since the Unix epoch; 0 if there is none.
    pub time_bmp_header_ns: u64,
    /// The peer.
    pub peer: Peer,
    /// Whether the peer was made from its routes, without a Peer Up.
    pub provisional: bool,
    /// Name of the VRF or table; may be empty.
    pub table_name: &'a str,
    /// Up: the router's own address, IPv4 as IPv4-mapped IPv6.
    pub local_address: [u8; 16],
    /// Up: the router's own port.
    pub local_port: u16,
    /// Up: the peer's port.
    pub remote_port: u16,
    /// Up: the whole OPEN that the router sent.
    pub sent_open: &'a [u8],
    /// Up: the whole OPEN that the router received.
    pub received_open: &'a [u8],
    /// Up: whether AS numbers have four octets.
    pub four_octet_asn: bool,
    /// Up: families whose NLRI has path identifiers in this view.
    pub add_path: &'a [AfiSafi],
    /// Information TLVs without a field of their own.
    pub information: &'a [InformationTlv<'a>],
    /// Octets of all TLVs that the router sent, headers included, if `information` has less; else 0.
    pub information_length: u32,
    /// Down: the reason (RFC 7854 §4.9), else 0.
    pub down_reason: u8,
    /// Down: the bytes behind the reason.
    pub down_data: &'a [u8],
    /// Down: how many bytes the router sent behind the reason, if `down_data` has less; else 0.
    pub down_data_length: u32,
}

/// The event of a router's session or its tables.
#[derive(Debug, Clone, Copy)]
pub struct RouterEvent<'a> {
    /// What happened.
    pub kind: RouterEventKind,
    /// Name of the router in the settings; empty if they name none.
    pub router_name: &'a str,
    /// sysName of the router; empty while unknown.
    pub system_name: &'a str,
    /// sysDescr of the router; empty while unknown.
    pub system_description: &'a str,
    /// Why it happened, as text for people.
    pub reason: &'a str,
    /// Initiation and Termination TLVs without a field of their own.
    pub information: &'a [InformationTlv<'a>],
    /// Octets of all TLVs that the router sent, headers included, if `information` has less; else 0.
    pub information_length: u32,
    /// Resync: the only peer and view that is affected; `None` for all.
    pub peer: Option<Peer>,
    /// Resync: the only family that is affected; `None` for all.
    pub family: Option<AfiSafi>,
    /// Resync: every route of it that consumers may hold and that is gone is withdrawn before its end.
    pub all_withdrawn: bool,
}

/// One counter of a Statistics Report.
#[derive(Debug, Clone, Copy)]
pub struct StatisticsCounter<'a> {
    /// Type (registry "BMP Statistics Types").
    pub statistics_type: u16,
    /// Name; empty if unknown.
    pub name: &'a str,
    /// Value; 0 if it cannot be read as a number.
    pub value: u64,
    /// Family that is counted, if the counter is for one family.
    pub family: Option<AfiSafi>,
    /// The value as on the wire.
    pub raw: &'a [u8],
}

/// The event of a Statistics Report.
#[derive(Debug, Clone, Copy)]
pub struct StatisticsEvent<'a> {
    /// Timestamp of the per-peer header in nanoseconds since the Unix epoch; 0 if there is none.
    pub time_bmp_header_ns: u64,
    /// The peer.
    pub peer: Peer,
    /// The counters.
    pub counters: &'a [StatisticsCounter<'a>],
    /// How many counters the router sent, if `counters` has less; else 0.
    pub counter_count: u32,
}

/// The event of a message that the collector could not read.
#[derive(Debug, Clone, Copy)]
pub struct MalformedMessage<'a> {
    /// Timestamp of the per-peer header in nanoseconds since the Unix epoch; 0 if there is none.
    pub time_bmp_header_ns: u64,
    /// The peer, if the per-peer header can be read.
    pub peer: Option<Peer>,
    /// What is wrong, as text for people.
    pub reason: &'a str,
    /// Offset of the error in `raw`.
    pub offset: u32,
    /// The BMP message, or its first bytes.
    pub raw: &'a [u8],
    /// Length of the whole BMP message, if `raw` has less; else 0.
    pub raw_length: u32,
}

/// Appends a `PeerEvent` message.
pub fn write_peer_event(origin: &EventOrigin, event: &PeerEvent<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<peer_event::Builder<'_>>();
    root.set_kind(event.kind);
    root.set_sequence(origin.sequence);
    root.set_time_received_ns(origin.time_received_ns);
    root.set_time_bmp_header_ns(event.time_bmp_header_ns);
    root.set_router_addr(&origin.router_address);
    root.set_router_port(origin.router_port);
    set_peer(root.reborrow().init_peer(), &event.peer);
    root.set_provisional(event.provisional);
    root.set_table_name(event.table_name);
    root.set_local_addr(&event.local_address);
    root.set_local_port(event.local_port);
    root.set_remote_port(event.remote_port);
    root.set_sent_open(event.sent_open);
    root.set_received_open(event.received_open);
    root.set_four_octet_asn(event.four_octet_asn);
    let mut families = root.reborrow().init_add_path(event.add_path.len() as u32);
    for (place, family) in (0..).zip(event.add_path) {
        set_family(families.reborrow().get(place), *family);
    }
    let information = event.information;
    set_information(
        root.reborrow().init_information(information.len() as u32),
        information,
    );
    root.set_information_length(event.information_length);
    root.set_down_reason(event.down_reason);
    root.set_down_data(event.down_data);
    root.set_down_data_length(event.down_data_length);
    append(&message, out);
}

/// Appends a `RouterEvent` message.
pub fn write_router_event(origin: &EventOrigin, event: &RouterEvent<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<router_event::Builder<'_>>();
    root.set_kind(event.kind);
    root.set_sequence(origin.sequence);
    root.set_time_received_ns(origin.time_received_ns);
    root.set_router_addr(&origin.router_address);
    root.set_router_port(origin.router_port);
    if !event.router_name.is_empty() {
        root.set_router_name(event.router_name);
    }
    root.set_sys_name(event.system_name);
    root.set_sys_descr(event.system_description);
    root.set_reason(event.reason);
    let information = event.information;
    set_information(
        root.reborrow().init_information(information.len() as u32),
        information,
    );
    root.set_information_length(event.information_length);
    if let Some(peer) = &event.peer {
        set_peer(root.reborrow().init_peer(), peer);
    }
    root.set_all_withdrawn(event.all_withdrawn);
    if let Some(family) = event.family {
        root.set_has_family(true);
        set_family(root.reborrow().init_family(), family);
    }
    append(&message, out);
}

/// Appends a `StatisticsEvent` message.
pub fn write_statistics_event(origin: &EventOrigin, event: &StatisticsEvent<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<statistics_event::Builder<'_>>();
    root.set_sequence(origin.sequence);
    root.set_time_received_ns(origin.time_received_ns);
    root.set_time_bmp_header_ns(event.time_bmp_header_ns);
    root.set_router_addr(&origin.router_address);
    root.set_router_port(origin.router_port);
    set_peer(root.reborrow().init_peer(), &event.peer);
    root.set_counter_count(event.counter_count);
    let mut list = root.init_counters(event.counters.len() as u32);
    for (place, counter) in (0..).zip(event.counters) {
        let mut entry = list.reborrow().get(place);
        entry.set_type(counter.statistics_type);
        entry.set_name(counter.name);
        entry.set_value(counter.value);
        if let Some(family) = counter.family {
            entry.set_has_family(true);
            entry.set_afi(family.afi);
            entry.set_safi(family.safi);
        }
        entry.set_raw(counter.raw);
    }
    append(&message, out);
}

/// Appends a `MalformedMessage` message.
pub fn write_malformed_message(origin: &EventOrigin, malformed: &MalformedMessage<'_>, out: &mut Vec<u8>) {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<malformed_message::Builder<'_>>();
    root.set_sequence(origin.sequence);
    root.set_time_received_ns(origin.time_received_ns);
    root.set_time_bmp_header_ns(malformed.time_bmp_header_ns);
    root.set_router_addr(&origin.router_address);
    root.set_router_port(origin.router_port);
    if let Some(peer) = &malformed.peer {
        set_peer(root.reborrow().init_peer(), peer);
    }
    root.set_reason(malformed.reason);
    root.set_offset(malformed.offset);
    root.set_raw(malformed.raw);
    root.set_raw_length(malformed.raw_length);
    append(&message, out);
}

fn set_peer(mut identity: peer_identity::Builder<'_>, peer: &Peer) {
    identity.set_address(&peer.address);
    identity.set_asn(peer.asn);
    identity.set_bgp_id(peer.bgp_id);
    identity.set_type(peer.peer_type);
    identity.set_distinguisher(u64::from_be_bytes(peer.distinguisher));
    identity.set_rib_view(rib_view(peer.view));
}

fn set_family(mut place: family::Builder<'_>, family: AfiSafi) {
    place.set_afi(family.afi);
    place.set_safi(family.safi);
}

fn set_information(
    mut list: struct_list::Builder<'_, information_tlv::Owned>,
    information: &[InformationTlv<'_>],
) {
    for (place, &(kind, value)) in (0..).zip(information) {
        let mut entry = list.reborrow().get(place);
        entry.set_type(kind);
        entry.set_value(value);
    }
}

/// Converts a view to the enumeration of the schema.
#[must_use]
pub const fn rib_view(view: RibView) -> update_capnp::RibView {
    match view {
        RibView::AdjRibInPre => update_capnp::RibView::AdjRibInPre,
        RibView::AdjRibInPost => update_capnp::RibView::AdjRibInPost,
        RibView::AdjRibOutPre => update_capnp::RibView::AdjRibOutPre,
        RibView::AdjRibOutPost => update_capnp::RibView::AdjRibOutPost,
        RibView::LocRib => update_capnp::RibView::LocRib,
    }
}

fn append(message: &Builder<HeapAllocator>, out: &mut Vec<u8>) {
    out.extend_from_slice(&write_message_to_words(message));
}
