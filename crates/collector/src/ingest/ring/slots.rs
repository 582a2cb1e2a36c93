//! The receive slots of one worker and the provided-buffer ring that lends them to the kernel.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// The provided-buffer ring must begin on a page; slots do too.
const PAGE_BYTES: usize = 4096;
/// The flag that makes the kernel fill a slot piece by piece (`IOU_PBUF_RING_INC` of linux/io_uring.h, Linux 6.12).
const INCREMENTAL: u16 = 2;
/// The only buffer group of the ring.
pub const BUFFER_GROUP: u16 = 0;

/// One receive slot.
///
/// Invariants:
///
/// 1. `start` is the first of `SlotPool::slot_bytes` bytes that belong to this slot alone, were initialised when the
///    pool was made, and stay allocated as long as the pool.
/// 2. The slot is lent to the kernel from [`SlotPool::lend`] to the completion that says that the kernel is done with
///    it. While it is lent, the kernel writes from `filled` on, upwards, and reports each piece in the order of the
///    pieces; it never touches what it has reported.
/// 3. The bytes of a reported piece are read only through its [`Piece`], which borrows the pool. So no byte of the slot is read
///    after the slot was lent again.
struct FixedSizeSlot {
    start: NonNull<u8>,
    filled: usize,
}

/// The slots of a worker, allocated once.
pub struct SlotPool {
    slots: Vec<FixedSizeSlot>,
    slot_bytes: u32,
    memory: Pages,
    entries: Pages,
    mask: u16,
    tail: u16,
}

/// A piece of a slot with received bytes, in place. While it lives, nothing is lent to the kernel.
pub struct Piece<'p> {
    pool: &'p mut SlotPool,
    id: usize,
    from: usize,
    length: usize,
    /// Whether the kernel is done with the slot.
    last: bool,
}

/// Zeroed memory that begins on a page.
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

impl Pages {
    fn new(bytes: usize) -> io::Result<Self> {
        let layout = Layout::from_size_align(bytes.max(1), PAGE_BYTES)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else {
            handle_alloc_error(layout);
        };
        Ok(Self { start, layout })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

impl SlotPool {
    /// Allocates the slots. The kernel has none of them yet.
    ///
    /// # Errors
    /// The sizes are out of bounds.
    pub fn new(count: u16, slot_bytes: usize) -> io::Result<Self> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let ring_entries = count.checked_next_power_of_two().ok_or_else(invalid)?;
        let kernel_bytes = i32::try_from(slot_bytes)
            .ok()
            .filter(|&bytes| bytes > 0)
            .ok_or_else(invalid)?;
        let bytes = slot_bytes.checked_mul(usize::from(count)).ok_or_else(invalid)?;
        let memory = Pages::new(bytes)?;
        let entries = Pages::new(usize::from(ring_entries) * size_of::<BufRingEntry>())?;
        let slots = (0..usize::from(count))
            .map(|index| FixedSizeSlot {
                // SAFETY: `index < count`, so the start lies within the `count * slot_bytes` bytes of `memory`.
                start: unsafe { memory.start.add(index * slot_bytes) },
                filled: 0,
            })
            .collect();
        Ok(Self {
            slots,
            slot_bytes: kernel_bytes.unsigned_abs(),
            memory,
            entries,
            mask: ring_entries - 1,
            tail: 0,
        })
    }

    /// Registers the provided-buffer ring with the kernel and lends the kernel every slot.
    ///
    /// # Safety
    /// The pool must outlive every request of this io_uring that receives into [`BUFFER_GROUP`].
    ///
    /// # Errors
    /// The kernel is older than 6.12, or out of memory.
    pub unsafe fn register(&mut self, submitter: &Submitter<'_>) -> io::Result<()> {
        let address = self.entries.start.as_ptr() as u64;
        // SAFETY: `entries` begins on a page, holds `mask + 1` entries, and outlives the requests (the caller's duty).
        unsafe {
            submitter.register_buf_ring_with_flags(address, self.mask + 1, BUFFER_GROUP, INCREMENTAL)?;
        }
        for id in 0..self.slots.len() {
            self.lend(id);
        }
        Ok(())
    }

    /// Lends an empty slot to the kernel.
    fn lend(&mut self, id: usize) {
        let slot = &mut self.slots[id];
        slot.filled = 0;
        let base = self.entries.start.cast::<BufRingEntry>().as_ptr();
        // SAFETY: the index is masked, so the entry lies within `entries`, which is zeroed or written before. The
        // kernel reads entries below the tail only, and this one is at it: each slot is lent once at a time and there
        // are at least as many entries as slots. The tail lies in the first entry's padding, is aligned, and is
        // written here alone, so that writing the first entry back leaves it as it is; the kernel reads it, hence the release
        // store after the entry is complete.
        unsafe {
            let entry = base.add(usize::from(self.tail & self.mask));
            let tail = BufRingEntry::tail(base).cast_mut();
            let mut lent = std::ptr::read(entry);
            lent.set_addr(slot.start.as_ptr() as u64);
            lent.set_len(self.slot_bytes);
            lent.set_bid(id as u16);
            entry.write(lent);
            self.tail = self.tail.wrapping_add(1);
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }

    /// Hands out a piece that the kernel reported, in place. Dropping the `last` piece of a slot lends the slot again.
    ///
    /// # Safety
    /// The kernel must have reported exactly this piece: `length` bytes in this slot, after all pieces handed out before.
    pub unsafe fn piece(&mut self, id: u16, length: usize, last: bool) -> Piece<'_> {
        let id = usize::from(id);
        let slot = &mut self.slots[id];
        let from = slot.filled;
        let end = from.saturating_add(length);
        assert!(
            end <= self.slot_bytes as usize,
            "the kernel reports more than a slot holds"
        );
        slot.filled = end;
        Piece {
            pool: self,
            id,
            from,
            length,
            last,
        }
    }

    /// Leaks the memory, because the kernel may still write to it.
    pub fn leak(self) {
        std::mem::forget(self.memory);
        std::mem::forget(self.entries);
    }
}

impl Piece<'_> {
    /// The bytes of the piece, where the kernel wrote them.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let start = self.pool.slots[self.id].start;
        // SAFETY: `from..from + length` lies within the slot (checked in `SlotPool::piece`) and is initialised (invariant 1).
        // The kernel does not touch what it has reported until the slot is lent again, and only dropping this piece lends it
        // (invariants 2 and 3).
        unsafe { std::slice::from_raw_parts(start.as_ptr().add(self.from), self.length) }
    }
}

impl Drop for Piece<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.last {
            self.pool.lend(self.id);
        }
    }
}
