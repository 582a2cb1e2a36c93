//! The encoder of `Update` messages: one layout per UPDATE, one copy per route.

use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;

use super::announce;
use super::layout::{DATA_START, HEAD, data, flag, more_flag, pointer};
use super::route::{Carrier, RouteFields, RouteSource};
use super::template::{Element, Template, list_pointer};
use crate::update_capnp::WithdrawReason;

/// A writer of `Update` messages with the scratch space of a worker.
pub struct UpdateEncoder {
    template: Template,
}

impl Default for UpdateEncoder {
    fn default() -> Self {
        Self::new()
    }
}

impl UpdateEncoder {
    /// Makes an encoder with its scratch space.
    #[must_use]
    pub fn new() -> Self {
        Self {
            template: Template::new(),
        }
    }

    /// Lays out announcements. Called once per UPDATE and family.
    pub fn lay_out_announce(
        &mut self,
        source: &RouteSource<'_>,
        carrier: Carrier,
        attributes: &PathAttributes<'_>,
    ) {
        let path = announce::Path::of(attributes);
        let pointers = announce::pointers(source, carrier, attributes, &path);
        self.begin(source, flag::ANNOUNCED, pointers);
        if carrier == Carrier::MultiProtocol {
            self.template
                .set(data::MP_REACH_AFI, source.family.afi.to_le_bytes());
            self.template.set(data::MP_REACH_SAFI, [source.family.safi]);
        }
        announce::put_attributes(&mut self.template, carrier, attributes, &path);
        self.template.put_text(pointer::TABLE_NAME, source.table_name);
        self.template.finish();
    }

    /// Lays out withdraws. A withdraw whose `reason` is no UPDATE of the router is synthetic.
    pub fn lay_out_withdraw(&mut self, source: &RouteSource<'_>, carrier: Carrier, reason: WithdrawReason) {
        let last = if source.table_name.is_empty() {
            pointer::NEXT_HOP
        } else {
            pointer::TABLE_NAME
        };
        self.begin(source, synthetic_flag(reason), last + 1);
        if carrier == Carrier::MultiProtocol {
            self.template
                .set(data::MP_UNREACH_AFI, source.family.afi.to_le_bytes());
            self.template.set(data::MP_UNREACH_SAFI, [source.family.safi]);
        }
        self.template
            .set(data::WITHDRAW_REASON, (reason as u16).to_le_bytes());
        self.template.put_address(pointer::NEXT_HOP, [0; 16]);
        self.template.put_text(pointer::TABLE_NAME, source.table_name);
        self.template.finish();
    }

    /// Appends one message: a copy of the layout with this route.
    // Inlined into its few callers, because it runs for each route.
    #[inline(always)]
    pub fn append(&mut self, route: &RouteFields<'_>, out: &mut Vec<u8>) {
        let has_tail = !route.labels.is_empty() || !route.raw_nlri.is_empty();
        if has_tail && self.template.pointer_count() <= pointer::RAW_NLRI {
            self.template.widen(pointer::RAW_NLRI + 1);
        }
        let start = out.len();
        self.template.write(out);
        if let Some(message) = out.get_mut(start..) {
            patch(message, self.template.content_start(), route);
        }
        if has_tail {
            append_tail(start, route, out);
        }
    }

    /// Begins a layout with the parts that announcements and withdraws share. The prefix is the first part of the content.
    #[inline]
    fn begin(&mut self, source: &RouteSource<'_>, flags: u8, pointers: usize) {
        let template = &mut self.template;
        template.begin(pointers);
        template.set(data::TIME_RECEIVED_NS, source.time_received_ns.to_le_bytes());
        template.set(data::TIME_BMP_HEADER_NS, source.time_bmp_header_ns.to_le_bytes());
        template.set(data::ROUTER_PORT, source.router_port.to_le_bytes());
        template.set(data::PEER_BGP_ID, source.peer_bgp_id.to_le_bytes());
        template.set(data::PEER_ASN, source.peer_asn.to_le_bytes());
        template.set(data::AFI, source.family.afi.to_le_bytes());
        template.set(data::SAFI, [source.family.safi]);
        template.set(data::RIB_VIEW, (source.view as u16).to_le_bytes());
        template.set(data::PEER_TYPE, [source.peer_type]);
        let distinguisher = u64::from_be_bytes(source.peer_distinguisher);
        template.set(data::PEER_DISTINGUISHER, distinguisher.to_le_bytes());
        let view = match source.view {
            RibView::AdjRibInPre | RibView::LocRib => 0,
            RibView::AdjRibInPost => flag::IS_POST_POLICY,
            RibView::AdjRibOutPre => flag::IS_ADJ_RIB_OUT,
            RibView::AdjRibOutPost => flag::IS_POST_POLICY | flag::IS_ADJ_RIB_OUT,
        };
        template.set_bits(data::FLAGS, flags | view);
        template.put_address(pointer::PREFIX_ADDR, [0; 16]);
        template.put_address(pointer::ROUTER_ADDR, source.router_address);
        template.put_address(pointer::PEER_ADDR, source.peer_address);
    }
}

/// The flag of withdraws that the router did not send in an UPDATE.
const fn synthetic_flag(reason: WithdrawReason) -> u8 {
    match reason {
        WithdrawReason::PeerDown | WithdrawReason::SessionLost | WithdrawReason::NotReannounced => {
            flag::SYNTHETIC
        }
        WithdrawReason::None | WithdrawReason::Explicit | WithdrawReason::TreatAsWithdraw => 0,
    }
}

/// Writes the fields of a route into a copy of the layout.
#[inline]
fn patch(message: &mut [u8], prefix_at: usize, route: &RouteFields<'_>) {
    if let Some(prefix) = message.get_mut(prefix_at..prefix_at + 16) {
        prefix.copy_from_slice(&route.prefix_address);
    }
    let Some(head) = message.first_chunk_mut::<HEAD>() else {
        return;
    };
    head[DATA_START + data::PREFIX_LEN] = route.prefix_length;
    store(head, data::SEQUENCE, route.sequence.to_le_bytes());
    store(head, data::ATTRIBUTE_FINGERPRINT, route.fingerprint.to_le_bytes());
    if let Some(path_id) = route.path_id {
        store(head, data::PATH_ID, path_id.to_le_bytes());
        head[DATA_START + data::MORE_FLAGS] |= more_flag::HAS_PATH_ID;
    }
    if let Some(distinguisher) = route.route_distinguisher {
        let value = u64::from_be_bytes(distinguisher);
        store(head, data::ROUTE_DISTINGUISHER, value.to_le_bytes());
        head[DATA_START + data::MORE_FLAGS] |= more_flag::HAS_ROUTE_DISTINGUISHER;
    }
}

/// Stores bytes at a constant offset of the data section. The compiler removes the bounds check.
#[inline(always)]
fn store<const N: usize>(head: &mut [u8; HEAD], offset: usize, bytes: [u8; N]) {
    head[DATA_START + offset..DATA_START + offset + N].copy_from_slice(&bytes);
}

/// Appends labels and raw NLRI to the message that starts at `start`. The message has pointers for them.
fn append_tail(start: usize, route: &RouteFields<'_>, out: &mut Vec<u8>) {
    let point = |out: &mut Vec<u8>, index: usize, target: usize, element, length| {
        let own = HEAD + 8 * index;
        let pointer = list_pointer(own, target - start, element, length);
        if let Some(place) = out.get_mut(start + own..start + own + 8) {
            place.copy_from_slice(&pointer.to_le_bytes());
        }
    };
    let (labels, _) = route.labels.as_chunks::<3>();
    if !labels.is_empty() {
        point(out, pointer::LABELS, out.len(), Element::FourBytes, labels.len());
        for &[high, middle, low] in labels {
            let label = u32::from_be_bytes([0, high, middle, low]) >> 4;
            out.extend_from_slice(&label.to_le_bytes());
        }
        pad(start, out);
    }
    if !route.raw_nlri.is_empty() {
        let length = route.raw_nlri.len();
        point(out, pointer::RAW_NLRI, out.len(), Element::Byte, length);
        out.extend_from_slice(route.raw_nlri);
        pad(start, out);
    }
    let segment_words = ((out.len() - start) / 8 - 1) as u32;
    if let Some(place) = out.get_mut(start + 4..start + 8) {
        place.copy_from_slice(&segment_words.to_le_bytes());
    }
}

fn pad(start: usize, out: &mut Vec<u8>) {
    out.resize(start + (out.len() - start).next_multiple_of(8), 0);
}
