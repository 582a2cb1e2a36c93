//! The `registered` backend: one task per worker reaps the companion ring and feeds the core from its slots.
//!
//! - Every session has one multishot receive. When that ends without the session's end (no slot was free), it is
//!   armed again once the completions that hold the slots are reaped.
//! - Nobody starves: those who got nothing since they were last armed are armed first, in their order, those who got
//!   something after them. So whoever takes all slots in one round is the last to be served in the next.
//! - A full bridge stops the reaping: completions stay where they are, the slots run out, the kernel ends the
//!   receives, and TCP slows the routers. Nothing has to be cancelled for that, and no more than the slots' bytes wait.
//! - A session ends exactly once. Its socket stays open until the receive's last completion is there, so no number of
//!   a descriptor is ever used for two sockets.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;

use monoio::net::UnixStream;
use tracing::error;

use super::connection::{Connection, End, EndReason};
use super::descriptor;
use super::ring::{Ring, What};
use super::worker::{EXIT_WORKER_DIED, Worker};

/// Receives armed in one turn: the first few of those with much to say take all slots, and arming the others would
/// only tell that none is left.
const ARMED_PER_TURN: usize = 4;
/// Bytes reaped before the worker's other tasks get their turn.
const BYTES_PER_TURN: usize = 64 * 1024;

/// The sessions that receive through the companion ring of a worker.
pub struct Registered {
    /// First: it is dropped before the sockets it receives from.
    ring: Ring,
    members: HashMap<u64, Member>,
    last_token: u64,
    /// To be armed: those that got nothing when they were last armed, and those that got something.
    hungry: VecDeque<u64>,
    served: VecDeque<u64>,
    /// Who brought more than there was room for. Nothing is reaped before that is done with.
    unfinished: Option<u64>,
    /// System calls since bytes were last reaped: those that come next came by them.
    calls: u64,
}

struct Member {
    connection: Rc<Connection>,
    /// Whether it received something since it was armed.
    served: bool,
    /// Whether its end was told; only the receive's last completion is missing.
    over: bool,
}

/// What a turn of reaping came to.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// There may be more at once.
    More,
    /// The bridge is full.
    Blocked,
    /// Nothing until the eventfd says so.
    Quiet,
    /// The ring is gone: the worker stops.
    Gone,
}

impl Registered {
    /// A ring without sessions.
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

    /// What monoio waits on.
    fn wake(&self) -> io::Result<UnixStream> {
        // monoio can wait for the readiness of sockets only, by type; an eventfd is polled in the same way.
        let wake: OwnedFd = self.ring.wake().try_clone_to_owned()?;
        UnixStream::from_std(StdUnixStream::from(wake))
    }

    /// Begins to receive.
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

    /// Arms those whose turn it is, and lets the kernel do its work.
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

    /// Finishes what was begun, or reaps what is there, as far as the bridge takes it. Not both: each may take as long as a
    /// turn should.
    fn turn(&mut self, worker: &Worker) -> io::Result<Turn> {
        // What is there first: it holds the slots, so a call would receive little.
        if self.unfinished.is_none() && self.ring.is_reaped() {
            self.arm()?;
        }
        if let Some(token) = self.unfinished {
            self.finish(token, worker)?;
            return Ok(if worker.outlet.has_room() {
                Turn::More
            } else {
                Turn::Blocked
            });
        }
        let received = Cell::new(0);
        while worker.outlet.has_room() && self.unfinished.is_none() && received.get() < BYTES_PER_TURN {
            let (members, unfinished) = (&mut self.members, &mut self.unfinished);
            let taken = self.ring.take(|arrival| {
                let token = arrival.token;
                let Some(member) = members.get_mut(&token) else {
                    return (token, None, arrival.armed);
                };
                let connection = &member.connection;
                let end = match arrival.what {
                    _ if member.over => None,
                    What::Bytes(bytes) => {
                        received.set(received.get() + bytes.len());
                        member.served = true;
                        let end = connection.take(worker, bytes).err();
                        *unfinished = connection.has_rest().then_some(token);
                        end
                    }
                    What::NoSlot => None,
                    What::End => Some(connection.closed()),
                    What::Failed(error) => Some(connection.failed(&error.into())),
                };
                (token, end, arrival.armed)
            });
            let Some((token, end, armed)) = taken else { break };
            self.arrived(worker, token, end, armed)?;
        }
        if received.get() > 0 {
            worker.load.receive_calls.add(std::mem::take(&mut self.calls));
        }
        if !worker.outlet.has_room() {
            return Ok(Turn::Blocked);
        }
        let unfinished = self.unfinished.is_some() || received.get() >= BYTES_PER_TURN;
        if unfinished || !self.hungry.is_empty() || !self.served.is_empty() || self.ring.listen() {
            Ok(Turn::More)
        } else {
            Ok(Turn::Quiet)
        }
    }

    /// Takes what there was no room for when it came from the unfinished session, as far as there is now.
    fn finish(&mut self, token: u64, worker: &Worker) -> io::Result<()> {
        let Some(member) = self.members.get_mut(&token) else {
            self.unfinished = None;
            return Ok(());
        };
        let end = member.connection.take_rest(worker).err();
        // Of a session that ended the rest is nobody's.
        if end.is_some() || !member.connection.has_rest() {
            self.unfinished = None;
        }
        if let Some((reason, words)) = end {
            member.over = true;
            worker.ended(&member.connection, reason, &words);
            // One that waits to be armed is let go there.
            if !self.hungry.contains(&token) && !self.served.contains(&token) {
                self.ring.cancel(token)?;
            }
        }
        Ok(())
    }

    /// What follows from a completion beside its bytes.
    fn arrived(&mut self, worker: &Worker, token: u64, end: Option<End>, armed: bool) -> io::Result<()> {
        let Some(member) = self.members.get_mut(&token) else {
            return Ok(());
        };
        if let Some((reason, words)) = end {
            member.over = true;
            worker.ended(&member.connection, reason, &words);
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

impl Worker {
    /// Reaps the companion ring until the worker stops.
    pub(super) async fn reap(self: Rc<Self>) {
        let wake = self
            .registered
            .borrow()
            .as_ref()
            .map_or_else(|| Err(io::ErrorKind::NotFound.into()), Registered::wake);
        let ended = match wake {
            Ok(wake) => self.reap_until_gone(&wake).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            error!(%error, "the companion ring failed: this is a bug, please report it; set ingest.backend = \"readiness\" meanwhile; ending the process");
            std::process::exit(EXIT_WORKER_DIED);
        }
    }

    async fn reap_until_gone(&self, wake: &UnixStream) -> io::Result<()> {
        loop {
            let turn = match self.registered.borrow_mut().as_mut() {
                Some(registered) => registered.turn(self)?,
                None => Turn::Gone,
            };
            match turn {
                Turn::More => self.turnstile.pass().await,
                Turn::Blocked => self.outlet.room().await,
                Turn::Quiet => {
                    wake.readable(false).await?;
                    if let Some(registered) = self.registered.borrow_mut().as_mut() {
                        registered.ring.hush();
                    }
                }
                Turn::Gone => return Ok(()),
            }
        }
    }

    /// Lets go of the companion ring and its sessions: the worker stops.
    pub(super) fn leave_ring(&self) {
        let Some(registered) = self.registered.borrow_mut().take() else {
            return;
        };
        let open = registered.members.values().filter(|member| !member.over);
        self.load.ended[EndReason::Stopping as usize].add(open.count() as u64);
    }
}
