//! Statistics Report (RFC 7854 §4.8, RFC 8671 §6.2, RFC 9972 §3): counters and gauges of one peer.
//!
//! The length of each value decides how the value is read, never its type: some senders send a wrong length for a type.

use super::per_peer_header::{PEER_BODY_OFFSET, PerPeerHeader};
use super::tlv::Tlvs;
use crate::error::WireError;
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
        let (peer, rest) = PerPeerHeader::split(body)?;
        let Some((&count, list)) = rest.split_first_chunk() else {
            return Err(WireError::truncated(PEER_BODY_OFFSET, 4, rest.len()));
        };
        Ok(Self {
            peer,
            declared_count: u32::from_be_bytes(count),
            list,
        })
    }

    /// The peer of these statistics.
    #[must_use]
    pub const fn peer(&self) -> PerPeerHeader<'a> {
        self.peer
    }

    /// Number of statistics according to the sender.
    #[must_use]
    pub const fn declared_count(&self) -> u32 {
        self.declared_count
    }

    /// Whether the message holds as many whole statistics as the sender says.
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

    /// The statistics up to the end of the message. The declared count is ignored.
    #[must_use]
    pub const fn counters(&self) -> Statistics<'a> {
        Statistics(Tlvs::new(self.list, PEER_BODY_OFFSET + 4))
    }
}

/// Iterates over the statistics of a report.
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
    /// Type, as a number.
    pub stat_type: u16,
    /// The bytes of the value.
    pub value: &'a [u8],
    /// Offset of the statistic in the BMP message.
    pub offset: usize,
}

/// The value of a statistic, read by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatisticValue<'a> {
    /// A counter of 4 bytes.
    Counter32(u32),
    /// A gauge of 8 bytes.
    Gauge64(u64),
    /// A gauge of one family: AFI in 2 bytes, SAFI in 1 byte, gauge in 8 bytes.
    FamilyGauge64 {
        /// The family.
        family: AfiSafi,
        /// The gauge.
        value: u64,
    },
    /// A value of any other length.
    Raw(&'a [u8]),
}

impl<'a> Statistic<'a> {
    /// Type of the statistic.
    #[must_use]
    pub const fn kind(&self) -> StatisticsType {
        StatisticsType::from_code(self.stat_type)
    }

    /// Name of the type; empty for a number without a name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.kind() {
            StatisticsType::Unknown(_) => "",
            known => known.name(),
        }
    }

    /// Reads the value by its length.
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
    use super::super::test_frames::{body, peer_frame};
    use super::*;

    const LIST: [u8; 46] = [
        0, 0, 0, 5, // declared: five
        0, 0, 0, 4, 0, 0, 0, 7, // 0, a counter
        0, 7, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, // 7, a gauge
        0, 9, 0, 11, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 3, // 9, of a family
        0xff, 0xfb, 0, 3, 1, 2, 3, // 65531, private
    ];

    fn report(frame: &[u8]) -> StatisticsReport<'_> {
        StatisticsReport::new(body(frame)).unwrap()
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
                ("", StatisticValue::Raw(&[1, 2, 3])),
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
