//! What the collector says of itself: counters of all workers, summed when somebody asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arancini_core::counters::ViewCounters;
use arancini_core::{Counters, Quirk};
use arancini_publish::status::LATENCY_BOUNDS_SECONDS;
use arancini_publish::{Reason, SinkStatus};
use arancini_wire::bmp::{MessageType, RibView};

use crate::control::{ControlSource, Metrics, Problem, Readiness};
use crate::ingest::admission::Refusal;
use crate::ingest::turns::TurnHistogram;
use crate::ingest::{WorkerContext, WorkerLoad};
use crate::snapshots::SnapshotFigures;

/// Reads one figure of a worker.
type Read = fn(&Counters) -> u64;

/// All figures of a running collector.
pub struct Telemetry {
    context: Arc<WorkerContext>,
    sink: Arc<SinkStatus>,
    snapshots: Arc<SnapshotFigures>,
    /// Routers can connect: what a former life held is restored.
    listening: AtomicBool,
}

impl Telemetry {
    pub(crate) const fn new(
        context: Arc<WorkerContext>,
        sink: Arc<SinkStatus>,
        snapshots: Arc<SnapshotFigures>,
    ) -> Self {
        Self {
            context,
            sink,
            snapshots,
            listening: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_listening(&self) {
        self.listening.store(true, Relaxed);
    }

    /// Figures of snapshots and of the restore.
    #[must_use]
    pub fn snapshots(&self) -> &SnapshotFigures {
        &self.snapshots
    }

    /// One figure of the core, summed over the workers.
    #[must_use]
    pub fn core(&self, read: impl Fn(&Counters) -> u64) -> u64 {
        self.context.loads.iter().map(|load| read(&load.core)).sum()
    }

    /// What the sink says of itself.
    #[must_use]
    pub fn sink(&self) -> &SinkStatus {
        &self.sink
    }

    /// Announces and withdraws received from routers.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.core(|core| core.received_announces.total() + core.received_withdraws.total())
    }

    /// Updates published, synthetic ones included.
    #[must_use]
    pub fn emitted(&self) -> u64 {
        self.core(|core| core.emitted_announces.total() + core.emitted_withdraws.total())
    }

    /// Announces and withdraws that consumers knew already.
    #[must_use]
    pub fn suppressed(&self) -> u64 {
        self.core(|core| core.suppressed.total())
    }

    /// Withdraws that no router sent.
    #[must_use]
    pub fn synthetic(&self) -> u64 {
        self.core(|core| core.synthetic_withdraws.get())
    }

    fn worker(&self, read: impl Fn(&WorkerLoad) -> u64) -> u64 {
        self.context.loads.iter().map(|load| read(load)).sum()
    }

    fn views(
        &self,
        metrics: &mut Metrics<'_>,
        name: &str,
        help: &str,
        of: fn(&Counters) -> &ViewCounters,
    ) -> fmt::Result {
        let mut family = metrics.counter(name, help)?;
        for view in RibView::ALL {
            family.sample(
                &[("view", view.name())],
                self.core(|core| of(core).of(view).get()),
            )?;
        }
        Ok(())
    }

    fn ingest_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let admission = &self.context.admission;
        metrics
            .gauge("ingest_driver", "Kernel interface in use")?
            .sample(&[("driver", self.context.driver.name())], 1)?;
        metrics
            .gauge("ingest_backend", "Receive path in use")?
            .sample(&[("backend", self.context.backend.name())], 1)?;
        metrics
            .gauge("sessions", "BMP sessions open")?
            .sample(&[], self.core(|c| c.sessions.get()))?;
        metrics
            .gauge("routers", "Routers known, stale ones included")?
            .sample(&[], self.core(|c| c.routers.get()))?;
        self.worker_metrics(metrics)?;
        metrics
            .counter("connections_accepted", "Connections let in")?
            .sample(&[], admission.accepted())?;
        let mut refused = metrics.counter("connections_refused", "Connections refused")?;
        for refusal in Refusal::ALL {
            refused.sample(&[("reason", refusal.label())], admission.refused(refusal))?;
        }
        let mut ended = metrics.counter("connections_ended", "Connections ended")?;
        let mut by_reason: Vec<(&str, u64)> = Vec::new();
        for load in &self.context.loads {
            for (place, (label, count)) in load.ended_by_reason().enumerate() {
                match by_reason.get_mut(place) {
                    Some((_, sum)) => *sum += count,
                    None => by_reason.push((label, count)),
                }
            }
        }
        for (reason, count) in by_reason {
            ended.sample(&[("reason", reason)], count)?;
        }
        metrics
            .counter(
                "connections_handed_over",
                "Connections handed to the worker that owns the router",
            )?
            .sample(&[], self.worker(|load| load.handed_over.get()))?;
        metrics
            .counter("received_bytes", "Bytes received from routers")?
            .sample(&[], self.core(|c| c.received_bytes.get()))?;
        metrics
            .counter("receive_calls", "System calls to receive")?
            .sample(&[], self.worker(|load| load.receive_calls.get()))?;
        let mut messages = metrics.counter("bmp_messages", "BMP messages received")?;
        let types = self
            .context
            .loads
            .first()
            .map_or(0, |load| load.core.messages.len());
        for number in 0..types {
            let name = MessageType::from_code(number as u8).name();
            messages.sample(&[("type", name)], self.core(|c| c.messages[number].get()))?;
        }
        Ok(())
    }

    /// How the routers are spread: the only figures that are not sums.
    fn worker_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let gauges: [(&str, &str, Read); 2] = [
            ("worker_routers", "Routers that belong to a worker", |c| {
                c.routers.get()
            }),
            ("worker_routes", "Routes that a worker holds", |c| c.routes.get()),
        ];
        for (name, help, read) in gauges {
            let mut gauge = metrics.gauge(name, help)?;
            for (worker, load) in self.context.loads.iter().enumerate() {
                gauge.sample(&[("worker", &worker.to_string())], read(&load.core))?;
            }
        }
        self.turn_metrics(metrics)
    }

    /// How long the workers' tasks held them.
    fn turn_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let turns = || self.context.loads.iter().map(|load| &load.turns);
        let (buckets, sum) = TurnHistogram::sum_of(turns().map(|turns| &turns.wall));
        metrics.histogram(
            "worker_turn_seconds",
            "How long a task held its worker",
            sum,
            &buckets,
        )?;
        let (buckets, sum) = TurnHistogram::sum_of(turns().map(|turns| &turns.cpu));
        metrics.histogram("worker_turn_cpu_seconds", "The same in CPU time", sum, &buckets)?;
        let longest = turns().map(|turns| turns.cpu.longest()).max();
        metrics
            .gauge(
                "worker_longest_turn_cpu_seconds",
                "The longest of these since the start",
            )?
            .seconds(longest.unwrap_or_default().as_secs_f64())
    }

    fn curation_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        self.views(
            metrics,
            "received_announces",
            "Routes announced by routers",
            |c| &c.received_announces,
        )?;
        self.views(
            metrics,
            "received_withdraws",
            "Routes withdrawn by routers",
            |c| &c.received_withdraws,
        )?;
        self.views(metrics, "emitted_announces", "Announces published", |c| {
            &c.emitted_announces
        })?;
        self.views(
            metrics,
            "emitted_withdraws",
            "Withdraws published, synthetic ones included",
            |c| &c.emitted_withdraws,
        )?;
        self.views(
            metrics,
            "suppressed",
            "Announces and withdraws that consumers knew already",
            |c| &c.suppressed,
        )?;
        metrics
            .gauge("routes", "Routes held")?
            .sample(&[], self.core(|c| c.routes.get()))?;
        let plain: [(&str, &str, Read); 9] = [
            ("synthetic_withdraws", "Withdraws that no router sent", |c| {
                c.synthetic_withdraws.get()
            }),
            (
                "treated_as_withdraw",
                "Routes withdrawn for malformed attributes (RFC 7606)",
                |c| c.treated_as_withdraw.get(),
            ),
            (
                "discarded_attributes",
                "Malformed attributes discarded (RFC 7606)",
                |c| c.discarded_attributes.get(),
            ),
            ("malformed_messages", "Messages skipped and published raw", |c| {
                c.malformed.get()
            }),
            ("end_of_ribs", "End-of-RIB markers", |c| c.end_of_ribs.get()),
            ("peer_ups", "Peer Up messages", |c| c.peers_up.get()),
            ("peer_downs", "Peer Down messages", |c| c.peers_down.get()),
            ("peer_limit_exceeded", "Messages of peers above the limit", |c| {
                c.peer_limit_exceeded.get()
            }),
            ("events", "Events published beside updates", |c| c.events.get()),
        ];
        for (name, help, read) in plain {
            metrics.counter(name, help)?.sample(&[], self.core(read))?;
        }
        let mut quirks = metrics.counter("quirks", "Senders' quirks, handled")?;
        for quirk in Quirk::ALL {
            quirks.sample(
                &[("quirk", quirk.name())],
                self.core(|c| c.quirks[quirk as usize].get()),
            )?;
        }
        Ok(())
    }

    fn publish_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let sink = &self.sink;
        metrics
            .counter("batches", "Batches handed to the bridge")?
            .sample(&[], self.core(|c| c.batches.get()))?;
        metrics
            .counter("batch_bytes", "Payload bytes handed to the bridge")?
            .sample(&[], self.core(|c| c.batch_bytes.get()))?;
        metrics
            .counter(
                "bridge_full",
                "Times a worker found the bridge full and stopped receiving",
            )?
            .sample(&[], self.worker(|load| load.bridge_full.get()))?;
        let mut dropped = metrics.counter(
            "dropped_updates",
            "Messages thrown away because the sink took no more",
        )?;
        for (worker, load) in self.context.loads.iter().enumerate() {
            dropped.sample(&[("worker", &worker.to_string())], load.dropped.get())?;
        }
        let counters = [
            (
                "sink_batches_acknowledged",
                "Batches durable in the sink",
                &sink.batches_acknowledged,
            ),
            (
                "sink_messages_acknowledged",
                "Messages durable in the sink",
                &sink.messages_acknowledged,
            ),
            (
                "sink_bytes_acknowledged",
                "Payload bytes durable in the sink",
                &sink.bytes_acknowledged,
            ),
            (
                "sink_bytes_before_compression",
                "Payload bytes before compression, where that is set",
                &sink.bytes_before_compression,
            ),
            (
                "sink_bytes_after_compression",
                "What those were compressed to",
                &sink.bytes_after_compression,
            ),
            (
                "sink_published",
                "Messages handed to the broker, resent ones included",
                &sink.published,
            ),
            ("sink_resent", "Messages handed to the broker again", &sink.resent),
            (
                "sink_duplicates",
                "Messages the broker knew already",
                &sink.duplicates,
            ),
            (
                "sink_reordered",
                "Messages stored behind a later one of their router",
                &sink.reordered,
            ),
            ("spooled_batches", "Batches written to the spool", &sink.spooled),
            (
                "spool_damaged",
                "Batches lost because the spool's files were damaged",
                &sink.spool_damaged,
            ),
            ("sink_connects", "Connections made to the broker", &sink.connects),
            (
                "sink_disconnects",
                "Connections lost to the broker",
                &sink.disconnects,
            ),
        ];
        for (name, help, counter) in counters {
            metrics.counter(name, help)?.sample(&[], counter.load(Relaxed))?;
        }
        let mut errors = metrics.counter("sink_errors", "Errors of the sink")?;
        for reason in Reason::ALL {
            errors.sample(&[("reason", reason.label())], sink.errors(reason))?;
        }
        metrics
            .gauge(
                "sink_window_bytes",
                "Payload bytes published and not acknowledged",
            )?
            .sample(&[], sink.window_bytes.load(Relaxed))?;
        metrics
            .gauge(
                "sink_window_messages",
                "Broker messages published and not acknowledged",
            )?
            .sample(&[], sink.window_messages.load(Relaxed))?;
        metrics
            .gauge("spool_bytes", "Bytes of the spool's files")?
            .sample(&[], sink.spool_bytes.load(Relaxed))?;
        metrics
            .gauge("spool_batches", "Batches in the spool that are not acknowledged")?
            .sample(&[], sink.spool_batches.load(Relaxed))?;
        let (counts, sum) = sink.ack_latency.read();
        let bounds = LATENCY_BOUNDS_SECONDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        metrics.histogram(
            "sink_ack_latency_seconds",
            "From publishing to acknowledgement",
            sum,
            &buckets,
        )
    }
}

impl Telemetry {
    fn snapshot_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let figures = &self.snapshots;
        metrics
            .counter("snapshots", "Snapshots completed")?
            .sample(&[], figures.completed.load(Relaxed))?;
        metrics
            .counter("snapshot_failures", "Snapshots given up")?
            .sample(&[], figures.failed.load(Relaxed))?;
        let gauges = [
            ("snapshot_routes", "Routes in the last snapshot", &figures.routes),
            ("snapshot_bytes", "Size of the last snapshot", &figures.bytes),
            (
                "snapshot_timestamp_seconds",
                "When the last snapshot was complete, Unix time",
                &figures.completed_unix_s,
            ),
            (
                "restored_routes",
                "Routes restored at the start",
                &figures.restored_routes,
            ),
        ];
        for (name, help, value) in gauges {
            metrics.gauge(name, help)?.sample(&[], value.load(Relaxed))?;
        }
        let seconds = [
            (
                "snapshot_duration_seconds",
                "How long the last snapshot took, acknowledgements included",
                &figures.took_ms,
            ),
            (
                "restore_duration_seconds",
                "How long the restore at the start took",
                &figures.restore_ms,
            ),
        ];
        for (name, help, ms) in seconds {
            metrics
                .gauge(name, help)?
                .seconds(ms.load(Relaxed) as f64 / 1000.0)?;
        }
        Ok(())
    }
}

impl ControlSource for Telemetry {
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        self.ingest_metrics(metrics)?;
        self.curation_metrics(metrics)?;
        self.publish_metrics(metrics)?;
        self.snapshot_metrics(metrics)
    }

    fn readiness(&self) -> Readiness {
        let problem = |trouble: arancini_publish::Trouble| Problem {
            part: "sink",
            reason: trouble.cause,
            remedy: trouble.remedy,
        };
        let mut problems = Vec::new();
        match self.sink.trouble() {
            Some(trouble) => problems.push(problem(trouble)),
            None if !self.sink.is_ready() => problems.push(Problem {
                part: "sink",
                reason: "the sink has not come up yet".to_owned(),
                remedy: "wait; if it stays so, look at the log".to_owned(),
            }),
            None => {}
        }
        if !self.listening.load(Relaxed) {
            problems.push(Problem {
                part: "restore",
                reason: "tables are being restored; routers can't connect yet".to_owned(),
                remedy: "wait; it needs the broker".to_owned(),
            });
        }
        Readiness { problems }
    }
}
