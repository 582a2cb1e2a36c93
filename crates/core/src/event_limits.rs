//! Limits of what an event repeats of a sender's message.
//!
//! A broker refuses messages above its `max_payload` (1 MiB by default), and a BMP message may be as long. An event therefore
//! carries the first part of what the router sent, and says how much the router sent in all. Even the largest event, with the
//! batch that it closes, stays far below 1 MiB.

use arancini_schema::events::{InformationTlv, StatisticsCounter};
use arancini_wire::bmp::Tlvs;

/// Most bytes of one raw field: a malformed message, or the data of a Peer Down. Every BGP message (RFC 8654: 65,535 octets)
/// fits with its BMP headers, except for the very longest ones.
const MOST_RAW_BYTES: usize = 64 << 10;
/// Most bytes of the values of all TLVs, or of all statistics, of an event. A single TLV always fits (its length has 16 bits).
const MOST_VALUE_BYTES: usize = 64 << 10;
/// Most TLVs, or statistics, of an event. An element costs up to 48 bytes in an event besides its value and its name, but only
/// four bytes on the wire. The RFCs name about a hundred statistics, some of which come once for each family.
const MOST_ELEMENTS: usize = 1000;

/// The part of a sender's message that its event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept<T> {
    /// The part.
    pub part: T,
    /// The size of the whole message part, if the event does not carry all of it; else 0.
    pub whole: u32,
}

impl<T> Kept<Vec<T>> {
    /// Borrows the part as a slice.
    pub const fn as_deref(&self) -> Kept<&[T]> {
        Kept {
            part: self.part.as_slice(),
            whole: self.whole,
        }
    }
}

/// The first bytes of a raw field.
pub(crate) fn raw(bytes: &[u8]) -> Kept<&[u8]> {
    match bytes.get(..MOST_RAW_BYTES) {
        Some(part) if part.len() < bytes.len() => Kept {
            part,
            whole: size(bytes.len()),
        },
        _ => Kept {
            part: bytes,
            whole: 0,
        },
    }
}

/// The first information TLVs (RFC 7854 §4.4), each of them whole. The list ends at the first TLV that cannot be read. The size
/// of the whole counts the octets of all TLVs with their headers.
pub(crate) fn information(tlvs: Tlvs<'_>) -> Kept<Vec<InformationTlv<'_>>> {
    const HEADER_BYTES: usize = 4;
    let (mut part, mut budget, mut whole) = (Vec::new(), Budget::new(), 0);
    for tlv in tlvs.map_while(Result::ok) {
        whole += HEADER_BYTES + tlv.value.len();
        if budget.take(tlv.value.len()) {
            part.push((tlv.tlv_type, tlv.value));
        }
    }
    let whole = if budget.exceeded { size(whole) } else { 0 };
    Kept { part, whole }
}

/// The first counters of a Statistics Report, each of them whole. The size of the whole is the number of all counters.
pub(crate) fn counters<'a>(
    counters: impl Iterator<Item = StatisticsCounter<'a>>,
) -> Kept<Vec<StatisticsCounter<'a>>> {
    let (mut part, mut budget, mut whole) = (Vec::new(), Budget::new(), 0);
    for counter in counters {
        whole += 1;
        if budget.take(counter.raw.len()) {
            part.push(counter);
        }
    }
    let whole = if budget.exceeded { size(whole) } else { 0 };
    Kept { part, whole }
}

/// Room for the elements of one event.
struct Budget {
    elements: usize,
    bytes: usize,
    /// Whether an element did not fit. From then on none is taken, so that an event has the first elements without a gap.
    exceeded: bool,
}

impl Budget {
    const fn new() -> Self {
        Self {
            elements: MOST_ELEMENTS,
            bytes: MOST_VALUE_BYTES,
            exceeded: false,
        }
    }

    /// Takes the room for an element with a value of this length; returns whether there was room.
    const fn take(&mut self, value_bytes: usize) -> bool {
        if self.exceeded || self.elements == 0 || self.bytes < value_bytes {
            self.exceeded = true;
            return false;
        }
        self.elements -= 1;
        self.bytes -= value_bytes;
        true
    }
}

fn size(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
