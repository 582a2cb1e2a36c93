//! The worker: a pinned thread, its runtime, and the tasks on it.

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use arancini_core::{Batch, Shard};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

use super::answer::answer;
use super::arrive::entrance::{ARRIVALS_PER_TURN, Entrance};
use super::arrive::waiting::Waiting;
use super::backend::Driver;
use super::budget_keeper::keep_budget;
use super::context::WorkerContext;
use super::deadlines::keep_deadlines;
use super::housekeeping::keep_house;
use super::idle_moment::IdleMoment;
use super::index::WorkerIndex;
use super::inheritance::{Inheritance, inherit};
use super::lane::Lane;
use super::mail::{Mail, Mailbox, StopOrder};
use super::outlet::{LeftBehind, Outlet, WhenFull};
use super::pinning::pin;
use super::receiver::Receiver;
use super::ring;
use super::sessions::OpenSessions;
use super::stop::stop;
use super::task::{spawn_timed, timed};
use super::unfinished::Unfinished;
use super::walk::write_snapshot;
use super::worker_died::DeathWatch;
use crate::config::OnFull;

/// Where a worker reports whether it has started.
pub type Started = mpsc::Sender<std::io::Result<()>>;

/// The thread of a worker.
pub type WorkerThread = JoinHandle<LeftBehind>;

/// What one worker is started with.
pub struct WorkerStart {
    /// Which worker it is.
    pub index: WorkerIndex,
    /// Its end of the bridge to the sidecar.
    pub bridge: kanal::Sender<Batch>,
    /// Its listeners, one on every address of `listen.address`, in this order.
    pub listeners: Vec<TcpListener>,
    /// Its mailbox.
    pub mail: kanal::Receiver<Mail>,
    /// What it takes over from an earlier run.
    pub inheritance: Inheritance,
}

impl WorkerStart {
    /// Starts the thread of the worker. `started` hears whether the runtime and everything on it could be made.
    ///
    /// # Errors
    /// The thread can't be made.
    pub fn spawn(self, context: Arc<WorkerContext>, started: Started) -> std::io::Result<WorkerThread> {
        std::thread::Builder::new()
            .name(format!("arancini-worker-{}", self.index.get()))
            .spawn(move || {
                let _watch = DeathWatch(self.index);
                if context.config.listen.pin_workers {
                    pin(self.index);
                }
                // Each driver is a type of its own.
                let result = match context.driver {
                    Driver::IoUring => {
                        let build = || RuntimeBuilder::<IoUringDriver>::new().enable_timer().build();
                        ring::patiently(build)
                            .map(|mut runtime| runtime.block_on(live(self, context, &started)))
                    }
                    Driver::Epoll => RuntimeBuilder::<LegacyDriver>::new()
                        .enable_timer()
                        .build()
                        .map(|mut runtime| runtime.block_on(live(self, context, &started))),
                };
                result.unwrap_or_else(|error| {
                    let _ = started.send(Err(error));
                    LeftBehind::default()
                })
            })
    }
}

/// The life of a worker on its runtime.
async fn live(start: WorkerStart, context: Arc<WorkerContext>, started: &Started) -> LeftBehind {
    let worker = match Worker::new(start.index, context, start.bridge) {
        Ok(worker) => worker,
        Err(error) => {
            let _ = started.send(Err(error));
            return LeftBehind::default();
        }
    };
    inherit(&worker.lane, start.inheritance);
    let _ = started.send(Ok(()));
    worker.run(start.listeners, start.mail).await
}

/// One worker, on its own thread.
struct Worker {
    lane: Rc<Lane>,
    sessions: Rc<OpenSessions>,
    receiver: Rc<Receiver>,
    entrance: Rc<Entrance>,
    idle: Rc<IdleMoment>,
}

impl Worker {
    fn new(
        index: WorkerIndex,
        context: Arc<WorkerContext>,
        bridge: kanal::Sender<Batch>,
    ) -> std::io::Result<Self> {
        let receiver = Receiver::new(context.backend, context.driver, &context.config.ingest)?;
        let counters = Arc::clone(&context.counters[index.get()]);
        let shard = Shard::new(
            index.get() as u16,
            context.core.clone(),
            Arc::clone(&counters.core),
        );
        let when_full = match context.config.publish.on_full {
            OnFull::Drop => WhenFull::Drop,
            OnFull::Block | OnFull::Spool => WhenFull::Wait,
        };
        let outlet = Outlet::new(bridge, context.used_buffers.clone(), when_full);
        let unfinished = Unfinished::share_of(context.counters.len(), &context.config.limits);
        let lane = Rc::new(Lane::new(index, counters, shard, outlet, unfinished));
        let sessions = Rc::new(OpenSessions::new(
            Rc::clone(&lane),
            context.config.routers.same_identity,
        ));
        let receiver = Rc::new(receiver);
        let entrance = Rc::new(Entrance {
            context,
            relayed: Waiting::for_headers(Rc::clone(&lane)),
            naming: Waiting::for_names(Rc::clone(&lane)),
            waiting: Waiting::for_messages(Rc::clone(&lane)),
            sessions: Rc::clone(&sessions),
            receiver: Rc::clone(&receiver),
        });
        Ok(Self {
            lane,
            sessions,
            receiver,
            entrance,
            idle: Rc::new(IdleMoment::new()?),
        })
    }

    /// Starts the tasks of the worker and serves until it is told to stop.
    async fn run(self, listeners: Vec<TcpListener>, mail: kanal::Receiver<Mail>) -> LeftBehind {
        let lane = Rc::clone(&self.lane);
        let config = &self.entrance.context.config;
        for (listener, &address) in listeners.into_iter().zip(&config.listen.address) {
            let identified_by = config.routers.identify_by.at(address);
            spawn_timed(&lane, Rc::clone(&self.entrance).listen(listener, identified_by));
        }
        let carrier = Rc::clone(&lane);
        spawn_timed(&lane, async move { carrier.outlet.carry().await });
        let (doorman, idle) = (Rc::clone(&lane), Rc::clone(&self.idle));
        monoio::spawn(async move { doorman.turn(&idle).await });
        let gatekeeper = Rc::clone(&lane);
        spawn_timed(&lane, async move {
            gatekeeper
                .gate
                .admit(ARRIVALS_PER_TURN, &gatekeeper.turnstile)
                .await;
        });
        spawn_timed(&lane, keep_deadlines(Rc::clone(&lane)));
        spawn_timed(&lane, keep_house(Rc::clone(&self.entrance)));
        spawn_timed(&lane, keep_budget(Rc::clone(&self.entrance)));
        self.receiver.start(&self.sessions);
        timed(&lane, self.read_mail(mail)).await
    }

    /// Does what other threads order, until the order is to stop.
    async fn read_mail(self, mail: kanal::Receiver<Mail>) -> LeftBehind {
        let mut mailbox = Mailbox::new(mail);
        loop {
            match mailbox.next(&self.lane.turnstile).await {
                Some(Mail::Adopt(claimed)) => self.entrance.adopt(*claimed),
                Some(Mail::Snapshot(request)) => {
                    spawn_timed(&self.lane, write_snapshot(Rc::clone(&self.lane), *request));
                }
                Some(Mail::Question(request)) => {
                    spawn_timed(&self.lane, answer(Rc::clone(&self.lane), *request));
                }
                Some(Mail::Resync) => self.sessions.resync().await,
                Some(Mail::ResyncRouters(routers)) => self.sessions.resync_routers(&routers).await,
                Some(Mail::SetAside(batch)) => self.sessions.set_aside(&batch),
                Some(Mail::Repeat(request)) => self.sessions.repeat(*request),
                Some(Mail::Stop(order)) => return self.stop(order).await,
                None => return stop(&self.lane, &self.receiver, Instant::now()).await,
            }
        }
    }

    async fn stop(self, order: StopOrder) -> LeftBehind {
        let left_behind = stop(&self.lane, &self.receiver, order.deadline).await;
        if let Some(request) = order.last_snapshot {
            write_snapshot(self.lane, *request).await;
        }
        left_behind
    }
}
