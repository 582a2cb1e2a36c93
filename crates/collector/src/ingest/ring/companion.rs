//! One worker's io_uring instance for receiving: arm, reap, give back.
//!
//! Only the thread that made it may use it (`SINGLE_ISSUER`), and the kernel does its part of the work only when asked
//! (`DEFER_TASKRUN`): nothing is written to a slot but during a call of [`Ring::submit`] or [`Ring::submit_and_wait`].
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use io_uring::types::{CancelBuilder, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::slots::{BUFFER_GROUP, SlotPool};

/// Requests that go to the kernel with one call; more of them take more calls.
const SUBMISSIONS: u32 = 256;
/// Completions that may wait to be reaped; the kernel keeps more of them aside, at a price.
const COMPLETIONS: u32 = 2048;
/// The token of cancellations: nobody waits for their outcome.
const CANCELLATION: u64 = u64::MAX;
/// Calls after which a kernel that does not end cancelled receives is given up; one is the rule.
const MOST_DRAIN_CALLS: u32 = 1000;

/// A companion ring with its slots.
pub struct Ring {
    uring: IoUring,
    slots: ManuallyDrop<SlotPool>,
    wake: OwnedFd,
    /// Multishot receives that the kernel has or is about to get.
    armed: usize,
}

/// A completion, as [`Ring::take`] hands it out.
pub struct Arrival<'a> {
    /// What the receive was armed with.
    pub token: u64,
    /// What came.
    pub what: What<'a>,
    /// Whether the receive goes on. If not, this is its last completion.
    pub armed: bool,
}

/// What came with a completion.
#[derive(Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// Bytes, in their slot.
    Bytes(&'a [u8]),
    /// Nothing was received: all slots are in use, or the receive has to be armed again for a reason of the kernel's.
    NoSlot,
    /// The stream has ended.
    End,
    /// The connection failed, or the receive was cancelled.
    Failed(Errno),
}

impl Ring {
    /// A ring with so many slots of so many bytes.
    ///
    /// # Errors
    /// The kernel lacks something or refuses it.
    pub fn new(slots: u16, slot_bytes: usize) -> io::Result<Self> {
        let uring: IoUring<squeue::Entry, cqueue::Entry> = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_cqsize(COMPLETIONS)
            .dontfork()
            .build(SUBMISSIONS)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        uring.submitter().register_eventfd(wake.as_raw_fd())?;
        let mut ring = Self {
            uring,
            slots: ManuallyDrop::new(SlotPool::new(slots, slot_bytes)?),
            wake,
            armed: 0,
        };
        // SAFETY: the pool is freed in `drop` alone, after the last receive has ended or not at all.
        unsafe { ring.slots.register(&ring.uring.submitter())? };
        Ok(ring)
    }

    /// The eventfd that becomes readable when there is something to reap, unless [`Self::hush`] is in force.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// No signals until [`Self::listen`]: the caller is reaping anyway.
    pub fn hush(&mut self) {
        self.uring.completion().disable_eventfd();
        // Fails only if there is nothing to clear.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// Signals again; whether something came meanwhile, so that the caller must not wait for a signal.
    pub fn listen(&mut self) -> bool {
        self.uring.completion().enable_eventfd();
        // What comes after this is signalled, what came before is seen below.
        fence(Ordering::SeqCst);
        self.needs_a_call() || !self.is_reaped()
    }

    /// Whether there are requests for the kernel, or it has something to do or to tell.
    fn needs_a_call(&mut self) -> bool {
        let submissions = self.uring.submission();
        !submissions.is_empty() || submissions.taskrun() || submissions.cq_overflow()
    }

    /// Begins to receive from a socket until [`Arrival::armed`] says that it is over. Takes effect with the next
    /// submit; the socket must stay open until then.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn arm(&mut self, token: u64, socket: BorrowedFd<'_>) -> io::Result<()> {
        debug_assert_ne!(token, CANCELLATION);
        let receive = opcode::RecvMulti::new(Fd(socket.as_raw_fd()), BUFFER_GROUP)
            .build()
            .user_data(token);
        self.push(&receive)?;
        self.armed += 1;
        Ok(())
    }

    /// Ends a receive; its last completion still comes.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn cancel(&mut self, token: u64) -> io::Result<()> {
        self.push_cancel(CancelBuilder::user_data(token))
    }

    fn push_cancel(&mut self, which: CancelBuilder) -> io::Result<()> {
        let cancel = opcode::AsyncCancel2::new(which).build().user_data(CANCELLATION);
        self.push(&cancel)
    }

    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        if self.uring.submission().is_full() {
            self.call(0)?;
        }
        // SAFETY: the entries made above point to no memory: a receive names a buffer group, whose slots outlive it
        // (see `new` and `drop`), a cancellation only numbers.
        unsafe { self.uring.submission().push(entry) }.map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))
    }

    /// Hands requests to the kernel and lets it do its work, if there is any of either; whether that took a call.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn submit(&mut self) -> io::Result<bool> {
        let needed = self.needs_a_call();
        if needed {
            self.call(0)?;
        }
        Ok(needed)
    }

    /// Whether every completion that is there has been taken.
    pub fn is_reaped(&mut self) -> bool {
        self.uring.completion().is_empty()
    }

    /// Like [`Self::submit`], but waits for at least one completion.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn submit_and_wait(&mut self) -> io::Result<()> {
        self.call(1)
    }

    fn call(&mut self, wait_for: usize) -> io::Result<()> {
        match self.uring.submit_and_wait(wait_for) {
            // Interrupted, or more completions than it likes: it goes on with the next call.
            Err(error)
                if !matches!(
                    Errno::from_io_error(&error),
                    Some(Errno::INTR | Errno::BUSY | Errno::AGAIN)
                ) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Takes the next completion, if there is one.
    pub fn take<R>(&mut self, with: impl FnOnce(Arrival<'_>) -> R) -> Option<R> {
        let completion = loop {
            let completion = self.uring.completion().next()?;
            if completion.user_data() != CANCELLATION {
                break completion;
            }
        };
        let (token, flags) = (completion.user_data(), completion.flags());
        let armed = cqueue::more(flags);
        if !armed {
            self.armed -= 1;
        }
        let slot = cqueue::buffer_select(flags);
        let done = !cqueue::buffer_more(flags);
        match (usize::try_from(completion.result()), slot) {
            (Ok(length), Some(slot)) if length > 0 => {
                // SAFETY: the kernel reported it, completions are taken in their order, and each is taken once.
                Some(unsafe {
                    self.slots.piece(slot, length, done, |bytes| {
                        let what = What::Bytes(bytes);
                        with(Arrival { token, what, armed })
                    })
                })
            }
            (result, slot) => {
                if let Some(slot) = slot {
                    // SAFETY: as above; a slot can come back empty.
                    unsafe { self.slots.piece(slot, 0, done, |_| ()) };
                }
                let what = match result {
                    Ok(_) => What::End,
                    Err(_) => match Errno::from_raw_os_error(completion.result().saturating_neg()) {
                        Errno::NOBUFS | Errno::AGAIN | Errno::INTR => What::NoSlot,
                        error => What::Failed(error),
                    },
                };
                Some(with(Arrival { token, what, armed }))
            }
        }
    }

    /// Ends every receive and waits for the last completion of each; whether that worked.
    fn drain(&mut self) -> bool {
        for _ in 0..MOST_DRAIN_CALLS {
            while self.take(|_| ()).is_some() {}
            if self.armed == 0 {
                return true;
            }
            // The cancellation itself completes too, so this call returns.
            if self.push_cancel(CancelBuilder::any()).is_err() || self.call(1).is_err() {
                return false;
            }
        }
        false
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let drained = self.drain();
        // SAFETY: taken here alone, and not used after.
        let slots = unsafe { ManuallyDrop::take(&mut self.slots) };
        if !drained {
            // The kernel may still write to them.
            slots.leak();
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
