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

/// Slots received from one connection before the others get their turn.
const SLOTS_PER_TURN: usize = 4;

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
    /// Received, but there was no room for what would become of it: no more than a slot.
    rest: RefCell<Vec<u8>>,
    _permit: Permit,
    _claim: Claim,
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
    /// The collector stops.
    Stopping,
}

impl EndReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Closed,
        Self::Failed,
        Self::Framing,
        Self::Replaced,
        Self::Handshake,
        Self::Idle,
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
            }
            if let Err(error) = self.stream.readable(false).await {
                return self.failed(&error);
            }
            worker.outlet.room().await;
            for _ in 0..SLOTS_PER_TURN {
                if worker.is_stopping() {
                    return (EndReason::Stopping, "the collector stops".to_owned());
                }
                match self.receive_slot(worker) {
                    Ok(Progress::More) if worker.outlet.has_room() => {}
                    Ok(_) => break,
                    Err(end) => return end,
                }
            }
            if worker.readiness_is_immediate {
                // A router that never pauses would be the only one served.
                worker.turnstile.pass().await;
            }
        }
    }

    /// Fills the worker's slot once.
    fn receive_slot(&self, worker: &Worker) -> Result<Progress, End> {
        let mut slot = worker.slot.borrow_mut();
        let received = match rustix::net::recv(
            descriptor::borrow(&self.stream),
            &mut slot[..],
            RecvFlags::DONTWAIT,
        ) {
            Ok((0, _)) => return Err(self.closed()),
            Ok((received, _)) => received,
            Err(rustix::io::Errno::AGAIN) => return Ok(Progress::Drained),
            Err(rustix::io::Errno::INTR) => return Ok(Progress::More),
            Err(error) => return Err(self.failed(&error.into())),
        };
        worker.load.receive_calls.add(1);
        self.take(worker, &slot[..received])?;
        if received == slot.len() {
            Ok(Progress::More)
        } else {
            Ok(Progress::Drained)
        }
    }

    /// Hands what came to the core, and what became of it to the bridge: one synchronous call from slot to batch. What
    /// there is no room for, since a few bytes can become a great many updates, waits for [`Self::take_rest`].
    #[inline]
    pub fn take(&self, worker: &Worker, mut bytes: &[u8]) -> Result<(), End> {
        let now = worker.clock.now();
        self.last_received_ns.set(now.monotonic_ns);
        loop {
            let taken = worker.shard.borrow_mut().receive_some(self.session, bytes, now);
            worker.deliver();
            let taken = taken.map_err(|error| self.broken(&error))?;
            bytes = bytes.split_at(taken).1;
            if bytes.is_empty() {
                return Ok(());
            }
            if !worker.outlet.has_room() {
                self.rest.borrow_mut().extend_from_slice(bytes);
                return Ok(());
            }
        }
    }

    /// Whether received bytes wait for room.
    pub fn has_rest(&self) -> bool {
        !self.rest.borrow().is_empty()
    }

    /// [`Self::take`] for what waited, as far as there is room now.
    pub fn take_rest(&self, worker: &Worker) -> Result<(), End> {
        let rest = self.rest.take();
        if rest.is_empty() {
            return Ok(());
        }
        self.take(worker, &rest)
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
            EndReason::Stopping => "the collector stops",
        }
        .to_owned()
    }
}

enum Progress {
    /// The slot was filled: there may be more.
    More,
    /// Nothing more for now.
    Drained,
}
