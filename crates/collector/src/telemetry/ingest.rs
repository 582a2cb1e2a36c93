//! Metrics of connections, sessions, workers and received messages.

use std::fmt;

use arancini_wire::bmp::MessageType;

use super::figures::{Read, Telemetry};
use crate::control::Metrics;
use crate::ingest::Refusal;
use crate::ingest::turns::TurnHistogram;

impl Telemetry {
    pub(super) fn ingest_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .gauge(
                "ingest_driver",
                "Kernel interface that the workers wait on: io_uring or epoll. Always 1.",
            )?
            .sample(&[("driver", self.context.driver.name())], 1)?;
        metrics
            .gauge(
                "ingest_backend",
                "Receive path in use: registered or readiness. Always 1.",
            )?
            .sample(&[("backend", self.context.backend.name())], 1)?;
        metrics
            .gauge("sessions", "Open BMP sessions.")?
            .sample(&[], self.core(|c| c.sessions.get()))?;
        metrics
            .gauge(
                "routers",
                "Known routers, including routers whose session is lost but whose routes are still kept.",
            )?
            .sample(&[], self.core(|c| c.routers.get()))?;
        self.worker_metrics(metrics)?;
        self.turn_metrics(metrics)?;
        self.connection_metrics(metrics)?;
        self.received_metrics(metrics)
    }

    /// Writes the distribution of routers and routes over the workers: these figures are not sums.
    fn worker_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let gauges: [(&str, &str, Read); 2] = [
            ("worker_routers", "Routers that each worker owns.", |c| {
                c.routers.get()
            }),
            ("worker_routes", "Routes that each worker holds.", |c| {
                c.routes.get()
            }),
        ];
        for (name, help, read) in gauges {
            let mut gauge = metrics.gauge(name, help)?;
            for (worker, load) in self.context.counters.iter().enumerate() {
                gauge.sample(&[("worker", &worker.to_string())], read(&load.core))?;
            }
        }
        Ok(())
    }

    /// Writes how long tasks held their workers.
    fn turn_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let turns = || self.context.counters.iter().map(|load| &load.turns);
        let (buckets, sum) = TurnHistogram::sum_of(turns().map(|turns| &turns.wall));
        metrics.histogram(
            "worker_turn_seconds",
            "Wall-clock time a task held its worker before it yielded, in seconds.",
            sum,
            &buckets,
        )?;
        let (buckets, sum) = TurnHistogram::sum_of(turns().map(|turns| &turns.cpu));
        metrics.histogram(
            "worker_turn_cpu_seconds",
            "CPU time a task used before it yielded its worker, in seconds.",
            sum,
            &buckets,
        )?;
        let longest = turns().map(|turns| turns.cpu.longest()).max();
        metrics
            .gauge(
                "worker_longest_turn_cpu_seconds",
                "Most CPU time a task used before it yielded its worker, since the start, in seconds.",
            )?
            .seconds(longest.unwrap_or_default().as_secs_f64())
    }

    fn connection_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let admission = &self.context.admission;
        metrics
            .counter("connections_accepted", "Accepted connections.")?
            .sample(&[], admission.accepted())?;
        let mut refused = metrics.counter(
            "connections_refused",
            "Connections refused by the allow-list or by a limit of sessions.",
        )?;
        for refusal in Refusal::ALL {
            refused.sample(&[("reason", refusal.label())], admission.refused(refusal))?;
        }
        let mut ended = metrics.counter("connections_ended", "Ended connections, by reason.")?;
        let mut by_reason: Vec<(&str, u64)> = Vec::new();
        for load in &self.context.counters {
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
            .gauge(
                "connections_waiting",
                "Connections that have not sent a whole BMP message of a known type yet, and so are no sessions.",
            )?
            .sample(&[], self.worker(|load| load.waiting.get()))?;
        metrics
            .counter(
                "connections_without_message",
                "Connections that ended before their first whole BMP message of a known type. They ended no session, and nothing was published about them.",
            )?
            .sample(&[], self.worker(|load| load.without_message.get()))?;
        metrics
            .counter(
                "connections_relayed",
                "Connections of load balancers whose PROXY protocol header named a router.",
            )?
            .sample(&[], self.worker(|load| load.relayed.get()))?;
        metrics
            .counter(
                "connections_named",
                "Connections whose router was identified by the sysName in its Initiation message.",
            )?
            .sample(&[], self.worker(|load| load.named.get()))?;
        metrics
            .counter(
                "connections_handed_over",
                "Connections that one worker accepted and handed to the worker that owns the router.",
            )?
            .sample(&[], self.worker(|load| load.handed_over.get()))
    }

    fn received_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .counter("received_bytes", "Bytes received from routers.")?
            .sample(&[], self.core(|c| c.received_bytes.get()))?;
        metrics
            .counter(
                "receive_calls",
                "System calls made to receive bytes from routers.",
            )?
            .sample(&[], self.worker(|load| load.receive_calls.get()))?;
        let mut messages = metrics.counter("bmp_messages", "Received BMP messages, by type.")?;
        let types = self
            .context
            .counters
            .first()
            .map_or(0, |load| load.core.messages.len());
        for number in 0..types {
            let name = MessageType::from_code(number as u8).name();
            messages.sample(&[("type", name)], self.core(|c| c.messages[number].get()))?;
        }
        Ok(())
    }
}
