//! The receive backend `registered`: the sessions of one worker that receive through its companion ring.
//!
//! - Every session has one multishot receive. When the receive ends and the session does not (no slot was free), it is armed
//!   again once the completions that hold the slots are reaped.
//! - Nobody starves. Sessions that got nothing since they were last armed are armed first, in their order; sessions that got
//!   something come after them. So a session that takes all slots in one round is the last to be served in the next.
//! - A message that is too much for one turn is taken in several ([`Connection::take`]). What is left of it, the rest, takes
//!   turns with the reaping, and the sessions with a rest take turns with each other. What completions still bring for a
//!   session with a rest is appended to its rest, so its bytes keep their order. Its receive is cancelled before the kernel is
//!   called again and armed again when the rest is taken, so a rest is never longer than one fill of all slots.
//! - A full bridge stops the reaping: completions stay where they are, the slots run out, the kernel ends the receives, and
//!   TCP slows the routers. Nothing has to be cancelled for that, and at most the bytes of the slots wait.
//! - A session ends exactly once. Its socket stays open until the last completion of its receive has come, so the number of
//!   a descriptor never stands for two sockets.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;

use arancini_core::Settings;
use monoio::net::UnixStream;
use rustix::io::Errno;

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
/// Work after which no further completion is reaped in a turn, in routes. The bytes of one completion can take the work of a
/// whole turn.
const WORK_PER_TURN: u64 = Settings::TURN_WORK / 2;
/// Work of one completion beside its bytes, in routes.
const COMPLETION_WORK: u64 = 4;
/// Work of the end of a session, in routes.
const END_WORK: u64 = 100;

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
    /// Sessions whose rest waits, in the order of their turns.
    unfinished: VecDeque<u64>,
    /// Sessions that got a rest since the kernel was last called: their receives are cancelled before the next call.
    to_pause: Vec<u64>,
    /// Whether the last turn took a rest, so that the next one reaps.
    reaps_next: bool,
    /// System calls since bytes were last reaped: they brought the bytes that are reaped next.
    calls: u64,
}

struct Member {
    connection: Rc<Connection>,
    receive: Receive,
    /// Whether it received something since it was armed.
    served: bool,
    /// How the stream ended, while a rest has to be taken before that.
    ends: Option<End>,
    /// Whether its session has ended; only the last completion of its receive is missing.
    over: bool,
}

/// Where the receive of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receive {
    /// It waits in one of the queues to be armed.
    Queued,
    /// The kernel has it.
    Armed,
    /// It is queued when the rest of the session is taken.
    Paused,
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
            unfinished: VecDeque::new(),
            to_pause: Vec::new(),
            reaps_next: false,
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
            receive: Receive::Queued,
            served: false,
            ends: None,
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
        self.pause()?;
        for _ in 0..ARMED_PER_TURN {
            let Some(token) = self.hungry.pop_front().or_else(|| self.served.pop_front()) else {
                break;
            };
            if self.members.get(&token).is_some_and(|member| member.over) {
                self.members.remove(&token);
            } else if let Some(member) = self.members.get_mut(&token) {
                member.served = false;
                member.receive = Receive::Armed;
                let socket = descriptor::borrow(&member.connection.stream);
                self.ring.arm(token, socket)?;
            }
        }
        self.calls += u64::from(self.ring.submit()?);
        Ok(())
    }

    /// Cancels the receives of sessions that have a rest, so that the kernel receives nothing more for them.
    fn pause(&mut self) -> io::Result<()> {
        for token in self.to_pause.drain(..) {
            let member = self.members.get(&token);
            if member.is_some_and(|member| member.receive == Receive::Armed && member.connection.has_rest()) {
                self.ring.cancel(token)?;
            }
        }
        Ok(())
    }

    /// Takes a part of one session's rest, or else reaps completions, as far as the bridge has room. It does not do both:
    /// each of them may take as long as a turn should. While there are rests, every other turn reaps.
    ///
    /// # Errors
    /// The ring can't be used any more.
    pub fn turn(&mut self, sessions: &OpenSessions) -> io::Result<Turn> {
        let lane = &*sessions.lane;
        if !lane.outlet.has_room() {
            return Ok(Turn::Blocked);
        }
        let reaps = std::mem::take(&mut self.reaps_next);
        if !reaps && let Some(token) = self.unfinished.pop_front() {
            self.reaps_next = true;
            self.finish(token, sessions)?;
            return Ok(if lane.outlet.has_room() {
                Turn::More
            } else {
                Turn::Blocked
            });
        }
        // Completions come first: they hold the slots, so a call would receive little.
        if self.ring.is_reaped() {
            self.arm()?;
        }
        let received = self.reap(sessions)?;
        if received > 0 {
            lane.counters.receive_calls.add(std::mem::take(&mut self.calls));
        }
        if !lane.outlet.has_room() {
            return Ok(Turn::Blocked);
        }
        let unfinished = !self.unfinished.is_empty() || received >= BYTES_PER_TURN || !self.ring.is_reaped();
        if unfinished || !self.hungry.is_empty() || !self.served.is_empty() || self.ring.listen() {
            Ok(Turn::More)
        } else {
            Ok(Turn::Quiet)
        }
    }

    /// Reaps completions until the work of a turn is done; returns how many bytes they brought.
    fn reap(&mut self, sessions: &OpenSessions) -> io::Result<usize> {
        let lane = &*sessions.lane;
        let mut received = 0;
        let mut work = 0;
        while lane.outlet.has_room() && work < WORK_PER_TURN && received < BYTES_PER_TURN {
            let Some(Completion { token, what, armed }) = self.ring.take() else {
                break;
            };
            work += COMPLETION_WORK;
            let end = match (self.members.get_mut(&token), what) {
                (Some(member), what) if !member.over => match what {
                    What::Bytes(piece) => {
                        received += piece.bytes().len();
                        member.served = true;
                        if member.connection.has_rest() {
                            member.connection.append(piece.bytes());
                            None
                        } else {
                            let end = member.connection.take(lane, piece.bytes()).err();
                            work += lane.shard.borrow().last_work();
                            if member.connection.has_rest() {
                                work = WORK_PER_TURN;
                                self.unfinished.push_back(token);
                                self.to_pause.push(token);
                            }
                            end
                        }
                    }
                    // A receive that `pause` has cancelled is armed again like one that found no slot.
                    What::NoSlot | What::Failed(Errno::CANCELED) => None,
                    What::End => Some(member.connection.closed()),
                    What::Failed(error) => Some(member.connection.failed(&error.into())),
                },
                _ => None,
            };
            work += if end.is_some() { END_WORK } else { 0 };
            self.completed(sessions, token, end, armed)?;
        }
        Ok(received)
    }

    /// Takes a part of the rest of a session. A session with more left goes to the end of the queue.
    fn finish(&mut self, token: u64, sessions: &OpenSessions) -> io::Result<()> {
        let Some(member) = self.members.get_mut(&token) else {
            return Ok(());
        };
        let mut end = member.connection.take_rest(&sessions.lane).err();
        if end.is_none() && member.connection.has_rest() {
            self.unfinished.push_back(token);
            return Ok(());
        }
        // The rest of a session that broke is thrown away.
        end = end.or_else(|| member.ends.take());
        match (end, member.receive) {
            (Some(end), receive) => {
                member.over = true;
                sessions.ended(&member.connection, &end);
                match receive {
                    Receive::Armed => self.ring.cancel(token)?,
                    // It is removed when it would be armed.
                    Receive::Queued => {}
                    Receive::Paused => drop(self.members.remove(&token)),
                }
            }
            (None, Receive::Paused) => {
                member.receive = Receive::Queued;
                self.served.push_back(token);
            }
            (None, Receive::Queued | Receive::Armed) => {}
        }
        Ok(())
    }

    /// Does what a completion asks for beside its bytes: ends the session, or arms the receive again. Both wait for the rest
    /// of the session.
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
        let has_rest = member.connection.has_rest();
        match end {
            Some(end) if has_rest => member.ends = Some(end),
            Some(end) => {
                member.over = true;
                sessions.ended(&member.connection, &end);
                if armed {
                    self.ring.cancel(token)?;
                }
            }
            None => {}
        }
        if armed {
            return Ok(());
        }
        if member.over {
            self.members.remove(&token);
        } else if has_rest {
            member.receive = Receive::Paused;
        } else {
            member.receive = Receive::Queued;
            let queue = if member.served {
                &mut self.served
            } else {
                &mut self.hungry
            };
            queue.push_back(token);
        }
        Ok(())
    }
}
