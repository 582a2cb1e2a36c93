//! How far the dump of a peer has come: which of its tables have had their End-of-RIB since the Peer Up (RFC 7854 §3.3).

use arancini_wire::bmp::RibView;
use arancini_wire::iana::AfiSafi;

/// Most tables whose End-of-RIB is remembered: as many as a peer may have (`table_limits.rs`).
const MOST_ENDED: usize = 256;

/// The dump that began when a peer last came up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dump {
    /// When the peer came up, in Unix nanoseconds; `None` if it has not come up since the start.
    began_unix_ns: Option<u64>,
    /// When the last table had its first End-of-RIB, in Unix nanoseconds; `None` if none has had it.
    ended_unix_ns: Option<u64>,
    /// The tables that have had an End-of-RIB.
    ended: Vec<(RibView, AfiSafi)>,
}

impl Dump {
    /// Begins: the peer comes up.
    pub(crate) fn begin(&mut self, unix_ns: u64) {
        self.began_unix_ns = Some(unix_ns);
        self.ended_unix_ns = None;
        self.ended.clear();
    }

    /// Notes an End-of-RIB. Only the first one of a table belongs to the dump.
    pub(crate) fn end(&mut self, view: RibView, family: AfiSafi, unix_ns: u64) {
        if !self.has_ended(view, family) && self.ended.len() < MOST_ENDED {
            self.ended.push((view, family));
            self.ended_unix_ns = Some(unix_ns);
        }
    }

    /// When the peer came up, in Unix nanoseconds; `None` if it has not come up since the start.
    #[must_use]
    pub const fn began_unix_ns(&self) -> Option<u64> {
        self.began_unix_ns
    }

    /// Time from the start of the dump until the last table had its End-of-RIB, in nanoseconds; `None` if none has had it.
    #[must_use]
    pub fn end_of_rib_lag_ns(&self) -> Option<u64> {
        Some(self.ended_unix_ns?.saturating_sub(self.began_unix_ns?))
    }

    /// Whether a table has had its End-of-RIB.
    #[must_use]
    pub fn has_ended(&self, view: RibView, family: AfiSafi) -> bool {
        self.ended.contains(&(view, family))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_end_of_rib_of_a_table_belongs_to_the_dump() {
        let mut dump = Dump::default();
        assert_eq!(dump.end_of_rib_lag_ns(), None);
        dump.begin(1_000);
        dump.end(RibView::AdjRibInPre, AfiSafi::IPV4_UNICAST, 1_200);
        dump.end(RibView::AdjRibInPost, AfiSafi::IPV4_UNICAST, 1_500);
        dump.end(RibView::AdjRibInPre, AfiSafi::IPV4_UNICAST, 9_000);
        assert_eq!(dump.end_of_rib_lag_ns(), Some(500));
        assert!(!dump.has_ended(RibView::AdjRibInPre, AfiSafi::IPV6_UNICAST));
        dump.begin(20_000);
        assert_eq!(
            (dump.end_of_rib_lag_ns(), dump.began_unix_ns()),
            (None, Some(20_000))
        );
        assert!(!dump.has_ended(RibView::AdjRibInPre, AfiSafi::IPV4_UNICAST));
    }

    #[test]
    fn a_dump_remembers_no_more_tables_than_a_peer_may_have() {
        let mut dump = Dump::default();
        dump.begin(0);
        for afi in 0..1000 {
            dump.end(RibView::AdjRibInPre, AfiSafi { afi, safi: 1 }, 1);
        }
        assert_eq!(dump.ended.len(), MOST_ENDED);
    }
}
