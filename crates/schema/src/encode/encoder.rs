//! The encoder of `Update` messages: one layout per UPDATE, one copy per route.

use arancini_wire::bgp::attribute::PathAttributes;
use arancini_wire::bmp::RibView;

use super::announce;
use super::layout::{DATA_START, HEAD, POINTERS, data, flag, more_flag, pointer};
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
        self.set_reach_family(source, carrier);
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

    /// Lays out what all announcements of a table share. The rest of the message means nothing.
    pub(super) fn lay_out_announce_head(&mut self, source: &RouteSource<'_>, carrier: Carrier) {
        let flags = flag::ANNOUNCED | flag::HAS_ORIGIN | flag::HAS_NEXT_HOP;
        self.begin(source, flags, POINTERS);
        self.set_reach_family(source, carrier);
        self.template.finish();
    }

    /// The finished layout, without a route.
    pub(super) fn laid_out(&self) -> &[u8] {
        self.template.message()
    }

    /// Prepares a message with this route. Returns how many bytes [`Self::write`] needs for it, which may be more than the
    /// message has.
    // Inlined into its few callers, because it runs for each route.
    #[inline(always)]
    pub fn room(&mut self, route: &RouteFields<'_>) -> usize {
        if has_tail(route) {
            self.room_with_tail(route)
        } else {
            self.template.copied()
        }
    }

    #[inline(never)]
    fn room_with_tail(&mut self, route: &RouteFields<'_>) -> usize {
        if self.template.pointer_count() <= pointer::RAW_NLRI {
            self.template.widen(pointer::RAW_NLRI + 1);
        }
        // Each label of three octets becomes four bytes; both lists end at a word.
        self.template.copied() + 2 * route.labels.len() + route.raw_nlri.len() + 2 * 8
    }

    /// Writes one message to the start of `place`, which has [`Self::room`] for this route: a copy of the layout with the route.
    /// Returns the length of the message.
    #[inline(always)]
    pub fn write(&self, route: &RouteFields<'_>, place: &mut [u8]) -> usize {
        let length = self.template.write(place);
        patch(place, self.template.content_start(), route);
        if has_tail(route) {
            write_tail(place, length, route)
        } else {
            length
        }
    }

    /// Appends one message to `out`.
    pub fn append(&mut self, route: &RouteFields<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        out.resize(start + self.room(route), 0);
        let length = match out.get_mut(start..) {
            Some(place) => self.write(route, place),
            None => 0,
        };
        out.truncate(start + length);
    }

    #[inline]
    fn set_reach_family(&mut self, source: &RouteSource<'_>, carrier: Carrier) {
        if carrier == Carrier::MultiProtocol {
            let family = source.family;
            self.template.set(data::MP_REACH_AFI, family.afi.to_le_bytes());
            self.template.set(data::MP_REACH_SAFI, [family.safi]);
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

/// Whether a route has parts behind the layout.
#[inline(always)]
const fn has_tail(route: &RouteFields<'_>) -> bool {
    !route.labels.is_empty() || !route.raw_nlri.is_empty()
}

/// Writes labels and raw NLRI behind a message of this length, which has pointers for them. Returns its new length.
#[inline(never)]
fn write_tail(message: &mut [u8], length: usize, route: &RouteFields<'_>) -> usize {
    let mut end = length;
    let (labels, _) = route.labels.as_chunks::<3>();
    if !labels.is_empty() {
        let places = list(
            message,
            &mut end,
            pointer::LABELS,
            Element::FourBytes,
            labels.len(),
        );
        for (place, &[high, middle, low]) in places.as_chunks_mut::<4>().0.iter_mut().zip(labels) {
            let label = u32::from_be_bytes([0, high, middle, low]) >> 4;
            *place = label.to_le_bytes();
        }
    }
    let nlri = route.raw_nlri;
    if !nlri.is_empty() {
        let places = list(message, &mut end, pointer::RAW_NLRI, Element::Byte, nlri.len());
        places[..nlri.len()].copy_from_slice(nlri);
    }
    let segment_words = (end / 8 - 1) as u32;
    message[4..8].copy_from_slice(&segment_words.to_le_bytes());
    end
}

/// Writes a pointer to a list at the end of a message. Returns the zeroed words of the list.
fn list<'m>(
    message: &'m mut [u8],
    end: &mut usize,
    index: usize,
    element: Element,
    length: usize,
) -> &'m mut [u8] {
    let own = HEAD + 8 * index;
    let from = *end;
    message[own..own + 8].copy_from_slice(&list_pointer(own, from, element, length).to_le_bytes());
    let bytes = match element {
        Element::FourBytes => 4 * length,
        Element::Byte | Element::Composite => length,
    };
    *end = from + bytes.next_multiple_of(8);
    let places = &mut message[from..*end];
    places.fill(0);
    places
}
