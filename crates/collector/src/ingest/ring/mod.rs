//! The companion ring: an io_uring of our own beside monoio's, which receives into slots that the kernel knows.
//!
//! monoio offers neither provided buffers nor multishot receives. So each worker has a second, small ring:
//!
//! - [`slots`]: fixed-size receive slots, given to the kernel as a provided-buffer ring that is consumed
//!   incrementally (`IOU_PBUF_RING_INC`): a short message takes only its own bytes of a slot, not a whole one;
//! - [`companion`]: one multishot receive per socket, completions handed out in place, slots given back;
//! - an eventfd that monoio waits on: it is signalled when there is something to reap.
//!
//! The interface of this folder is safe; all `unsafe` code for the ring is in here.

mod companion;
mod slots;

pub use companion::{Completion, Ring, What};

use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Makes something that has a ring, and tries again for a second while memory is lacking: the kernel frees the locked memory
/// of closed rings, such as the test rings at start, a little late.
///
/// # Errors
/// The error of the last try.
pub fn patiently<T>(mut make: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    const FOR: Duration = Duration::from_secs(1);
    const BETWEEN: Duration = Duration::from_millis(10);
    let since = Instant::now();
    loop {
        match make() {
            Err(error) if error.kind() == io::ErrorKind::OutOfMemory && since.elapsed() < FOR => {
                std::thread::sleep(BETWEEN);
            }
            result => return result,
        }
    }
}

/// Tests whether the kernel has everything that the ring needs, by receiving three slots' worth of bytes through two slots.
///
/// # Errors
/// The kernel lacks or refuses something, or the bytes are not received as they were sent.
pub fn probe() -> io::Result<()> {
    const SLOT_BYTES: usize = 4096;
    /// Two or three calls are needed.
    const MOST_CALLS: usize = 100;
    let sent: Vec<u8> = (0..3 * SLOT_BYTES).map(|at| (at / 7) as u8).collect();
    let mut ring = Ring::new(2, SLOT_BYTES)?;
    let (mut writer, reader) = UnixStream::pair()?;
    writer.write_all(&sent)?;
    writer.shutdown(std::net::Shutdown::Write)?;
    let mut received = Vec::with_capacity(sent.len());
    ring.arm(0, reader.as_fd())?;
    for _ in 0..MOST_CALLS {
        ring.submit_and_wait()?;
        let mut rearm = false;
        while let Some(completion) = ring.take() {
            rearm |= !completion.armed;
            match completion.what {
                What::Bytes(piece) => received.extend_from_slice(piece.bytes()),
                What::NoSlot => {}
                What::End if received == sent => return Ok(()),
                What::End => {
                    return Err(io::Error::other(
                        "the kernel's provided buffers mix up what was sent",
                    ));
                }
                What::Failed(error) => return Err(error.into()),
            }
        }
        if rearm {
            ring.arm(0, reader.as_fd())?;
        }
    }
    Err(io::Error::other("the kernel's provided buffers do not come back"))
}
