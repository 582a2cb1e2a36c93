//! One message under construction: content first, then the head that points into it.
//!
//! The content lies behind room for the longest head, and the head is written last, right before the content: by then
//! it is known which pointers are null at the end of the pointer section, and those are left out (readers take a
//! missing pointer for a null one). Nothing is ever moved.
//!
//! Sizes: what one UPDATE of 65,535 bytes can hold expands to less than 2 MiB, far below the 2^29 words and elements
//! that Cap'n Proto pointers can express.

use super::layout::{DATA_SIZE, DATA_START, FRAME, HEAD_MAX, POINTERS};

/// Element sizes of Cap'n Proto lists.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Element {
    Byte = 2,
    FourBytes = 4,
    Composite = 7,
}

/// A list pointer whose offset is still open: the word its list starts at, and its upper half. All zero is null.
#[derive(Clone, Copy, Default)]
struct ListPointer {
    target_word: u32,
    upper: u32,
}

/// See the top of this file.
pub(super) struct Template {
    /// `HEAD_MAX` bytes for the head, then the content.
    bytes: Vec<u8>,
    data: [u8; DATA_SIZE],
    pointers: [ListPointer; POINTERS],
    /// Where the message starts in `bytes`.
    start: usize,
}

impl Template {
    /// An empty message.
    pub(super) fn new() -> Self {
        let mut template = Self {
            bytes: Vec::with_capacity(16 * 1024),
            data: [0; DATA_SIZE],
            pointers: [ListPointer::default(); POINTERS],
            start: 0,
        };
        template.begin();
        template.finish(0);
        template
    }

    /// Starts over.
    pub(super) fn begin(&mut self) {
        self.bytes.resize(HEAD_MAX, 0);
        self.data = [0; DATA_SIZE];
        self.pointers = [ListPointer::default(); POINTERS];
    }

    /// Writes the head, with at least `least` pointers. May be called again to get more of them.
    pub(super) fn finish(&mut self, least: usize) {
        let used = self
            .pointers
            .iter()
            .rposition(|pointer| pointer.upper != 0)
            .map_or(0, |last| last + 1);
        let count = used.max(least).min(POINTERS);
        self.start = HEAD_MAX - DATA_START - DATA_SIZE - 8 * count;
        let segment_words = (self.bytes.len() - self.start) / 8 - 1;
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
        let own_words = (HEAD_MAX / 8 - count) as u32..;
        let places = places.as_chunks_mut::<8>().0.iter_mut();
        for ((place, pointer), own_word) in places.zip(&self.pointers).zip(own_words) {
            *place = pointer.at(own_word).to_le_bytes();
        }
    }

    /// The finished message.
    pub(super) fn message(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Offset of the content in the finished message.
    pub(super) fn content_start(&self) -> usize {
        HEAD_MAX - self.start
    }

    /// How many pointers the finished message has.
    pub(super) fn pointer_count(&self) -> usize {
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
        self.bytes.extend_from_slice(address);
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
            self.bytes.extend_from_slice(value.as_bytes());
            self.bytes.push(0);
            self.pad();
        }
    }

    /// A `List(UInt32)` field.
    #[inline]
    pub(super) fn put_u32s(&mut self, index: usize, values: impl Iterator<Item = u32>) {
        let target = self.bytes.len();
        let count = self.push_u32s(values);
        self.point_to(index, target, Element::FourBytes, count);
    }

    /// A `List(UInt32)` field, from numbers as they are on the wire.
    #[inline]
    pub(super) fn put_wire_u32s(&mut self, index: usize, values: &[[u8; 4]]) {
        self.point(index, Element::FourBytes, values.len());
        let places = self.grow((4 * values.len()).next_multiple_of(8));
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
        let tag = self.open_structs();
        let places = self.grow(N * count);
        for (place, bytes) in places.as_chunks_mut::<N>().0.iter_mut().zip(structs) {
            *place = bytes;
        }
        self.close_structs(index, tag, count, N / 8, 0);
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
        let tag = self.open_structs();
        for item in structs.clone() {
            self.bytes.extend_from_slice(&data(&item));
            self.bytes.extend_from_slice(&[0; 8]);
        }
        let count = (self.bytes.len() - tag - 8) / 16;
        self.close_structs(index, tag, count, 1, 1);
        for (number, item) in structs.enumerate() {
            let target = self.bytes.len();
            let (element, length) = value(self, item);
            let own = tag + 8 + number * 16 + 8;
            if let Some(place) = self.bytes.get_mut(own..own + 8) {
                let pointer = ListPointer::new(target, element, length);
                place.copy_from_slice(&pointer.at((own / 8) as u32).to_le_bytes());
            }
        }
    }

    /// Appends bytes and fills up the last word.
    pub(super) fn push_padded(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    /// Appends numbers, fills up the last word, returns how many there were.
    pub(super) fn push_u32s(&mut self, values: impl Iterator<Item = u32>) -> usize {
        let from = self.bytes.len();
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        let count = (self.bytes.len() - from) / 4;
        self.pad();
        count
    }

    /// Appends zeros and hands them out to be filled; `length` in whole words.
    fn grow(&mut self, length: usize) -> &mut [u8] {
        let from = self.bytes.len();
        self.bytes.resize(from + length, 0);
        self.bytes.get_mut(from..).unwrap_or_default()
    }

    fn open_structs(&mut self) -> usize {
        let tag = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        tag
    }

    /// Writes the tag word of a struct list and the pointer to it; takes an empty list back.
    fn close_structs(
        &mut self,
        index: usize,
        tag: usize,
        count: usize,
        data_words: usize,
        pointer_words: usize,
    ) {
        if count == 0 {
            self.bytes.truncate(tag);
            return;
        }
        let word = (count as u64) << 2 | (data_words as u64) << 32 | (pointer_words as u64) << 48;
        if let Some(place) = self.bytes.get_mut(tag..tag + 8) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let content_words = count * (data_words + pointer_words);
        self.point_to(index, tag, Element::Composite, content_words);
    }

    /// Points at what is appended next.
    fn point(&mut self, index: usize, element: Element, length: usize) {
        self.point_to(index, self.bytes.len(), element, length);
    }

    fn point_to(&mut self, index: usize, target: usize, element: Element, length: usize) {
        if let Some(place) = self.pointers.get_mut(index) {
            *place = ListPointer::new(target, element, length);
        }
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }
}

impl ListPointer {
    /// `length` in elements, for composite lists in words without the tag. Null when there is nothing to point to.
    fn new(target: usize, element: Element, length: usize) -> Self {
        if length == 0 {
            return Self::default();
        }
        Self {
            target_word: (target / 8) as u32,
            upper: (length as u32) << 3 | element as u32,
        }
    }

    /// The pointer as it stands in word `own`.
    fn at(self, own: u32) -> u64 {
        if self.upper == 0 {
            return 0;
        }
        let offset = self.target_word.wrapping_sub(own).wrapping_sub(1);
        u64::from(self.upper) << 32 | u64::from(offset << 2 | 1)
    }
}

/// The pointer that stands at byte `own` of a message and points to a list at byte `target` of it.
pub(super) fn list_pointer(own: usize, target: usize, element: Element, length: usize) -> u64 {
    ListPointer::new(target, element, length).at((own / 8) as u32)
}
