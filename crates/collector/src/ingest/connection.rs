//! One router's connection on the worker that owns the router.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as StdStream};
use std::rc::Rc;

use arancini_core::{SessionError, SessionId};
use monoio::net::TcpStream;
use rustix::net::{RecvFlags, Shutdown};

use super::admission::Permit;
use super::descriptor;
use super::owners::Claim;
use super::worker::Worker;

/// While a slot is taken piece by piece, so many bytes of batches are handed over at once: each time wakes the sidecar.
const HANDED_OVER_BYTES: usize = 256 * 1024;

/// A connection that was let in, on its way to the owner of its router.
#[derive(Debug)]
pub struct Accepted {
    pub stream: StdStream,
    pub remote: SocketAddr,
    pub router: IpAddr,
    pub permit: Permit,
    pub claim: Claim,
}

/// A connection that is served.
pub struct Connection {
    pub stream: TcpStream,
    pub remote: SocketAddr,
    pub router: IpAddr,
    pub session: SessionId,
    /// Monotonic times.
    pub opened_ns: u64,
    pub last_received_ns: Cell<u64>,
    /// Why this side ended it, if it did.
    ended: Cell<Option<EndReason>>,
    rest: RefCell<Rest>,
    _permit: Permit,
    _claim: Claim,
}

/// What was received and not taken yet: no more than a slot.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    /// So many of them were.
    taken: usize,
}

/// Why a connection ended, as counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum EndReason {
    /// The router closed it.
    Closed,
    /// It was reset, or the network failed.
    Failed,
    /// What came was not BMP version 3, or a length was out of bounds.
    Framing,
    /// A newer session of the same router took its place.
    Replaced,
    /// No whole message came in time.
    Handshake,
    /// Nothing came for too long.
    Idle,
    /// Consumers have lost what was published of the router: it has to dump anew.
    Resync,
    /// The collector stops.
    Stopping,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [Self; 8] = [
        Self::Closed,
        Self::Failed,
        Self::Framing,
        Self::Replaced,
        Self::Handshake,
        Self::Idle,
        Self::Resync,
        Self::Stopping,
    ];

    /// The label in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Failed => "failed",
            Self::Framing => "framing",
            Self::Replaced => "replaced",
            Self::Handshake => "handshake_timeout",
            Self::Idle => "idle_timeout",
            Self::Resync => "resync",
            Self::Stopping => "stopping",
        }
    }
}

/// Why a connection ended, for the counter and in words.
pub type End = (EndReason, String);

impl Connection {
    pub fn new(accepted: Accepted, session: SessionId, now_ns: u64) -> io::Result<Self> {
        let Accepted {
            stream,
            remote,
            router,
            permit,
            claim,
        } = accepted;
        Ok(Self {
            stream: TcpStream::from_std(stream)?,
            remote,
            router,
            session,
            opened_ns: now_ns,
            last_received_ns: Cell::new(now_ns),
            ended: Cell::new(None),
            rest: RefCell::default(),
            _permit: permit,
            _claim: claim,
        })
    }

    /// Ends the connection from this side; its task wakes up and finds the reason.
    pub fn end(&self, reason: EndReason) {
        self.ended.set(Some(self.ended.get().unwrap_or(reason)));
        // Fails only if the other side was quicker.
        let _ = rustix::net::shutdown(descriptor::borrow(&self.stream), Shutdown::Both);
    }

    /// The `readiness` backend: waits until there is something, then receives it into the worker's slot, until the
    /// connection ends.
    pub async fn receive(&self, worker: &Rc<Worker>) -> End {
        loop {
            while self.has_rest() {
                worker.outlet.room().await;
                if worker.is_stopping() {
                    return (EndReason::Stopping, "the collector stops".to_owned());
                }
                if let Err(end) = self.take_rest(worker) {
                    return end;
                }
                worker.turnstile.pass().await;
            }
            if let Err(error) = self.stream.readable(false).await {
                return self.failed(&error);
            }
            worker.outlet.room().await;
            if worker.is_stopping() {
                return (EndReason::Stopping, "the collector stops".to_owned());
            }
            if let Err(end) = self.receive_slot(worker) {
                return end;
            }
            if worker.readiness_is_immediate || self.has_rest() {
                // A router that never pauses would be the only one served.
                worker.turnstile.pass().await;
            }
        }
    }

    /// Fills the worker's slot once.
    fn receive_slot(&self, worker: &Worker) -> Result<(), End> {
        let mut slot = worker.slot.borrow_mut();
        let received = match rustix::net::recv(
            descriptor::borrow(&self.stream),
            &mut slot[..],
            RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => return Err(self.closed()),
            Ok((received, _)) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(self.failed(&error.into())),
        };
        worker.load.receive_calls.add(1);
        self.take(worker, &slot[..received])
    }

    /// Hands what came to the core, and what became of it to the bridge: one synchronous call from slot to batch. What
    /// would hold the worker for too long, or has no room (a few bytes can become a great many updates), waits for
    /// [`Self::take_rest`].
    #[inline]
    pub fn take(&self, worker: &Worker, bytes: &[u8]) -> Result<(), End> {
        let taken = self.take_some(worker, bytes)?;
        if taken < bytes.len() {
            let mut waiting = worker.spare.take();
            waiting.extend_from_slice(bytes.split_at(taken).1);
            self.rest.borrow_mut().bytes = waiting;
        }
        Ok(())
    }

    #[inline]
    fn take_some(&self, worker: &Worker, bytes: &[u8]) -> Result<usize, End> {
        let now = worker.clock.now();
        self.last_received_ns.set(now.monotonic_ns);
        let mut shard = worker.shard.borrow_mut();
        let taken = shard.handle_bytes(self.session, bytes, now);
        let much = shard.closed_batch_bytes() >= HANDED_OVER_BYTES;
        drop(shard);
        if much || taken.as_ref().map_or(true, |taken| *taken == bytes.len()) {
            worker.deliver();
        }
        taken.map_err(|error| self.broken(&error))
    }

    /// Whether received bytes wait.
    pub fn has_rest(&self) -> bool {
        !self.rest.borrow().bytes.is_empty()
    }

    /// [`Self::take`] for what waited.
    pub fn take_rest(&self, worker: &Worker) -> Result<(), End> {
        let mut rest = self.rest.borrow_mut();
        rest.taken += self.take_some(worker, rest.bytes.split_at(rest.taken).1)?;
        if rest.taken == rest.bytes.len() {
            // Kept by the worker, once: there may be thousands of connections.
            let Rest { mut bytes, .. } = std::mem::take(&mut *rest);
            bytes.clear();
            worker.spare.replace(bytes);
        }
        Ok(())
    }

    #[cold]
    fn broken(&self, error: &SessionError) -> End {
        match self.ended.get() {
            Some(reason) => (reason, self.in_words(reason)),
            None => (EndReason::Framing, error.to_string()),
        }
    }

    /// The stream has ended.
    pub fn closed(&self) -> End {
        let reason = self.ended.get().unwrap_or(EndReason::Closed);
        (reason, self.in_words(reason))
    }

    /// The stream was cut.
    pub fn failed(&self, error: &io::Error) -> End {
        match self.ended.get() {
            Some(reason) => (reason, self.in_words(reason)),
            None => (EndReason::Failed, error.to_string()),
        }
    }

    fn in_words(&self, reason: EndReason) -> String {
        match reason {
            EndReason::Closed => "closed by the router",
            EndReason::Failed => "connection failed",
            EndReason::Framing => "not BMP",
            EndReason::Replaced => "replaced by a newer session of the same router",
            EndReason::Handshake => "no whole BMP message within limits.handshake_timeout_ms",
            EndReason::Idle => "silent for longer than limits.idle_timeout_ms",
            EndReason::Resync => "the router has to dump anew: what was published is gone",
            EndReason::Stopping => "the collector stops",
        }
        .to_owned()
    }
}
