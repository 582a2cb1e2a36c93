//! The last Statistics Report of a peer, for people who compare it with what the collector holds.

use arancini_schema::events::StatisticsCounter;
use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// Most statistics that are kept of a report. RFC 7854, RFC 8671 and RFC 9972 name some 40, a few of them for each family.
const MOST_STATISTICS: usize = 64;

/// The last Statistics Report of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastStatistics {
    /// When it was received, in Unix nanoseconds.
    pub unix_ns: u64,
    /// Its first statistics, without those that are no number.
    pub statistics: Vec<Statistic>,
    /// Its numbers of routes beside those that were held when it came, of tables that can be compared.
    pub comparisons: Vec<RouteComparison>,
}

/// One number of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistic {
    /// Its type.
    pub statistics_type: u16,
    /// The family that it is about, if it is about one.
    pub family: Option<AfiSafi>,
    /// Its value.
    pub value: u64,
}

/// A number of routes that a router has reported, and the number that was held when the report came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteComparison {
    /// The view.
    pub view: RibView,
    /// The family; `None` for all families together.
    pub family: Option<AfiSafi>,
    /// Routes that the router reported.
    pub reported: u64,
    /// Routes that were held.
    pub held: u64,
}

impl RouteComparison {
    /// Routes that the router reported and that were not held; negative if more were held.
    #[must_use]
    pub fn difference(&self) -> i64 {
        let difference = i128::from(self.reported) - i128::from(self.held);
        difference.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }
}

impl LastStatistics {
    /// Takes a report in place of the one before, in its memory.
    pub(crate) fn replace(place: &mut Option<Box<Self>>, unix_ns: u64, counters: &[StatisticsCounter<'_>]) {
        let last = place.get_or_insert_with(|| {
            Box::new(Self {
                unix_ns,
                statistics: Vec::new(),
                comparisons: Vec::new(),
            })
        });
        last.unix_ns = unix_ns;
        last.statistics.clear();
        let numbers = counters.iter().filter(|counter| is_number(counter));
        last.statistics
            .extend(numbers.take(MOST_STATISTICS).map(|counter| Statistic {
                statistics_type: counter.statistics_type,
                family: counter.family,
                value: counter.value,
            }));
    }
}

/// Whether the value of a statistic is a number: 4 or 8 octets, with a family before it or without.
fn is_number(counter: &StatisticsCounter<'_>) -> bool {
    matches!(counter.raw.len(), 4 | 8 | 11)
}
