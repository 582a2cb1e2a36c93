//! Statistics Report (RFC 7854 §4.8): counters of a peer, published as they came.

use arancini_schema::events::{StatisticsCounter, StatisticsEvent};
use arancini_wire::bmp::{StatisticValue, StatisticsReport};

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::event_limits;
use crate::events::{header_peer, statistics_event};
use crate::last_statistics::LastStatistics;
use crate::peer::PeerIndex;
use crate::route_comparison::{Surroundings, compare, work_of_comparing};

/// Takes a Statistics Report. It does not make its peer known: some routers report on peers that are not up yet.
pub(crate) fn statistics(context: &mut RouterContext<'_>, message: &StatisticsReport<'_>) {
    let header = message.peer();
    let statistics = message.counters().map_while(Result::ok);
    let counters = event_limits::counters(statistics.map(|statistic| {
        let (value, family) = match statistic.decode() {
            StatisticValue::Counter32(value) => (u64::from(value), None),
            StatisticValue::Gauge64(value) => (value, None),
            StatisticValue::FamilyGauge64 { family, value } => (value, Some(family)),
            StatisticValue::Raw(_) => (0, None),
        };
        StatisticsCounter {
            statistics_type: statistic.stat_type,
            name: statistic.name(),
            value,
            family,
            raw: statistic.value,
        }
    }));
    let known = context.router.find_peer(&header);
    if !message.count_is_true()
        && let Some(peer) = known
    {
        context.count_quirk(peer, Quirk::StatisticsCount);
    }
    if let Some(peer) = known {
        keep(context, peer, &counters.part);
    }
    let event = StatisticsEvent {
        time_bmp_header_ns: header.timestamp_ns(),
        peer: header_peer(&header),
        counters: &counters.part,
        counter_count: counters.whole,
    };
    statistics_event(context, known, &event);
}

/// Keeps a report as the last one of its peer, with a comparison of its numbers of routes.
fn keep(context: &mut RouterContext<'_>, index: PeerIndex, counters: &[StatisticsCounter<'_>]) {
    let RouterContext { router, shared, now } = context;
    let peer = &mut router.peers[index];
    peer.last_message_unix_ns = now.unix_ns;
    LastStatistics::replace(&mut peer.statistics, now.unix_ns, counters);
    let around = Surroundings {
        shown: &router.shown,
        unix_ns: now.unix_ns,
        quiet_period_ns: shared.settings.quiet_period_ns,
    };
    let peer = &router.peers[index];
    let comparisons = match &peer.statistics {
        Some(last) if !router.needs_resync() => {
            shared.work += work_of_comparing(peer, last.statistics.len());
            compare(peer, &last.statistics, around)
        }
        _ => Vec::new(),
    };
    if let Some(last) = &mut router.peers[index].statistics {
        last.comparisons = comparisons;
    }
}
