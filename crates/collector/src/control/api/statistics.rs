//! The last Statistics Report of a peer.

use arancini_core::LastStatistics;
use arancini_wire::iana::bmp::StatisticsType;
use serde::Serialize;

use super::text;

/// The last Statistics Report of a peer (RFC 7854 §4.8).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Statistics {
    /// When the collector received it.
    time: String,
    /// Its first 64 statistics, without those that are no number.
    statistics: Vec<Statistic>,
}

/// A number of a Statistics Report.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statistic {
    /// Its type.
    statistics_type: u16,
    /// Its name; `unknown` if it has none here.
    name: &'static str,
    /// The family that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    /// Its value.
    value: u64,
}

impl Statistics {
    pub(super) fn of(last: &LastStatistics) -> Self {
        let statistics = last.statistics.iter();
        Self {
            time: text::time(last.unix_ns),
            statistics: statistics
                .map(|statistic| Statistic {
                    statistics_type: statistic.statistics_type,
                    name: StatisticsType::from_code(statistic.statistics_type).name(),
                    family: statistic.family.map(text::family),
                    value: statistic.value,
                })
                .collect(),
        }
    }
}
