//! A moment in which no task of the worker can run.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::pin;
use std::task::Poll;

use monoio::net::UnixStream;

/// Gives a busy worker a moment in which no task can run.
///
/// The runtime fires its timers and takes the wake-ups of other threads only when it waits for the kernel, and it waits only when
/// no task can run. A worker under a load without a pause would close no batch whose linger is over, time no connection out, and
/// hear of no order. So a task waits for the kernel to pass on a byte that the task itself has sent: all other tasks wait
/// meanwhile, and the runtime waits for the kernel for as long as that takes, which is a few microseconds.
pub struct IdleMoment {
    sender: StdUnixStream,
    receiver: StdUnixStream,
    /// The receiver again, as the runtime waits for it.
    readiness: UnixStream,
}

impl IdleMoment {
    /// Opens the pair of sockets. Must be called on the runtime.
    ///
    /// # Errors
    /// The process has no file descriptor left.
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = StdUnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_nonblocking(true)?;
        let readiness = UnixStream::from_std(receiver.try_clone()?)?;
        Ok(Self {
            sender,
            receiver,
            readiness,
        })
    }

    /// Waits until the runtime has waited for the kernel. The other tasks must be waiting too, or be about to.
    pub async fn pass(&self) {
        let mut readable = pin!(self.readiness.readable(false));
        let mut sent = false;
        poll_fn(|context| {
            // The wait begins before there is a byte: the runtime does not wait for a socket that it knows to be readable.
            let polled = readable.as_mut().poll(context).map(drop);
            if polled.is_pending() && !sent {
                sent = true;
                // If the socket is full, it is readable already. After another error no byte would ever come.
                let written = (&self.sender).write(&[0]);
                if written.is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock) {
                    return Poll::Ready(());
                }
            }
            polled
        })
        .await;
        while matches!((&self.receiver).read(&mut [0; 16]), Ok(1..)) {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use monoio::{LegacyDriver, RuntimeBuilder};

    use super::*;

    /// The turnstile of a worker waits for the idle moment, so a moment that never ends would stop the worker.
    #[test]
    fn an_idle_moment_ends_although_its_byte_cannot_be_sent() {
        let mut runtime = RuntimeBuilder::<LegacyDriver>::new().build().unwrap();
        runtime.block_on(async {
            let mut idle = IdleMoment::new().unwrap();
            idle.pass().await;
            // The other end of this sender is closed, and the receiver hears nothing.
            let sender = StdUnixStream::pair().unwrap().0;
            let _open = std::mem::replace(&mut idle.sender, sender);
            idle.pass().await;
            idle.pass().await;
        });
    }
}
