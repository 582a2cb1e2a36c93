//! Metrics of the API.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use super::api_figures::Denial;
use super::figures::Telemetry;
use crate::control::Metrics;
use crate::history::Shelf;

impl Telemetry {
    pub(super) fn api_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let figures = &self.api;
        metrics
            .counter(
                "api_questions",
                "Questions of the API that were sent to the workers.",
            )?
            .sample(&[], figures.asked.load(Relaxed))?;
        metrics
            .counter(
                "api_questions_refused",
                "Questions of the API that were refused because too many ran at the same time.",
            )?
            .sample(&[], figures.refused.load(Relaxed))?;
        let mut denied = metrics.counter(
            "api_requests_denied",
            "Requests to the API that were not answered because of who sent them, by what was wrong.",
        )?;
        for denial in Denial::ALL {
            let count = figures.denied[denial as usize].load(Relaxed);
            denied.sample(&[("reason", denial.label())], count)?;
        }
        let mut history = metrics.gauge(
            "history_bytes",
            "Memory of the history of published messages, by what is kept.",
        )?;
        for shelf in Shelf::ALL {
            history.sample(&[("kept", shelf.label())], self.tap.history.bytes(shelf) as u64)?;
        }
        let live = &self.tap.live;
        metrics
            .gauge(
                "live_streams",
                "Clients that listen to the live stream of the API.",
            )?
            .sample(&[], live.listening() as u64)?;
        metrics
            .counter(
                "live_streams_slow",
                "Live streams that were ended because the client read more slowly than messages came.",
            )?
            .sample(&[], live.slow())?;
        metrics
            .counter(
                "live_batches_left_out",
                "Batches left out of the live stream and of RIS Live because they came faster than they could be read. The sink got them.",
            )?
            .sample(&[], live.left_out())?;
        let ris = &live.ris;
        metrics
            .gauge(
                "ris_clients",
                "Clients that are connected to the websocket of RIS Live.",
            )?
            .sample(&[], ris.connected() as u64)?;
        metrics
            .counter(
                "ris_messages",
                "Messages that were queued for clients of RIS Live. A message counts once for each client that gets it.",
            )?
            .sample(&[], ris.messages())?;
        metrics
            .counter(
                "ris_clients_slow",
                "Clients of RIS Live that were cut off because they read more slowly than messages came.",
            )?
            .sample(&[], ris.slow())?;
        Ok(())
    }
}
