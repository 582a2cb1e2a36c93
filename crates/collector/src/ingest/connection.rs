//! The connection of one router, on the worker that owns the router.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};

use arancini_core::{SessionError, SessionId};
use monoio::net::TcpStream;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::Shutdown;

use super::arrive::admit::Permit;
use super::arrive::arriving::Arriving;
use super::arrive::claim::Claimed;
use super::arrive::owners::Claim;
use super::descriptor;
use super::end::{End, EndReason};
use super::lane::Lane;
use super::patience::Patience;

/// A connection with an open session.
pub struct Connection {
    pub stream: TcpStream,
    pub remote: SocketAddr,
    pub router: IpAddr,
    pub session: SessionId,
    /// How long nothing has come.
    pub silence: Patience,
    /// Why this side ended the connection, if it did.
    ended: Cell<Option<EndReason>>,
    rest: RefCell<Rest>,
    permit: Permit,
    _claim: Claim,
}

/// Bytes that were received and not taken by the core yet: at most what the slots of the worker held at one time.
#[derive(Debug, Default)]
struct Rest {
    bytes: Vec<u8>,
    /// How many of these bytes the core has taken.
    taken: usize,
}

impl Connection {
    /// The connection of this session.
    pub fn new(arriving: Arriving<Claimed, TcpStream>, session: SessionId, now_ns: u64) -> Self {
        let Claimed {
            permit,
            router,
            claim,
            ..
        } = arriving.known;
        Self {
            stream: arriving.stream,
            remote: arriving.remote,
            router,
            session,
            silence: Patience::begin(now_ns),
            ended: Cell::new(None),
            rest: RefCell::default(),
            permit,
            _claim: claim,
        }
    }

    /// The number of the connection in the order of acceptance.
    pub const fn number(&self) -> u64 {
        self.permit.number()
    }

    /// Ends the connection from this side. Its receive then finds the reason; the first reason given stays.
    pub fn end(&self, reason: EndReason) {
        self.ended.set(Some(self.ended.get().unwrap_or(reason)));
        // Fails only if the router closed the connection before.
        let _ = rustix::net::shutdown(descriptor::borrow(&self.stream), Shutdown::Both);
    }

    /// Whether the connection is over: one of both sides has ended it, even if the receive has not found out yet.
    pub fn is_over(&self) -> bool {
        let mut ends = [PollFd::from_borrowed_fd(
            descriptor::borrow(&self.stream),
            PollFlags::RDHUP,
        )];
        let at_once = Timespec::default();
        let ended = rustix::event::poll(&mut ends, Some(&at_once)).is_ok_and(|ready| ready > 0);
        ended || self.ended.get().is_some()
    }

    /// Passes received bytes to the core and the batches that they close to the bridge, in one synchronous call. A few bytes
    /// can become a great many updates: bytes that would hold the worker for too long, or that find no room, wait for
    /// [`Self::take_rest`].
    ///
    /// # Errors
    /// The session has to end.
    #[inline]
    pub fn take(&self, lane: &Lane, bytes: &[u8]) -> Result<(), End> {
        let taken = self.take_some(lane, bytes)?;
        if taken < bytes.len() {
            let mut waiting = lane.spare.take();
            waiting.extend_from_slice(bytes.split_at(taken).1);
            self.rest.borrow_mut().bytes = waiting;
        }
        Ok(())
    }

    #[inline]
    fn take_some(&self, lane: &Lane, bytes: &[u8]) -> Result<usize, End> {
        let now = lane.clock.now();
        self.silence.restart(now.monotonic_ns);
        let mut shard = lane.shard.borrow_mut();
        let taken = shard.handle_bytes(self.session, bytes, now);
        let unfinished = shard.unfinished_bytes();
        drop(shard);
        lane.unfinished.check(unfinished);
        lane.deliver();
        taken.map_err(|error| self.broken(&error))
    }

    /// Whether received bytes wait for [`Self::take_rest`].
    pub fn has_rest(&self) -> bool {
        !self.rest.borrow().bytes.is_empty()
    }

    /// Puts received bytes behind those that wait for [`Self::take_rest`].
    pub fn append(&self, bytes: &[u8]) {
        self.rest.borrow_mut().bytes.extend_from_slice(bytes);
    }

    /// Does what [`Self::take`] does, for bytes that had to wait.
    ///
    /// # Errors
    /// The session has to end.
    pub fn take_rest(&self, lane: &Lane) -> Result<(), End> {
        let mut rest = self.rest.borrow_mut();
        rest.taken += self.take_some(lane, rest.bytes.split_at(rest.taken).1)?;
        if rest.taken == rest.bytes.len() {
            let Rest { mut bytes, .. } = std::mem::take(&mut *rest);
            bytes.clear();
            lane.spare.set(bytes);
        }
        Ok(())
    }

    /// Takes bytes that had to wait until none is left, in turns, as the bridge has room.
    ///
    /// # Errors
    /// The session has to end, or the worker stops.
    pub async fn finish_rest(&self, lane: &Lane) -> Result<(), End> {
        while self.has_rest() {
            lane.outlet.room().await;
            if lane.is_stopping() {
                return Err(EndReason::Stopping.into());
            }
            self.take_rest(lane)?;
            lane.turnstile.pass().await;
        }
        Ok(())
    }

    #[cold]
    fn broken(&self, error: &SessionError) -> End {
        match self.ended.get() {
            Some(reason) => reason.into(),
            None if *error == SessionError::Terminated => EndReason::Terminated.into(),
            None if matches!(error, SessionError::OtherName(_)) => {
                End::with_details(EndReason::OtherSysName, error)
            }
            None => End::with_details(EndReason::Framing, error),
        }
    }

    /// The end of a connection whose stream has ended.
    pub fn closed(&self) -> End {
        self.ended.get().unwrap_or(EndReason::Closed).into()
    }

    /// The end of a connection whose socket failed.
    pub fn failed(&self, error: &io::Error) -> End {
        match self.ended.get() {
            Some(reason) => reason.into(),
            None => End::with_details(EndReason::Failed, error),
        }
    }
}
