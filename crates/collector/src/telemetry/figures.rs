//! The figures of a running collector, summed over its workers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Instant, UNIX_EPOCH};

use arancini_core::{Counters, KeptAttributes};
use arancini_publish::SinkStatus;
use arancini_rib::CurationMode;
use clap::ValueEnum;

use super::api_figures::ApiFigures;
use super::rates::{RateRecord, Totals};
use crate::control::ControlSource;
use crate::control::api::Asker;
use crate::ingest::{WorkerContext, WorkerCounters};
use crate::snapshots::SnapshotFigures;
use crate::tap::Tap;

/// Reads one figure of a worker.
pub(super) type Read = fn(&Counters) -> u64;

/// All figures of a running collector.
pub struct Telemetry {
    pub(super) context: Arc<WorkerContext>,
    pub(super) sink: Arc<SinkStatus>,
    pub(super) snapshots: Arc<SnapshotFigures>,
    pub(super) api: Arc<ApiFigures>,
    /// Asks the workers for the metrics of single routers and peers.
    pub(super) asker: Arc<Asker>,
    pub(super) tap: Arc<Tap>,
    rates: RateRecord,
    started: Instant,
    /// Whether routers can connect. They can after the tables of the previous run are restored.
    pub(super) listening: AtomicBool,
}

impl Telemetry {
    pub(crate) fn new(
        context: Arc<WorkerContext>,
        sink: Arc<SinkStatus>,
        snapshots: Arc<SnapshotFigures>,
        tap: Arc<Tap>,
    ) -> Self {
        // Scrapes have places of their own: neither they nor the API wait for the other. They are no questions of the API.
        let asker = Asker::new(context.mailboxes.clone(), Arc::default());
        Self {
            context,
            asker: Arc::new(asker),
            sink,
            snapshots,
            tap,
            rates: RateRecord::default(),
            started: Instant::now(),
            api: Arc::default(),
            listening: AtomicBool::new(false),
        }
    }

    /// Returns the figures of the API.
    pub(crate) fn api(&self) -> &Arc<ApiFigures> {
        &self.api
    }

    /// Returns the history of what was published, and those who listen.
    pub(crate) fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// Returns the rates of the last hour.
    pub(crate) fn rates(&self) -> &RateRecord {
        &self.rates
    }

    /// Takes a sample of the rates.
    pub(super) fn take_rates(&self) {
        let since_epoch = UNIX_EPOCH.elapsed().unwrap_or_default();
        let now = Totals {
            received: self.core(|core| core.received_announces.total() + core.received_withdraws.total()),
            emitted: self.core(|core| core.emitted_announces.total() + core.emitted_withdraws.total()),
            suppressed: self.core(|core| core.suppressed.total()),
        };
        let unix_ns = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        self.rates.take(self.started.elapsed(), unix_ns, now);
    }

    /// Records that routers can connect from now on.
    pub(crate) fn set_listening(&self) {
        self.listening.store(true, Relaxed);
    }

    /// Returns whether routers can connect.
    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Relaxed)
    }

    /// Returns the counters of each worker, in the order of the workers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &WorkerCounters> {
        self.context.counters.iter().map(|counters| &**counters)
    }

    /// Returns the number of turns that each worker has had. A worker that goes on has at least one turn a second.
    pub fn turns_of_workers(&self) -> impl Iterator<Item = u64> {
        self.workers().map(|worker| worker.turns.wall.count())
    }

    /// Returns the state of the collector in one line, for the service manager.
    #[must_use]
    pub fn status_line(&self) -> String {
        let counted = |count: u64, noun: &str| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {noun}{plural}")
        };
        let figures = format!(
            "{}, {}, {}",
            counted(self.core(|core| core.sessions.get()), "session"),
            counted(self.core(|core| core.routers.get()), "router"),
            counted(self.core(|core| core.routes.get()), "route"),
        );
        match self.readiness().problems.first() {
            None => format!("{figures}; publishing"),
            Some(problem) => format!("{figures}; not ready: {}", problem.cause),
        }
    }

    /// Returns the name of the sink, as in the configuration.
    pub(crate) fn sink_name(&self) -> String {
        let name = self.context.config.sink().to_possible_value();
        name.map_or_else(String::new, |name| name.get_name().to_owned())
    }

    /// Returns whether the curation mode keeps no tables, so that there are no routes to show.
    pub(crate) fn keeps_no_tables(&self) -> bool {
        self.context.core.curation == CurationMode::Off
    }

    /// Returns whether the tables retain the attributes of their routes.
    pub(crate) fn retains_attributes(&self) -> bool {
        matches!(self.context.core.attributes, KeptAttributes::Retain { .. })
    }

    /// Returns the figures of the snapshots and of the restore at the start.
    #[must_use]
    pub fn snapshots(&self) -> &SnapshotFigures {
        &self.snapshots
    }

    /// Returns one figure of the core, summed over the workers.
    #[must_use]
    pub fn core(&self, read: impl Fn(&Counters) -> u64) -> u64 {
        self.context.counters.iter().map(|load| read(&load.core)).sum()
    }

    /// Returns one figure of the receive path, summed over the workers.
    pub(super) fn worker(&self, read: impl Fn(&WorkerCounters) -> u64) -> u64 {
        self.context.counters.iter().map(|load| read(load)).sum()
    }

    /// Returns the status of the sink.
    #[must_use]
    pub fn sink(&self) -> &SinkStatus {
        &self.sink
    }

    /// Returns the number of announces and withdraws received from routers.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.core(|core| core.received_announces.total() + core.received_withdraws.total())
    }

    /// Returns the number of published updates, including synthetic withdraws.
    #[must_use]
    pub fn emitted(&self) -> u64 {
        self.core(|core| core.emitted_announces.total() + core.emitted_withdraws.total())
    }

    /// Returns the number of announces and withdraws not published because consumers already knew them.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.core(|core| core.suppressed.total())
    }

    /// Returns the number of published withdraws that no router sent.
    #[must_use]
    pub fn synthetic(&self) -> u64 {
        self.core(|core| core.synthetic_withdraws.get())
    }
}
