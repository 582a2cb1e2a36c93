//! The whole collector put together, taken down again, and asked how it is.
//!
//! Threads: one per worker, one sidecar (sink and control port), and whoever called [`Collector::start`].

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use arancini_core::{Batch, BatchSettings, Settings};
use arancini_publish::{Hooks, Sidecar, SinkStatus};
use arancini_rib::CurationMode;
use tracing::{info, warn};

use crate::config::{Config, CurationKind, Listen};
use crate::control::{BindError, ControlServer};
use crate::ingest::admission::Admission;
use crate::ingest::backend::{Backend, Driver};
use crate::ingest::owners::Owners;
use crate::ingest::{Inheritance, Mail, Worker, WorkerContext, WorkerLoad, WorkerThread, sockets};
use crate::snapshots::restore::{Restored, open_spool, restore};
use crate::snapshots::{SinkOutcome, SnapshotFigures, Snapshots, Snapshotter, Watermarks, configured};
use crate::telemetry::Telemetry;

/// Open batches of one worker hold at most this many bytes together, however many subjects there are.
const MAX_OPEN_BATCH_BYTES: usize = 16 << 20;
/// Buffers on their way back from the sidecar.
const USED_BUFFERS: usize = 256;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A running collector.
pub struct Collector {
    context: Arc<WorkerContext>,
    workers: Vec<WorkerThread>,
    sidecar: Sidecar,
    snapshotter: Option<Snapshotter>,
    control: Option<ControlServer>,
    telemetry: Arc<Telemetry>,
    addresses: Vec<SocketAddr>,
    ended: mpsc::Receiver<()>,
}

/// Why the collector could not start.
#[derive(Debug)]
pub enum StartError {
    /// A port could not be listened on.
    Bind(BindError),
    /// The sink could not be set up.
    Sink(String),
    /// The receive path that is asked for is not to be had on this host.
    Backend(io::Error),
    /// A worker's thread or runtime could not be made.
    Worker(io::Error),
    /// The directory of the snapshots can't be used.
    Snapshots(std::path::PathBuf, io::Error),
    /// It was told to stop before it had started.
    Cancelled,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Sink(error) => f.write_str(error),
            Self::Backend(error) => write!(
                f,
                "ingest.backend = \"registered\" is not to be had here: {error}; it needs io_uring of Linux 6.12 or later, not refused by a sandbox or by kernel.io_uring_disabled: set ingest.backend = \"auto\""
            ),
            Self::Snapshots(directory, error) => {
                write!(f, "snapshots can't be kept in {}: {error}", directory.display())
            }
            Self::Cancelled => f.write_str("stopped before it had started"),
            Self::Worker(error) => write!(
                f,
                "a worker can't start: {error}; if io_uring is refused here, set ingest.driver = \"epoll\""
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl From<BindError> for StartError {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

/// What a stop achieved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Messages that are durable in the sink, since the start.
    pub acknowledged_messages: u64,
    /// Batches that are not: in the workers, on the bridge or without an answer from the broker.
    pub lost_batches: u64,
    /// Messages in those.
    pub lost_messages: u64,
}

impl Collector {
    /// Starts everything; routers can connect when this returns.
    ///
    /// # Errors
    /// A port is taken, the sink's settings make no sense, or the host refuses what a worker needs.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_unless(config, &|| false)
    }

    /// As [`Self::start`]; gives up as soon as `cancelled`. A start can last: before routers may connect, the tables of a
    /// former life are restored, and for that the broker has to be there.
    ///
    /// # Errors
    /// As [`Self::start`]; or it was cancelled.
    pub fn start_unless(config: &Config, cancelled: &dyn Fn() -> bool) -> Result<Self, StartError> {
        let workers = config.workers();
        let driver = Driver::choose(config.ingest.driver, workers);
        let backend = Backend::choose(&config.ingest, driver, workers).map_err(StartError::Backend)?;
        // Ports first: a port that is taken is the commonest reason not to start, and nothing has been touched yet.
        for &address in &config.listen.address {
            sockets::is_free(address)?;
        }
        let store = configured::claim(config)
            .map_err(|error| StartError::Snapshots(config.snapshots_directory(), error))?;
        let (bridge, bridge_out) = kanal::bounded(config.publish.bridge_batches.max(1));
        let (return_buffer, used_buffers) = kanal::bounded::<Vec<u8>>(USED_BUFFERS);
        let (end, ended) = mpsc::channel();
        let status = Arc::new(SinkStatus::default());
        let watermarks = Arc::new(Watermarks::new(workers));
        let (mailboxes, mails): (Vec<_>, Vec<_>) = (0..workers).map(|_| kanal::unbounded()).unzip();
        let hooks = hooks(return_buffer, Arc::clone(&watermarks), mailboxes.clone(), end);
        let spooled = open_spool(config);
        let sidecar = Sidecar::spawn(config.sidecar_settings(), bridge_out, Arc::clone(&status), hooks)
            .map_err(|error| StartError::Sink(error.to_string()))?;

        let context = Arc::new(WorkerContext {
            config: config.clone(),
            core: core_settings(config),
            backend,
            driver,
            admission: Admission::new(&config.limits),
            owners: Owners::new(workers),
            loads: (0..workers).map(|_| Arc::new(WorkerLoad::default())).collect(),
            mailboxes,
            used_buffers,
        });
        let figures = Arc::new(SnapshotFigures::default());
        let telemetry = Arc::new(Telemetry::new(
            Arc::clone(&context),
            Arc::clone(&status),
            Arc::clone(&figures),
        ));
        let control = open_control_port(config, &sidecar, &telemetry)?;
        let restored = match &store {
            Some(store) => restore(
                config,
                &**store,
                &status,
                context.core.curation,
                spooled,
                cancelled,
            )
            .ok_or(StartError::Cancelled)?,
            None => Restored::default(),
        };
        figures.restored(&restored);
        let inheritances = inheritances(restored, workers);

        // Before any worker listens: a session of a restored router has to find the worker that holds its routes.
        for (worker, inheritance) in inheritances.iter().enumerate() {
            for router in &inheritance.routers {
                context.owners.assign(router.id, worker);
            }
        }

        let (listeners, addresses) = bind_all(&config.listen, workers)?;
        let parts = listeners.into_iter().zip(mails).zip(inheritances);
        let threads = start_workers(&context, bridge, parts).map_err(StartError::Worker)?;
        let snapshotter = store
            .map(|store| {
                let snapshots = Snapshots {
                    store,
                    collector: config.collector_name(),
                    sink: Arc::clone(&status),
                    watermarks,
                    mailboxes: context.mailboxes.clone(),
                    figures,
                };
                let interval = Duration::from_millis(config.snapshots.interval_ms.max(1));
                Snapshotter::spawn(snapshots, interval).map_err(StartError::Worker)
            })
            .transpose()?;
        telemetry.set_listening();
        let listening = addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        info!(listen = %listening, workers, driver = driver.name(), backend = backend.name(), sink = ?config.sink(), "collector started");
        Ok(Self {
            context,
            workers: threads,
            sidecar,
            snapshotter,
            control,
            telemetry,
            addresses,
            ended,
        })
    }

    /// Where routers can connect.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the control port is.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(ControlServer::address)
    }

    /// All figures of it.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Waits until the sink ends by itself (the reader of standard output went away), for this long at most; whether
    /// it did.
    #[must_use]
    pub fn sink_ended(&self, wait: Duration) -> bool {
        self.ended.recv_timeout(wait).is_ok()
    }

    /// Stops receiving, publishes what was decoded, waits for acknowledgements until the deadline.
    pub fn stop(self, deadline: Duration) -> StopReport {
        let until = Instant::now() + deadline;
        let snapshots = self.snapshotter.and_then(Snapshotter::stop);
        let (last_generation, requests) = snapshots
            .map(|snapshots| snapshots.last_generation(until))
            .unzip();
        let mut requests = requests.into_iter().flatten();
        for mailbox in &self.context.mailboxes {
            let request = requests.next().flatten().map(Box::new);
            let _ = mailbox.send(Mail::Stop(until, request));
        }
        let mut report = StopReport::default();
        for worker in self.workers {
            // A worker that panicked has ended the process already.
            let left = worker.join().unwrap_or_default();
            report.lost_batches += left.batches;
            report.lost_messages += left.messages;
        }
        drop(self.control);
        let drained = self
            .sidecar
            .drain(until.saturating_duration_since(Instant::now()));
        report.acknowledged_messages = drained.acknowledged_messages;
        report.lost_batches += drained.unacknowledged_batches;
        report.lost_messages += drained.unacknowledged_messages;
        if let Some(last_generation) = last_generation {
            last_generation.finish(if report.lost_batches == 0 {
                SinkOutcome::AllAcknowledged
            } else {
                SinkOutcome::Incomplete
            });
        }
        if report.lost_messages > 0 {
            warn!(
                batches = report.lost_batches,
                messages = report.lost_messages,
                "not acknowledged before publish.drain_deadline_ms: these messages may be missing from the stream"
            );
        }
        let telemetry = &self.telemetry;
        info!(
            received_bytes = telemetry.core(|core| core.received_bytes.get()),
            received = telemetry.received(),
            emitted = telemetry.emitted(),
            acknowledged = report.acknowledged_messages,
            "collector stopped"
        );
        report
    }
}

/// What the sidecar calls when something comes back from it.
fn hooks(
    return_buffer: kanal::Sender<Vec<u8>>,
    watermarks: Arc<Watermarks>,
    mailboxes: Vec<kanal::Sender<Mail>>,
    end: mpsc::Sender<()>,
) -> Hooks {
    Hooks {
        // A full channel means that there are buffers enough.
        recycle: Some(Arc::new(move |buffer| {
            let _ = return_buffer.try_send(buffer);
        })),
        acked: Some(Arc::new(move |batch| watermarks.acked(batch))),
        stream_is_emptied: Some(Arc::new(move || {
            for mailbox in &mailboxes {
                let _ = mailbox.send(Mail::Resync);
            }
        })),
        ended: Some(Arc::new(move || {
            let _ = end.send(());
        })),
    }
}

/// The control port, if there is to be one.
fn open_control_port(
    config: &Config,
    sidecar: &Sidecar,
    telemetry: &Arc<Telemetry>,
) -> Result<Option<ControlServer>, BindError> {
    if !config.control.enabled {
        return Ok(None);
    }
    let address = config.control.address;
    let source = Arc::clone(telemetry);
    let control = ControlServer::spawn(&sidecar.runtime_handle(), address, source)?;
    info!(address = %control.address(), "control port: /metrics /healthz /readyz");
    Ok(Some(control))
}

/// Starts a worker for each of `parts`; all of them listen when this returns. They hold the senders of the bridge then: when
/// the last of them is gone, the sidecar drains.
fn start_workers(
    context: &Arc<WorkerContext>,
    bridge: kanal::Sender<Batch>,
    parts: impl Iterator<Item = ((Vec<TcpListener>, kanal::Receiver<Mail>), Inheritance)>,
) -> io::Result<Vec<WorkerThread>> {
    let (started, starts) = mpsc::channel();
    let threads = parts
        .enumerate()
        .map(|(index, ((listeners, mail), inheritance))| {
            let (context, bridge) = (Arc::clone(context), bridge.clone());
            let started = started.clone();
            Worker::spawn(index, context, bridge, listeners, mail, inheritance, started)
        })
        .collect::<io::Result<Vec<_>>>()?;
    for _ in &threads {
        starts.recv().unwrap_or(Ok(()))?;
    }
    Ok(threads)
}

/// What each worker begins with.
fn inheritances(restored: Restored, workers: usize) -> Vec<Inheritance> {
    let (sequence_floor, resync) = (restored.sequence_floor, restored.resync);
    let shares = restored.spread(workers).into_iter();
    shares
        .map(|routers| Inheritance {
            routers,
            sequence_floor,
            resync,
        })
        .collect()
}

/// Each worker's listeners, one on every address, and the addresses with the ports they got.
fn bind_all(listen: &Listen, workers: usize) -> Result<(Vec<Vec<TcpListener>>, Vec<SocketAddr>), BindError> {
    let mut listeners: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    let mut addresses = Vec::new();
    for &address in &listen.address {
        let bound = sockets::bind(listen, address, workers)?;
        if let Some(Ok(address)) = bound.first().map(TcpListener::local_addr) {
            addresses.push(address);
        }
        for (own, listener) in listeners.iter_mut().zip(bound) {
            own.push(listener);
        }
    }
    Ok((listeners, addresses))
}

/// The configuration as the core needs it.
#[must_use]
pub fn core_settings(config: &Config) -> Settings {
    Settings {
        subject_base: config.publish.subject_base.clone(),
        curation: match config.curation.mode {
            CurationKind::Attributes => CurationMode::Attributes,
            CurationKind::Presence => CurationMode::Presence,
            CurationKind::Off => CurationMode::Off,
        },
        session_hold_ns: config.routers.session_hold_ms.saturating_mul(NANOS_PER_MILLI),
        quiet_period_ns: config.routers.quiet_period_ms.saturating_mul(NANOS_PER_MILLI),
        max_message_bytes: config.limits.max_message_bytes,
        max_peers_per_router: config.limits.max_peers_per_router,
        batch: BatchSettings {
            max_messages: config.publish.max_updates,
            max_bytes: config.publish.max_batch_bytes,
            linger_ns: config.publish.linger_ms.saturating_mul(NANOS_PER_MILLI),
            max_open_bytes: MAX_OPEN_BATCH_BYTES,
            ..arancini_core::BatchSettings::default()
        },
    }
}
