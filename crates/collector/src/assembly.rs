//! The start and the stop of the whole collector.
//!
//! Threads: one per worker, one sidecar with the sink, one for the control port, one for snapshots, and the one that calls
//! [`Collector::start`].

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use arancini_core::Batch;
use arancini_publish::{Hooks, Sidecar, SinkStatus};
use tracing::{info, warn};

use crate::config::{Config, Listen, is_ipv4_fallback};
use crate::control::api::{self, Access, Api, Asker, TokenFile};
use crate::control::{BindError, ControlServer, RisPort, RisRuntime, RisStop};
use crate::core_settings::core_settings;
use crate::ingest::backend::{Backend, Driver};
use crate::ingest::{
    Admission, Inheritance, LocalOwners, Mail, StopOrder, WorkerContext, WorkerIndex, WorkerStart,
    WorkerThread, listen,
};
use crate::snapshots::restore::{Restored, open_spool, restore};
use crate::snapshots::{SinkOutcome, SnapshotFigures, Snapshots, Snapshotter, Watermarks, configured};
use crate::start_error::StartError;
use crate::tap::Tap;
use crate::telemetry::Telemetry;
use crate::tls::ServerTls;

/// Used buffers that wait on their way back from the sidecar.
const USED_BUFFERS: usize = 256;

/// A running collector.
pub struct Collector {
    context: Arc<WorkerContext>,
    workers: Vec<WorkerThread>,
    sidecar: Sidecar,
    snapshotter: Option<Snapshotter>,
    control: Option<ControlPort>,
    telemetry: Arc<Telemetry>,
    addresses: Vec<SocketAddr>,
    ended: mpsc::Receiver<()>,
}

/// The open control port.
struct ControlPort {
    /// Ends the conversations of RIS Live. It is dropped before the server, which has their timers.
    _ris: RisStop,
    server: ControlServer,
    /// The tokens that its API asks for.
    token_files: Vec<Arc<TokenFile>>,
    tls: Option<Arc<ServerTls>>,
}

/// The outcome of a stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Messages that became durable in the sink, since the start.
    pub acknowledged_messages: u64,
    /// Batches that did not become durable: they were in the workers, on the bridge, or without an answer from the broker.
    pub lost_batches: u64,
    /// Messages in the lost batches.
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

    /// Starts everything, and gives up as soon as `cancelled`. A start can last: before routers may connect, the tables of an
    /// earlier run are restored, which needs the broker. Once `cancelled` returns `true`, it must return `true` for ever.
    ///
    /// The order of the steps matters. Ports are checked before anything is touched. The sidecar runs before the restore,
    /// which waits for the sink. Owners are known before any worker listens, and workers run before snapshots are taken.
    ///
    /// # Errors
    /// The errors of [`Self::start`]; or the start was cancelled.
    pub fn start_unless(config: &Config, cancelled: &dyn Fn() -> bool) -> Result<Self, StartError> {
        let workers = config.workers();
        let driver = Driver::choose(config.ingest.driver, workers);
        let backend = Backend::choose(&config.ingest, driver, workers).map_err(StartError::Backend)?;
        // Ports come first: a taken port is the most frequent reason not to start, and nothing has been touched yet.
        if is_ipv4_fallback(&config.listen.address) {
            warn!("this kernel has no IPv6, so the collector listens on 0.0.0.0:4000 instead of [::]:4000");
        }
        check_ports(&config.listen)?;
        let store = configured::claim(config)
            .map_err(|error| StartError::Snapshots(config.snapshots_directory(), error))?;
        let (bridge, bridge_out) = kanal::bounded(config.publish.bridge_batches.max(1));
        let (return_buffer, used_buffers) = kanal::bounded::<Vec<u8>>(USED_BUFFERS);
        let (end, ended) = mpsc::channel();
        let status = Arc::new(SinkStatus::default());
        let watermarks = Arc::new(Watermarks::new(workers));
        let (mailboxes, mails): (Vec<_>, Vec<_>) = (0..workers).map(|_| kanal::unbounded()).unzip();
        let tap = Arc::new(Tap::new(config.history_bytes()));
        let hooks = Hooks {
            taken: Some(Arc::new({
                let tap = Arc::clone(&tap);
                move |batch| tap.take(batch)
            })),
            ..hooks(return_buffer, Arc::clone(&watermarks), mailboxes.clone(), end)
        };
        let spooled = open_spool(config);
        let sidecar_settings = config.sidecar_settings();
        let incarnation = sidecar_settings.incarnation;
        let sidecar = Sidecar::spawn(sidecar_settings, bridge_out, Arc::clone(&status), hooks)
            .map_err(|error| StartError::Sink(error.to_string()))?;

        let context = Arc::new(WorkerContext {
            config: config.clone(),
            core: core_settings(config),
            backend,
            driver,
            admission: Admission::new(&config.limits),
            owners: LocalOwners::new(workers),
            counters: (0..workers).map(|_| Arc::default()).collect(),
            mailboxes,
            used_buffers,
        });
        let figures = Arc::new(SnapshotFigures::default());
        let telemetry = Arc::new(Telemetry::new(
            Arc::clone(&context),
            Arc::clone(&status),
            Arc::clone(&figures),
            tap,
        ));
        let control = open_control_port(config, &telemetry, context.mailboxes.clone())?;
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
        assign_owners(&context, &inheritances);
        let bound = Bound::on_all_addresses(&config.listen, workers)?;
        let starts = worker_starts(bound.listeners, mails, inheritances, &bridge);
        let threads = start_workers(&context, starts).map_err(StartError::Worker)?;
        // The workers hold the senders of the bridge: when the last of them is gone, the sidecar drains.
        drop(bridge);
        let snapshots = store.map(|store| Snapshots {
            store,
            collector: config.collector_name(),
            incarnation,
            published_to: configured::published_to(config),
            sink: Arc::clone(&status),
            watermarks,
            mailboxes: context.mailboxes.clone(),
            figures,
        });
        let snapshotter = start_snapshotter(snapshots, config)?;
        telemetry.set_listening();
        log_start(&context, &bound.addresses);
        Ok(Self {
            context,
            workers: threads,
            sidecar,
            snapshotter,
            control,
            telemetry,
            addresses: bound.addresses,
            ended,
        })
    }

    /// The addresses that routers can connect to.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the control port, if it is open.
    #[must_use]
    pub fn control_address(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(|control| control.server.address())
    }

    /// The address of RIS Live, if it has a port of its own.
    #[must_use]
    pub fn ris_address(&self) -> Option<SocketAddr> {
        self.control.as_ref()?.server.ris_address()
    }

    /// The figures of the collector.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Applies the settings that can change while the collector runs: `limits.allow`, the tokens of the API, and the certificate of
    /// the control port.
    /// Returns the names of other settings that differ from those in use and need a restart.
    pub fn reload(&self, config: &Config) -> Vec<String> {
        self.context.admission.allow_only(&config.limits.allow);
        let token_files = self.control.iter().flat_map(|control| &control.token_files);
        for token_file in token_files {
            if let Err(problem) = token_file.read_again() {
                warn!(%problem, "a token of the API can't be read again, so the token before stays in use");
            }
        }
        let tls = self.control.as_ref().and_then(|control| control.tls.as_ref());
        if let Some(Err(problem)) = tls.map(|tls| tls.read_again()) {
            warn!(%problem, "the certificate of the control port can't be read again, so the one before stays in use");
        }
        let mut in_use = self.context.config.clone();
        in_use.limits.allow.clone_from(&config.limits.allow);
        in_use.log.level.clone_from(&config.log.level);
        in_use.differences(config)
    }

    /// Waits at most this long for the sink to end by itself, as it does when the reader of standard output goes away. Returns
    /// whether it has ended.
    #[must_use]
    pub fn sink_ended(&self, wait: Duration) -> bool {
        self.ended.recv_timeout(wait).is_ok()
    }

    /// Stops receiving, publishes everything that was decoded, and waits for acknowledgements until the deadline.
    pub fn stop(self, deadline: Duration) -> StopReport {
        let until = Instant::now() + deadline;
        let snapshots = self.snapshotter.and_then(Snapshotter::stop);
        let losses = self.telemetry.sink().losses();
        let lost_before = self.telemetry.sink().lost_in_spool();
        let (last_generation, requests) = snapshots
            .map(|snapshots| snapshots.last_generation(until))
            .unzip();
        let mut requests = requests.into_iter().flatten();
        for mailbox in &self.context.mailboxes {
            let request = requests.next().flatten().map(Box::new);
            let _ = mailbox.send(Mail::Stop(StopOrder {
                deadline: until,
                last_snapshot: request,
            }));
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
        // For what the spool lost before the stop, the routers were resynced. A worker that stops resyncs none.
        let lost_in_spool = self.telemetry.sink().lost_in_spool();
        report.lost_batches += drained.unacknowledged_batches + lost_in_spool.batches - lost_before.batches;
        report.lost_messages +=
            drained.unacknowledged_messages + lost_in_spool.messages - lost_before.messages;
        if let Some(last_generation) = last_generation {
            // The last snapshot lists a message that was set aside or lost since as published.
            let is_whole = report.lost_batches == 0 && self.telemetry.sink().losses() == losses;
            last_generation.finish(if is_whole {
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

/// Checks that nobody listens on any of the addresses.
fn check_ports(settings: &Listen) -> Result<(), BindError> {
    settings.address.iter().copied().try_for_each(listen::is_free)
}

/// What the sidecar calls when something comes back from the sink.
fn hooks(
    return_buffer: kanal::Sender<Vec<u8>>,
    watermarks: Arc<Watermarks>,
    mailboxes: Vec<kanal::Sender<Mail>>,
    end: mpsc::Sender<()>,
) -> Hooks {
    let everyone = move |mail: &dyn Fn() -> Mail| {
        for mailbox in &mailboxes {
            let _ = mailbox.send(mail());
        }
    };
    Hooks {
        // A full channel means that there are enough buffers.
        recycle: Some(Arc::new(move |buffer| {
            let _ = return_buffer.try_send(buffer);
        })),
        acked: Some(Arc::new(move |batch| watermarks.acked(batch))),
        // Only the worker that owns a router acts.
        set_aside: Some(Arc::new({
            let everyone = everyone.clone();
            move |batch| everyone(&|| Mail::SetAside(Arc::clone(&batch)))
        })),
        routers_are_lost: Some(Arc::new({
            let everyone = everyone.clone();
            move |routers| {
                let routers: Arc<[IpAddr]> = routers.into();
                everyone(&|| Mail::ResyncRouters(Arc::clone(&routers)));
            }
        })),
        stream_is_emptied: Some(Arc::new(move || everyone(&|| Mail::Resync))),
        ended: Some(Arc::new(move || {
            let _ = end.send(());
        })),
        taken: None,
    }
}

/// Opens the control port, if it is enabled.
fn open_control_port(
    config: &Config,
    telemetry: &Arc<Telemetry>,
    mailboxes: Vec<kanal::Sender<Mail>>,
) -> Result<Option<ControlPort>, StartError> {
    if !config.control.enabled {
        return Ok(None);
    }
    let address = config.control.address;
    let source = Arc::clone(telemetry);
    let ris = RisRuntime::default();
    let api = Api::new(
        Asker::new(mailboxes, Arc::clone(telemetry.api())),
        Arc::clone(telemetry),
        config.control.ris_clients,
        ris.clone(),
    );
    let access = Access::of(&config.control, Arc::clone(telemetry.api())).map_err(StartError::Token)?;
    let token_files = access.token_files();
    let api = Arc::new(api);
    let ris_port = config.control.ris_address.map(|address| RisPort {
        address,
        paths: api::ris_paths(Arc::clone(&api), access.on(address)),
    });
    let api = api::paths(api, access, ris_port.is_some());
    let tls = config.control.tls_files().map(ServerTls::of).transpose();
    let tls = tls
        .map_err(|error| StartError::Tls(error.to_string()))?
        .map(Arc::new);
    let control = ControlServer::spawn(address, tls.clone(), source, api, ris_port)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    info!(address = %control.address(), scheme, "control port: /metrics /healthz /readyz /api/v1");
    if let Some(address) = control.ris_address() {
        info!(%address, scheme, "RIS Live: /v1/ws");
    }
    Ok(Some(ControlPort {
        _ris: ris.stop_on_drop(),
        server: control,
        token_files,
        tls,
    }))
}

/// Makes each worker the owner of the routers that it inherits. This comes before any worker listens: a session of a restored
/// router has to find the worker that holds its routes.
fn assign_owners(context: &WorkerContext, inheritances: &[Inheritance]) {
    for (worker, inheritance) in inheritances.iter().enumerate() {
        for router in &inheritance.routers {
            context.owners.assign(router.id, WorkerIndex::new(worker));
        }
    }
}

/// What each worker is started with. Each holds a sender of the bridge.
fn worker_starts(
    listeners: Vec<Vec<TcpListener>>,
    mails: Vec<kanal::Receiver<Mail>>,
    inheritances: Vec<Inheritance>,
    bridge: &kanal::Sender<Batch>,
) -> Vec<WorkerStart> {
    let mut mails = mails.into_iter();
    let mut listeners = listeners.into_iter();
    let mut starts = Vec::with_capacity(inheritances.len());
    for inheritance in inheritances {
        let (Some(listeners), Some(mail)) = (listeners.next(), mails.next()) else {
            break;
        };
        starts.push(WorkerStart {
            index: WorkerIndex::new(starts.len()),
            bridge: bridge.clone(),
            listeners,
            mail,
            inheritance,
        });
    }
    starts
}

/// Starts the thread that takes snapshots, if there is a store for them.
fn start_snapshotter(
    snapshots: Option<Snapshots>,
    config: &Config,
) -> Result<Option<Snapshotter>, StartError> {
    let interval = Duration::from_millis(config.snapshots.interval_ms.max(1));
    snapshots
        .map(|snapshots| Snapshotter::spawn(snapshots, interval))
        .transpose()
        .map_err(StartError::Worker)
}

/// Logs that routers can connect.
fn log_start(context: &WorkerContext, addresses: &[SocketAddr]) {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    info!(
        listen = %addresses.join(", "),
        workers = context.mailboxes.len(),
        driver = context.driver.name(),
        backend = context.backend.name(),
        sink = %context.config.sink(),
        data_dir = %context.config.file.data_dir.display(),
        "collector started"
    );
}

/// Starts the workers. All of them listen when this returns.
fn start_workers(context: &Arc<WorkerContext>, starts: Vec<WorkerStart>) -> io::Result<Vec<WorkerThread>> {
    let (started, outcomes) = mpsc::channel();
    let threads = starts
        .into_iter()
        .map(|start| start.spawn(Arc::clone(context), started.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    for _ in &threads {
        outcomes.recv().unwrap_or(Ok(()))?;
    }
    Ok(threads)
}

/// What each worker begins with.
fn inheritances(restored: Restored, workers: usize) -> Vec<Inheritance> {
    let (sequence_floor, resync) = (restored.sequence_floor, restored.resync);
    let is_past_read = restored.is_past_read;
    let shares = restored.spread(workers).into_iter();
    shares
        .map(|routers| Inheritance {
            routers,
            sequence_floor,
            resync,
            is_past_read,
        })
        .collect()
}

/// The sockets that the collector listens on.
struct Bound {
    /// The listeners of each worker, one on every address.
    listeners: Vec<Vec<TcpListener>>,
    /// The addresses, with the ports that the listeners got.
    addresses: Vec<SocketAddr>,
}

impl Bound {
    fn on_all_addresses(settings: &Listen, workers: usize) -> Result<Self, BindError> {
        let mut listeners: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        for &address in &settings.address {
            let bound = listen::bind(settings, address, workers)?;
            if let Some(Ok(address)) = bound.first().map(TcpListener::local_addr) {
                addresses.push(address);
            }
            for (own, listener) in listeners.iter_mut().zip(bound) {
                own.push(listener);
            }
        }
        Ok(Self { listeners, addresses })
    }
}
