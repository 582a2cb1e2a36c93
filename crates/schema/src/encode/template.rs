//! One message under construction: head, pointers, content.
//!
//! The number of pointers is known before anything is written. Null pointers at the end of the pointer section are left out,
//! since readers treat a missing pointer as null. Only a route with labels or a raw NLRI may need more pointers later.
//!
//! The content of an UPDATE of 65,535 bytes expands to less than 1 MiB ([`ROOM`]), far below the 2^29 words and elements that
//! Cap'n Proto pointers can express.

use super::layout::{DATA_SIZE, DATA_START, FRAME, HEAD, POINTERS};

/// Room for a message in bytes. Offsets are taken modulo this power of two, so the compiler knows that they are inside and
/// leaves out the bounds check. Memory that no message needs is not touched.
const ROOM: usize = 1 << 20;
/// Further bytes behind [`ROOM`], for a write that starts at its last offset.
const SLACK: usize = 1024;
/// Messages are copied in multiples of this many bytes. Nearly all messages then need copies of equal length. Copies of
/// different lengths take different branches, which the processor would often predict wrong.
const COPIED_AT_ONCE: usize = 384;

/// Element sizes of Cap'n Proto lists.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Element {
    Byte = 2,
    FourBytes = 4,
    Composite = 7,
}

/// A message under construction.
pub(super) struct Template {
    /// The message up to `end`. Behind it are bytes of earlier messages.
    bytes: Box<[u8; ROOM + SLACK]>,
    /// End of the message, a multiple of a word.
    end: usize,
    /// Number of pointers.
    pointers: usize,
    /// Bytes to copy for the finished message: its size, rounded up to [`COPIED_AT_ONCE`].
    copied: usize,
}

impl Template {
    /// Makes an empty message.
    pub(super) fn new() -> Self {
        let mut template = Self {
            bytes: zeroed(),
            end: HEAD,
            pointers: 0,
            copied: 0,
        };
        template.finish();
        template
    }

    /// Starts a new message with this many pointers, at most [`POINTERS`].
    #[inline]
    pub(super) fn begin(&mut self, pointers: usize) {
        self.bytes[..HEAD + 8 * POINTERS].fill(0);
        self.pointers = pointers;
        self.end = HEAD + 8 * pointers;
    }

    /// Finishes a message: writes its sizes.
    #[inline]
    pub(super) fn finish(&mut self) {
        debug_assert!(self.end <= ROOM, "an UPDATE that expands to {} bytes", self.end);
        let segment_words = (self.end - FRAME) / 8;
        let root = (DATA_SIZE as u64 / 8) << 32 | (self.pointers as u64) << 48;
        self.bytes[..FRAME].copy_from_slice(&((segment_words as u64) << 32).to_le_bytes());
        self.bytes[FRAME..DATA_START].copy_from_slice(&root.to_le_bytes());
        self.copied = self.end.next_multiple_of(COPIED_AT_ONCE);
    }

    /// Adds null pointers to a finished message.
    #[cold]
    pub(super) fn widen(&mut self, pointers: usize) {
        let before = std::mem::replace(&mut self.pointers, pointers);
        let content = HEAD + 8 * before..self.end;
        self.room(8 * (pointers - before));
        self.bytes.copy_within(content, HEAD + 8 * pointers);
        let (places, _) = self.bytes[HEAD..].as_chunks_mut::<8>();
        for (index, place) in places.iter_mut().take(pointers).enumerate() {
            let pointer = u64::from_le_bytes(*place);
            let now = if index >= before || pointer == 0 {
                0
            } else {
                // The content is one word farther away for each added pointer.
                pointer + (((pointers - before) as u64) << 2)
            };
            *place = now.to_le_bytes();
        }
        self.finish();
    }

    /// Copies the finished message to the start of `place`, which has room for [`Self::copied`] bytes. Returns its length.
    #[inline(always)]
    pub(super) fn write(&self, place: &mut [u8]) -> usize {
        place[..self.copied].copy_from_slice(&self.bytes[..self.copied]);
        self.end
    }

    /// Bytes that [`Self::write`] copies: the finished message, and some bytes behind it.
    #[inline(always)]
    pub(super) const fn copied(&self) -> usize {
        self.copied
    }

    /// The finished message.
    pub(super) fn message(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Offset of the content in the finished message.
    #[inline]
    pub(super) const fn content_start(&self) -> usize {
        HEAD + 8 * self.pointers
    }

    /// Number of pointers of the message.
    #[inline]
    pub(super) const fn pointer_count(&self) -> usize {
        self.pointers
    }

    /// Sets bytes of the data section.
    #[inline]
    pub(super) fn set<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(DATA_START + offset..DATA_START + offset + N) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Sets bits of a byte of the data section.
    #[inline]
    pub(super) fn set_bits(&mut self, offset: usize, bits: u8) {
        if let Some(place) = self.bytes.get_mut(DATA_START + offset) {
            *place |= bits;
        }
    }

    /// Writes a `Data` field of 16 bytes.
    #[inline]
    pub(super) fn put_address(&mut self, index: usize, address: [u8; 16]) {
        self.point(index, Element::Byte, address.len());
        self.put(address);
    }

    /// Writes a `Data` field.
    #[inline]
    pub(super) fn put_data(&mut self, index: usize, value: &[u8]) {
        if !value.is_empty() {
            self.point(index, Element::Byte, value.len());
            self.push_padded(value);
        }
    }

    /// Writes a `Text` field.
    #[inline]
    pub(super) fn put_text(&mut self, index: usize, value: &str) {
        if !value.is_empty() {
            self.point(index, Element::Byte, value.len() + 1);
            // A zero byte ends the text.
            self.push(value.as_bytes(), value.len() + 1);
        }
    }

    /// Writes a `List(UInt32)` field.
    #[inline]
    pub(super) fn put_u32s(&mut self, index: usize, values: impl Iterator<Item = u32>) {
        let target = self.end;
        let count = self.push_u32s(values);
        self.point_to(index, target, Element::FourBytes, count);
    }

    /// Writes a `List(UInt32)` field from numbers as on the wire.
    #[inline]
    pub(super) fn put_wire_u32s(&mut self, index: usize, values: &[[u8; 4]]) {
        self.point(index, Element::FourBytes, values.len());
        let places = self.room(4 * values.len());
        for (place, value) in places.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *place = u32::from_be_bytes(*value).to_le_bytes();
        }
    }

    /// Writes a list of structs of `N` bytes each, without pointers.
    #[inline]
    pub(super) fn put_structs<const N: usize>(
        &mut self,
        index: usize,
        structs: impl ExactSizeIterator<Item = [u8; N]>,
    ) {
        let count = structs.len();
        if let Some(places) = self.open_structs(index, count, N / 8, 0) {
            for (place, bytes) in places.as_chunks_mut::<N>().0.iter_mut().zip(structs) {
                *place = bytes;
            }
        }
    }

    /// Writes a list of structs of 8 data bytes and one pointer each. `value` writes the target of each pointer.
    #[inline]
    pub(super) fn put_structs_with_list<T>(
        &mut self,
        index: usize,
        structs: impl Iterator<Item = T> + Clone,
        data: impl Fn(&T) -> [u8; 8],
        mut value: impl FnMut(&mut Self, T) -> (Element, usize),
    ) {
        let count = structs.clone().count();
        let first = self.end + 8;
        let Some(places) = self.open_structs(index, count, 1, 1) else {
            return;
        };
        for (place, item) in places.as_chunks_mut::<16>().0.iter_mut().zip(structs.clone()) {
            *place = u128::from(u64::from_le_bytes(data(&item))).to_le_bytes();
        }
        for (number, item) in structs.enumerate() {
            let target = self.end;
            let (element, length) = value(self, item);
            let own = first + number * 16 + 8;
            if let Some(place) = self.bytes.get_mut(own..own + 8) {
                place.copy_from_slice(&list_pointer(own, target, element, length).to_le_bytes());
            }
        }
    }

    /// Appends bytes, and zeros to the end of the word.
    #[inline]
    pub(super) fn push_padded(&mut self, value: &[u8]) {
        self.push(value, value.len());
    }

    /// Appends numbers, and zeros to the end of the word. Returns the count of the numbers.
    #[inline]
    pub(super) fn push_u32s(&mut self, values: impl Iterator<Item = u32>) -> usize {
        let mut count = 0;
        for value in values {
            let place = if count % 2 == 0 {
                self.room(4).first_chunk_mut()
            } else {
                self.bytes.get_mut(..self.end).and_then(<[u8]>::last_chunk_mut)
            };
            if let Some(place) = place {
                *place = value.to_le_bytes();
            }
            count += 1;
        }
        count
    }

    /// Appends bytes, zeros up to `length`, and zeros to the end of the word.
    #[inline]
    fn push(&mut self, value: &[u8], length: usize) {
        if let Some(place) = self.room(length).get_mut(..value.len()) {
            place.copy_from_slice(value);
        }
    }

    /// Appends whole words.
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        const { assert!(N.is_multiple_of(8) && N <= SLACK) };
        let from = self.end % ROOM;
        self.bytes[from..from + N].copy_from_slice(&bytes);
        self.end = from + N;
    }

    /// Takes the next whole words with at least `length` bytes. The caller fills them: only the last word is zero.
    #[inline]
    fn room(&mut self, length: usize) -> &mut [u8] {
        let from = self.end % ROOM;
        let length = length.next_multiple_of(8);
        self.end = from + length;
        let room = self.bytes[from..].get_mut(..length).unwrap_or_default();
        if let Some(last) = room.last_chunk_mut::<8>() {
            *last = [0; 8];
        }
        room
    }

    /// Begins a list of structs: writes pointer and tag word, and returns the room for the structs. `None` for an empty list.
    #[inline]
    fn open_structs(
        &mut self,
        index: usize,
        count: usize,
        data_words: usize,
        pointer_words: usize,
    ) -> Option<&mut [u8]> {
        if count == 0 {
            return None;
        }
        let content_words = count * (data_words + pointer_words);
        self.point(index, Element::Composite, content_words);
        let tag = (count as u64) << 2 | (data_words as u64) << 32 | (pointer_words as u64) << 48;
        self.put(tag.to_le_bytes());
        Some(self.room(8 * content_words))
    }

    /// Writes a pointer to the bytes that are appended next.
    #[inline]
    fn point(&mut self, index: usize, element: Element, length: usize) {
        self.point_to(index, self.end, element, length);
    }

    /// Writes a pointer to `target`.
    #[inline]
    fn point_to(&mut self, index: usize, target: usize, element: Element, length: usize) {
        debug_assert!(
            length == 0 || index < self.pointers,
            "the layout has no room for pointer {index}"
        );
        let own = HEAD + 8 * index;
        self.bytes[own..own + 8].copy_from_slice(&list_pointer(own, target, element, length).to_le_bytes());
    }
}

fn zeroed<const N: usize>() -> Box<[u8; N]> {
    // By way of a vector: so it never lies on the stack.
    vec![0; N].try_into().unwrap_or_else(|_| Box::new([0; N]))
}

/// Makes the pointer at byte `own` of a message to a list at byte `target`. The pointer is null if the list is empty.
///
/// `length` is the number of elements; for composite lists the number of words without the tag.
#[inline]
pub(super) const fn list_pointer(own: usize, target: usize, element: Element, length: usize) -> u64 {
    if length == 0 {
        return 0;
    }
    let upper = (length as u64) << 3 | element as u64;
    let offset = (target - own) as u64 / 8 - 1;
    upper << 32 | offset << 2 | 1
}
