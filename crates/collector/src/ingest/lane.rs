//! What the tasks of one worker share: the shard, the way to the bridge, clocks and counters.
//!
//! Sessions, receive backends and tasks stand above the lane and use it; the lane knows none of them. So no call into the
//! lane comes back to its caller, and a caller may hold a borrow of its own (a slot, the companion ring) while it calls. The
//! lane itself holds no borrow when it wakes a task.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;

use arancini_core::{Batch, Shard};

use super::alarm::Alarm;
use super::clock::Clock;
use super::counters::WorkerCounters;
use super::idle_moment::IdleMoment;
use super::index::WorkerIndex;
use super::losses::Losses;
use super::notices::NoticeLog;
use super::outlet::{Outlet, WhenFull};
use super::signal::{Gate, Turnstile};
use super::turns::TurnClock;
use super::unfinished::Unfinished;

/// Time between two idle moments of a busy worker. Each costs some 5 µs.
const IDLE_EVERY_NS: u64 = 1_000_000;

/// The shared part of one worker.
pub struct Lane {
    /// Which worker it is.
    pub worker: WorkerIndex,
    /// What the worker counts.
    pub counters: Arc<WorkerCounters>,
    /// The worker's clock.
    pub clock: Clock,
    /// The routers that the worker owns.
    pub shard: RefCell<Shard>,
    /// The worker's end of the bridge.
    pub outlet: Outlet,
    /// Where tasks step back behind the others.
    pub turnstile: Turnstile,
    /// Where connections without a session wait for their turn.
    pub gate: Gate,
    /// Measures the turns of the worker's tasks.
    pub turn_clock: TurnClock,
    /// Wakes the task that keeps deadlines and sweeps.
    pub keeper: Alarm,
    /// A buffer for the bytes of a slot that have to wait. There is one per worker, since there may be thousands of
    /// connections.
    pub spare: Cell<Vec<u8>>,
    /// The budget for bytes of unfinished messages.
    pub unfinished: Unfinished,
    losses: RefCell<Losses>,
    notices: RefCell<NoticeLog>,
    stopping: Cell<bool>,
}

impl Lane {
    /// The lane of a worker that begins with this shard.
    pub fn new(
        worker: WorkerIndex,
        counters: Arc<WorkerCounters>,
        shard: Shard,
        outlet: Outlet,
        unfinished: Unfinished,
    ) -> Self {
        Self {
            worker,
            counters,
            clock: Clock::new(),
            shard: RefCell::new(shard),
            outlet,
            turnstile: Turnstile::default(),
            gate: Gate::default(),
            turn_clock: TurnClock::default(),
            keeper: Alarm::default(),
            spare: Cell::default(),
            unfinished,
            losses: RefCell::default(),
            notices: RefCell::default(),
            stopping: Cell::new(false),
        }
    }

    /// Whether the worker stops: it receives nothing more.
    pub fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Makes the worker stop receiving.
    pub fn stop(&self) {
        self.stopping.set(true);
    }

    /// Turns the turnstile, with an idle moment now and then. Runs as a task for the worker's whole life.
    pub async fn turn(&self, idle: &IdleMoment) {
        let last_ns = Cell::new(0);
        let between = async || {
            let now_ns = self.clock.now().monotonic_ns;
            if now_ns >= last_ns.get() + IDLE_EVERY_NS {
                last_ns.set(now_ns);
                idle.pass().await;
            }
        };
        self.turnstile.turn(between).await;
    }

    /// Hands closed batches to the bridge, and wakes the keeper of deadlines if its next deadline has moved forward.
    #[inline]
    pub fn deliver(&self) {
        self.deliver_with(self.outlet.when_full());
    }

    /// Does what [`Self::deliver`] does, with another treatment of batches that find no room on the bridge.
    #[inline]
    pub fn deliver_with(&self, when_full: WhenFull) {
        loop {
            let Some(batch) = self.shard.borrow_mut().poll_batch() else {
                break;
            };
            if let Some(batch) = self.outlet.offer(batch) {
                self.refused(batch, when_full);
            }
            if let Some(buffer) = self.outlet.used_buffer() {
                self.shard.borrow_mut().handle_recycled(buffer);
            }
        }
        let shard = self.shard.borrow();
        let (deadline_ns, needs_sweep) = (shard.poll_timeout(), shard.needs_sweep());
        drop(shard);
        if needs_sweep || deadline_ns.is_some_and(|deadline_ns| self.keeper.rings_after(deadline_ns)) {
            self.keeper.wake();
        }
    }

    /// Whether the unfinished messages of all connections exceed the budget.
    pub fn exceeds_unfinished(&self) -> bool {
        let of_sessions = self.shard.borrow().unfinished_bytes();
        self.unfinished.is_exceeded(of_sessions)
    }

    /// Keeps or drops a batch that found no room on the bridge.
    #[cold]
    fn refused(&self, batch: Batch, when_full: WhenFull) {
        if when_full == WhenFull::Wait || !self.shard.borrow_mut().handle_dropped(&batch) {
            return self.outlet.keep(batch);
        }
        let messages = u64::from(batch.messages);
        self.counters.dropped.add(messages);
        self.losses.borrow_mut().add(batch.router, messages);
        self.shard.borrow_mut().handle_recycled(batch.payload);
    }

    /// Returns whether this source may cause one more log line.
    pub fn may_log(&self, source: IpAddr) -> bool {
        let now_ns = self.clock.now().monotonic_ns;
        self.notices.borrow_mut().may_log(source, now_ns)
    }

    /// Returns whether the refusal of a connection from this source is logged.
    pub fn may_log_refusal(&self, source: IpAddr) -> bool {
        let now_ns = self.clock.now().monotonic_ns;
        self.notices.borrow_mut().may_log_refusal(source, now_ns)
    }

    /// Logs what the core reported and what was dropped.
    pub fn log_notices(&self) {
        let now_ns = self.clock.now().monotonic_ns;
        self.losses.borrow_mut().log(now_ns);
        self.notices
            .borrow_mut()
            .log(self.shard.borrow_mut().poll_notices(), now_ns);
    }
}
