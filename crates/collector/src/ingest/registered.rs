//! The receive backend `registered`: the sessions of one worker that receive through its companion ring.
//!
//! - Every session has one multishot receive. When the receive ends and the session does not (no slot was free), it is armed
//!   again once the completions that hold the slots are reaped.
//! - Nobody starves. Sessions that got nothing since they were last armed are armed first, in their order; sessions that got
//!   something come after them. So a session that takes all slots in one round is the last to be served in the next.
//! - A full bridge stops the reaping: completions stay where they are, the slots run out, the kernel ends the receives, and
//!   TCP slows the routers. Nothing has to be cancelled for that, and at most the bytes of the slots wait.
//! - A session ends exactly once. Its socket stays open until the last completion of its receive has come, so the number of
//!   a descriptor never stands for two sockets.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;

use monoio::net::UnixStream;

use super::connection::Connection;
use super::descriptor;
use super::end::End;
use super::ring::{Completion, Ring, What};
use super::sessions::OpenSessions;

/// Receives armed in one turn. The first few busy sessions take all slots; arming the others would only report that no slot
/// is left.
const ARMED_PER_TURN: usize = 4;
/// Bytes reaped before the worker's other tasks get their turn.
const BYTES_PER_TURN: usize = 64 * 1024;

/// The sessions that receive through the companion ring of a worker.
pub struct Registered {
    /// First: it is dropped before the sockets it receives from.
    ring: Ring,
    members: HashMap<u64, Member>,
    last_token: u64,
    /// Sessions to be armed that got nothing since they were last armed.
    hungry: VecDeque<u64>,
    /// Sessions to be armed that got something since they were last armed.
    served: VecDeque<u64>,
    /// The session that brought more than there was room for. Nothing is reaped before its rest is taken.
    unfinished: Option<u64>,
    /// System calls since bytes were last reaped: they brought the bytes that are reaped next.
    calls: u64,
}

struct Member {
    connection: Rc<Connection>,
    /// Whether it received something since it was armed.
    served: bool,
    /// Whether its session has ended; only the last completion of its receive is missing.
    over: bool,
}

/// The outcome of one turn of reaping.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// There may be more at once.
    More,
    /// The bridge is full.
    Blocked,
    /// There is nothing until the eventfd says so.
    Quiet,
}

impl Registered {
    /// A ring without sessions.
    ///
    /// # Errors
    /// The kernel lacks something or refuses it.
    pub fn new(slots: u16, slot_bytes: usize) -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new(slots, slot_bytes)?,
            members: HashMap::new(),
            last_token: 0,
            hungry: VecDeque::new(),
            served: VecDeque::new(),
            unfinished: None,
            calls: 0,
        })
    }

    /// The eventfd of the ring, as the worker's runtime can wait for it.
    ///
    /// # Errors
    /// The process has no descriptor left, or the runtime can't watch it.
    pub fn wake(&self) -> io::Result<UnixStream> {
        // monoio waits for the readiness of sockets only, by type; an eventfd is polled in the same way.
        let wake: OwnedFd = self.ring.wake().try_clone_to_owned()?;
        UnixStream::from_std(StdUnixStream::from(wake))
    }

    /// Turns off the eventfd while completions are reaped.
    pub fn hush(&mut self) {
        self.ring.hush();
    }

    /// Begins to receive from a connection.
    ///
    /// # Errors
    /// The kernel does not take requests.
    pub fn join(&mut self, connection: Rc<Connection>) -> io::Result<()> {
        self.last_token += 1;
        let member = Member {
            connection,
            served: false,
            over: false,
        };
        self.members.insert(self.last_token, member);
        self.hungry.push_back(self.last_token);
        self.arm()
    }

    /// Number of sessions that have not ended.
    pub fn open_sessions(&self) -> usize {
        self.members.values().filter(|member| !member.over).count()
    }

    /// Arms the sessions whose turn it is, and lets the kernel do its work.
    fn arm(&mut self) -> io::Result<()> {
        for _ in 0..ARMED_PER_TURN {
            let Some(token) = self.hungry.pop_front().or_else(|| self.served.pop_front()) else {
                break;
            };
            if self.members.get(&token).is_some_and(|member| member.over) {
                self.members.remove(&token);
            } else if let Some(member) = self.members.get_mut(&token) {
                member.served = false;
                let socket = descriptor::borrow(&member.connection.stream);
                self.ring.arm(token, socket)?;
            }
        }
        self.calls += u64::from(self.ring.submit()?);
        Ok(())
    }

    /// Takes what waits of the unfinished session, or else reaps completions, as far as the bridge has room. It does not do
    /// both: each of them may take as long as a turn should.
    ///
    /// # Errors
    /// The ring can't be used any more.
    pub fn turn(&mut self, sessions: &OpenSessions) -> io::Result<Turn> {
        let lane = &*sessions.lane;
        // Completions come first: they hold the slots, so a call would receive little.
        if self.unfinished.is_none() && self.ring.is_reaped() {
            self.arm()?;
        }
        if let Some(token) = self.unfinished {
            self.finish(token, sessions)?;
            return Ok(if lane.outlet.has_room() {
                Turn::More
            } else {
                Turn::Blocked
            });
        }
        let mut received = 0;
        while lane.outlet.has_room() && self.unfinished.is_none() && received < BYTES_PER_TURN {
            let Some(Completion { token, what, armed }) = self.ring.take() else {
                break;
            };
            let end = match (self.members.get_mut(&token), what) {
                (Some(member), what) if !member.over => match what {
                    What::Bytes(piece) => {
                        received += piece.bytes().len();
                        member.served = true;
                        let end = member.connection.take(lane, piece.bytes()).err();
                        self.unfinished = member.connection.has_rest().then_some(token);
                        end
                    }
                    What::NoSlot => None,
                    What::End => Some(member.connection.closed()),
                    What::Failed(error) => Some(member.connection.failed(&error.into())),
                },
                _ => None,
            };
            self.completed(sessions, token, end, armed)?;
        }
        if received > 0 {
            lane.counters.receive_calls.add(std::mem::take(&mut self.calls));
        }
        if !lane.outlet.has_room() {
            return Ok(Turn::Blocked);
        }
        let unfinished = self.unfinished.is_some() || received >= BYTES_PER_TURN;
        if unfinished || !self.hungry.is_empty() || !self.served.is_empty() || self.ring.listen() {
            Ok(Turn::More)
        } else {
            Ok(Turn::Quiet)
        }
    }

    /// Takes what waits of the unfinished session, as far as there is room now.
    fn finish(&mut self, token: u64, sessions: &OpenSessions) -> io::Result<()> {
        let Some(member) = self.members.get_mut(&token) else {
            self.unfinished = None;
            return Ok(());
        };
        let end = member.connection.take_rest(&sessions.lane).err();
        // The rest of a session that has ended is thrown away.
        if end.is_some() || !member.connection.has_rest() {
            self.unfinished = None;
        }
        if let Some(end) = end {
            member.over = true;
            sessions.ended(&member.connection, &end);
            // A session that waits to be armed is removed there.
            if !self.hungry.contains(&token) && !self.served.contains(&token) {
                self.ring.cancel(token)?;
            }
        }
        Ok(())
    }

    /// Does what a completion asks for beside its bytes: ends the session, or arms the receive again.
    fn completed(
        &mut self,
        sessions: &OpenSessions,
        token: u64,
        end: Option<End>,
        armed: bool,
    ) -> io::Result<()> {
        let Some(member) = self.members.get_mut(&token) else {
            return Ok(());
        };
        if let Some(end) = end {
            member.over = true;
            sessions.ended(&member.connection, &end);
            if armed {
                self.ring.cancel(token)?;
            }
        }
        match (armed, member.over) {
            (true, _) => {}
            (false, true) => drop(self.members.remove(&token)),
            (false, false) if member.served => self.served.push_back(token),
            (false, false) => self.hungry.push_back(token),
        }
        Ok(())
    }
}
