//! The companion ring: an io_uring of our own beside monoio's, which receives into slots that the kernel knows.
//!
//! monoio offers neither provided buffers nor multishot receives. So each worker has a second, small ring:
//!
//! - [`slots`]: fixed-size receive slots, given to the kernel as a provided-buffer ring that is consumed
//!   incrementally (`IOU_PBUF_RING_INC`): a short message takes only its own bytes of a slot, not a whole one;
//! - [`companion`]: one multishot receive per socket, completions handed out in place, slots given back;
//! - an eventfd that monoio waits on: it is signalled when there is something to reap.
//!
//! This folder is safe to use from outside: all of the ingest's `unsafe` for the ring is in here.

mod companion;
mod slots;

pub use companion::{Ring, What};

use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Makes what has a ring. Tries again for a second while memory is lacking: the kernel gives the locked memory of closed rings,
/// like those of the tests at start, back a little late.
///
/// # Errors
/// That of the last try.
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

/// Whether the kernel has all that the ring needs, found by receiving through one: three slots' worth of bytes
/// through two slots, byte for byte.
///
/// # Errors
/// What the kernel refused.
pub fn probe() -> io::Result<()> {
    const SLOT_BYTES: usize = 4096;
    /// Two or three are needed.
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
        while let Some((ended, armed)) = ring.take(|arrival| {
            let ended = match arrival.what {
                What::Bytes(bytes) => {
                    received.extend_from_slice(bytes);
                    Ok(false)
                }
                What::NoSlot => Ok(false),
                What::End => Ok(true),
                What::Failed(error) => Err(io::Error::from(error)),
            };
            (ended, arrival.armed)
        }) {
            if ended? {
                return if received == sent {
                    Ok(())
                } else {
                    Err(io::Error::other(
                        "the kernel's provided buffers mix up what was sent",
                    ))
                };
            }
            rearm |= !armed;
        }
        if rearm {
            ring.arm(0, reader.as_fd())?;
        }
    }
    Err(io::Error::other("the kernel's provided buffers do not come back"))
}
