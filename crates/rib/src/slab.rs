//! A vector that never moves its items: it grows by one chunk of [`CHUNK`] items at a time.

/// Items of a chunk. A chunk of the largest items (blocks of VPN routes, 320 bytes) takes 20 KiB.
const CHUNK: usize = 64;

/// A vector in chunks.
pub(crate) struct Slab<T> {
    /// All chunks but the last are full. The first chunk grows like any vector, so that a small table stays small.
    chunks: Vec<Vec<T>>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(0, Vec::len);
        self.chunks.len().saturating_sub(1) * CHUNK + last
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<T>>()
            + self
                .chunks
                .iter()
                .map(|chunk| chunk.capacity() * size_of::<T>())
                .sum::<usize>()
    }

    /// Frees the last `chunks` chunks with their items. Returns whether there are more.
    pub(crate) fn give_up(&mut self, chunks: usize) -> bool {
        self.chunks.truncate(self.chunks.len().saturating_sub(chunks));
        !self.chunks.is_empty()
    }

    /// Adds an item and returns its index.
    pub(crate) fn push(&mut self, item: T) -> u32 {
        let index = self.len();
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(item),
            last => {
                let mut chunk = Vec::with_capacity(if last.is_none() { 1 } else { CHUNK });
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
        index as u32
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }
}
