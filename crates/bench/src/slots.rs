//! The load in slots, as a worker receives it.

use crate::load::Load;

/// The size of a receive slot, as the collector has it by default.
const SLOT_BYTES: usize = 256 * 1024;

/// One slot of received bytes.
pub(crate) struct Slot<'a> {
    /// The bytes of the slot.
    pub(crate) bytes: &'a [u8],
    /// Whether this is the first slot of a stream.
    pub(crate) is_first: bool,
}

/// Returns all streams of a load in slots, one stream after the other.
pub(crate) fn slots(load: &Load) -> impl Iterator<Item = Slot<'_>> {
    load.streams.iter().flat_map(|stream| {
        let slots = stream.bytes.chunks(SLOT_BYTES).enumerate();
        slots.map(|(number, bytes)| Slot {
            bytes,
            is_first: number == 0,
        })
    })
}
