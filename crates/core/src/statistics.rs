//! Statistics Report (RFC 7854 §4.8): counters of a peer, published as they came.

use arancini_schema::events::{StatisticsCounter, StatisticsEvent};
use arancini_wire::bmp::{StatisticValue, StatisticsReport};

use crate::context::RouterContext;
use crate::counters::Quirk;
use crate::event_limits;
use crate::events::{header_peer, statistics_event};
use crate::last_statistics::LastStatistics;

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
        let place = &mut context.router.peers[peer].statistics;
        LastStatistics::replace(place, context.now.unix_ns, &counters.part);
    }
    let event = StatisticsEvent {
        time_bmp_header_ns: header.timestamp_ns(),
        peer: header_peer(&header),
        counters: &counters.part,
        counter_count: counters.whole,
    };
    statistics_event(context, known, &event);
}
