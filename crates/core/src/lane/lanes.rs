//! The lanes of a session, found by the bytes of the per-peer header.

use arancini_schema::encode::TableLayout;
use arancini_wire::bgp::attribute::CommonAttributes;
use arancini_wire::bmp::{PER_PEER_HEADER_LEN, RibView};
use arancini_wire::iana::{AfiSafi, attribute_type};

use super::message::{CommonMessage, Content, Part};
use crate::context::RouterContext;
use crate::emission::{Emission, MessageTimes};
use crate::peer::PeerState;
use crate::router::TablePlace;

/// Most lanes of a session. The messages of further peers take the general way.
const MOST_LANES: usize = 4096;

/// Flags that RFC 9069 §4.2 does not define for a Loc-RIB. The general way counts them.
const UNKNOWN_LOC_RIB_FLAGS: u8 = 0x7f;

/// What the messages of one per-peer header have in common, if the same part of their UPDATEs carries routes of one family.
pub(super) struct Lane {
    identity: Identity,
    pub place: TablePlace,
    pub view: RibView,
    /// Whether AS numbers have four octets.
    pub four_octet_as: bool,
    pub layout: TableLayout,
}

/// The lanes of a session.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    /// A hash table of open addressing: one more than the place of each lane in `lanes`, 0 for none. At least half of it is
    /// empty.
    index: Vec<u32>,
    /// The lane of the last message.
    last: usize,
    /// The router's revision for which the lanes hold.
    revision: u64,
}

/// The per-peer header up to its timestamp, and the part of the UPDATE that carries the routes.
#[derive(Clone, Copy)]
struct Identity {
    /// The last word overlaps the one before.
    words: [u64; 5],
    part: Part,
}

impl Identity {
    #[inline(always)]
    fn of(header: &[u8; PER_PEER_HEADER_LEN], part: Part) -> Self {
        let word = |at: usize| {
            header[at..]
                .first_chunk()
                .map_or(0, |word| u64::from_ne_bytes(*word))
        };
        Self {
            words: [word(0), word(8), word(16), word(24), word(26)],
            part,
        }
    }

    /// Where a look-up in an index of this length begins.
    #[inline(always)]
    fn place(&self, length: usize) -> usize {
        let [a, b, c, d, e] = self.words;
        let mixed = a ^ b.rotate_left(13) ^ c.rotate_left(26) ^ d.rotate_left(39) ^ e.rotate_left(52);
        let Part { family, carrier } = self.part;
        let part = u64::from(family.afi) << 16 | u64::from(family.safi) << 8 | carrier as u64;
        let hash = (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 40) as usize & (length - 1)
    }
}

impl PartialEq for Identity {
    /// Compares all words without a branch for each.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.words.iter().zip(other.words);
        let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
        difference == 0 && self.part == other.part
    }
}

impl Lane {
    /// The family of the routes.
    #[inline(always)]
    pub const fn family(&self) -> AfiSafi {
        self.identity.part.family
    }
}

impl Lanes {
    /// Closes all lanes.
    pub fn clear(&mut self) {
        if !self.lanes.is_empty() {
            self.lanes.clear();
            self.index.fill(0);
        }
    }

    /// The lane of a message, if it is open and holds for this revision of the router.
    #[inline(always)]
    pub(super) fn find(
        &mut self,
        header: &[u8; PER_PEER_HEADER_LEN],
        part: Part,
        revision: u64,
    ) -> Option<&Lane> {
        if self.revision != revision {
            return None;
        }
        let identity = Identity::of(header, part);
        match self.lanes.get(self.last) {
            Some(lane) if lane.identity == identity => {}
            _ => self.last = self.find_other(&identity)?,
        }
        self.lanes.get(self.last)
    }

    /// Finds a lane that is not that of the last message.
    #[inline]
    fn find_other(&self, identity: &Identity) -> Option<usize> {
        let length = self.index.len();
        if length == 0 {
            return None;
        }
        let mut place = identity.place(length);
        loop {
            let number = (self.index[place] as usize).checked_sub(1)?;
            if self.lanes[number].identity == *identity {
                return Some(number);
            }
            place = (place + 1) & (length - 1);
        }
    }

    /// Opens the lane of a message that the general way took. Messages like it may take it from now on.
    #[cold]
    #[inline(never)]
    pub fn open(&mut self, context: &mut RouterContext<'_>, frame: &[u8]) {
        let Some(message) = CommonMessage::read(frame, &[]) else {
            return;
        };
        let Some(part) = part_of(&message) else {
            return;
        };
        let revision = context.router.revision();
        if self.revision != revision {
            self.clear();
            self.revision = revision;
        }
        let identity = Identity::of(message.header, part);
        if self.lanes.len() >= MOST_LANES || self.find_other(&identity).is_some() {
            return;
        }
        if let Some(lane) = lane_of(context, &message, identity) {
            self.insert(lane);
        }
    }

    fn insert(&mut self, lane: Lane) {
        self.lanes.push(lane);
        if self.index.len() < 2 * self.lanes.len() {
            let length = (2 * self.lanes.len()).next_power_of_two();
            self.index.clear();
            self.index.resize(length, 0);
            (0..self.lanes.len()).for_each(|number| self.list(number));
        } else {
            self.list(self.lanes.len() - 1);
        }
    }

    /// Adds a lane to the index.
    fn list(&mut self, number: usize) {
        let length = self.index.len();
        let mut place = self.lanes[number].identity.place(length);
        while self.index[place] != 0 {
            place = (place + 1) & (length - 1);
        }
        self.index[place] = number as u32 + 1;
    }
}

/// The part that carries the routes of a message of the common kind.
fn part_of(message: &CommonMessage<'_>) -> Option<Part> {
    match message.content {
        Content::Withdrawn { part, .. } => Some(part),
        Content::Announced { from, .. } if from < message.frame.len() => Some(Part::FIELD),
        Content::Announced {
            attributes: field, ..
        } => {
            let mut attributes = CommonAttributes::NONE;
            let has_reach = attributes.read(field) && attributes.has(attribute_type::MP_REACH_NLRI);
            has_reach.then_some(Part::multi_protocol(attributes.mp_reach.family))
        }
    }
}

/// The lane of a message; `None` if such messages have to take the general way.
fn lane_of(context: &mut RouterContext<'_>, message: &CommonMessage<'_>, identity: Identity) -> Option<Lane> {
    let Part { family, carrier } = identity.part;
    let has_keys = matches!(
        family,
        AfiSafi::IPV4_UNICAST | AfiSafi::IPV6_UNICAST | AfiSafi::IPV4_VPN | AfiSafi::IPV6_VPN
    );
    if !has_keys {
        return None;
    }
    let header = message.per_peer_header();
    let RouterContext { router, shared, now } = context;
    let peer_index = router.find_peer(&header)?;
    let peer = &router.peers[peer_index];
    let counts_flags = header.is_loc_rib() && header.flags() & UNKNOWN_LOC_RIB_FLAGS != 0;
    if peer.state == PeerState::Down || counts_flags {
        return None;
    }
    let view = header.view();
    let place = TablePlace {
        peer: peer_index,
        table: peer.find_table(&peer.table_key(view, family))?,
    };
    let times = MessageTimes::without_message(*now);
    let Emission { source, writer, .. } =
        Emission::of(router, place, &mut shared.batcher, &mut shared.encoder, times);
    Some(Lane {
        identity,
        place,
        view,
        four_octet_as: !header.is_legacy_as_path(),
        layout: TableLayout::new(writer.encoder, &source, carrier)?,
    })
}
