//! A vector that moves no items once it has [`CHUNK`] of them: it grows by one chunk of [`CHUNK`] items at a time.

/// Items of a chunk. A chunk of the largest items (blocks of VPN routes, 320 bytes) takes 20 KiB.
const CHUNK: usize = 64;

/// A vector in chunks.
pub(crate) struct Slab<T> {
    /// The items, if there are [`CHUNK`] or more. Behind the last item, a chunk holds copies of other items.
    chunks: Vec<Box<[T; CHUNK]>>,
    /// The items while there are fewer than [`CHUNK`]. It grows like any vector, so that a small table stays small.
    few: Vec<T>,
    length: usize,
}

impl<T: Copy> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            few: Vec::new(),
            length: 0,
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    pub(crate) const fn allocated_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Box<[T; CHUNK]>>()
            + self.chunks.len() * size_of::<[T; CHUNK]>()
            + self.few.capacity() * size_of::<T>()
    }

    /// Frees the last `chunks` chunks with their items. Returns whether there are more.
    pub(crate) fn give_up(&mut self, chunks: usize) -> bool {
        self.few = Vec::new();
        self.chunks.truncate(self.chunks.len().saturating_sub(chunks));
        self.length = self.length.min(self.chunks.len() * CHUNK);
        !self.chunks.is_empty()
    }

    /// Adds an item and returns its index.
    #[inline]
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let index = self.length;
        self.length += 1;
        match self.chunks.get_mut(index / CHUNK) {
            Some(chunk) => chunk[index % CHUNK] = item,
            None => self.push_into_new_memory(item),
        }
        index as u32
    }

    /// Adds an item for which no chunk has room.
    #[cold]
    #[inline(never)]
    fn push_into_new_memory(&mut self, item: T) {
        if !self.chunks.is_empty() {
            self.chunks.push(chunk(vec![item; CHUNK]));
            return;
        }
        if self.few.is_empty() {
            self.few.reserve_exact(1);
        }
        self.few.push(item);
        if self.few.len() == CHUNK {
            let few = std::mem::take(&mut self.few);
            self.chunks.push(chunk(few));
        }
    }

    /// The item at an index, or `None` if there is no memory for this index.
    #[inline(always)]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        match self.chunks.get(index as usize / CHUNK) {
            Some(chunk) => Some(&chunk[index as usize % CHUNK]),
            None => self.few.get(index as usize),
        }
    }

    /// The item at an index, or `None` if there is no memory for this index.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.chunks.get_mut(index as usize / CHUNK) {
            Some(chunk) => Some(&mut chunk[index as usize % CHUNK]),
            None => self.few.get_mut(index as usize),
        }
    }
}

/// Makes a chunk of [`CHUNK`] items.
fn chunk<T>(items: Vec<T>) -> Box<[T; CHUNK]> {
    match items.into_boxed_slice().try_into() {
        Ok(chunk) => chunk,
        Err(items) => unreachable!("a chunk of {} items", items.len()),
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, index: u32) -> &T {
        match self.chunks.get(index as usize / CHUNK) {
            Some(chunk) => &chunk[index as usize % CHUNK],
            None => &self.few[index as usize],
        }
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline(always)]
    fn index_mut(&mut self, index: u32) -> &mut T {
        match self.chunks.get_mut(index as usize / CHUNK) {
            Some(chunk) => &mut chunk[index as usize % CHUNK],
            None => &mut self.few[index as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found_at_its_index_from_the_first_one_on() {
        let mut slab = Slab::new();
        for item in 0..1000_u32 {
            assert_eq!(slab.push(item), item);
            assert_eq!(slab.len(), item as usize + 1);
            for index in 0..=item {
                assert_eq!((slab[index], slab.get(index)), (index, Some(&index)));
            }
            assert_eq!(slab.get(item / 64 * 64 + 64), None);
        }
        slab[70] = 7;
        assert_eq!(slab[70], 7);
        assert_eq!(slab.get(u32::MAX), None);
    }

    #[test]
    fn a_slab_of_few_items_takes_little_more_than_they_do() {
        let mut slab = Slab::new();
        for items in 1..=64_usize {
            slab.push(0_u64);
            assert!(slab.allocated_bytes() <= 8 * items.next_power_of_two().max(4) + 32);
        }
        slab.push(0);
        assert!(slab.allocated_bytes() <= 2 * 64 * 8 + 32);
        assert!(slab.give_up(1) && !slab.give_up(1) && slab.len() == 0);
    }
}
