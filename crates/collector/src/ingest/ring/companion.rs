//! The io_uring instance of one worker for receiving: arm, reap, give slots back.
//!
//! Only the thread that made the ring may use it (`SINGLE_ISSUER`), and the kernel does its part of the work only when asked
//! (`DEFER_TASKRUN`): the kernel writes to slots only during a call of [`Ring::submit`] or [`Ring::submit_and_wait`].
#![allow(unsafe_code)]

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};

use io_uring::types::{CancelBuilder, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::slots::{BUFFER_GROUP, Piece, SlotPool};

/// Requests that go to the kernel with one call; more requests take more calls.
const SUBMISSIONS: u32 = 256;
/// Completions that may wait to be reaped; the kernel stores further ones aside, which costs more.
const COMPLETIONS: u32 = 2048;
/// The token of cancellations. Nobody waits for their outcome.
const CANCELLATION: u64 = u64::MAX;
/// Calls after which [`Ring`] no longer waits for the kernel to end cancelled receives; usually one call is enough.
const MOST_DRAIN_CALLS: u32 = 1000;

/// A companion ring with its slots.
pub struct Ring {
    uring: IoUring,
    slots: ManuallyDrop<SlotPool>,
    wake: OwnedFd,
    /// Multishot receives that the kernel has, or gets with the next call.
    armed: usize,
}

/// A completion of a receive, as [`Ring::take`] hands it out.
pub struct Completion<'a> {
    /// The token that the receive was armed with.
    pub token: u64,
    /// What the receive brought.
    pub what: What<'a>,
    /// Whether the receive goes on. If it does not, this is its last completion.
    pub armed: bool,
}

/// What a completion brought.
pub enum What<'a> {
    /// Bytes, in their slot.
    Bytes(Piece<'a>),
    /// Nothing was received: all slots are in use, or the kernel wants the receive to be armed again.
    NoSlot,
    /// The stream has ended.
    End,
    /// The connection failed, or the receive was cancelled.
    Failed(Errno),
}

impl Ring {
    /// A ring with this number of slots, each of this size.
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
        // SAFETY: the pool is freed only in `drop`, after the last receive has ended, or not at all.
        unsafe { ring.slots.register(&ring.uring.submitter())? };
        Ok(ring)
    }

    /// The eventfd that becomes readable when there is something to reap, unless [`Self::hush`] is in force.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Turns the eventfd off until [`Self::listen`]: the caller is reaping anyway.
    pub fn hush(&mut self) {
        self.uring.completion().disable_eventfd();
        // Fails only if there is nothing to clear.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// Turns the eventfd on. Returns whether something came meanwhile: then the caller must not wait for a signal.
    pub fn listen(&mut self) -> bool {
        self.uring.completion().enable_eventfd();
        // A completion after this fence is signalled; one before it is seen below.
        fence(Ordering::SeqCst);
        self.needs_a_call() || !self.is_reaped()
    }

    /// Whether there are requests for the kernel, or the kernel has work or completions that need a call.
    fn needs_a_call(&mut self) -> bool {
        let submissions = self.uring.submission();
        !submissions.is_empty() || submissions.taskrun() || submissions.cq_overflow()
    }

    /// Begins to receive from a socket, until [`Completion::armed`] says that the receive is over. It takes effect with the
    /// next submit; the socket must stay open until then.
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

    /// Cancels a receive. Its last completion still comes.
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

    /// Hands requests to the kernel and lets it do its work. Returns whether that took a call; without requests and work there
    /// is none.
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

    /// Whether every completion so far has been taken.
    pub fn is_reaped(&mut self) -> bool {
        self.uring.completion().is_empty()
    }

    /// Hands requests to the kernel and waits for at least one completion.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn submit_and_wait(&mut self) -> io::Result<()> {
        self.call(1)
    }

    fn call(&mut self, wait_for: usize) -> io::Result<()> {
        match self.uring.submit_and_wait(wait_for) {
            // Interrupted, or too many completions wait: the kernel goes on with the next call.
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

    /// Takes the next completion, if there is one. Its bytes stay in their slot until it is dropped.
    pub fn take(&mut self) -> Option<Completion<'_>> {
        let entry = loop {
            let entry = self.uring.completion().next()?;
            if entry.user_data() != CANCELLATION {
                break entry;
            }
        };
        let flags = entry.flags();
        let armed = cqueue::more(flags);
        if !armed {
            self.armed -= 1;
        }
        let length = usize::try_from(entry.result());
        let slots = &mut self.slots;
        let piece = cqueue::buffer_select(flags).map(|slot| {
            let last = !cqueue::buffer_more(flags);
            // SAFETY: the kernel reported the piece, completions are taken in their order, and each is taken once. A slot can
            // come back with no bytes.
            unsafe { slots.piece(slot, length.unwrap_or(0), last) }
        });
        let what = match (length, piece) {
            (Ok(length), Some(piece)) if length > 0 => What::Bytes(piece),
            (Ok(_), _) => What::End,
            (Err(_), _) => match Errno::from_raw_os_error(entry.result().saturating_neg()) {
                Errno::NOBUFS | Errno::AGAIN | Errno::INTR => What::NoSlot,
                error => What::Failed(error),
            },
        };
        Some(Completion {
            token: entry.user_data(),
            what,
            armed,
        })
    }

    /// Ends every receive and waits for the last completion of each. Returns whether all of them came.
    fn drain(&mut self) -> bool {
        for _ in 0..MOST_DRAIN_CALLS {
            while self.take().is_some() {}
            if self.armed == 0 {
                return true;
            }
            // The cancellation completes too, so this call returns.
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
        // SAFETY: the slots are taken only here, and not used afterwards.
        let slots = unsafe { ManuallyDrop::take(&mut self.slots) };
        if !drained {
            // The kernel may still write to the slots.
            slots.leak();
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
