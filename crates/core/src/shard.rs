//! A worker's share of the collector: its routers, their sessions, and the way out.
//!
//! The shell opens and closes sessions, feeds bytes, says what time it is, and carries closed batches to the bridge.
//! Everything between happens here, in one synchronous call chain. Work that could take long (withdrawing a table)
//! waits in a queue and is done in slices between calls ([`Shard::sweep`]).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use arancini_schema::encode::UpdateEncoder;
use arancini_schema::events::RouterEventKind;
use arancini_schema::fingerprint::Scratch;
use arancini_wire::WireError;

use crate::batch::Batch;
use crate::batcher::Batcher;
use crate::counters::Counters;
use crate::doomed::{DoomedTable, doom_router, settle_quiet_tables};
use crate::dropped::put_in_doubt;
use crate::emitter::Emitter;
use crate::framing::Framer;
use crate::message::Arrival;
use crate::notice::{NoticeKind, Notices};
use crate::peer::PeerState;
use crate::router::{Router, RouterLife};
use crate::settings::Settings;
use crate::snapshot::Walk;
use crate::time::Now;

/// How often routers and tables that wait for something are looked at, at most.
const LIFE_CHECK_NS: u64 = 1_000_000_000;
/// Routes decided in one go: 200 to 600 µs, the more the faster tables grow.
const MOST_WORK: u64 = 1000;
/// What a message costs beside its routes, in routes.
const MESSAGE_WORK: u64 = 2;

/// What it costs to give back some of an empty table's memory, in routes.
const GIVE_BACK_WORK: u64 = 100;

/// Why a resync is made, for people.
const RESYNC_REASON: &str = "what was published of this router is not whole any more";

/// Names a session of this shard; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u64);

/// Why a session has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionError {
    /// The stream can't be framed any more; the offset counts from the session's first byte.
    Framing(WireError),
    /// The session was ended or replaced before.
    Unknown,
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Framing(error) => write!(f, "not a BMP version 3 message: {error}"),
            Self::Unknown => f.write_str("the session was replaced by a newer one of the same router"),
        }
    }
}

impl std::error::Error for SessionError {}

struct Session {
    router: IpAddr,
    framer: Framer,
}

/// One worker's routers and everything that becomes of them.
pub struct Shard {
    emitter: Emitter,
    /// In an order of their own: the same calls give the same batches, on every run.
    routers: BTreeMap<IpAddr, Router>,
    sessions: HashMap<SessionId, Session>,
    last_session: u64,
    /// No forgotten router got a sequence above this. Who returns goes on above it, though the wall clock was set back.
    sequence_floor: u64,
    doomed: VecDeque<DoomedTable>,
    /// Routers dropped since [`Self::take_forgotten`] was last asked.
    forgotten: Vec<IpAddr>,
    /// When routers and tables have to be looked at, if any waits for something.
    life_check_ns: Option<u64>,
    /// When the shell last said that it does not listen.
    deaf_ns: u64,
    /// What consumers hold of routers that are not known here can't be known: their first dump is a resync.
    resync_strangers: bool,
}

impl Shard {
    /// A shard without routers.
    #[must_use]
    pub fn new(worker: u16, settings: Settings, counters: Arc<Counters>) -> Self {
        let batcher = Batcher::new(worker, settings.batch);
        let emitter = Emitter {
            settings,
            counters,
            batcher,
            encoder: UpdateEncoder::new(),
            scratch: Scratch::new(),
            notices: Notices::default(),
            table_settles: false,
            work: 0,
        };
        Self {
            emitter,
            routers: BTreeMap::new(),
            sessions: HashMap::new(),
            last_session: 0,
            sequence_floor: 0,
            doomed: VecDeque::new(),
            forgotten: Vec::new(),
            life_check_ns: None,
            deaf_ns: 0,
            resync_strangers: false,
        }
    }

    /// A router connected from this port. A session it still has is replaced: routers reboot faster than TCP notices.
    pub fn open_session(&mut self, router: IpAddr, port: u16, now: Now) -> SessionId {
        let router = router.to_canonical();
        if let Some(before) = self.routers.get(&router).and_then(|router| router.session) {
            self.close_session(before, "replaced by a newer session of the same router", now);
        }
        self.last_session += 1;
        let id = SessionId(self.last_session);
        let framer = Framer::new(self.emitter.settings.max_message_bytes);
        self.sessions.insert(id, Session { router, framer });

        let known = self.routers.contains_key(&router);
        let state = self
            .routers
            .entry(router)
            .or_insert_with(|| Router::new(router, now.unix_ns.max(self.sequence_floor)));
        if !known && self.resync_strangers {
            state.need_resync();
        }
        state.life = RouterLife::Up;
        state.session = Some(id);
        state.port = port;
        for table in state.peers.iter_mut().flat_map(|peer| &mut peer.tables) {
            table.restart_quiet_period(now.monotonic_ns);
        }
        let mut arrival = Arrival {
            router: state,
            emitter: &mut self.emitter,
            doomed: &mut self.doomed,
            now,
        };
        arrival.router_event(RouterEventKind::SessionOpened, "", &[]);
        if known {
            arrival.router_event(RouterEventKind::Back, "", &[]);
            self.emitter.notices.push(router, None, NoticeKind::Back);
            self.check_life_soon(now);
        }
        self.begin_resync(router, now);
        self.set_gauges();
        id
    }

    /// Takes the next bytes of a session, all of them.
    ///
    /// # Errors
    /// As [`Self::receive_some`].
    pub fn receive(&mut self, session: SessionId, mut bytes: &[u8], now: Now) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            bytes = bytes.split_at(self.receive_some(session, bytes, now)?).1;
        }
        Ok(())
    }

    /// Takes the next bytes of a session, until others should have their turn, or so much has become of them that the
    /// closed batches should be taken first ([`crate::BatchSettings::max_closed_bytes`]). Returns how many it took; the
    /// others have to come before any later ones. It takes one message at least, or all there is of it.
    ///
    /// # Errors
    /// The session has to end: the caller closes the connection and then calls [`Self::close_session`] with the
    /// error as the reason.
    #[inline]
    pub fn receive_some(
        &mut self,
        session: SessionId,
        bytes: &[u8],
        now: Now,
    ) -> Result<usize, SessionError> {
        let Self {
            emitter,
            routers,
            sessions,
            doomed,
            ..
        } = self;
        let session = sessions.get_mut(&session).ok_or(SessionError::Unknown)?;
        let router = routers.get_mut(&session.router).ok_or(SessionError::Unknown)?;
        let mut arrival = Arrival {
            router,
            emitter,
            doomed,
            now,
        };
        arrival.emitter.work = 0;
        let framed = session.framer.feed(bytes, |frame| {
            arrival.message(frame);
            arrival.emitter.work += MESSAGE_WORK;
            arrival.emitter.work < MOST_WORK && !arrival.emitter.batcher.is_full()
        });
        emitter.counters.doomed_tables.set(doomed.len() as u64);
        // Last: whoever sees these bytes counted sees all that became of them.
        let taken = *framed.as_ref().unwrap_or(&bytes.len());
        emitter.counters.received_bytes.add(taken as u64);
        if std::mem::take(&mut emitter.table_settles) {
            self.check_life_soon(now);
        }
        framed.map_err(SessionError::Framing)
    }

    /// Whole messages a session has brought so far, in bytes, and bytes of a message that has not ended.
    #[must_use]
    pub fn progress(&self, session: SessionId) -> Option<(u64, usize)> {
        self.sessions
            .get(&session)
            .map(|s| (s.framer.position(), s.framer.pending_bytes()))
    }

    /// The session ended. The router's routes are kept for `session_hold`, in case it comes back.
    pub fn close_session(&mut self, session: SessionId, reason: &str, now: Now) {
        let Some(Session { router: id, .. }) = self.sessions.remove(&session) else {
            return;
        };
        let Some(router) = self.routers.get_mut(&id) else {
            return;
        };
        router.session = None;
        router.life = RouterLife::Lost {
            since_ns: now.monotonic_ns,
        };
        for peer in &mut router.peers {
            peer.state = PeerState::Down;
            for table in &mut peer.tables {
                table.mark_stale(now.monotonic_ns);
            }
        }
        let holds_routes = router.routes() > 0;
        let mut arrival = Arrival {
            router,
            emitter: &mut self.emitter,
            doomed: &mut self.doomed,
            now,
        };
        arrival.router_event(RouterEventKind::Lost, reason, &[]);
        if holds_routes {
            arrival.router_event(RouterEventKind::Stale, reason, &[]);
        }
        self.emitter
            .notices
            .push(id, None, NoticeKind::SessionEnded(reason.to_owned()));
        self.check_life_soon(now);
        self.set_gauges();
    }

    /// When [`Self::handle_timeout`] has something to do next, in monotonic nanoseconds.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        match (self.emitter.batcher.deadline_ns(), self.life_check_ns) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Nothing is received at present, because there is no room for what would become of it. No router is quiet for
    /// that: to be said before [`Self::handle_timeout`] as long as it lasts, and when it is over.
    pub const fn not_listening(&mut self, now: Now) {
        self.deaf_ns = now.monotonic_ns;
    }

    /// Closes batches that waited long enough; settles quiet tables and gives up routers that did not come back.
    pub fn handle_timeout(&mut self, now: Now) {
        self.emitter.batcher.close_expired(now.monotonic_ns);
        if self
            .life_check_ns
            .is_some_and(|deadline| deadline <= now.monotonic_ns)
        {
            self.check_life(now);
        }
    }

    /// Whether [`Self::sweep`] has work.
    #[must_use]
    pub fn needs_sweep(&self) -> bool {
        !self.doomed.is_empty()
    }

    /// Withdraws doomed routes, about `budget` of them at most; returns whether there are more. Tables take turns,
    /// so that a large one does not hold up the others.
    pub fn sweep(&mut self, budget: u64, now: Now) -> bool {
        let mut done = 0;
        while done < budget {
            let Some(next) = self.doomed.pop_front() else {
                break;
            };
            let Some(router) = self.routers.get_mut(&next.router) else {
                continue;
            };
            // A slice without a doomed route costs a visit as well.
            let least = if router.table(next.place).gives_memory_back() {
                GIVE_BACK_WORK
            } else {
                1
            };
            done += self.emitter.sweep(router, next.place, now).max(least);
            if router.table(next.place).needs_sweep() {
                self.doomed.push_back(next);
            } else if router.life == RouterLife::Leaving && router.routes() == 0 {
                self.forget(next.router);
            }
        }
        self.emitter.counters.doomed_tables.set(self.doomed.len() as u64);
        self.needs_sweep()
    }

    /// Withdraws everything that is doomed and closes all batches: nothing of what was received stays behind.
    pub fn flush(&mut self, now: Now) {
        while self.sweep(u64::MAX, now) {}
        self.emitter.batcher.close_all();
    }

    /// The next batch for the bridge.
    #[inline]
    pub fn pop_batch(&mut self) -> Option<Batch> {
        let batch = self.emitter.batcher.pop()?;
        self.emitter.counters.batches.add(1);
        self.emitter.counters.batch_bytes.add(batch.payload.len() as u64);
        Some(batch)
    }

    /// Bytes in closed batches that nobody has taken.
    #[must_use]
    pub const fn closed_batch_bytes(&self) -> usize {
        self.emitter.batcher.closed_bytes()
    }

    /// Bytes in batches that are open still.
    #[must_use]
    pub const fn open_batch_bytes(&self) -> usize {
        self.emitter.batcher.open_bytes()
    }

    /// Gives the buffer of a published batch back.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        self.emitter.batcher.recycle(buffer);
    }

    /// The shell has no room for this batch and would throw it away. `true`: it may, the next dump of the router repairs
    /// what consumers miss. `false`: nothing would, and the batch has to be kept.
    #[must_use]
    pub fn dropped(&mut self, batch: &Batch) -> bool {
        put_in_doubt(self.routers.get_mut(&batch.router), batch)
    }

    /// What an operator should read.
    pub const fn notices(&mut self) -> &mut Notices {
        &mut self.emitter.notices
    }

    /// The routers that were dropped since this was last asked: nothing is known of them any more.
    pub fn take_forgotten(&mut self) -> Vec<IpAddr> {
        std::mem::take(&mut self.forgotten)
    }

    /// The routers known, stale ones included.
    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.values()
    }

    /// One router.
    #[must_use]
    pub fn router(&self, id: IpAddr) -> Option<&Router> {
        self.routers.get(&id.to_canonical())
    }

    /// Brings the gauges among the counters up to date. O(number of tables), not of routes.
    pub fn set_gauges(&self) {
        let counters = &self.emitter.counters;
        counters.routers.set(self.routers.len() as u64);
        counters.sessions.set(self.sessions.len() as u64);
        counters
            .routes
            .set(self.routers.values().map(|router| router.routes() as u64).sum());
    }

    fn check_life_soon(&mut self, now: Now) {
        let interval = LIFE_CHECK_NS
            .min(self.emitter.settings.session_hold_ns / 4)
            .min(self.emitter.settings.quiet_period_ns / 4)
            .max(1);
        let deadline = now.monotonic_ns + interval;
        self.life_check_ns = Some(self.life_check_ns.map_or(deadline, |before| before.min(deadline)));
    }

    fn check_life(&mut self, now: Now) {
        self.life_check_ns = None;
        let Settings {
            session_hold_ns,
            quiet_period_ns,
            ..
        } = self.emitter.settings;
        let deaf_ns = self.deaf_ns;
        let mut waiting = false;
        let mut gone = Vec::new();
        for router in self.routers.values_mut() {
            match router.life {
                RouterLife::Up => {
                    waiting |= settle_quiet_tables(router, &mut self.doomed, now, quiet_period_ns, deaf_ns);
                    if router.resync_is_over(now.monotonic_ns, quiet_period_ns, deaf_ns) {
                        resynced(router, &mut self.emitter, &mut self.doomed, now);
                    }
                    waiting |= router.resync.is_some();
                }
                RouterLife::Lost { since_ns } if now.monotonic_ns - since_ns < session_hold_ns => {
                    waiting = true
                }
                RouterLife::Lost { .. } => {
                    router.life = RouterLife::Leaving;
                    self.emitter
                        .notices
                        .push(router.id, None, NoticeKind::HoldExpired);
                    if router.resync.is_none() {
                        doom_router(router, &mut self.doomed);
                    } else {
                        router.forget_routes();
                        // Nothing is announced between the two: consumers drop what they hold of it.
                        arrival(router, &mut self.emitter, &mut self.doomed, now).router_event(
                            RouterEventKind::ResyncBegin,
                            RESYNC_REASON,
                            &[],
                        );
                        resynced(router, &mut self.emitter, &mut self.doomed, now);
                    }
                    if router.routes() == 0 {
                        gone.push(router.id);
                    }
                }
                RouterLife::Leaving => {}
            }
        }
        for id in gone {
            self.forget(id);
        }
        if waiting {
            self.check_life_soon(now);
        }
        self.set_gauges();
    }

    /// Takes a router over as it was: from a restore, or from another worker. It counts as lost until it connects.
    ///
    /// `reason`: why, for people.
    pub fn adopt(&mut self, mut router: Router, reason: &str, now: Now) {
        let id = router.id;
        if router.routes() == 0 && router.resync.is_none() {
            self.sequence_floor = self.sequence_floor.max(router.sequence);
            return;
        }
        router.sequence = router.sequence.max(now.unix_ns).max(self.sequence_floor);
        router.session = None;
        router.life = RouterLife::Lost {
            since_ns: now.monotonic_ns,
        };
        router.register_tables(&self.emitter.settings.subject_base, &mut self.emitter.batcher);
        for peer in &mut router.peers {
            peer.state = PeerState::Down;
            for table in &mut peer.tables {
                table.mark_stale(now.monotonic_ns);
            }
        }
        let router = self.routers.entry(id).or_insert(router);
        arrival(router, &mut self.emitter, &mut self.doomed, now).router_event(
            RouterEventKind::Stale,
            reason,
            &[],
        );
        self.check_life_soon(now);
        self.set_gauges();
    }

    /// No router gets a sequence number at or below this one.
    pub const fn raise_sequence_floor(&mut self, sequence: u64) {
        if self.sequence_floor < sequence {
            self.sequence_floor = sequence;
        }
    }

    /// What consumers hold of any router that comes can't be known: its first dump is a resync.
    pub const fn resync_strangers(&mut self) {
        self.resync_strangers = true;
    }

    /// Forgets what consumers hold of a router, since they have lost it. The shell then ends its session, so that it
    /// dumps anew. Returns whether the router is known.
    pub fn forget_routes(&mut self, router: IpAddr) -> bool {
        let Some(router) = self.routers.get_mut(&router.to_canonical()) else {
            return false;
        };
        router.forget_routes();
        true
    }

    /// [`Self::forget_routes`] for all routers.
    pub fn forget_all_routes(&mut self) {
        self.routers.values_mut().for_each(Router::forget_routes);
    }

    /// Writes the next slice of a snapshot, about `budget` routes; returns whether there are more.
    pub fn snapshot(&self, walk: &mut Walk, budget: usize, out: &mut Vec<u8>) -> bool {
        walk.note_shard(self.sequence_floor, self.resync_strangers);
        walk.slice(&self.routers, budget, out)
    }

    /// Closes all open batches; the number of the last batch that was closed. Once it is acknowledged, so is
    /// everything that was decided until now.
    pub fn seal(&mut self) -> u64 {
        self.emitter.batcher.close_all();
        self.emitter.batcher.last_number()
    }

    fn begin_resync(&mut self, id: IpAddr, now: Now) {
        let Some(router) = self.routers.get_mut(&id).filter(|router| router.resync.is_some()) else {
            return;
        };
        // What came of an earlier attempt has to be announced again within this one.
        router.forget_routes();
        router.begin_resync(now.monotonic_ns);
        arrival(router, &mut self.emitter, &mut self.doomed, now).router_event(
            RouterEventKind::ResyncBegin,
            RESYNC_REASON,
            &[],
        );
        self.check_life_soon(now);
    }

    fn forget(&mut self, id: IpAddr) {
        if let Some(mut router) = self.routers.remove(&id) {
            self.sequence_floor = self.sequence_floor.max(router.sequence);
            router.release_subjects(&mut self.emitter.batcher);
            // Tables that are swept empty may still be queued; a router of this address that comes later has others.
            self.doomed.retain(|table| table.router != id);
            self.forgotten.push(id);
        }
    }
}

fn arrival<'s>(
    router: &'s mut Router,
    emitter: &'s mut Emitter,
    doomed: &'s mut VecDeque<DoomedTable>,
    now: Now,
) -> Arrival<'s> {
    Arrival {
        router,
        emitter,
        doomed,
        now,
    }
}

/// Consumers hold again what the router does.
fn resynced(router: &mut Router, emitter: &mut Emitter, doomed: &mut VecDeque<DoomedTable>, now: Now) {
    router.resync = None;
    arrival(router, emitter, doomed, now).router_event(RouterEventKind::ResyncEnd, "", &[]);
}
