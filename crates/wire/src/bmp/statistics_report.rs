//! Statistics Report (RFC 7854 §4.8, RFC 8671 §6.2, RFC 9972 §3): counters and gauges of one peer.
//!
//! The length of each value decides how it is read, never its type: senders get the types' lengths wrong.

use super::tlv::Tlvs;
use super::{PEER_BODY_OFFSET, PerPeerHeader, split_peer};
use crate::WireError;
use crate::iana::AfiSafi;
pub use crate::iana::bmp::StatisticsType;

/// A Statistics Report.
#[derive(Debug, Clone, Copy)]
pub struct StatisticsReport<'a> {
    peer: PerPeerHeader<'a>,
    declared_count: u32,
    list: &'a [u8],
}

impl<'a> StatisticsReport<'a> {
    pub(super) fn new(body: &'a [u8]) -> Result<Self, WireError> {
        let (peer, rest) = split_peer(body)?;
        let Some((&count, list)) = rest.split_first_chunk() else {
            return Err(WireError::truncated(PEER_BODY_OFFSET, 4, rest.len()));
        };
        Ok(Self {
            peer,
            declared_count: u32::from_be_bytes(count),
            list,
        })
    }

    /// Whose statistics these are.
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// How many statistics the sender says there are.
    #[must_use]
    pub const fn declared_count(&self) -> u32 {
        self.declared_count
    }

    /// Whether there are as many statistics as the sender says, and all of them whole.
    #[must_use]
    pub fn count_is_true(&self) -> bool {
        let mut found = 0_u32;
        for statistic in self.counters() {
            if statistic.is_err() {
                return false;
            }
            found = found.saturating_add(1);
        }
        found == self.declared_count
    }

    /// The statistics, by their lengths; the declared count is not believed.
    #[must_use]
    pub const fn counters(&self) -> Statistics<'a> {
        Statistics(Tlvs::new(self.list, PEER_BODY_OFFSET + 4))
    }
}

/// Walks the statistics of a report.
#[derive(Debug, Clone)]
pub struct Statistics<'a>(Tlvs<'a>);

impl<'a> Iterator for Statistics<'a> {
    type Item = Result<Statistic<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let tlv = self.0.next()?;
        Some(tlv.map(|tlv| Statistic {
            stat_type: tlv.tlv_type,
            value: tlv.value,
            offset: tlv.offset,
        }))
    }
}

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistic<'a> {
    /// Number of the type.
    pub stat_type: u16,
    /// The value as it came.
    pub value: &'a [u8],
    /// Where the statistic starts, from the start of the BMP message.
    pub offset: usize,
}

/// The value of a statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticValue<'a> {
    /// A counter of 4 bytes.
    Counter32(u32),
    /// A gauge of 8 bytes.
    Gauge64(u64),
    /// A gauge of one family: 2 bytes AFI, 1 byte SAFI, 8 bytes gauge.
    FamilyGauge64 {
        /// The family.
        family: AfiSafi,
        /// The gauge.
        value: u64,
    },
    /// Any other length.
    Raw(&'a [u8]),
}

impl<'a> Statistic<'a> {
    /// The type.
    #[must_use]
    pub const fn kind(&self) -> StatisticsType {
        StatisticsType::from_code(self.stat_type)
    }

    /// The name of the type; `unknown` for a number without one.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The value, read by its length.
    #[must_use]
    pub fn decode(&self) -> StatisticValue<'a> {
        match *self.value {
            [a, b, c, d] => StatisticValue::Counter32(u32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => StatisticValue::Gauge64(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            [afi0, afi1, safi, a, b, c, d, e, f, g, h] => StatisticValue::FamilyGauge64 {
                family: AfiSafi::new(u16::from_be_bytes([afi0, afi1]), safi),
                value: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            },
            _ => StatisticValue::Raw(self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Message;
    use super::super::test_frames::peer_frame;
    use super::*;

    const LIST: [u8; 46] = [
        0, 0, 0, 5, // declared: five
        0, 0, 0, 4, 0, 0, 0, 7, // 0, a counter
        0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, // 7, a gauge
        0, 9, 0, 11, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 3, // 9, of a family
        0xff, 0xfb, 0, 3, 1, 2, 3, // 65531, private
    ];

    fn report(frame: &[u8]) -> StatisticsReport<'_> {
        match Message::new_checked(frame).unwrap() {
            Message::StatisticsReport(message) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_read_by_their_length() {
        let frame = peer_frame(1, &LIST);
        let values: Vec<_> = report(&frame)
            .counters()
            .map(|statistic| statistic.map(|s| (s.name(), s.decode())).unwrap())
            .collect();
        assert_eq!(
            values,
            [
                (
                    "prefixes_rejected_by_inbound_policy",
                    StatisticValue::Counter32(7)
                ),
                ("routes_adj_rib_in", StatisticValue::Gauge64(256)),
                (
                    "routes_adj_rib_in_per_family",
                    StatisticValue::FamilyGauge64 {
                        family: AfiSafi::IPV6_UNICAST,
                        value: 3
                    }
                ),
                ("unknown", StatisticValue::Raw(&[1, 2, 3])),
            ]
        );
    }

    #[test]
    fn a_count_that_lies_is_noticed() {
        assert!(!report(&peer_frame(1, &LIST)).count_is_true());
        let mut four = LIST;
        four[3] = 4;
        assert!(report(&peer_frame(1, &four)).count_is_true());
    }

    #[test]
    fn a_statistic_past_the_end_is_one_error() {
        let frame = peer_frame(1, &LIST[..10]);
        let mut counters = report(&frame).counters();
        assert_eq!(counters.next(), Some(Err(WireError::truncated(56, 4, 2))));
        assert_eq!(counters.next(), None);
        assert!(!report(&frame).count_is_true());
    }
}
