//! A worker's share of the collector: its routers, their sessions, and the way out.
//!
//! The shell owns sockets, clocks and the bridge; the shard owns everything between. Each call runs to its end without
//! waiting. Work that could take long (withdrawing a table, writing a snapshot) is done in slices between other calls.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

use arancini_rib::AttributeSets;
use arancini_schema::events::RouterEventKind;

use crate::ask::{KeptOfRoutes, Question};
use crate::batch::Batch;
use crate::bmp_session::BmpSession;
use crate::context::RouterContext;
use crate::counters::Counters;
use crate::coverage::Coverage;
use crate::dispatch::dispatch;
use crate::dropped::put_in_doubt;
use crate::events::router_event;
use crate::framing::{Framer, Next};
use crate::lane::Lanes;
use crate::life::{self, Outlook, ResyncWay};
use crate::life_check::{LifeCheck, Work};
use crate::notice::Notices;
use crate::progress::Taken;
use crate::repeat;
use crate::route_count::RouteCount;
use crate::router::{Router, RouterLife};
use crate::session::{SessionError, SessionId};
use crate::settings::Settings;
use crate::shared::Shared;
use crate::snapshot::{Head, Walk};
use crate::sweep::sweep_slice;
use crate::time::Now;

/// Cost of forgetting a router, counted as this many routers that a check of lives looks at.
const GONE_WORK: usize = 10;

/// A router of which consumers lost messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossOfRouter {
    /// The router.
    pub router: IpAddr,
    /// How consumers learn its routes again.
    pub way: ResyncWay,
    /// How many tables it has, which is what a call costs.
    pub tables: usize,
}

/// One worker's routers, their sessions, and the batches made of their messages.
pub struct Shard {
    pub(crate) shared: Shared,
    /// Sorted, so that the same calls give the same batches on every run.
    pub(crate) routers: BTreeMap<IpAddr, Router>,
    sessions: HashMap<SessionId, BmpSession>,
    /// Bytes that all sessions hold of messages whose end has not come yet.
    unfinished_bytes: usize,
    last_session: u64,
    /// No forgotten router had a sequence number above this one. A router that returns goes on above it, even if the wall
    /// clock was set back.
    sequence_floor: u64,
    /// Routers forgotten since [`Self::poll_forgotten`] was last called.
    forgotten: Vec<IpAddr>,
    life_check: LifeCheck,
    /// The first dump of an unknown router is a resync.
    pub(crate) resync_strangers: bool,
    /// What the empty tables of an unknown router hold of what consumers may hold.
    pub(crate) strangers: Coverage,
}

/// # The call protocol
///
/// `handle_*` tells the shard what happened, `poll_*` takes what the shard has made, and the getters at the end change
/// nothing. The worker's shell makes all calls, on one thread:
///
/// 1. **Start**, before any session: [`handle_sequence_floor`](Self::handle_sequence_floor),
///    [`handle_resync_strangers`](Self::handle_resync_strangers), [`handle_unread_past`](Self::handle_unread_past), and [`handle_adopt`](Self::handle_adopt) for each restored
///    router.
/// 2. **A session**: [`handle_connect`](Self::handle_connect), and [`handle_identified`](Self::handle_identified) if its
///    router is known by its sysName; then [`handle_bytes`](Self::handle_bytes) for what was received, again with the bytes that were not taken; at the end [`handle_disconnect`](Self::handle_disconnect), also
///    after an error of `handle_bytes`.
/// 3. **After each of these calls** [`poll_batch`](Self::poll_batch) until it returns `None`, and
///    [`poll_timeout`](Self::poll_timeout) for the next deadline. [`handle_recycled`](Self::handle_recycled) returns the
///    buffer of a published batch; [`handle_dropped`](Self::handle_dropped) asks whether a batch may be thrown away.
/// 4. **At the deadline** [`handle_timeout`](Self::handle_timeout); while receiving is paused by back-pressure,
///    [`handle_receive_paused`](Self::handle_receive_paused) before it.
/// 5. **While [`needs_sweep`](Self::needs_sweep)**, and there is room for batches: [`handle_sweep`](Self::handle_sweep) with a
///    small budget, other work between.
/// 6. **Now and then** [`poll_notices`](Self::poll_notices) and [`poll_forgotten`](Self::poll_forgotten); for a snapshot
///    [`poll_snapshot`](Self::poll_snapshot) slice by slice, then [`handle_seal`](Self::handle_seal); for a question
///    [`poll_question`](Self::poll_question) slice by slice.
/// 7. **Stop**: [`handle_flush`](Self::handle_flush), then `poll_batch`.
impl Shard {
    /// A shard without routers.
    #[must_use]
    pub fn new(worker: u16, settings: Settings, counters: Arc<Counters>) -> Self {
        Self {
            shared: Shared::new(worker, settings, counters),
            routers: BTreeMap::new(),
            sessions: HashMap::new(),
            unfinished_bytes: 0,
            last_session: 0,
            sequence_floor: 0,
            forgotten: Vec::new(),
            life_check: LifeCheck::default(),
            resync_strangers: false,
            strangers: Coverage::Whole,
        }
    }

    /// Opens a session: a router connected from this port. A session that the router still has is replaced, since routers
    /// reboot faster than TCP notices.
    pub fn handle_connect(&mut self, router: IpAddr, port: u16, now: Now) -> SessionId {
        let router = router.to_canonical();
        if let Some(before) = self.routers.get(&router).and_then(Router::session) {
            self.handle_disconnect(before, "replaced by a newer session of the same router", now);
        }
        self.last_session += 1;
        let session = SessionId(self.last_session);
        let framer = Framer::new(self.shared.settings.max_message_bytes);
        self.sessions.insert(
            session,
            BmpSession {
                router,
                framer,
                progress: None,
                lanes: Lanes::default(),
            },
        );

        let known = self.routers.contains_key(&router);
        let state = self
            .routers
            .entry(router)
            .or_insert_with(|| Router::new(router, now.unix_ns.max(self.sequence_floor)));
        if !known {
            state.naming = self.shared.settings.names.of(router);
            state.coverage = self.strangers;
            if self.resync_strangers {
                state.need_resync();
            }
        }
        let mut context = RouterContext {
            router: state,
            shared: &mut self.shared,
            now,
        };
        life::connect(&mut context, session, port, known);
        self.schedule_life_check(now);
        self.set_session_gauges();
        session
    }

    /// Notes that the router of this session was identified by this sysName. An Initiation with another one ends the session.
    pub fn handle_identified(&mut self, session: SessionId, sys_name: &str) {
        let router = self.sessions.get(&session).map(|session| session.router);
        if let Some(router) = router.and_then(|router| self.routers.get_mut(&router)) {
            router.identified_by = Some(sys_name.into());
        }
    }

    /// Takes all of the next bytes of a session. For callers that have no other sessions to serve.
    ///
    /// # Errors
    /// As [`Self::handle_bytes`].
    pub fn handle_all_bytes(
        &mut self,
        session: SessionId,
        mut bytes: &[u8],
        now: Now,
    ) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            bytes = bytes.split_at(self.handle_bytes(session, bytes, now)?).1;
        }
        Ok(())
    }

    /// Takes the next bytes of a session; returns how many it took. The others have to come again, before any later ones.
    ///
    /// It stops when other sessions should have their turn, or when the closed batches should be taken first
    /// ([`crate::BatchSettings::max_closed_bytes`]). A message that is too much for one turn is taken in several: its bytes
    /// count as taken in the last of them, so a call can do a part of the work and take no byte.
    ///
    /// # Errors
    /// The session has to end: the caller closes the connection and calls [`Self::handle_disconnect`] with the error as
    /// the reason.
    #[inline]
    pub fn handle_bytes(
        &mut self,
        session: SessionId,
        bytes: &[u8],
        now: Now,
    ) -> Result<usize, SessionError> {
        let Self {
            shared,
            routers,
            sessions,
            unfinished_bytes,
            ..
        } = self;
        let session = sessions.get_mut(&session).ok_or(SessionError::Unknown)?;
        let router = routers.get_mut(&session.router).ok_or(SessionError::Unknown)?;
        let mut context = RouterContext { router, shared, now };
        context.shared.work = 0;
        context.shared.looked_ahead = false;
        let BmpSession {
            framer,
            progress,
            lanes,
            ..
        } = session;
        let messages_before = context.router.messages;
        *unfinished_bytes -= framer.pending_bytes();
        let framed = framer.feed(bytes, |frame, behind| {
            match dispatch(&mut context, frame, behind, progress, lanes) {
                Taken::Part => Next::SameMessage,
                Taken::Whole if context.shared.has_work_left() => Next::Message,
                Taken::Whole => Next::Pause,
            }
        });
        *unfinished_bytes += framer.pending_bytes();
        if context.router.messages != messages_before {
            context.router.last_message_unix_ns = Some(now.unix_ns);
        }
        let router = context.router.id;
        shared.count_sets(router);
        let counters = &shared.counters;
        counters.doomed_tables.set(shared.doomed.len() as u64);
        // Last, so that whoever sees these bytes counted sees everything that was made of them.
        let taken = *framed.as_ref().unwrap_or(&bytes.len());
        counters.received_bytes.add(taken as u64);
        self.schedule_life_check(now);
        match (framed, self.shared.ended.take()) {
            (Ok(_), Some(reason)) => Err(reason),
            (framed, _) => framed.map_err(SessionError::Framing),
        }
    }

    /// Ends a session. The router's routes are kept for `session_hold`, in case it comes back. A session that has ended
    /// before is ignored.
    pub fn handle_disconnect(&mut self, session: SessionId, reason: &str, now: Now) {
        let Some(session) = self.sessions.remove(&session) else {
            return;
        };
        self.unfinished_bytes -= session.framer.pending_bytes();
        let Some(router) = self.routers.get_mut(&session.router) else {
            return;
        };
        let mut context = RouterContext {
            router,
            shared: &mut self.shared,
            now,
        };
        life::disconnect(&mut context, reason);
        self.schedule_life_check(now);
        self.set_session_gauges();
    }

    /// Notes that receiving is paused by back-pressure. Call this before each [`Self::handle_timeout`] during the pause, and
    /// once when it ends. Paused time does not count towards a router's quiet period.
    pub const fn handle_receive_paused(&mut self, now: Now) {
        self.life_check.pause(now);
    }

    /// Closes batches that have lingered long enough, settles quiet tables and gives up routers that did not come back.
    pub fn handle_timeout(&mut self, now: Now) {
        self.shared.batcher.close_expired(now.monotonic_ns);
        if self.life_check.take_due(now) {
            self.check_life(now);
        }
    }

    /// Withdraws about `budget` doomed routes; returns whether there are more. Tables take turns, so that a large one does
    /// not hold up the others.
    pub fn handle_sweep(&mut self, budget: u64, now: Now) -> bool {
        let mut done = 0;
        while done < budget {
            let Some(next) = self.shared.doomed.pop() else {
                break;
            };
            let Some(router) = self.routers.get_mut(&next.router) else {
                continue;
            };
            if !router.has_table(next.place) {
                continue;
            }
            let mut context = RouterContext {
                router,
                shared: &mut self.shared,
                now,
            };
            done += sweep_slice(&mut context, next.place);
            // To look at all tables of a router for each of its tables would be too much work.
            let is_last = !self.shared.doomed.has_any_of(next.router);
            if router.table(next.place).needs_sweep() {
                self.shared.doomed.push(next.router, next.place);
            } else if is_last && router.life == RouterLife::Leaving && router.is_empty() {
                self.forget(next.router, now);
            } else {
                router.note_gone(next.place.peer);
            }
        }
        let left = budget.saturating_sub(done);
        repeat::slice(&mut self.routers, &mut self.shared, left, now);
        self.shared.release_sets(budget.saturating_sub(done));
        let waiting = self.shared.doomed.len() as u64;
        self.shared.counters.doomed_tables.set(waiting);
        self.needs_sweep()
    }

    /// Withdraws every doomed route and closes all batches: nothing that was received stays behind.
    pub fn handle_flush(&mut self, now: Now) {
        // What is still to be published again may be large. The next start does it, with the router's dump.
        self.shared.repeats.clear();
        while self.handle_sweep(u64::MAX, now) {}
        self.shared.batcher.close_all();
    }

    /// Closes all open batches; returns the number of the last batch that was closed. Once that batch is acknowledged, so
    /// is everything that was decided until now.
    pub fn handle_seal(&mut self) -> u64 {
        self.shared.batcher.close_all();
        self.shared.batcher.last_number()
    }

    /// Takes back the buffer of a published batch, for the next one.
    pub fn handle_recycled(&mut self, buffer: Vec<u8>) {
        self.shared.batcher.recycle(buffer);
    }

    /// Asks whether the shell may throw away a batch that it has no room for. If so, the routes of the batch are put in doubt,
    /// and the router's next dump repairs what consumers miss. If not, no dump would, and the shell has to keep the batch.
    #[must_use]
    pub fn handle_dropped(&mut self, batch: &Batch) -> bool {
        let router = self.routers.get_mut(&batch.router);
        let may_go = put_in_doubt(router, self.shared.sets.as_deref_mut(), batch);
        self.shared.update_set_counters();
        may_go
    }

    /// Takes a router over as it was, from a restart or from another worker. The router counts as lost until it connects.
    /// `reason` is for people who read the event.
    pub fn handle_adopt(&mut self, mut router: Router, reason: &str, now: Now) {
        let id = router.id;
        if router.routes() == 0 && router.resync.is_none() {
            self.handle_sequence_floor(router.sequence);
            return;
        }
        router.sequence = router.sequence.max(now.unix_ns).max(self.sequence_floor);
        router.naming = self.shared.settings.names.of(id);
        self.shared.counters.routes.add(router.routes() as u64);
        if let Some(sets) = &mut self.shared.sets {
            let known = router.restored_sets.take();
            router
                .tables_mut()
                .for_each(|table| table.retain(sets, known.as_deref()));
        }
        router.restored_sets = None;
        self.shared.count_sets(router.id);
        router.register_tables(&self.shared.settings.subject_base, &mut self.shared.batcher);
        life::lose(&mut router, now);
        let mut context = RouterContext {
            router: self.routers.entry(id).or_insert(router),
            shared: &mut self.shared,
            now,
        };
        router_event(&mut context, RouterEventKind::Stale, reason);
        self.life_check.soon(&self.shared.settings, now);
        self.set_session_gauges();
    }

    /// Raises the sequence floor: no router gets a sequence number at or below this one.
    pub const fn handle_sequence_floor(&mut self, sequence: u64) {
        if self.sequence_floor < sequence {
            self.sequence_floor = sequence;
        }
    }

    /// Takes the next closed batch, for the bridge.
    #[inline]
    pub fn poll_batch(&mut self) -> Option<Batch> {
        let batch = self.shared.batcher.pop()?;
        self.shared.counters.batches.add(1);
        self.shared.counters.batch_bytes.add(batch.payload.len() as u64);
        Some(batch)
    }

    /// When [`Self::handle_timeout`] has to be called next, in monotonic nanoseconds.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let batches = self.shared.batcher.deadline_ns();
        match (batches, self.life_check.deadline_ns()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The notices for the operator, to be taken one by one.
    pub const fn poll_notices(&mut self) -> &mut Notices {
        &mut self.shared.notices
    }

    /// Takes the routers that were forgotten since the last call: nothing is known of them any more.
    pub fn poll_forgotten(&mut self) -> Vec<IpAddr> {
        std::mem::take(&mut self.forgotten)
    }

    /// Begins a snapshot: appends everything that stands before the routers to `out`.
    #[must_use]
    pub fn begin_snapshot(&self, head: &Head, out: &mut Vec<u8>) -> Walk {
        Walk::begin_as(head, self.attribute_sets().is_some(), out)
    }

    /// Appends the next slice of a snapshot to `out`, about `budget` routes; returns whether there are more.
    pub fn poll_snapshot(&self, walk: &mut Walk, budget: usize, out: &mut Vec<u8>) -> bool {
        walk.note_shard(self.sequence_floor, self.resync_strangers);
        walk.slice(&self.routers, self.attribute_sets(), budget, out)
    }

    /// The attribute sets that the shard's tables name; `None` if the tables hold fingerprints.
    #[must_use]
    pub fn attribute_sets(&self) -> Option<&AttributeSets> {
        self.shared.sets.as_deref()
    }

    /// Answers a question for about `budget` routes; returns whether there is more to do. Changes nothing.
    pub fn poll_question(&self, question: &mut Question, budget: usize) -> bool {
        let kept = KeptOfRoutes {
            mode: self.shared.settings.curation,
            sets: self.attribute_sets(),
        };
        question.slice(&self.routers, kept, budget)
    }

    /// How far a session has come: bytes of all whole messages, and bytes of a message that has not ended.
    #[must_use]
    pub fn progress(&self, session: SessionId) -> Option<(u64, usize)> {
        let framer = &self.sessions.get(&session)?.framer;
        Some((framer.position(), framer.pending_bytes()))
    }

    /// Bytes that all sessions together hold of messages whose end has not come yet.
    #[must_use]
    pub const fn unfinished_bytes(&self) -> usize {
        self.unfinished_bytes
    }

    /// The router whose session holds the most bytes of a message whose end has not come yet, with the number of bytes.
    /// O(number of sessions).
    #[must_use]
    pub fn largest_unfinished(&self) -> Option<(IpAddr, usize)> {
        let sessions = self.sessions.values();
        sessions
            .map(|session| (session.router, session.framer.pending_bytes()))
            .max_by_key(|&(router, bytes)| (bytes, router))
    }

    /// Work of the last [`Self::handle_bytes`], counted in routes as [`Settings::turn_work`] is.
    #[must_use]
    pub const fn last_work(&self) -> u64 {
        self.shared.work
    }

    /// Whether [`Self::handle_sweep`] has work.
    #[must_use]
    pub fn needs_sweep(&self) -> bool {
        !self.shared.doomed.is_empty() || !self.shared.repeats.is_empty() || self.shared.needs_release()
    }

    /// Bytes in closed batches that nobody has taken.
    #[must_use]
    pub const fn closed_batch_bytes(&self) -> usize {
        self.shared.batcher.closed_bytes()
    }

    /// Bytes in open batches.
    #[must_use]
    pub const fn open_batch_bytes(&self) -> usize {
        self.shared.batcher.open_bytes()
    }

    /// The known routers, those without a session included.
    pub fn routers(&self) -> impl Iterator<Item = &Router> {
        self.routers.values()
    }

    /// The router of this address, if it is known.
    #[must_use]
    pub fn router(&self, id: IpAddr) -> Option<&Router> {
        self.routers.get(&id.to_canonical())
    }

    /// Brings the gauges among the counters up to date. O(number of tables), not of routes.
    pub fn set_gauges(&self) {
        let mut count = RouteCount::default();
        while !self.set_gauges_slice(&mut count) {}
    }

    /// Brings the gauges up to date as [`Self::set_gauges`] does, slice by slice. Returns `true` when the count is complete.
    /// Routes that change meanwhile may be counted as they were.
    pub fn set_gauges_slice(&self, count: &mut RouteCount) -> bool {
        self.set_session_gauges();
        let routes = count.count_slice(&self.routers);
        if let Some(routes) = routes {
            self.shared.counters.routes.set(routes);
        }
        routes.is_some()
    }

    /// Brings the gauges of routers and sessions up to date. A connect must not cost what all routers hold.
    fn set_session_gauges(&self) {
        let counters = &self.shared.counters;
        counters.routers.set(self.routers.len() as u64);
        counters.sessions.set(self.sessions.len() as u64);
    }

    fn schedule_life_check(&mut self, now: Now) {
        if std::mem::take(&mut self.shared.life_check_wanted) {
            self.life_check.soon(&self.shared.settings, now);
        }
    }

    fn check_life(&mut self, now: Now) {
        let mut work = Work::of_call();
        let mut gone = Vec::new();
        let paused_ns = self.life_check.paused_ns;
        let mut stopped = None;
        let rest = (self.life_check.begin_at(), Bound::Unbounded);
        for (id, router) in self.routers.range_mut(rest) {
            let mut check = self.life_check.of_router(router);
            let mut context = RouterContext {
                router,
                shared: &mut self.shared,
                now,
            };
            let outlook = work
                .take(1)
                .and_then(|()| life::check(&mut context, &mut check, &mut work, paused_ns));
            let Some(outlook) = outlook else {
                stopped = Some((*id, check));
                break;
            };
            self.life_check.passed(&check, outlook == Outlook::Waits);
            if outlook == Outlook::Gone {
                gone.push(*id);
                let _ = work.take(GONE_WORK);
            }
        }
        for id in gone {
            self.forget(id, now);
        }
        if let Some((router, check)) = stopped {
            return self.life_check.stop_in(router, check, now);
        }
        let checked = self.life_check.finish();
        if checked.waiting {
            self.life_check.soon(&self.shared.settings, now);
        }
        self.shared.counters.routes.set(checked.routes as u64);
        self.set_session_gauges();
    }

    /// Leaving → (none): nothing of the router is left.
    fn forget(&mut self, id: IpAddr, now: Now) {
        if let Some(router) = self.routers.get_mut(&id) {
            let shared = &mut self.shared;
            let mut context = RouterContext { router, shared, now };
            repeat::end(&mut context);
            life::end(&mut context);
        }
        if let Some(mut router) = self.routers.remove(&id) {
            self.handle_sequence_floor(router.sequence);
            router.release_subjects(&mut self.shared.batcher);
            // Tables that were swept empty may still be queued.
            self.shared.doomed.forget(id);
            self.forgotten.push(id);
        }
    }
}

#[cfg(test)]
mod tests;
