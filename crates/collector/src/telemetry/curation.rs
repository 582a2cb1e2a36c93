//! Metrics of routes, peers and messages as the core handles them.

use std::fmt;

use arancini_core::counters::ViewCounters;
use arancini_core::{Counters, Quirk};
use arancini_wire::bmp::RibView;

use super::figures::{Read, Telemetry};
use crate::control::Metrics;

impl Telemetry {
    pub(super) fn curation_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        self.views(
            metrics,
            "received_announces",
            "Routes that routers announced.",
            |c| &c.received_announces,
        )?;
        self.views(
            metrics,
            "received_withdraws",
            "Routes that routers withdrew.",
            |c| &c.received_withdraws,
        )?;
        self.views(metrics, "emitted_announces", "Published announces.", |c| {
            &c.emitted_announces
        })?;
        self.views(
            metrics,
            "emitted_withdraws",
            "Published withdraws, including synthetic withdraws.",
            |c| &c.emitted_withdraws,
        )?;
        self.views(
            metrics,
            "suppressed",
            "Announces and withdraws not published because consumers already knew them.",
            |c| &c.suppressed,
        )?;
        metrics
            .gauge("routes", "Routes held in the tables, including stale routes.")?
            .sample(&[], self.core(|c| c.routes.get()))?;
        self.attribute_metrics(metrics)?;
        self.message_metrics(metrics)?;
        let mut quirks = metrics.counter(
            "quirks",
            "Messages that deviate from the RFCs in a known way, which the collector handles, by quirk.",
        )?;
        for quirk in Quirk::ALL {
            quirks.sample(
                &[("quirk", quirk.name())],
                self.core(|c| c.quirks[quirk as usize].get()),
            )?;
        }
        Ok(())
    }

    fn attribute_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        metrics
            .counter(
                "repeated_announces",
                "Announces that were published again from retained attributes, for a resync.",
            )?
            .sample(&[], self.core(|c| c.repeated_announces.get()))?;
        let mut resyncs = metrics.counter(
            "loss_resyncs",
            "Routers that were resynced because consumers lost messages of them, by way: from retained attributes, or by the \
             next dump.",
        )?;
        resyncs.sample(
            &[("way", "attributes")],
            self.core(|c| c.resyncs_from_attributes.get()),
        )?;
        resyncs.sample(&[("way", "dump")], self.core(|c| c.resyncs_by_dump.get()))?;
        metrics
            .gauge(
                "attribute_sets",
                "Distinct sets of path attributes held by the workers, if rib.attributes is retain.",
            )?
            .sample(&[], self.core(|c| c.attribute_sets.get()))?;
        metrics
            .gauge(
                "attribute_bytes",
                "Memory of the attributes of these sets, bounded by rib.most_attribute_bytes.",
            )?
            .sample(&[], self.core(|c| c.attribute_bytes.get()))?;
        metrics
            .gauge(
                "routes_without_attributes",
                "Routes whose attributes are not known, although rib.attributes is retain: there was no room, or the \
                 snapshot does not have them and the routes were not announced since the restart.",
            )?
            .sample(&[], self.core(|c| c.routes_without_attributes.get()))?;
        metrics
            .counter(
                "attributes_without_room",
                "How often a set of path attributes was not kept, because the others take rib.most_attribute_bytes. A set counts again when it is announced again.",
            )?
            .sample(&[], self.core(|c| c.attributes_without_room.get()))
    }

    /// Writes one counter with a sample for each RIB view.
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

    fn message_metrics(&self, metrics: &mut Metrics<'_>) -> fmt::Result {
        let plain: [(&str, &str, Read); 10] = [
            (
                "synthetic_withdraws",
                "Published withdraws that no router sent: after a Peer Down, a lost session, or a dump without the \
                 route.",
                |c| c.synthetic_withdraws.get(),
            ),
            (
                "treated_as_withdraw",
                "Announced routes treated as withdrawn because of malformed attributes (RFC 7606).",
                |c| c.treated_as_withdraw.get(),
            ),
            (
                "discarded_attributes",
                "Malformed attributes discarded without dropping their routes (RFC 7606).",
                |c| c.discarded_attributes.get(),
            ),
            (
                "malformed_messages",
                "Messages that could not be read; each was skipped and published raw.",
                |c| c.malformed.get(),
            ),
            (
                "short_way_messages",
                "Route Monitoring messages that took the short way of common messages.",
                |c| c.short_way.get(),
            ),
            ("end_of_ribs", "Received End-of-RIB markers.", |c| {
                c.end_of_ribs.get()
            }),
            ("peer_ups", "Received Peer Up messages.", |c| c.peers_up.get()),
            ("peer_downs", "Received Peer Down messages.", |c| {
                c.peers_down.get()
            }),
            (
                "peer_limit_exceeded",
                "Messages skipped because their router already has limits.max_peers_per_router peers.",
                |c| c.peer_limit_exceeded.get(),
            ),
            (
                "events",
                "Published messages other than updates: peers, routers, statistics and malformed messages.",
                |c| c.events.get(),
            ),
        ];
        for (name, help, read) in plain {
            metrics.counter(name, help)?.sample(&[], self.core(read))?;
        }
        Ok(())
    }
}
