//! Log lines that a client can cause: notices of the core and lines about connections. Each source has a limit, and all
//! sources of a worker together have one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use arancini_core::notice::Notices;
use arancini_core::{Notice, NoticeKind};
use arancini_wire::iana::bmp::PeerDownReason;
use tracing::{info, warn};

/// Log lines that one source may cause within one period.
const LINES_PER_PERIOD: u32 = 20;
/// Log lines that all sources of a worker together may cause within one period. A few thousand routers that come back at the
/// same time cause fewer.
const LINES_OF_ALL_PER_PERIOD: u32 = 20_000;
/// Length of a period.
const PERIOD_NS: u64 = 10_000_000_000;
/// Sources whose lines are counted separately. When there are more, counting starts again for all of them.
const MAX_SOURCES: usize = 10_000;

/// Writes notices of the core to the log, and decides about other lines that a client can cause.
#[derive(Default)]
pub struct NoticeLog {
    sources: HashMap<IpAddr, Budget>,
    all: Budget,
    refused: HashSet<IpAddr>,
}

/// The lines of one source, or of all sources, in the current period.
#[derive(Default)]
struct Budget {
    period_start_ns: u64,
    lines: u32,
    suppressed: u64,
}

impl Budget {
    fn starting(now_ns: u64) -> Self {
        Self {
            period_start_ns: now_ns,
            ..Self::default()
        }
    }

    /// Starts a new period if the last one is over. Returns how many lines the last one suppressed.
    fn renew(&mut self, now_ns: u64) -> u64 {
        if now_ns.saturating_sub(self.period_start_ns) < PERIOD_NS {
            return 0;
        }
        std::mem::replace(self, Self::starting(now_ns)).suppressed
    }

    /// Counts a line, and returns whether it is within the limit.
    fn take(&mut self, limit: u32) -> bool {
        self.lines = self.lines.saturating_add(1);
        let may = self.lines <= limit;
        self.suppressed += u64::from(!may);
        may
    }
}

impl NoticeLog {
    /// Logs the notices so far.
    pub fn log(&mut self, notices: &mut Notices, now_ns: u64) {
        while let Some(notice) = notices.pop() {
            if self.may_log(notice.router, now_ns) {
                write(&notice);
            }
        }
        let dropped = notices.take_dropped();
        if dropped > 0 && self.may_log_of_all(now_ns) {
            warn!(
                dropped,
                "notices dropped: more happened than could be logged; the metrics count every event"
            );
        }
    }

    /// Returns whether this source may cause one more line, and counts the line.
    pub fn may_log(&mut self, source: IpAddr, now_ns: u64) -> bool {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.sources.clear();
        }
        let budget = self
            .sources
            .entry(source)
            .or_insert_with(|| Budget::starting(now_ns));
        let suppressed = budget.renew(now_ns);
        let may = budget.take(LINES_PER_PERIOD);
        if suppressed > 0 && self.may_log_of_all(now_ns) {
            info!(router = %source, suppressed, "log lines suppressed: this router caused too many; the metrics count every event");
        }
        may && self.may_log_of_all(now_ns)
    }

    /// Returns whether the refusal of this source is logged: the first one is, the metrics count the others.
    pub fn may_log_refusal(&mut self, source: IpAddr, now_ns: u64) -> bool {
        if self.refused.contains(&source) {
            return false;
        }
        if self.refused.len() >= MAX_SOURCES {
            self.refused.clear();
        }
        self.refused.insert(source) && self.may_log_of_all(now_ns)
    }

    /// Returns whether all sources together may cause one more line, and counts the line.
    pub fn may_log_of_all(&mut self, now_ns: u64) -> bool {
        let suppressed = self.all.renew(now_ns);
        if suppressed > 0 {
            warn!(
                suppressed,
                "log lines suppressed: all routers together caused too many; the metrics count every event"
            );
        }
        self.all.take(LINES_OF_ALL_PER_PERIOD)
    }
}

fn write(notice: &Notice) {
    let router = notice.router;
    let peer = notice
        .peer
        .map_or_else(|| "-".to_owned(), |peer| peer.to_string());
    match &notice.what {
        NoticeKind::Malformed(reason) => {
            warn!(%router, %peer, %reason, "message skipped: it can't be parsed; its bytes are published on the malformed subject");
        }
        NoticeKind::Quirk(quirk) => {
            info!(%router, %peer, quirk = quirk.name(), "router deviates from the RFC; the collector handles it, see docs/interop.md");
        }
        NoticeKind::PeerLimit => {
            warn!(%router, "peer limit reached: messages of further peers are skipped; raise limits.max_peers_per_router");
        }
        NoticeKind::NoRoomForAttributes => {
            warn!(%router, "no room for attributes: the attributes of further routes are not kept, and questions about them are answered without attributes; raise rib.most_attribute_bytes");
        }
        NoticeKind::SessionEnded(reason) => {
            info!(%router, %reason, "session ended; its routes are kept for routers.session_hold_ms")
        }
        NoticeKind::Back => {
            info!(%router, "router is back; routes that it announces again unchanged are not published again")
        }
        NoticeKind::BackForResync => {
            info!(%router, "router is back; its dump is published in full, because it is not known what consumers hold")
        }
        NoticeKind::ResyncFromAttributes => {
            warn!(%router, "resync begun because messages of the router were lost; its routes are published again from the retained attributes, and its session goes on")
        }
        NoticeKind::HoldExpired => {
            warn!(%router, "router did not come back in time; its routes are withdrawn")
        }
        NoticeKind::PeerUp => info!(%router, %peer, "peer up"),
        NoticeKind::PeerDown(reason) => {
            let reason = down_reason(*reason);
            info!(%router, %peer, reason, "peer down; its routes are withdrawn");
        }
        NoticeKind::PeerDownWithoutUp(reason) => {
            let reason = down_reason(*reason);
            info!(%router, %peer, reason, "peer down; it was not up");
        }
    }
}

/// The reason of a Peer Down in words, with its number.
fn down_reason(code: u8) -> String {
    let words = match PeerDownReason::from_code(code) {
        PeerDownReason::LocalNotification => "the router closed the session with a NOTIFICATION",
        PeerDownReason::LocalNoNotification => "the router closed the session without a NOTIFICATION",
        PeerDownReason::RemoteNotification => "the peer closed the session with a NOTIFICATION",
        PeerDownReason::RemoteNoNotification => "the peer closed the session without a NOTIFICATION",
        PeerDownReason::PeerDeconfigured => "the router no longer monitors the peer",
        PeerDownReason::LocalSystemClosed => "the router closed the table",
        _ => "unknown reason",
    };
    format!("{words} ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn a_source_and_all_sources_together_have_a_limit_in_each_period() {
        let mut log = NoticeLog::default();
        for period in 0..3 {
            let now_ns = period * PERIOD_NS;
            let of_one = (0..1000).filter(|_| log.may_log(source(1), now_ns)).count();
            assert_eq!(of_one, LINES_PER_PERIOD as usize);
            let of_others = (2..50_000).filter(|n| log.may_log(source(*n), now_ns)).count();
            assert!(of_one + of_others <= LINES_OF_ALL_PER_PERIOD as usize);
            assert!(of_others > LINES_OF_ALL_PER_PERIOD as usize / 2);
        }
        assert!(log.sources.len() <= MAX_SOURCES);
    }

    #[test]
    fn the_reason_of_a_peer_down_is_words_with_its_number() {
        assert_eq!(
            down_reason(4),
            "the peer closed the session without a NOTIFICATION (4)"
        );
        assert_eq!(down_reason(99), "unknown reason (99)");
    }

    #[test]
    fn only_the_first_refusal_of_a_source_is_logged() {
        let mut log = NoticeLog::default();
        assert!(log.may_log_refusal(source(1), 0));
        assert!(!log.may_log_refusal(source(1), 100 * PERIOD_NS));
        let logged = (2..100_000)
            .filter(|n| log.may_log_refusal(source(*n), 0))
            .count();
        assert!(logged <= LINES_OF_ALL_PER_PERIOD as usize);
        assert!(log.refused.len() <= MAX_SOURCES);
    }
}
