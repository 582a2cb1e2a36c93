//! `Update` messages of the common kind, laid out where they stay: in the open batch.
//!
//! What all messages of a table share is prepared once ([`TableLayout`]). For each UPDATE, [`TableLayout::announce`] copies that
//! and writes the attributes behind it. The bytes are those that [`UpdateEncoder`] writes for the same routes
//! (`a_direct_layout_has_the_bytes_of_the_encoder`), whose layout is the definition.

use arancini_wire::bgp::attribute::{CommonAttributes, MOST_COMMON_OCTETS};
use arancini_wire::iana::attribute_type as code;

use super::encoder::UpdateEncoder;
use super::layout::{DATA_START, HEAD, POINTERS, data, flag, more_flag, pointer};
use super::route::{Carrier, RouteSource};
use super::template::{Element, list_pointer};
use crate::update_capnp::WithdrawReason;

/// Room that a message of the common kind needs, in bytes.
///
/// Attributes of up to [`MOST_COMMON_OCTETS`] octets grow to three times their size at most (extended communities), and each
/// of the five lists by a word more. A label takes a word.
pub const WINDOW: usize = PLACES + SLACK;
const _: () = assert!(
    HEAD + 8 * POINTERS + 6 * 16 + (MOST_NAME_BYTES + 1) + 3 * MOST_COMMON_OCTETS + 5 * 8 + 8 <= PLACES,
    "any message of the common kind fits"
);
/// Offsets are taken modulo this power of two, so the compiler knows that they are inside and leaves out the bounds check.
const PLACES: usize = 2048;
/// Room behind [`PLACES`] for a write that starts at its last offset.
const SLACK: usize = 64;
/// Pointers up to CLUSTER_LIST.
const USUAL_POINTERS: usize = pointer::CLUSTER_LIST + 1;
/// Longest table name that fits, in bytes.
const MOST_NAME_BYTES: usize = 255;

/// What all messages of one table share.
#[derive(Clone)]
pub struct TableLayout {
    /// Segment table, root pointer and data section of an announce.
    head: [u8; HEAD],
    /// Addresses of router and peer.
    addresses: [u8; 32],
    /// A whole withdraw, without its route and its times.
    withdraw: Box<[u8]>,
    carrier: Carrier,
    /// The table's name with a zero byte behind it, in whole words; empty if it has none.
    name: Box<[u8]>,
    /// Length of the name in bytes, with its zero byte.
    name_length: usize,
}

/// When a message was received, and when the router says that it was made.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// Nanoseconds since the Unix epoch.
    pub received_ns: u64,
    /// Timestamp of the per-peer header, in nanoseconds since the Unix epoch; 0 if the router sends none.
    pub bmp_header_ns: u64,
}

/// A message that is laid out, except for its route.
#[derive(Debug, Clone, Copy)]
pub struct LaidOut {
    /// Length of the message in bytes.
    pub length: usize,
    /// Offset of the prefix in the message.
    prefix_at: usize,
}

/// The fields of a message that belong to its route.
#[derive(Debug, Clone, Copy)]
pub struct DirectRoute {
    /// Address of the prefix, IPv4 as IPv4-mapped IPv6.
    pub prefix_address: [u8; 16],
    /// Length of the prefix in bits of its family.
    pub prefix_length: u8,
    /// Path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// Sequence number of this message among the messages of the router.
    pub sequence: u64,
    /// Route distinguisher as on the wire (RFC 4364 §4.2).
    pub distinguisher: Option<[u8; 8]>,
    /// The label of an announced route, if its message has room for one.
    pub label: Option<RouteLabel>,
}

/// The label of a route with a stack of one label (RFC 8277 §2).
#[derive(Debug, Clone, Copy)]
pub struct RouteLabel {
    /// The label as on the wire.
    pub octets: [u8; 3],
    /// Fingerprint of the route's attributes with this label; see [`crate::fingerprint::with_labels`].
    pub fingerprint: u64,
}

impl TableLayout {
    /// Prepares the layout of a table's messages. Its routes come in the UPDATE's own fields, or in MP_REACH_NLRI and
    /// MP_UNREACH_NLRI, as `carrier` says. `None` if the table's name is too long.
    #[must_use]
    pub fn new(encoder: &mut UpdateEncoder, source: &RouteSource<'_>, carrier: Carrier) -> Option<Self> {
        let mut name = source.table_name.as_bytes().to_vec();
        if name.len() > MOST_NAME_BYTES {
            return None;
        }
        let mut name_length = 0;
        if !name.is_empty() {
            name_length = name.len() + 1;
            name.resize(name_length.next_multiple_of(8), 0);
        }
        encoder.lay_out_withdraw(source, carrier, WithdrawReason::Explicit);
        let withdraw = encoder.laid_out().into();
        encoder.lay_out_announce_head(source, carrier);
        let head = *encoder.laid_out().first_chunk()?;
        let mut addresses = [0; 32];
        addresses[..16].copy_from_slice(&source.router_address);
        addresses[16..].copy_from_slice(&source.peer_address);
        Some(Self {
            head,
            addresses,
            withdraw,
            carrier,
            name: name.into(),
            name_length,
        })
    }

    /// Which part of an UPDATE carries the table's routes.
    #[inline]
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Lays out an announce in the window. With `LABELLED`, it has room for one label of each route ([`DirectRoute::label`]).
    // Inlined, because it runs for each UPDATE and its callers know the carrier.
    #[inline(always)]
    #[must_use]
    pub fn announce<const LABELLED: bool>(
        &self,
        window: &mut [u8; WINDOW],
        times: Times,
        fingerprint: u64,
        attributes: &CommonAttributes<'_>,
    ) -> LaidOut {
        let multi_protocol = self.carrier == Carrier::MultiProtocol;
        let reach = &attributes.mp_reach;
        let link_local = match reach.next_hop.len() {
            32 | 48 if multi_protocol => reach.next_hop.last_chunk::<16>(),
            _ => None,
        };
        let mut pointers = self.pointers(attributes, link_local.is_some());
        if LABELLED {
            // As the encoder widens a layout for a route with labels.
            pointers = pointers.max(pointer::RAW_NLRI + 1);
        }
        let mut page = Page {
            bytes: window,
            end: HEAD + 8 * pointers,
        };
        page.bytes[..HEAD].copy_from_slice(&self.head);
        // Most messages have no pointer behind these. A fill of fixed length is a few stores.
        page.bytes[HEAD..HEAD + 8 * USUAL_POINTERS].fill(0);
        if pointers > USUAL_POINTERS {
            page.bytes[HEAD + 8 * USUAL_POINTERS..HEAD + 8 * POINTERS].fill(0);
        }
        page.put(
            DATA_START + data::ATTRIBUTE_FINGERPRINT,
            fingerprint.to_le_bytes(),
        );
        page.put_times(times);
        page.put_numbers(attributes);

        page.append(pointer::PREFIX_ADDR, [0; 16]);
        page.point(pointer::ROUTER_ADDR, Element::Byte, 16);
        page.put(page.end, self.addresses);
        page.end += 16;
        page.point(pointer::PEER_ADDR, Element::Byte, 16);
        page.end += 16;
        if let Some(address) = link_local {
            page.append(pointer::LINK_LOCAL_NEXT_HOP, *address);
        }
        let address = reach.address();
        let next_hop = match (multi_protocol, address.first_chunk::<16>()) {
            (true, Some(address)) => *address,
            (true, None) => mapped(*address.first_chunk().unwrap_or(&[0; 4])),
            (false, _) => mapped(attributes.next_hop),
        };
        page.append(pointer::NEXT_HOP, next_hop);
        page.append_origin(attributes.origin);
        page.append_numbers(pointer::AS_PATH, attributes.as_path);
        page.append_communities(attributes);
        page.append_numbers(pointer::CLUSTER_LIST, attributes.cluster_list);
        if self.name_length != 0 {
            page.point(pointer::TABLE_NAME, Element::Byte, self.name_length);
            page.room(self.name.len()).copy_from_slice(&self.name);
        }
        if LABELLED {
            page.point(pointer::LABELS, Element::FourBytes, 1);
            page.end += 8;
        }
        let length = page.end;
        // The segment's words, and the root's pointers.
        page.put(4, ((length as u32 - 8) / 8).to_le_bytes());
        page.put(14, (pointers as u16).to_le_bytes());
        LaidOut {
            length,
            prefix_at: HEAD + 8 * pointers,
        }
    }

    /// Number of pointers of an announce, up to the last one that is not null.
    #[inline(always)]
    fn pointers(&self, attributes: &CommonAttributes<'_>, link_local: bool) -> usize {
        let there = |code: u8, pointer: usize| usize::from(attributes.has(code)) << pointer;
        let pointers = 1 << pointer::NEXT_HOP
            | there(code::COMMUNITIES, pointer::COMMUNITIES)
            | there(code::EXTENDED_COMMUNITIES, pointer::EXTENDED_COMMUNITIES)
            | there(code::LARGE_COMMUNITIES, pointer::LARGE_COMMUNITIES)
            | there(code::CLUSTER_LIST, pointer::CLUSTER_LIST)
            | usize::from(self.name_length != 0) << pointer::TABLE_NAME
            | usize::from(link_local) << pointer::LINK_LOCAL_NEXT_HOP;
        pointers.ilog2() as usize + 1
    }

    /// Lays out an explicit withdraw in the window.
    #[inline]
    #[must_use]
    pub fn withdraw(&self, window: &mut [u8; WINDOW], times: Times) -> LaidOut {
        let length = self.withdraw.len();
        if let Some(place) = window.get_mut(..length) {
            place.copy_from_slice(&self.withdraw);
        }
        let mut page = Page {
            bytes: window,
            end: 0,
        };
        page.put_times(times);
        let pointers = match self.name_length {
            0 => pointer::NEXT_HOP + 1,
            _ => pointer::TABLE_NAME + 1,
        };
        LaidOut {
            length,
            prefix_at: HEAD + 8 * pointers,
        }
    }
}

impl LaidOut {
    /// Writes a route into a copy of the message.
    #[inline(always)]
    pub fn set_route(&self, message: &mut [u8], route: &DirectRoute) {
        if let Some(place) = message.get_mut(self.prefix_at..self.prefix_at + 16) {
            place.copy_from_slice(&route.prefix_address);
        }
        let Some(head) = message.first_chunk_mut::<HEAD>() else {
            return;
        };
        head[DATA_START + data::PREFIX_LEN] = route.prefix_length;
        head[DATA_START + data::SEQUENCE..][..8].copy_from_slice(&route.sequence.to_le_bytes());
        if let Some(path_id) = route.path_id {
            head[DATA_START + data::PATH_ID..][..4].copy_from_slice(&path_id.to_le_bytes());
            head[DATA_START + data::MORE_FLAGS] |= more_flag::HAS_PATH_ID;
        }
        if let Some(distinguisher) = route.distinguisher {
            let value = u64::from_be_bytes(distinguisher);
            head[DATA_START + data::ROUTE_DISTINGUISHER..][..8].copy_from_slice(&value.to_le_bytes());
            head[DATA_START + data::MORE_FLAGS] |= more_flag::HAS_ROUTE_DISTINGUISHER;
        }
        if let Some(RouteLabel {
            octets: [high, middle, low],
            fingerprint,
        }) = route.label
        {
            head[DATA_START + data::ATTRIBUTE_FINGERPRINT..][..8].copy_from_slice(&fingerprint.to_le_bytes());
            // The label is the last word.
            if let Some(place) = message.get_mut(self.length - 8..self.length) {
                let label = u64::from(u32::from_be_bytes([0, high, middle, low]) >> 4);
                place.copy_from_slice(&label.to_le_bytes());
            }
        }
    }
}

/// IPv4-mapped IPv6 (RFC 4291 §2.5.5.2).
#[inline(always)]
const fn mapped(v4: [u8; 4]) -> [u8; 16] {
    (0xffff_0000_0000_u128 | u32::from_be_bytes(v4) as u128).to_be_bytes()
}

/// A message under construction in its window.
struct Page<'w> {
    bytes: &'w mut [u8; WINDOW],
    /// End of the message, a multiple of a word.
    end: usize,
}

impl Page<'_> {
    /// Writes bytes at an offset.
    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        const { assert!(N <= SLACK) };
        let at = at % PLACES;
        self.bytes[at..at + N].copy_from_slice(&bytes);
    }

    /// Writes a pointer to a list that is appended next.
    #[inline(always)]
    fn point(&mut self, index: usize, element: Element, length: usize) {
        let own = HEAD + 8 * index;
        let pointer = (length as u64) << 3 | element as u64;
        let offset = (self.end - own - 8) as u64 >> 1 | 1;
        self.put(own, (pointer << 32 | offset).to_le_bytes());
    }

    /// Appends a `Data` field of whole words.
    #[inline(always)]
    fn append<const N: usize>(&mut self, index: usize, bytes: [u8; N]) {
        self.point(index, Element::Byte, N);
        self.put(self.end, bytes);
        self.end += N;
    }

    /// Takes the next whole words.
    #[inline(always)]
    fn room(&mut self, length: usize) -> &mut [u8] {
        let from = self.end % PLACES;
        self.end = from + length;
        self.bytes.get_mut(from..from + length).unwrap_or_default()
    }

    #[inline(always)]
    fn put_times(&mut self, times: Times) {
        self.put(
            DATA_START + data::TIME_RECEIVED_NS,
            times.received_ns.to_le_bytes(),
        );
        self.put(
            DATA_START + data::TIME_BMP_HEADER_NS,
            times.bmp_header_ns.to_le_bytes(),
        );
    }

    /// Writes the attributes that are numbers, and the flags that say which are there.
    #[inline(always)]
    fn put_numbers(&mut self, attributes: &CommonAttributes<'_>) {
        let swapped = |bytes: [u8; 4]| u32::from_be_bytes(bytes).to_le_bytes();
        self.put(
            DATA_START + data::MULTI_EXIT_DISC,
            swapped(attributes.multi_exit_disc),
        );
        self.put(
            DATA_START + data::LOCAL_PREFERENCE,
            swapped(attributes.local_preference),
        );
        let [a, b, c, d, e, f, g, h] = attributes.aggregator;
        const { assert!(data::AGGREGATOR_BGP_ID == data::AGGREGATOR_ASN + 4) };
        self.put(DATA_START + data::AGGREGATOR_ASN, [d, c, b, a, h, g, f, e]);
        self.put(
            DATA_START + data::ORIGINATOR_ID,
            swapped(attributes.originator_id),
        );
        let there = |code: u8, flag: u8| u8::from(attributes.has(code)) * flag;
        self.bytes[DATA_START + data::FLAGS] |= there(code::MULTI_EXIT_DISC, flag::HAS_MULTI_EXIT_DISC)
            | there(code::ATOMIC_AGGREGATE, flag::ATOMIC_AGGREGATE);
        self.bytes[DATA_START + data::MORE_FLAGS] |= there(code::LOCAL_PREF, more_flag::HAS_LOCAL_PREFERENCE)
            | there(code::AGGREGATOR, more_flag::HAS_AGGREGATOR)
            | there(code::ORIGINATOR_ID, more_flag::HAS_ORIGINATOR_ID);
    }

    /// Appends the name of an ORIGIN.
    #[inline(always)]
    fn append_origin(&mut self, origin: u8) {
        /// Each name with zeros behind it, and its length with one of them.
        const NAMES: [([u8; 16], usize); 4] = [
            (*b"IGP\0\0\0\0\0\0\0\0\0\0\0\0\0", 4),
            (*b"EGP\0\0\0\0\0\0\0\0\0\0\0\0\0", 4),
            (*b"INCOMPLETE\0\0\0\0\0\0", 11),
            ([0; 16], 0),
        ];
        let (name, length) = NAMES[usize::from(origin & 3)];
        self.point(pointer::ORIGIN, Element::Byte, length);
        self.put(self.end, name);
        self.end += length.next_multiple_of(8);
    }

    /// Appends a `List(UInt32)` field, unless it is empty.
    #[inline(always)]
    fn append_numbers(&mut self, index: usize, numbers: &[[u8; 4]]) {
        if numbers.is_empty() {
            return;
        }
        self.point(index, Element::FourBytes, numbers.len());
        let (pairs, last) = numbers.as_chunks::<2>();
        for [a, b] in pairs {
            let (a, b) = (u32::from_be_bytes(*a), u32::from_be_bytes(*b));
            self.put(self.end, (u64::from(a) | u64::from(b) << 32).to_le_bytes());
            self.end += 8;
        }
        if let [last] = last {
            self.put(self.end, u64::from(u32::from_be_bytes(*last)).to_le_bytes());
            self.end += 8;
        }
    }

    /// Appends the pointer and the tag word of a list of structs.
    #[inline(always)]
    fn open_structs(&mut self, index: usize, count: usize, data_words: usize, pointer_words: usize) {
        self.point(index, Element::Composite, count * (data_words + pointer_words));
        let tag = (count as u64) << 2 | (data_words as u64) << 32 | (pointer_words as u64) << 48;
        self.put(self.end, tag.to_le_bytes());
        self.end += 8;
    }

    /// Appends the three kinds of communities that are there.
    #[inline(always)]
    fn append_communities(&mut self, attributes: &CommonAttributes<'_>) {
        let communities = attributes.communities;
        if !communities.is_empty() {
            self.open_structs(pointer::COMMUNITIES, communities.len(), 1, 0);
            let places = self.room(8 * communities.len());
            for (place, community) in places.as_chunks_mut::<8>().0.iter_mut().zip(communities) {
                // asn :UInt32, value :UInt16
                let both = u64::from(u32::from_be_bytes(*community));
                *place = (both >> 16 | (both & 0xffff) << 32).to_le_bytes();
            }
        }
        let extended = attributes.extended_communities;
        if !extended.is_empty() {
            self.open_structs(pointer::EXTENDED_COMMUNITIES, extended.len(), 1, 1);
            let (first, values) = (self.end, self.end + 16 * extended.len());
            for (place, &[high, low, a, b, c, d, e, f]) in extended.iter().enumerate() {
                let (own, value) = (first + 16 * place, values + 8 * place);
                self.put(own, [high, low, 0, 0, 0, 0, 0, 0]);
                let pointer = list_pointer(own + 8, value, Element::Byte, 6);
                self.put(own + 8, pointer.to_le_bytes());
                self.put(value, [a, b, c, d, e, f, 0, 0]);
            }
            self.end = values + 8 * extended.len();
        }
        let large = attributes.large_communities;
        if !large.is_empty() {
            self.open_structs(pointer::LARGE_COMMUNITIES, large.len(), 2, 0);
            for &[a, b, c, d, e, f, g, h, i, j, k, l] in large {
                self.put(self.end, [d, c, b, a, h, g, f, e, l, k, j, i, 0, 0, 0, 0]);
                self.end += 16;
            }
        }
    }
}
