//! The load in slots, as a worker receives it.

use arancini_generate::Piece;

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

/// Returns all streams of a load in slots, one stream after the other. A piece that takes the name of another peer
/// is left out; only named loads have such pieces, and the scenarios that need slots do not take named loads.
pub(crate) fn slots(load: &Load) -> impl Iterator<Item = Slot<'_>> {
    load.streams.iter().flat_map(|stream| {
        let pieces = stream.before.iter().chain(&stream.measured);
        let slots = pieces
            .filter_map(Piece::as_sent)
            .flat_map(|bytes| bytes.chunks(SLOT_BYTES))
            .enumerate();
        slots.map(|(number, bytes)| Slot {
            bytes,
            is_first: number == 0,
        })
    })
}
