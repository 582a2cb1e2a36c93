//! Metrics of the way from the workers into the sink: bridge, window, spool and acknowledgements.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use arancini_client::Reason;
use arancini_publish::status::LATENCY_BOUNDS_SECONDS;

use super::figures::Telemetry;
use crate::control::Metrics;

/// Name, HELP text and value of a metric without labels.
type Plain<'a> = (&'static str, &'static str, &'a AtomicU64);

impl Telemetry {
    pub(super) fn publish_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        self.bridge_metrics(metrics)?;
        for (name, help, counter) in self
            .sink_counters()
            .into_iter()
            .chain(self.file_counters())
            .chain(self.loss_counters())
        {
            metrics.counter(name, help)?.sample(&[], counter.load(Relaxed))?;
        }
        let mut errors = metrics.counter("sink_errors", "Failures of the sink, by reason.")?;
        for reason in Reason::ALL {
            errors.sample(&[("reason", reason.label())], self.sink.errors(reason))?;
        }
        for (name, help, gauge) in self.waiting_gauges() {
            metrics.gauge(name, help)?.sample(&[], gauge.load(Relaxed))?;
        }
        metrics
            .counter(
                "sink_window_full_seconds",
                "Time in which the publish window was full because the broker took less than was published, in seconds.",
            )?
            .seconds(Duration::from_nanos(self.sink.window_full_ns.load(Relaxed)).as_secs_f64())?;
        let (counts, sum) = self.sink.ack_latency.read();
        let bounds = LATENCY_BOUNDS_SECONDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        metrics.histogram(
            "sink_ack_latency_seconds",
            "Time from publishing a message to the broker until its acknowledgement, in seconds.",
            sum,
            &buckets,
        )
    }

    fn bridge_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .counter(
                "batches",
                "Batches that workers closed for the bridge to the sink, including dropped batches.",
            )?
            .sample(&[], self.core(|c| c.batches.get()))?;
        metrics
            .counter(
                "batch_bytes",
                "Payload bytes of the batches that workers closed for the bridge to the sink.",
            )?
            .sample(&[], self.core(|c| c.batch_bytes.get()))?;
        metrics
            .counter(
                "bridge_full",
                "Times a worker found the bridge to the sink full and stopped receiving until there was room.",
            )?
            .sample(&[], self.worker(|load| load.bridge_full.get()))?;
        let mut dropped = metrics.counter(
            "dropped_updates",
            "Messages dropped because the window and the bridge to the sink were full (publish.on_full = drop).",
        )?;
        for (worker, load) in self.context.counters.iter().enumerate() {
            dropped.sample(&[("worker", &worker.to_string())], load.dropped.get())?;
        }
        Ok(())
    }

    fn sink_counters(&self) -> [Plain<'_>; 11] {
        let sink = &self.sink;
        [
            (
                "sink_batches_acknowledged",
                "Batches acknowledged by the sink, which makes them durable.",
                &sink.batches_acknowledged,
            ),
            (
                "sink_messages_acknowledged",
                "Cap'n Proto messages in the batches that the sink acknowledged.",
                &sink.messages_acknowledged,
            ),
            (
                "sink_bytes_acknowledged",
                "Payload bytes in the batches that the sink acknowledged, after compression.",
                &sink.bytes_acknowledged,
            ),
            (
                "sink_bytes_before_compression",
                "Size of the compressed payloads before compression, in bytes; 0 without publish.compression.",
                &sink.bytes_before_compression,
            ),
            (
                "sink_bytes_after_compression",
                "Size of the compressed payloads after compression, in bytes; 0 without publish.compression.",
                &sink.bytes_after_compression,
            ),
            (
                "sink_published",
                "Messages published to the broker, including resent messages.",
                &sink.published,
            ),
            (
                "sink_resent",
                "Messages published to the broker again after a lost connection or a refusal.",
                &sink.resent,
            ),
            (
                "sink_duplicates",
                "Messages that the broker acknowledged as duplicates, because it already had them.",
                &sink.duplicates,
            ),
            (
                "sink_reordered",
                "Messages stored behind a later message of the same router, because the broker first refused them.",
                &sink.reordered,
            ),
            ("sink_connects", "Connections made to the broker.", &sink.connects),
            (
                "sink_disconnects",
                "Connections to the broker that were lost or given up.",
                &sink.disconnects,
            ),
        ]
    }

    fn file_counters(&self) -> [Plain<'_>; 3] {
        [
            (
                "segments_lost",
                "Segments of the sink file that were found damaged at the start, or that were removed while the collector wrote to them.",
                &self.sink.segments_lost,
            ),
            (
                "spooled_batches",
                "Batches written to the spool because the window was full.",
                &self.sink.spooled,
            ),
            (
                "spool_damaged",
                "Batches lost because files of the spool were damaged or removed, plus places where a file was cut at the start.",
                &self.sink.spool_damaged,
            ),
        ]
    }

    fn loss_counters(&self) -> [Plain<'_>; 3] {
        [
            (
                "stream_losses",
                "Times that the stream was found without messages that it had acknowledged, so routers were resynced.",
                &self.sink.stream_losses,
            ),
            (
                "set_aside_messages",
                "Cap'n Proto messages that consumers did not get, because the broker takes no message of that size.",
                &self.sink.messages_set_aside,
            ),
            (
                "set_aside_without_file",
                "NATS messages that were set aside without a file: the directory is full, the disk fails, or too many came at once.",
                &self.sink.set_aside_without_file,
            ),
        ]
    }

    fn waiting_gauges(&self) -> [Plain<'_>; 4] {
        let sink = &self.sink;
        [
            (
                "sink_window_bytes",
                "Payload bytes published to the broker and not yet acknowledged.",
                &sink.window_bytes,
            ),
            (
                "sink_window_messages",
                "Messages published to the broker and not yet acknowledged.",
                &sink.window_messages,
            ),
            (
                "spool_bytes",
                "Size of the files of the spool, in bytes.",
                &sink.spool_bytes,
            ),
            (
                "spool_batches",
                "Batches in the spool that the broker has not acknowledged.",
                &sink.spool_batches,
            ),
        ]
    }
}
