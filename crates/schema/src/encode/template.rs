//! One message under construction: content first, then the head that points into it.
//!
//! The content lies behind room for the longest head, and the head is written last, right before the content: by then
//! it is known which pointers are null at the end of the pointer section, and those are left out (readers take a
//! missing pointer for a null one). Nothing is ever moved.
//!
//! Sizes: what one UPDATE of 65,535 bytes can hold expands to less than 2 MiB, far below the 2^29 words and elements
//! that Cap'n Proto pointers can express.

use super::layout::{DATA_SIZE, DATA_START, FRAME, HEAD_MAX, POINTERS};

/// Bytes there is room for at first.
const FIRST_BYTES: usize = 16 * 1024;

/// Element sizes of Cap'n Proto lists.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Element {
    Byte = 2,
    FourBytes = 4,
    Composite = 7,
}

/// See the top of this file.
pub(super) struct Template {
    /// `HEAD_MAX` bytes for the head, the content up to `end`, and what earlier messages left.
    bytes: Vec<u8>,
    /// Where the content ends: at a whole word.
    end: usize,
    data: [u8; DATA_SIZE],
    /// The pointers as they stand in a head with all of them; zero is null.
    pointers: [u64; POINTERS],
    /// Pointers up to the last that is not null.
    used: usize,
    /// Where the message starts in `bytes`.
    start: usize,
}

impl Template {
    /// An empty message.
    pub(super) fn new() -> Self {
        let mut template = Self {
            bytes: vec![0; FIRST_BYTES],
            end: HEAD_MAX,
            data: [0; DATA_SIZE],
            pointers: [0; POINTERS],
            used: 0,
            start: 0,
        };
        template.finish(0);
        template
    }

    /// Starts over.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.end = HEAD_MAX;
        self.data = [0; DATA_SIZE];
        self.pointers = [0; POINTERS];
        self.used = 0;
    }

    /// Writes the head, with at least `least` pointers. May be called again to get more of them.
    pub(super) fn finish(&mut self, least: usize) {
        let count = self.used.max(least).min(POINTERS);
        self.start = HEAD_MAX - DATA_START - DATA_SIZE - 8 * count;
        let segment_words = (self.end - self.start) / 8 - 1;
        let Some(head) = self.bytes.get_mut(self.start..HEAD_MAX) else {
            return;
        };
        let Some((fixed, places)) = head.split_first_chunk_mut::<{ DATA_START + DATA_SIZE }>() else {
            return;
        };
        let root = (DATA_SIZE as u64 / 8) << 32 | (count as u64) << 48;
        fixed[..FRAME].copy_from_slice(&((segment_words as u64) << 32).to_le_bytes());
        fixed[FRAME..DATA_START].copy_from_slice(&root.to_le_bytes());
        fixed[DATA_START..].copy_from_slice(&self.data);
        // Each pointer left out brings those before it a word nearer to the content.
        let nearer = ((POINTERS - count) as u64) << 2;
        let places = places.as_chunks_mut::<8>().0.iter_mut();
        for (place, &pointer) in places.zip(&self.pointers) {
            let pointer = if pointer == 0 { 0 } else { pointer - nearer };
            *place = pointer.to_le_bytes();
        }
    }

    /// The finished message.
    #[inline]
    pub(super) fn message(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Offset of the content in the finished message.
    #[inline]
    pub(super) const fn content_start(&self) -> usize {
        HEAD_MAX - self.start
    }

    /// How many pointers the finished message has.
    #[inline]
    pub(super) const fn pointer_count(&self) -> usize {
        (HEAD_MAX - self.start - DATA_START - DATA_SIZE) / 8
    }

    /// Sets bytes of the data section.
    #[inline]
    pub(super) fn set<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        if let Some(place) = self.data.get_mut(offset..offset + N) {
            place.copy_from_slice(&bytes);
        }
    }

    /// Sets bits of a byte of the data section.
    #[inline]
    pub(super) fn set_bits(&mut self, offset: usize, bits: u8) {
        if let Some(place) = self.data.get_mut(offset) {
            *place |= bits;
        }
    }

    /// A `Data` field of 16 bytes.
    #[inline]
    pub(super) fn put_address(&mut self, index: usize, address: &[u8; 16]) {
        self.point(index, Element::Byte, address.len());
        if let Some(place) = self.room(address.len()).first_chunk_mut() {
            *place = *address;
        }
    }

    /// A `Data` field.
    #[inline]
    pub(super) fn put_data(&mut self, index: usize, value: &[u8]) {
        if !value.is_empty() {
            self.point(index, Element::Byte, value.len());
            self.push_padded(value);
        }
    }

    /// A `Text` field.
    #[inline]
    pub(super) fn put_text(&mut self, index: usize, value: &str) {
        if !value.is_empty() {
            self.point(index, Element::Byte, value.len() + 1);
            // A zero ends it.
            self.push(value.as_bytes(), value.len() + 1);
        }
    }

    /// A `List(UInt32)` field.
    #[inline]
    pub(super) fn put_u32s(&mut self, index: usize, values: impl Iterator<Item = u32>) {
        let target = self.end;
        let count = self.push_u32s(values);
        self.point_to(index, target, Element::FourBytes, count);
    }

    /// A `List(UInt32)` field, from numbers as they are on the wire.
    #[inline]
    pub(super) fn put_wire_u32s(&mut self, index: usize, values: &[[u8; 4]]) {
        self.point(index, Element::FourBytes, values.len());
        let places = self.room(4 * values.len());
        for (place, value) in places.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *place = u32::from_be_bytes(*value).to_le_bytes();
        }
    }

    /// A list of structs without pointers, of `N` bytes each.
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

    /// A list of structs of 8 data bytes and one pointer each; `values` writes what the pointer of each is to.
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

    /// Appends bytes and fills up the last word.
    #[inline]
    pub(super) fn push_padded(&mut self, value: &[u8]) {
        self.push(value, value.len());
    }

    /// Appends numbers, fills up the last word, returns how many there were.
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

    /// The next whole words with at least `length` bytes, to be filled; the last word is zero, the others are not.
    #[inline]
    fn room(&mut self, length: usize) -> &mut [u8] {
        let from = self.end;
        self.end += length.next_multiple_of(8);
        if self.end > self.bytes.len() {
            self.enlarge();
        }
        let room = self.bytes.get_mut(from..self.end).unwrap_or_default();
        if let Some(last) = room.last_chunk_mut::<8>() {
            *last = [0; 8];
        }
        room
    }

    #[cold]
    #[inline(never)]
    fn enlarge(&mut self) {
        self.bytes.resize(self.end.next_power_of_two(), 0);
    }

    /// Points at a list of structs, writes its tag word, and hands out the room for the structs; `None` for an empty list.
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
        let (place, structs) = self.room(8 + 8 * content_words).split_first_chunk_mut()?;
        *place = tag.to_le_bytes();
        Some(structs)
    }

    /// Points at what is appended next.
    #[inline]
    fn point(&mut self, index: usize, element: Element, length: usize) {
        self.point_to(index, self.end, element, length);
    }

    #[inline]
    fn point_to(&mut self, index: usize, target: usize, element: Element, length: usize) {
        if let Some(place) = self.pointers.get_mut(index)
            && length > 0
        {
            *place = list_pointer(HEAD_MAX - 8 * (POINTERS - index), target, element, length);
            self.used = self.used.max(index + 1);
        }
    }
}

/// The pointer that stands at byte `own` of a message and points to a list at byte `target` of it; null where the list is
/// empty. `length` is in elements, for composite lists in words without the tag.
#[inline]
pub(super) const fn list_pointer(own: usize, target: usize, element: Element, length: usize) -> u64 {
    if length == 0 {
        return 0;
    }
    let upper = (length as u64) << 3 | element as u64;
    let offset = (target - own) as u64 / 8 - 1;
    upper << 32 | offset << 2 | 1
}
