//! Events as JSON objects.

use std::io::{self, Write};

use capnp::struct_list;

use super::damaged::damaged;
use super::object::Members;
use super::text::{Distinguisher, Hex, Name, address, identifier};
use crate::update_capnp::{
    PeerEventKind, RouterEventKind, information_tlv, malformed_message, peer_event, peer_identity,
    router_event, statistics_event,
};

pub(super) fn write_peer(event: peer_event::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    object.safe_text("type", "peer")?;
    object.safe_text("kind", Name(event.get_kind()))?;
    object.safe_text("timeReceivedNs", event.get_time_received_ns())?;
    object.nonzero_text("timeBmpHeaderNs", event.get_time_bmp_header_ns())?;
    object.safe_text("sequence", event.get_sequence())?;
    let router = event.get_router_addr().map_err(damaged)?;
    write_router_address(&mut object, router, event.get_router_port())?;
    write_identity(&mut object, event.get_peer().map_err(damaged)?)?;
    object.plain("provisional", event.get_provisional())?;
    object.text("tableName", event.get_table_name().map_err(damaged)?)?;
    match event.get_kind() {
        Ok(PeerEventKind::Down) => {
            object.plain("downReason", event.get_down_reason())?;
            write_bytes(&mut object, "downData", event.get_down_data().map_err(damaged)?)?;
            object.nonzero("downDataLength", event.get_down_data_length().into())?;
        }
        _ => write_up(&mut object, event)?,
    }
    write_information(&mut object, event.get_information().map_err(damaged)?)?;
    object.nonzero("informationLength", event.get_information_length().into())?;
    object.end()
}

fn write_up<W: Write>(object: &mut Members<'_, W>, event: peer_event::Reader<'_>) -> io::Result<()> {
    if let Some(local) = address(event.get_local_addr().map_err(damaged)?)
        && !local.is_unspecified()
    {
        object.safe_text("localAddr", local)?;
    }
    object.nonzero("localPort", event.get_local_port().into())?;
    object.nonzero("remotePort", event.get_remote_port().into())?;
    object.plain("fourOctetAsn", event.get_four_octet_asn())?;
    let families = event.get_add_path().map_err(damaged)?;
    let texts = families
        .iter()
        .map(|family| Ok(format!("{}/{}", family.get_afi(), family.get_safi())));
    object.safe_texts("addPath", texts)?;
    write_bytes(object, "sentOpen", event.get_sent_open().map_err(damaged)?)?;
    write_bytes(
        object,
        "receivedOpen",
        event.get_received_open().map_err(damaged)?,
    )
}

pub(super) fn write_router(event: router_event::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    object.safe_text("type", "router")?;
    object.safe_text("kind", Name(event.get_kind()))?;
    object.safe_text("timeReceivedNs", event.get_time_received_ns())?;
    object.safe_text("sequence", event.get_sequence())?;
    let router = event.get_router_addr().map_err(damaged)?;
    write_router_address(&mut object, router, event.get_router_port())?;
    object.text("routerName", event.get_router_name().map_err(damaged)?)?;
    object.text("sysName", event.get_sys_name().map_err(damaged)?)?;
    object.text("sysDescr", event.get_sys_descr().map_err(damaged)?)?;
    object.text("reason", event.get_reason().map_err(damaged)?)?;
    if event.has_peer() {
        write_identity(&mut object, event.get_peer().map_err(damaged)?)?;
    }
    if event.get_has_family() {
        let family = event.get_family().map_err(damaged)?;
        let text = format_args!("{}/{}", family.get_afi(), family.get_safi());
        object.safe_text("family", text)?;
    }
    if event.get_all_withdrawn() || is_resync(event) {
        object.plain("allWithdrawn", event.get_all_withdrawn())?;
    }
    write_information(&mut object, event.get_information().map_err(damaged)?)?;
    object.nonzero("informationLength", event.get_information_length().into())?;
    object.end()
}

/// Whether a resync begins or ends.
fn is_resync(event: router_event::Reader<'_>) -> bool {
    matches!(
        event.get_kind(),
        Ok(RouterEventKind::ResyncBegin | RouterEventKind::ResyncEnd)
    )
}

pub(super) fn write_statistics(event: statistics_event::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    object.safe_text("type", "statistics")?;
    object.safe_text("timeReceivedNs", event.get_time_received_ns())?;
    object.nonzero_text("timeBmpHeaderNs", event.get_time_bmp_header_ns())?;
    object.safe_text("sequence", event.get_sequence())?;
    let router = event.get_router_addr().map_err(damaged)?;
    write_router_address(&mut object, router, event.get_router_port())?;
    write_identity(&mut object, event.get_peer().map_err(damaged)?)?;
    let mut array = object.array("counters")?;
    for counter in event.get_counters().map_err(damaged)? {
        let mut element = array.element()?;
        element.plain("type", counter.get_type())?;
        element.text("name", counter.get_name().map_err(damaged)?)?;
        element.safe_text("value", counter.get_value())?;
        if counter.get_has_family() {
            element.plain("afi", counter.get_afi())?;
            element.plain("safi", counter.get_safi())?;
        }
        write_bytes(&mut element, "raw", counter.get_raw().map_err(damaged)?)?;
        element.end()?;
    }
    array.end()?;
    object.nonzero("counterCount", event.get_counter_count().into())?;
    object.end()
}

pub(super) fn write_malformed(event: malformed_message::Reader<'_>, out: &mut impl Write) -> io::Result<()> {
    let mut object = Members::object(out)?;
    object.safe_text("type", "malformed")?;
    object.safe_text("timeReceivedNs", event.get_time_received_ns())?;
    object.nonzero_text("timeBmpHeaderNs", event.get_time_bmp_header_ns())?;
    object.safe_text("sequence", event.get_sequence())?;
    let router = event.get_router_addr().map_err(damaged)?;
    write_router_address(&mut object, router, event.get_router_port())?;
    if event.has_peer() {
        write_identity(&mut object, event.get_peer().map_err(damaged)?)?;
    }
    object.text("reason", event.get_reason().map_err(damaged)?)?;
    object.plain("offset", event.get_offset())?;
    write_bytes(&mut object, "raw", event.get_raw().map_err(damaged)?)?;
    object.nonzero("rawLength", event.get_raw_length().into())?;
    object.end()
}

fn write_router_address<W: Write>(object: &mut Members<'_, W>, router: &[u8], port: u16) -> io::Result<()> {
    if let Some(router) = address(router) {
        object.safe_text("routerAddr", router)?;
    }
    object.plain("routerPort", port)
}

fn write_identity<W: Write>(object: &mut Members<'_, W>, peer: peer_identity::Reader<'_>) -> io::Result<()> {
    let mut inner = object.inner("peer")?;
    if let Some(peer) = address(peer.get_address().map_err(damaged)?) {
        inner.safe_text("address", peer)?;
    }
    inner.plain("asn", peer.get_asn())?;
    inner.safe_text("bgpId", identifier(peer.get_bgp_id()))?;
    inner.plain("type", peer.get_type())?;
    if peer.get_distinguisher() != 0 {
        inner.safe_text("distinguisher", Distinguisher(peer.get_distinguisher()))?;
    }
    inner.safe_text("ribView", Name(peer.get_rib_view()))?;
    inner.end()
}

fn write_information<W: Write>(
    object: &mut Members<'_, W>,
    information: struct_list::Reader<'_, information_tlv::Owned>,
) -> io::Result<()> {
    if information.is_empty() {
        return Ok(());
    }
    let mut array = object.array("information")?;
    for tlv in information {
        let mut element = array.element()?;
        element.plain("type", tlv.get_type())?;
        element.safe_text("value", Hex(tlv.get_value().map_err(damaged)?))?;
        element.end()?;
    }
    array.end()
}

/// Writes bytes as hexadecimal digits; no field if there are none.
fn write_bytes<W: Write>(object: &mut Members<'_, W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    object.safe_text(name, Hex(bytes))
}
