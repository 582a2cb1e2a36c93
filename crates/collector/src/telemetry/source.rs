//! What the control port shows: all metrics at `/metrics`, and the readiness at `/readyz`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arancini_client::Reason;

use super::details::gather;
use super::figures::Telemetry;
use crate::control::{ControlSource, Gathering, Metrics, Problem, Readiness};

impl ControlSource for Telemetry {
    fn metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .gauge(
                "ready",
                "Whether updates reach the sink, as /readyz says: 1 or 0. /readyz has the cause and the remedy.",
            )?
            .sample(&[], u64::from(self.readiness().is_ready()))?;
        self.ingest_metrics(metrics)?;
        self.curation_metrics(metrics)?;
        self.publish_metrics(metrics)?;
        self.snapshot_metrics(metrics)?;
        self.api_metrics(metrics)
    }

    fn details(&self) -> Gathering {
        let wanted = self.context.config.metrics.clone();
        if !(wanted.per_router || wanted.per_peer) || !self.is_listening() {
            return Box::pin(std::future::ready(None));
        }
        let asker = Arc::clone(&self.asker);
        Box::pin(async move { Some(gather(asker, wanted).await) })
    }

    fn keep_rates(&self) {
        self.take_rates();
    }

    fn readiness(&self) -> Readiness {
        let mut problems = Vec::new();
        match self.sink.trouble() {
            Some(trouble) => problems.push(Problem {
                part: "sink",
                reason: trouble.reason.label(),
                cause: trouble.cause,
                remedy: trouble.remedy,
            }),
            None if !self.sink.is_ready() => problems.push(Problem {
                part: "sink",
                reason: Reason::Starting.label(),
                cause: "the sink has not started yet".to_owned(),
                remedy: "wait a moment; if this stays, read the log of the collector".to_owned(),
            }),
            None => {}
        }
        if !self.listening.load(Relaxed) {
            problems.push(Problem {
                part: "restore",
                reason: Reason::Starting.label(),
                cause: "the tables are being restored, so routers can't connect yet".to_owned(),
                remedy: "wait; the restore reads the stream, so the NATS server must be reachable if the sink is nats"
                    .to_owned(),
            });
        }
        let warnings = self.sink.warnings().into_iter().map(|warning| Problem {
            part: "sink",
            reason: warning.reason.label(),
            cause: warning.cause,
            remedy: warning.remedy,
        });
        Readiness {
            problems,
            warnings: warnings.collect(),
        }
    }
}
