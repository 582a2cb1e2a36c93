//! The worker: a pinned thread, its runtime, and the tasks on it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arancini_core::counters::Counter;
use arancini_core::{Batch, Counters, Settings, Shard};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use tracing::{debug, error, info, warn};

use super::admission::Admission;
use super::backend::{Backend, Driver};
use super::clock::Clock;
use super::connection::{Accepted, Connection, EndReason};
use super::losses::Losses;
use super::notices::NoticeLog;
use super::outlet::{LeftBehind, Outlet};
use super::owners::{Load, Owners};
use super::pinning::pin;
use super::registered::Registered;
use super::ring;
use super::signal::{Signal, Turnstile};
use super::snapshot::Inheritance;
use super::sockets;
use super::turns::{TurnClock, Turns};
use crate::config::{Config, OnFull};
use crate::snapshots::SnapshotRequest;

/// Exit code of the process when a worker dies (EX_SOFTWARE).
pub const EXIT_WORKER_DIED: i32 = 70;
/// Routes withdrawn in one go before the worker's other tasks get their turn: some 100 to 200 µs.
const SWEEP_SLICE_ROUTES: u64 = 500;
/// How often timeouts, gauges and notices are looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How long a listener that can't accept rests (no descriptors left).
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// What all workers share. Nothing in it is touched on the way of a message.
pub struct WorkerContext {
    /// The configuration.
    pub config: Config,
    /// Settings of the core.
    pub core: Settings,
    /// How the workers receive.
    pub backend: Backend,
    /// The kernel interface under the workers' runtimes.
    pub driver: Driver,
    /// Who may connect.
    pub admission: Arc<Admission>,
    /// Whose router is it.
    pub owners: Arc<Owners>,
    /// What each worker counts.
    pub loads: Vec<Arc<WorkerLoad>>,
    /// Where each worker gets its mail.
    pub mailboxes: Vec<kanal::Sender<Mail>>,
    /// Buffers of published batches on their way back.
    pub used_buffers: kanal::Receiver<Vec<u8>>,
}

/// What a worker counts beside the core. One writer.
#[derive(Debug, Default)]
pub struct WorkerLoad {
    /// What the core counts.
    pub core: Arc<Counters>,
    /// Gauge: bytes received in the last second.
    pub rate: Counter,
    /// System calls that received something.
    pub receive_calls: Counter,
    /// How often the bridge was full.
    pub bridge_full: Counter,
    /// Messages thrown away because the bridge was full.
    pub dropped: Counter,
    /// Connections handed over to the worker that owns the router.
    pub handed_over: Counter,
    /// How long its tasks held it.
    pub turns: Turns,
    /// Connections ended, by reason.
    pub ended: [Counter; EndReason::ALL.len()],
}

impl WorkerLoad {
    /// Connections ended, with the label of each reason.
    pub fn ended_by_reason(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        EndReason::ALL
            .iter()
            .map(|&reason| (reason.label(), self.ended[reason as usize].get()))
    }
}

/// What a worker is told by others.
pub enum Mail {
    /// A connection of a router that this worker owns.
    Adopt(Box<Accepted>),
    /// Write a snapshot.
    Snapshot(Box<SnapshotRequest>),
    /// Consumers have lost what they held: forget it too, and let the routers dump anew.
    Resync,
    /// Stop receiving, hand everything to the bridge until the deadline, write a last snapshot if one is asked for, end.
    Stop(Instant, Option<Box<SnapshotRequest>>),
}

/// A worker's thread.
pub type WorkerThread = JoinHandle<LeftBehind>;

/// One worker, on its own thread.
pub struct Worker {
    index: usize,
    context: Arc<WorkerContext>,
    pub(super) load: Arc<WorkerLoad>,
    pub(super) clock: Clock,
    pub(super) shard: RefCell<Shard>,
    /// The one slot all connections receive into, with the `readiness` backend: it stays hot in the cache.
    pub(super) slot: RefCell<Box<[u8]>>,
    /// A buffer for what of a slot has to wait.
    pub(super) spare: RefCell<Vec<u8>>,
    /// The companion ring, with the `registered` backend, until the worker stops.
    pub(super) registered: RefCell<Option<Registered>>,
    pub(super) outlet: Outlet,
    pub(super) turnstile: Turnstile,
    pub(super) turn_clock: TurnClock,
    /// With epoll a socket that has something is ready without a wait; with io_uring the answer always takes the way
    /// through the ring, and the other tasks have their turn meanwhile.
    pub(super) readiness_is_immediate: bool,
    connections: RefCell<HashMap<IpAddr, Rc<Connection>>>,
    notices: RefCell<NoticeLog>,
    losses: RefCell<Losses>,
    /// Wakes the task that keeps deadlines and sweeps.
    keeper: Signal,
    /// When that task wakes up by itself.
    keeper_wakes_ns: Cell<u64>,
    stopping: Cell<bool>,
}

/// Ends the process if the worker's thread unwinds: a worker that is silently gone would be far worse.
struct DeathWatch(usize);

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(
                worker = self.0,
                "a worker died: this is a bug, please report it; ending the process"
            );
            std::process::exit(EXIT_WORKER_DIED);
        }
    }
}

impl Worker {
    /// Starts a worker's thread. `started` hears whether its runtime came up.
    ///
    /// # Errors
    /// The thread can't be made.
    pub fn spawn(
        index: usize,
        context: Arc<WorkerContext>,
        bridge: kanal::Sender<Batch>,
        listeners: Vec<TcpListener>,
        mail: kanal::Receiver<Mail>,
        inheritance: Inheritance,
        started: std::sync::mpsc::Sender<std::io::Result<()>>,
    ) -> std::io::Result<WorkerThread> {
        std::thread::Builder::new()
            .name(format!("arancini-worker-{index}"))
            .spawn(move || {
                let _watch = DeathWatch(index);
                if context.config.listen.pin_workers {
                    pin(index);
                }
                let driver = context.driver;
                let main = async move |started: std::sync::mpsc::Sender<std::io::Result<()>>| {
                    let worker = match Self::new(index, context, bridge) {
                        Ok(worker) => worker,
                        Err(error) => {
                            let _ = started.send(Err(error));
                            return LeftBehind::default();
                        }
                    };
                    worker.inherit(inheritance);
                    let _ = started.send(Ok(()));
                    worker.run(listeners, mail).await
                };
                // Each driver is a type of its own.
                let result = match driver {
                    Driver::IoUring => {
                        let build = || RuntimeBuilder::<IoUringDriver>::new().enable_timer().build();
                        ring::patiently(build).map(|mut runtime| runtime.block_on(main(started.clone())))
                    }
                    Driver::Epoll => RuntimeBuilder::<LegacyDriver>::new()
                        .enable_timer()
                        .build()
                        .map(|mut runtime| runtime.block_on(main(started.clone()))),
                };
                result.unwrap_or_else(|error| {
                    let _ = started.send(Err(error));
                    LeftBehind::default()
                })
            })
    }

    fn new(
        index: usize,
        context: Arc<WorkerContext>,
        bridge: kanal::Sender<Batch>,
    ) -> std::io::Result<Rc<Self>> {
        let load = Arc::clone(&context.loads[index]);
        let shard = Shard::new(index as u16, context.core.clone(), Arc::clone(&load.core));
        let ingest = &context.config.ingest;
        let (slot_bytes, registered) = match context.backend {
            Backend::Readiness => (ingest.slot_bytes, None),
            Backend::Registered => {
                let make = || Registered::new(ingest.slots, ingest.slot_bytes);
                (0, Some(ring::patiently(make)?))
            }
        };
        let slot = vec![0; slot_bytes].into_boxed_slice();
        let drops = context.config.publish.on_full == OnFull::Drop;
        let outlet = Outlet::new(bridge, context.used_buffers.clone(), drops);
        let driver = context.driver;
        Ok(Rc::new(Self {
            index,
            context,
            load,
            clock: Clock::new(),
            shard: RefCell::new(shard),
            slot: RefCell::new(slot),
            spare: RefCell::default(),
            registered: RefCell::new(registered),
            outlet,
            turnstile: Turnstile::default(),
            turn_clock: TurnClock::default(),
            readiness_is_immediate: driver == Driver::Epoll,
            connections: RefCell::default(),
            notices: RefCell::default(),
            losses: RefCell::default(),
            keeper: Signal::default(),
            keeper_wakes_ns: Cell::new(0),
            stopping: Cell::new(false),
        }))
    }

    /// The worker's life: serves until it is told to stop.
    async fn run(self: Rc<Self>, listeners: Vec<TcpListener>, mail: kanal::Receiver<Mail>) -> LeftBehind {
        for listener in listeners {
            self.spawn_timed(Rc::clone(&self).listen(listener));
        }
        let carrier = Rc::clone(&self);
        self.spawn_timed(async move { carrier.outlet.carry().await });
        let doorman = Rc::clone(&self);
        monoio::spawn(async move { doorman.turnstile.turn().await });
        self.spawn_timed(Rc::clone(&self).keep_deadlines());
        self.spawn_timed(Rc::clone(&self).keep_house());
        if self.context.backend == Backend::Registered {
            self.spawn_timed(Rc::clone(&self).reap());
        }
        self.timed(Rc::clone(&self).read_mail(mail)).await
    }

    /// Does what others tell, until that is to stop.
    async fn read_mail(self: Rc<Self>, mail: kanal::Receiver<Mail>) -> LeftBehind {
        let mail = mail.to_async();
        loop {
            match mail.recv().await {
                Ok(Mail::Adopt(accepted)) => self.serve(*accepted),
                Ok(Mail::Snapshot(request)) => self.spawn_timed(Rc::clone(&self).snapshot(*request)),
                Ok(Mail::Resync) => self.resync(),
                Ok(Mail::Stop(deadline, last)) => {
                    let report = Rc::clone(&self).stop(deadline).await;
                    if let Some(request) = last {
                        self.snapshot(*request).await;
                    }
                    return report;
                }
                Err(_) => return self.stop(Instant::now()).await,
            }
        }
    }

    /// Accepts until the worker stops. Only waits for readiness: nothing of the kernel's is in flight when the
    /// runtime is dropped.
    async fn listen(self: Rc<Self>, listener: TcpListener) {
        let readiness = match listener.try_clone().and_then(monoio::net::TcpListener::from_std) {
            Ok(readiness) => readiness,
            Err(error) => {
                error!(worker = self.index, %error, "a listener can't be watched; connections to it will hang");
                return;
            }
        };
        while readiness.readable(false).await.is_ok() && !self.stopping.get() {
            loop {
                match listener.accept() {
                    Ok((stream, remote)) => self.arrived(stream, remote),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(error) => {
                        warn!(worker = self.index, %error, "a connection could not be accepted; if descriptors ran out, raise the limit on open files");
                        monoio::time::sleep(ACCEPT_REST).await;
                        break;
                    }
                }
            }
        }
    }

    /// Lets a connection in and sends it to the worker that owns its router.
    fn arrived(self: &Rc<Self>, stream: TcpStream, remote: SocketAddr) {
        let source = remote.ip().to_canonical();
        let permit = match self.context.admission.admit(source) {
            Ok(permit) => permit,
            Err(refusal) => {
                debug!(%remote, reason = refusal.label(), remedy = refusal.remedy(), "connection refused");
                return;
            }
        };
        if let Err(error) = sockets::prepare(&stream, &self.context.config.listen) {
            debug!(%remote, %error, "connection was gone before it could be prepared");
            return;
        }
        let router = self
            .context
            .config
            .routers
            .identity
            .get(&source)
            .copied()
            .unwrap_or(source);
        let loads = &self.context.loads;
        let claim = self.context.owners.claim(router, |worker| Load {
            routes: loads[worker].core.routes.get(),
            rate: loads[worker].rate.get(),
        });
        let owner = claim.worker();
        let accepted = Accepted {
            stream,
            remote,
            router,
            permit,
            claim,
        };
        if owner == self.index {
            self.serve(accepted);
        } else {
            self.load.handed_over.add(1);
            // The mailbox is open as long as its worker lives.
            let _ = self.context.mailboxes[owner].send(Mail::Adopt(Box::new(accepted)));
        }
    }

    /// Opens the session of a router that this worker owns and receives until it ends.
    fn serve(self: &Rc<Self>, accepted: Accepted) {
        if self.stopping.get() {
            return;
        }
        let (router, remote) = (accepted.router, accepted.remote);
        let before = self.connections.borrow_mut().remove(&router);
        if let Some(before) = before {
            info!(%router, old = %before.remote, new = %remote, "a newer session of this router replaces the old one");
            before.end(EndReason::Replaced);
        }
        let now = self.clock.now();
        let session = self.shard.borrow_mut().handle_connect(router, remote.port(), now);
        self.deliver();
        let connection = match Connection::new(accepted, session, now.monotonic_ns) {
            Ok(connection) => Rc::new(connection),
            Err(error) => {
                warn!(%router, %remote, %error, "a connection can't be watched; it is closed");
                self.shard
                    .borrow_mut()
                    .handle_disconnect(session, "connection failed", now);
                return;
            }
        };
        info!(%router, %remote, worker = self.index, "session opened");
        self.connections
            .borrow_mut()
            .insert(router, Rc::clone(&connection));
        if let Some(registered) = self.registered.borrow_mut().as_mut() {
            if let Err(error) = registered.join(Rc::clone(&connection)) {
                self.ended(&connection, EndReason::Failed, &error.to_string());
            }
            return;
        }
        let worker = Rc::clone(self);
        self.spawn_timed(async move {
            let (reason, words) = connection.receive(&worker).await;
            worker.ended(&connection, reason, &words);
        });
    }

    pub(super) fn ended(&self, connection: &Rc<Connection>, reason: EndReason, words: &str) {
        self.load.ended[reason as usize].add(1);
        if self.stopping.get() {
            // The router is not gone, we are: nothing is said of it.
            return;
        }
        if reason == EndReason::Framing {
            warn!(router = %connection.router, remote = %connection.remote, reason = words, "session closed; is this port meant for BMP?");
        }
        self.shard
            .borrow_mut()
            .handle_disconnect(connection.session, words, self.clock.now());
        let mut connections = self.connections.borrow_mut();
        if connections
            .get(&connection.router)
            .is_some_and(|current| Rc::ptr_eq(current, connection))
        {
            connections.remove(&connection.router);
        }
        drop(connections);
        self.log_notices();
        self.deliver();
    }

    /// Between resync-begin and resync-end of each router comes all it has: ended sessions make them dump.
    fn resync(&self) {
        self.shard.borrow_mut().handle_forget_all_routes();
        for connection in self.connections.borrow().values() {
            connection.end(EndReason::Resync);
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Hands closed batches to the bridge and wakes the keeper if it has something to do before it would look.
    #[inline]
    pub(super) fn deliver(&self) {
        self.hand_over(self.outlet.drops());
    }

    /// With `may_drop` the bridge's want of room costs batches instead of time.
    #[inline]
    fn hand_over(&self, may_drop: bool) {
        let mut shard = self.shard.borrow_mut();
        while let Some(batch) = shard.poll_batch() {
            if let Some(batch) = self.outlet.offer(batch) {
                self.refused(&mut shard, batch, may_drop);
            }
            if let Some(buffer) = self.outlet.used_buffer() {
                shard.handle_recycled(buffer);
            }
        }
        let earlier = shard
            .poll_timeout()
            .is_some_and(|deadline| deadline < self.keeper_wakes_ns.get());
        if earlier || shard.needs_sweep() {
            self.keeper.notify();
        }
    }

    /// There is no room for this batch.
    #[cold]
    fn refused(&self, shard: &mut Shard, batch: Batch, may_drop: bool) {
        if !may_drop || !shard.handle_dropped(&batch) {
            return self.outlet.keep(batch);
        }
        let messages = u64::from(batch.messages);
        self.load.dropped.add(messages);
        self.losses.borrow_mut().add(batch.router, messages);
        shard.handle_recycled(batch.payload);
    }

    /// Closes batches that lingered, settles tables, and withdraws what is doomed, slice by slice.
    async fn keep_deadlines(self: Rc<Self>) {
        loop {
            let now = self.clock.now();
            if !self.outlet.has_room() {
                self.shard.borrow_mut().handle_receive_paused(now);
            }
            self.shard.borrow_mut().handle_timeout(now);
            self.deliver();
            if self.shard.borrow().needs_sweep() {
                if !self.outlet.is_clear() {
                    let listens = self.outlet.has_room();
                    self.outlet.clear().await;
                    if !listens {
                        self.shard.borrow_mut().handle_receive_paused(self.clock.now());
                    }
                }
                self.shard
                    .borrow_mut()
                    .handle_sweep(SWEEP_SLICE_ROUTES, self.clock.now());
                // Withdraws of ours can wait without holding up a router, so none is thrown away.
                self.hand_over(false);
                self.turnstile.pass().await;
                continue;
            }
            let deadline = self.shard.borrow().poll_timeout().unwrap_or(u64::MAX);
            self.keeper_wakes_ns.set(deadline);
            let rest = Duration::from_nanos(deadline.saturating_sub(now.monotonic_ns)).min(HOUSEKEEPING);
            let woken = self.keeper.until(|| {
                let shard = self.shard.borrow();
                shard.needs_sweep() || shard.poll_timeout().is_some_and(|next| next < deadline)
            });
            let _ = monoio::time::timeout(rest, woken).await;
        }
    }

    /// Gauges, timeouts and the log.
    async fn keep_house(self: Rc<Self>) {
        let mut received_before = 0;
        loop {
            monoio::time::sleep(HOUSEKEEPING).await;
            self.shard.borrow().set_gauges();
            let received = self.load.core.received_bytes.get();
            self.load.rate.set(received - received_before);
            received_before = received;
            self.load.bridge_full.set(self.outlet.times_blocked());
            let forgotten = self.shard.borrow_mut().poll_forgotten();
            for router in forgotten {
                self.context.owners.forget(router);
            }
            self.end_overdue();
            self.log_notices();
        }
    }

    fn end_overdue(&self) {
        let limits = &self.context.config.limits;
        let now_ns = self.clock.now().monotonic_ns;
        let overdue = |since_ns: u64, limit_ms: u64| {
            limit_ms > 0 && now_ns.saturating_sub(since_ns) > limit_ms.saturating_mul(1_000_000)
        };
        for connection in self.connections.borrow().values() {
            let progress = self.shard.borrow().progress(connection.session);
            if progress.is_some_and(|(whole_bytes, _)| whole_bytes == 0)
                && overdue(connection.opened_ns, limits.handshake_timeout_ms)
            {
                connection.end(EndReason::Handshake);
            } else if overdue(connection.last_received_ns.get(), limits.idle_timeout_ms) {
                connection.end(EndReason::Idle);
            }
        }
    }

    fn log_notices(&self) {
        let now_ns = self.clock.now().monotonic_ns;
        self.losses.borrow_mut().log(now_ns);
        self.notices
            .borrow_mut()
            .log(self.shard.borrow_mut().poll_notices(), now_ns);
    }

    /// Hands over everything that was decoded, as far as the bridge takes it before the deadline.
    async fn stop(self: Rc<Self>, deadline: Instant) -> LeftBehind {
        self.stopping.set(true);
        self.leave_ring();
        loop {
            let now = self.clock.now();
            let more = {
                let mut shard = self.shard.borrow_mut();
                let more = shard.handle_sweep(SWEEP_SLICE_ROUTES, now);
                if !more {
                    shard.handle_flush(now);
                }
                more
            };
            self.hand_over(false);
            if !self.wait_for_room(deadline).await {
                return self.outlet.give_up().await;
            }
            if !more {
                self.shard.borrow().set_gauges();
                self.log_notices();
                self.outlet.disconnect();
                return LeftBehind::default();
            }
        }
    }

    async fn wait_for_room(&self, deadline: Instant) -> bool {
        let rest = deadline.saturating_duration_since(Instant::now());
        within(rest, self.outlet.clear()).await
    }
}

/// Whether the future came to its end in time.
async fn within(rest: Duration, future: impl Future<Output = ()>) -> bool {
    monoio::time::timeout(rest, future).await.is_ok()
}
